#pragma once

#include <stddef.h>

/* One line of the input, in the shape of the Message Batches API:
 *     {"custom_id": "...", "params": {...}} */

#define CUSTOM_ID_MAX 256

struct input_line {
    char custom_id[CUSTOM_ID_MAX + 1]; /* "" if the line has none that can be used */
    const char* params;                /* as it stands in the line: it is sent as it is */
    size_t params_length;
    char model[128];   /* "" if it has none */
    double max_tokens; /* 0 if it has none */
    int stream;        /* the params ask for a stream */
};

/* Reads a line, whose bytes `out` keeps pointing to. False: `problem` says what is wrong with it,
 * in `problem_size` bytes at most. */
int input_line_parse(const char* text, size_t length, struct input_line* out, char* problem,
                     size_t problem_size);
