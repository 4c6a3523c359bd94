#pragma once

#include <stdint.h>
#include <weir/weir.h>

/* What this program uses of weir_engine_stats. */

enum stats_limit { STATS_REQUESTS, STATS_INPUT_TOKENS, STATS_OUTPUT_TOKENS, STATS_LIMIT_COUNT };

struct engine_stats {
    uint64_t queued; /* and backing off before a retry */
    uint64_t in_flight;
    uint64_t attempts, retries;
    uint64_t refused; /* by a 429 */
    uint64_t heads;   /* responses that came */
    struct {
        char outcome[32]; /* "connection"; "": none has failed */
        int http_status;
        char message[200];
    } last_failure;
    struct {
        double per_minute; /* of all accounts and model classes in use; 0: not known */
        int paused;        /* one of them is, after a 429 */
    } limits[STATS_LIMIT_COUNT];
};

/* The limit's name in the statistics: "requests", ... */
const char* engine_stats_limit_name(enum stats_limit limit);

/* True if the engine had some. */
int engine_stats_read(weir_engine* engine, struct engine_stats* stats);
