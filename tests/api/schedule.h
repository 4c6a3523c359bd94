/* Random schedules of submit, cancel, close and poll, and what came of each submit. C1 to C5 each
 * look at their own part of the record. */
#ifndef WEIR_TESTS_API_SCHEDULE_H
#define WEIR_TESTS_API_SCHEDULE_H

#include <stdatomic.h>

#include "api.h"

#define SCHEDULE_MAX_SUBMITS 400

/* One submit. Its number is the request's user_data. */
struct submit_record {
    atomic_int accepted; /* 1 accepted, -1 refused, 0 still inside weir_submit */
    atomic_ullong ticket;
    int events;
    int terminals;
    int after_terminal;              /* events that came after a terminal event */
    unsigned long long event_ticket; /* as its events name it */
    int tickets_differ;              /* its events named different tickets */
};

struct schedule {
    unsigned long long seed;
    struct submit_record submits[SCHEDULE_MAX_SUBMITS];
    atomic_int submit_count;
    int strangers;                  /* events with a ticket, and user_data that no submit had */
    atomic_int hooks_inside_submit; /* calls of the wake hook on a thread inside weir_submit */
};

/* Runs one schedule on one thread, or with several submitting threads and one that polls. The
 * engine is closed at a random moment and then drained, so that the record is complete. */
void schedule_run(struct schedule* schedule, const char* drive, unsigned long long seed);
void schedule_run_threads(struct schedule* schedule, unsigned long long seed);

/* Runs `check` on the schedules of a test: some fixed seeds and a fresh one, each with both drives
 * and with threads. WEIR_SEED=n runs only that one; WEIR_SCHEDULES=n runs n fresh ones. */
void schedule_each(void (*check)(const struct schedule* schedule));

#endif
