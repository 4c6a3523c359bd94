#pragma once

#include <stdint.h>

/* What came of the lines of a run. */

#define TALLY_MAX_FAILURES 16

struct tally {
    uint64_t accepted; /* by the engine */
    uint64_t succeeded, errored, canceled, expired;
    uint64_t bad_lines; /* reported; those with a custom_id are among the errored as well */
    uint64_t skipped;   /* with --resume: had succeeded before */
    double input_tokens, output_tokens, cache_read_tokens, cache_write_tokens;
    struct tally_row {
        char name[48]; /* the error's type */
        uint64_t count;
        char first[160];            /* the first message */
    } failures[TALLY_MAX_FAILURES]; /* the last one holds all that found no place */
    struct tally_row stop_reasons[TALLY_MAX_FAILURES];
};

/* Counts an errored request. */
void tally_failure(struct tally* tally, const char* name, const char* message);

/* Counts why an answer ended. */
void tally_stop_reason(struct tally* tally, const char* name);

uint64_t tally_finished(const struct tally* tally);
