#pragma once

#include <stdint.h>

#include "console.h"
#include "engine_stats.h"
#include "tally.h"

/* The status while a run is under way. */

#define PROGRESS_SAMPLES 32

struct progress_sample {
    double at;
    double finished;
    double spent[STATS_LIMIT_COUNT]; /* of each limit, since the start */
};

struct progress {
    double shown_at;
    double line_period_s; /* between two lines, where the status is not drawn again */
    struct progress_sample samples[PROGRESS_SAMPLES]; /* a ring, for the rates of late */
    unsigned sample_count;
};

struct progress_view {
    double now, started_at;
    double succeeded_at; /* the last success, or the start */
    uint64_t outstanding;
    double lines_left; /* of the input, about; negative if it has no known end */
    const struct tally* tally;
    const struct engine_stats* stats;
    const char* batches; /* what batch_list_words says; NULL where there are none */
    const char* state;   /* "" or what is going on besides */
};

void progress_start(struct progress* progress, int has_batches, double now);

/* Seconds until the status is due again. */
double progress_due_in(const struct progress* progress, const struct console* console, double now);

/* Shows the status. */
void progress_show(struct progress* progress, struct console* console,
                   const struct progress_view* view);
