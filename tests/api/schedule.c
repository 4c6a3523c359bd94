#include "schedule.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SUBMITTERS 3

struct run {
    struct schedule* schedule;
    struct peer* peer;
    weir_engine* engine;
    int steps;
    atomic_int submitting;
    unsigned long long reporting; /* random, of the thread that polls */
    weir_outcome* outcome;
};

static __thread int inside_submit;

static void watch_hook(void* user) {
    struct schedule* schedule = user;
    if (inside_submit) atomic_fetch_add(&schedule->hooks_inside_submit, 1);
}

/* splitmix64 */
static unsigned long long draw(unsigned long long* state) {
    unsigned long long z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static unsigned pick(unsigned long long* state, unsigned bound) {
    return (unsigned)(draw(state) % bound);
}

/* Asks for a permit instead, or for one at once. */
static int32_t acquire(struct run* run, weir_request* request, unsigned way, uint64_t* ticket) {
    weir_permit* permit = NULL;
    int32_t status;
    if (way < 2) return weir_acquire(run->engine, request, ticket, NULL);
    status = weir_try_acquire(run->engine, request, &permit, NULL);
    CHECK((permit != NULL) == (status == WEIR_OK));
    *ticket = weir_permit_ticket(permit);
    weir_permit_release(permit);
    return status;
}

static void report_one(struct run* run, uint64_t ticket, uint32_t attempt) {
    static const uint32_t failures[] = {WEIR_FAILURE_NONE, WEIR_FAILURE_NONE, WEIR_FAILURE_UNUSED,
                                        WEIR_FAILURE_CONNECT, WEIR_FAILURE_BROKEN};
    static const int32_t statuses[] = {200, 200, 429, 500, 401};
    weir_outcome* outcome = run->outcome;
    int32_t status;
    CHECK_EQ(weir_outcome_set_status(outcome, statuses[pick(&run->reporting, 5)]), WEIR_OK);
    CHECK_EQ(weir_outcome_set_failure(outcome, failures[pick(&run->reporting, 5)]), WEIR_OK);
    if (pick(&run->reporting, 2)) weir_report_head(run->engine, ticket, attempt, outcome, NULL);
    if (pick(&run->reporting, 2)) weir_report_progress(run->engine, ticket, attempt, 10);
    status = weir_report(run->engine, ticket, attempt, outcome, NULL);
    CHECK(status == WEIR_OK || status == WEIR_ERR_NOT_FOUND);
}

static void submit_one(struct run* run, unsigned long long* random) {
    static const char* const wishes[] = {"answer", "answer",  "answer",    "stream", "hang",
                                         "close",  "500",     "400",       "429",    "truncate",
                                         "reset",  "garbage", "streamhang"};
    static const int64_t deadlines_ms[] = {0, 0, 1, 20, 200};
    const int number = atomic_fetch_add(&run->schedule->submit_count, 1);
    struct submit_record* record;
    weir_request* request;
    char text[64];
    uint64_t ticket = 0;
    unsigned way;
    int32_t status;
    if (number >= SCHEDULE_MAX_SUBMITS) {
        atomic_fetch_sub(&run->schedule->submit_count, 1);
        return;
    }
    record = &run->schedule->submits[number];
    snprintf(text, sizeof text, "reply=%s echo-%d", wishes[pick(random, 13)], number);
    if (pick(random, 12) == 0)
        DIE_UNLESS(weir_request_new(&request, NULL) == WEIR_OK); /* without a body: refused */
    else
        request = strstr(text, "stream") ? api_stream_request(text) : api_request(text);
    CHECK_EQ(weir_request_set_user_data(request, (uint64_t)number + 1), WEIR_OK);
    CHECK_EQ(weir_request_set_tag(request, pick(random, 4)), WEIR_OK);
    CHECK_EQ(weir_request_set_priority(request, (int32_t)pick(random, 4)), WEIR_OK);
    CHECK_EQ(weir_request_set_deadline_ms(request, deadlines_ms[pick(random, 5)]), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "lease_ms", WEIR_NUL, "50", WEIR_NUL, NULL), WEIR_OK);
    way = pick(random, 10);
    inside_submit = 1;
    status = way < 4 ? acquire(run, request, way, &ticket)
                     : weir_submit(run->engine, request, &ticket, NULL);
    inside_submit = 0;
    atomic_store(&record->ticket, ticket);
    atomic_store(&record->accepted, status == WEIR_OK ? 1 : -1);
    weir_request_release(request);
}

static void cancel_one(struct run* run, unsigned long long* random) {
    const int count = atomic_load(&run->schedule->submit_count);
    int32_t status;
    if (count == 0) return;
    status = weir_cancel(
        run->engine, atomic_load(&run->schedule->submits[pick(random, (unsigned)count)].ticket));
    CHECK(status == WEIR_OK || status == WEIR_ERR_NOT_FOUND || status == WEIR_ERR_CLOSED);
}

static void note(struct schedule* schedule, const weir_event* event) {
    struct submit_record* record;
    if (event->ticket == 0) return;
    if (event->user_data == 0 || event->user_data > SCHEDULE_MAX_SUBMITS) {
        ++schedule->strangers;
        return;
    }
    record = &schedule->submits[event->user_data - 1];
    if (record->terminals > 0) ++record->after_terminal;
    if (WEIR_EVENT_IS_TERMINAL(event->type)) ++record->terminals;
    if (record->events > 0 && record->event_ticket != event->ticket) record->tickets_differ = 1;
    record->event_ticket = event->ticket;
    ++record->events;
}

/* Gives weir_poll's result. */
static int32_t poll_some(struct run* run, size_t capacity, int64_t timeout_ms) {
    weir_event events[8];
    int32_t i;
    const int32_t count = weir_poll(run->engine, events, sizeof events[0], capacity, timeout_ms);
    for (i = 0; i < count; ++i) {
        note(run->schedule, &events[i]);
        if (events[i].type == WEIR_EVENT_PERMIT && pick(&run->reporting, 3) > 0)
            report_one(run, events[i].ticket, events[i].index);
    }
    if (count > 0) weir_events_release(events, sizeof events[0], (size_t)count);
    return count;
}

static void drain(struct run* run) {
    const long long until = api_now_ms() + PATIENCE_MS;
    while (poll_some(run, 8, 50) != WEIR_ERR_CLOSED) DIE_UNLESS(api_now_ms() < until);
    CHECK_EQ(weir_engine_wait(run->engine, PATIENCE_MS), WEIR_OK);
}

static void start(struct run* run, struct schedule* schedule, const char* drive,
                  unsigned long long seed) {
    weir_config* config;
    memset(schedule, 0, sizeof *schedule);
    schedule->seed = seed;
    memset(run, 0, sizeof *run);
    run->schedule = schedule;
    run->peer = peer_start();
    config = api_config(drive, peer_url(run->peer));
    api_set(config, KEY_MAX_REQUESTS, "30");
    run->engine = api_open(config);
    run->reporting = seed + 1;
    DIE_UNLESS(weir_outcome_new(&run->outcome, NULL) == WEIR_OK);
    weir_config_release(config);
    CHECK_EQ(weir_set_wake_hook(run->engine, watch_hook, schedule, NULL), WEIR_OK);
}

static void finish(struct run* run) {
    CHECK_EQ(weir_engine_close(run->engine), WEIR_OK);
    drain(run);
    CHECK_EQ(weir_set_wake_hook(run->engine, NULL, NULL, NULL), WEIR_OK);
    weir_engine_release(run->engine);
    weir_outcome_release(run->outcome);
    peer_stop(run->peer);
}

void schedule_run(struct schedule* schedule, const char* drive, unsigned long long seed) {
    unsigned long long random = seed;
    struct run run;
    int step;
    start(&run, schedule, drive, seed);
    run.steps = 50 + (int)pick(&random, 100);
    for (step = 0; step < run.steps; ++step) {
        const unsigned choice = pick(&random, 100);
        if (choice < 50)
            submit_one(&run, &random);
        else if (choice < 65)
            cancel_one(&run, &random);
        else if (choice < 68)
            CHECK(weir_cancel_tag(run.engine, 1 + pick(&random, 3)) <= 0);
        else if (choice < 98)
            poll_some(&run, 1 + pick(&random, 8), pick(&random, 6));
        else if (choice == 98)
            CHECK_EQ(weir_wakeup(run.engine), WEIR_OK);
        else
            CHECK_EQ(weir_engine_close(run.engine), WEIR_OK);
    }
    finish(&run);
}

struct submitter {
    struct run* run;
    unsigned long long random;
};

static void* submit_many(void* argument) {
    struct submitter* self = argument;
    int step;
    for (step = 0; step < self->run->steps; ++step) {
        const unsigned choice = pick(&self->random, 100);
        if (choice < 70)
            submit_one(self->run, &self->random);
        else if (choice < 95)
            cancel_one(self->run, &self->random);
        else
            CHECK(weir_cancel_tag(self->run->engine, 1 + pick(&self->random, 3)) <= 0);
    }
    atomic_fetch_sub(&self->run->submitting, 1);
    return NULL;
}

void schedule_run_threads(struct schedule* schedule, unsigned long long seed) {
    unsigned long long random = seed;
    struct submitter submitters[SUBMITTERS];
    pthread_t threads[SUBMITTERS];
    struct run run;
    int close_after, i;
    start(&run, schedule, "thread", seed);
    run.steps = 20 + (int)pick(&random, 60);
    close_after = (int)pick(&random, 400);
    atomic_store(&run.submitting, SUBMITTERS);
    for (i = 0; i < SUBMITTERS; ++i) {
        submitters[i] = (struct submitter){&run, draw(&random)};
        DIE_UNLESS(pthread_create(&threads[i], NULL, submit_many, &submitters[i]) == 0);
    }
    while (atomic_load(&run.submitting) > 0) {
        poll_some(&run, 1 + pick(&random, 8), 1);
        if (--close_after == 0) CHECK_EQ(weir_engine_close(run.engine), WEIR_OK);
    }
    for (i = 0; i < SUBMITTERS; ++i) pthread_join(threads[i], NULL);
    finish(&run);
}

static void run_seed(unsigned long long seed, void (*check)(const struct schedule* schedule)) {
    static const char* const drives[] = {"thread", "caller"};
    struct schedule* schedule = malloc(sizeof *schedule);
    int i;
    DIE_UNLESS(schedule != NULL);
    for (i = 0; i < 2; ++i) {
        check_context("WEIR_SEED=%llu engine.drive=%s", seed, drives[i]);
        schedule_run(schedule, drives[i], seed);
        check(schedule);
    }
    check_context("WEIR_SEED=%llu with threads", seed);
    schedule_run_threads(schedule, seed);
    check(schedule);
    free(schedule);
}

void schedule_each(void (*check)(const struct schedule* schedule)) {
    const char* one = getenv("WEIR_SEED");
    const char* many = getenv("WEIR_SCHEDULES");
    const unsigned long long fixed = getenv("WEIR_TEST_SHORT") ? 1 : 5;
    int fresh = many ? atoi(many) : 1;
    unsigned long long seed;
    if (one != NULL) {
        run_seed(strtoull(one, NULL, 10), check);
        return;
    }
    for (seed = 1; seed <= fixed; ++seed) run_seed(seed, check);
    for (; fresh > 0; --fresh) {
        DIE_UNLESS(getrandom(&seed, sizeof seed, 0) == sizeof seed);
        printf("  fresh seed: WEIR_SEED=%llu\n", seed);
        fflush(stdout);
        run_seed(seed, check);
    }
}
