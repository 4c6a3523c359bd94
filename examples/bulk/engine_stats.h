#pragma once

#include <stdint.h>
#include <weir/weir.h>

/* What this program uses of weir_engine_stats. */

#define STATS_MAX_LIMITS 16

struct engine_stats {
    uint64_t queued; /* backing off before a retry included */
    uint64_t in_flight;
    uint64_t attempts, retries;
    uint64_t refused; /* by a 429 */
    int limit_count;
    struct limit_use {
        char model_class[64];
        char kind[32]; /* "requests", "input_tokens", ... */
        double limit;  /* in a minute, or a day */
        double used;   /* the share of it that is taken now, 0 to 1 */
        int paused;    /* after a 429 */
    } limits[STATS_MAX_LIMITS];
};

/* True if the engine had some. */
int engine_stats_read(weir_engine* engine, struct engine_stats* stats);
