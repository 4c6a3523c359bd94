#pragma once

#include <stddef.h>

/* The custom_ids of a run, each stored once. What the rest of the program keeps of a request is
 * the address of its entry, which does not change. */

#define ID_IN_OUTPUT 0x01u  /* the output file has its answer */
#define ID_IN_INPUT 0x02u   /* a line of the input has had it */
#define ID_IN_JOURNAL 0x04u /* an earlier run has left it to the batch lane */
#define ID_DURABLE 0x08u    /* the batch lane has put it into the journal */

struct id {
    unsigned char flags; /* ID_ */
    char text[];         /* NUL-terminated */
};

struct id_set {
    struct id** slots; /* open addressing; a power of two of them */
    size_t slot_count;
    size_t used;
    struct id_chunk* chunks; /* the entries' memory, newest first */
};

/* The entry of `text`, which is made if there is none. NULL: out of memory. */
struct id* id_set_entry(struct id_set* set, const char* text);

void id_set_each(const struct id_set* set, void (*function)(struct id* id));

void id_set_clear(struct id_set* set);
