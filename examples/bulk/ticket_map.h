#pragma once

#include <stddef.h>
#include <stdint.h>

#include "id_set.h"

/* The ids of the requests that an earlier run has left in the journal, by their tickets: the
 * engine gives them tickets, but has no user_data for them. */

struct ticket_map {
    struct ticket_slot {
        uint64_t ticket; /* 0: free */
        struct id* id;
    } * slots; /* open addressing; a power of two of them */
    size_t slot_count, used;
};

/* 0: out of memory. */
int ticket_map_add(struct ticket_map* map, uint64_t ticket, struct id* id);

/* NULL if there is none. */
struct id* ticket_map_find(const struct ticket_map* map, uint64_t ticket);

void ticket_map_clear(struct ticket_map* map);
