#pragma once

#include <stddef.h>
#include <stdint.h>

/* Reads a file or a pipe line by line, in bounded memory, and never blocks by itself: the caller
 * fills it when the descriptor has something. */

#define READER_MAX_LINE ((size_t)64 * 1024 * 1024) /* twice what the API takes as a request */

enum reader_status {
    READER_LINE,     /* a line is ready */
    READER_TOO_LONG, /* a line above READER_MAX_LINE was skipped */
    READER_TORN,     /* the last line, which has no newline */
    READER_MORE,     /* fill it first */
    READER_END
};

struct reader {
    int fd;
    int regular; /* a file: reading it never waits */
    int at_end;
    int skipping;         /* inside a line that is too long */
    uint64_t size;        /* of a regular file, else 0 */
    uint64_t line_number; /* of the line that was given last, from 1 */
    uint64_t consumed;    /* the offset behind that line */
    char* buffer;
    size_t capacity, start, scanned, end;
};

/* `path` "-" is standard input. -1: see errno. */
int reader_open(struct reader* reader, const char* path);

/* Reads once from the descriptor. -1: see errno. */
int reader_fill(struct reader* reader);

/* The next line, without its newline; valid until the next call of either function. */
enum reader_status reader_next(struct reader* reader, const char** line, size_t* length);

void reader_close(struct reader* reader);

/* Nothing but blanks. */
int reader_is_blank(const char* line, size_t length);
