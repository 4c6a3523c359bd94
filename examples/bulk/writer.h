#pragma once

#include <stddef.h>
#include <stdint.h>

#include "id_set.h"

/* Appends results to the output, in the shape of the Message Batches API's results. A line is
 * written whole, by one write, or taken back. */

struct writer {
    int fd;
    int regular;    /* a file: it can be cut back, and put on the disk */
    uint64_t bytes; /* written by this run */
    char* line;     /* the line in the making */
    size_t length, capacity;
};

/* All of these return 0, or -1 with errno set. */

/* Takes `fd` over. */
int writer_open(struct writer* writer, int fd);

/* `message` is the provider's JSON, and stays as it is; line ends between its tokens become spaces.
 */
int writer_succeeded(struct writer* writer, const struct id* id, const char* message,
                     size_t length);

/* `answer`: the bytes that came and could not be understood; kept as they are if they are JSON,
 * else as a string. */
int writer_errored(struct writer* writer, const struct id* id, const char* type,
                   const char* message, const char* request_id, const char* answer, size_t length);

/* `type` is "canceled" or "expired". */
int writer_unanswered(struct writer* writer, const struct id* id, const char* type);

/* Makes sure that everything is on the disk. */
int writer_sync(struct writer* writer);

/* Likewise, and closes. */
int writer_close(struct writer* writer);
