/* Every export with its first, second, third ... allocation failing, alone or with all that follow,
 * until the call needs no more: WEIR_ERR_NOMEM or success, nothing leaked, everything still usable.
 * Only the calling thread's allocations fail. */
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "failing_malloc.h"

/* What the operations work on; made without failures. */
static struct world world;
static weir_config* config;
static weir_request* request;
static weir_request* stream_request;
static weir_request* permit_request;
static weir_outcome* outcome;

/* One call, or one and its undoing. Gives the status of the call. */
typedef int32_t (*operation)(weir_error** error);

static long failed;
static void disarm(void) { failed += failing_malloc_disarm(); }

static int32_t config_new(weir_error** error) {
    weir_config* made = NULL;
    const int32_t status = weir_config_new(&made, error);
    disarm();
    CHECK((made != NULL) == (status == WEIR_OK));
    weir_config_release(made);
    return status;
}

static int32_t config_copy(weir_error** error) {
    weir_config* made = NULL;
    const int32_t status = weir_config_copy(config, &made, error);
    disarm();
    CHECK((made != NULL) == (status == WEIR_OK));
    weir_config_release(made);
    return status;
}

static int32_t config_set(weir_error** error) {
    return weir_config_set(config, "limit.some-class-with-a-long-name.requests_per_minute",
                           WEIR_NUL, "1000", WEIR_NUL, error);
}

static int32_t config_set_secret(weir_error** error) {
    return weir_config_set(config, KEY_ACCOUNT_KEY, WEIR_NUL, SECRET, WEIR_NUL, error);
}

static int32_t config_set_json(weir_error** error) {
    return weir_config_set_json(
        config, "{\"queue\":{\"max_requests\":1000,\"max_bytes\":100000000}}", WEIR_NUL, error);
}

/* A refusal may become NOMEM, and stays a refusal. */
static int32_t config_set_wrong(weir_error** error) {
    const int32_t status = weir_config_set(config, "queue.max_request", WEIR_NUL, "1", 1, error);
    return status == WEIR_ERR_UNKNOWN_KEY ? WEIR_OK : status;
}

static int32_t config_get(weir_error** error) {
    weir_text* text = NULL;
    const int32_t status = weir_config_get(config, KEY_BASE_URL, WEIR_NUL, &text, error);
    disarm();
    CHECK((text != NULL) == (status == WEIR_OK));
    weir_text_release(text);
    return status;
}

static int32_t config_json(weir_error** error) {
    weir_text* text = NULL;
    const int32_t status = weir_config_json(config, &text, error);
    disarm();
    CHECK((text != NULL) == (status == WEIR_OK));
    weir_text_release(text);
    return status;
}

static int32_t error_new(weir_error** error) {
    weir_error* made = NULL;
    const int32_t status =
        weir_error_new(WEIR_ERR_SERVER, "a message of some length to be copied", WEIR_NUL, &made);
    disarm();
    weir_error_release(made);
    (void)error;
    return status;
}

static int32_t request_new(weir_error** error) {
    weir_request* made = NULL;
    const int32_t status = weir_request_new(&made, error);
    disarm();
    CHECK((made != NULL) == (status == WEIR_OK));
    weir_request_release(made);
    return status;
}

static int32_t request_set_body(weir_error** error) {
    static const char body[] =
        "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":64,"
        "\"messages\":[{\"role\":\"user\",\"content\":\"hello \\u00e9\"}]}";
    return weir_request_set_body(request, body, WEIR_NUL, error);
}

static int32_t request_set_bad_body(weir_error** error) {
    const int32_t status = weir_request_set_body(request, "{\"model\":1}", WEIR_NUL, error);
    return status == WEIR_ERR_BAD_BODY ? WEIR_OK : status;
}

static int32_t request_set_header(weir_error** error) {
    return weir_request_set(request, "header.anthropic-beta", WEIR_NUL,
                            "a-value-that-is-longer-than-small-strings", WEIR_NUL, error);
}

static int32_t request_setters(weir_error** error) {
    (void)error;
    CHECK_EQ(weir_request_set_priority(request, WEIR_PRIORITY_HIGH), WEIR_OK);
    CHECK_EQ(weir_request_set_user_data(request, 1), WEIR_OK);
    CHECK_EQ(weir_request_set_tag(request, 1), WEIR_OK);
    return weir_request_set_deadline_ms(request, 100000);
}

static int32_t request_reset(weir_error** error) {
    weir_request* made = NULL;
    int32_t status = weir_request_new(&made, error);
    if (status == WEIR_OK) status = weir_request_reset(made);
    disarm();
    weir_request_release(made);
    return status;
}

static int32_t tables(weir_error** error) {
    (void)error;
    CHECK(weir_version_string() != NULL && weir_feature_at(0) != NULL);
    CHECK(weir_version_num() > 0 && weir_abi_level() > 0 && weir_event_size() > 0);
    CHECK_EQ(weir_has_feature("thread_drive", WEIR_NUL), 1);
    CHECK_EQ(weir_config_describe(0, NULL, NULL, NULL, NULL, NULL), WEIR_OK);
    CHECK_EQ(weir_global_init(), WEIR_OK);
    return weir_error_table(0, NULL, NULL, NULL, NULL);
}

static int32_t engine_open(weir_error** error) {
    weir_engine* made = NULL;
    const int32_t status = weir_engine_open(config, &made, error);
    disarm();
    CHECK((made != NULL) == (status == WEIR_OK));
    weir_engine_release(made);
    return status;
}

static int32_t engine_config(weir_error** error) {
    weir_config* made = NULL;
    const int32_t status = weir_engine_config(world.engine, &made, error);
    disarm();
    CHECK((made != NULL) == (status == WEIR_OK));
    weir_config_release(made);
    return status;
}

static int32_t engine_stats(weir_error** error) {
    weir_text* text = NULL;
    const int32_t status = weir_engine_stats(world.engine, &text, error);
    disarm();
    CHECK((text != NULL) == (status == WEIR_OK));
    weir_text_release(text);
    return status;
}

static int32_t estimate(weir_error** error) {
    weir_text* text = NULL;
    const int32_t status = weir_estimate(world.engine, request, &text, error);
    disarm();
    CHECK((text != NULL) == (status == WEIR_OK));
    weir_text_release(text);
    return status;
}

static int32_t place(weir_error** error) {
    const int32_t status = weir_place(world.engine, 12345, NULL, NULL, error);
    weir_error_release(*error);
    *error = NULL;
    return status == WEIR_ERR_NOT_FOUND ? WEIR_OK : status;
}

static int32_t engine_calls(weir_error** error) {
    (void)error;
    CHECK_GE(weir_fd(world.engine), 0);
    CHECK_EQ(weir_wakeup(world.engine), WEIR_OK);
    CHECK_EQ(weir_cancel(world.engine, 12345), WEIR_ERR_NOT_FOUND);
    return WEIR_OK;
}

static int32_t cancel_by_tag(weir_error** error) {
    const int32_t status = weir_cancel_tag(world.engine, 12345);
    (void)error;
    return status == WEIR_ERR_NOT_FOUND ? WEIR_OK : status;
}

/* Polls a little, as short of memory as the call was, and then with memory until the key's event is
 * there: what was accepted is done. */
static void await_key(const char* what) {
    const long long until = api_now_ms() + PATIENCE_MS;
    int polls, told = 0;
    for (polls = 0; !told && api_now_ms() < until; ++polls) {
        weir_event event;
        const int32_t count = weir_poll(world.engine, &event, sizeof event, 1, polls < 5 ? 0 : 100);
        CHECK(count >= 0 || count == WEIR_ERR_NOMEM);
        if (polls == 5) disarm();
        if (count != 1) continue;
        told = event.type == WEIR_EVENT_KEY && strstr(event.data, what) != NULL;
        api_release(&event);
    }
    disarm();
    CHECK(told);
}

static int32_t key_set(weir_error** error) {
    const int32_t status =
        weir_key_set(world.engine, "main", WEIR_NUL, "main", WEIR_NUL, SECRET, WEIR_NUL, error);
    if (status == WEIR_OK) await_key("replaced");
    return status;
}

static int32_t key_come_and_go(weir_error** error) {
    int32_t status =
        weir_key_set(world.engine, "main", WEIR_NUL, "spare", WEIR_NUL, SECRET, WEIR_NUL, error);
    if (status != WEIR_OK) return status;
    await_key("\"key\":\"spare\"");
    CHECK_EQ(weir_key_retire(world.engine, "main", WEIR_NUL, "spare", WEIR_NUL, NULL), WEIR_OK);
    await_key("retired");
    return status;
}

static int32_t key_retire(weir_error** error) {
    const int32_t status = weir_key_retire(world.engine, "main", WEIR_NUL, "main", WEIR_NUL, error);
    if (status != WEIR_OK) return status;
    await_key("retired");
    CHECK_EQ(weir_key_set(world.engine, "main", WEIR_NUL, "main", WEIR_NUL, SECRET, WEIR_NUL, NULL),
             WEIR_OK);
    await_key("replaced");
    return status;
}

static void nothing(void* user) { (void)user; }
static void count_destroy(void* user) { ++*(int*)user; }

static int32_t set_wake_hook(weir_error** error) {
    int destroyed = 0;
    int32_t status;
    (void)error;
    status = weir_set_wake_hook(world.engine, nothing, &destroyed, count_destroy);
    disarm();
    if (status == WEIR_OK) CHECK_EQ(weir_set_wake_hook(world.engine, NULL, NULL, NULL), WEIR_OK);
    CHECK_EQ(destroyed, 1);
    return status;
}

/* Accepted means a terminal event, however short of memory the way there was. In a caller-driven
 * engine that way is on this thread. */
static int32_t run_request(weir_request* what, weir_error** error) {
    uint64_t ticket = 0;
    const int32_t status = weir_submit(world.engine, what, &ticket, error);
    weir_event event;
    int terminals = 0, polls;
    CHECK((ticket != 0) == (status == WEIR_OK));
    for (polls = 0; status == WEIR_OK && polls < 200 && terminals == 0; ++polls) {
        const int32_t count = weir_poll(world.engine, &event, sizeof event, 1, 5);
        CHECK(count >= 0 || count == WEIR_ERR_NOMEM);
        if (count != 1) continue;
        if (WEIR_EVENT_IS_TERMINAL(event.type)) {
            ++terminals;
            CHECK_EQ(event.ticket, ticket);
            CHECK(event.object != NULL);
        }
        api_release(&event);
    }
    disarm();
    if (status != WEIR_OK) return status;
    while (terminals == 0 && api_next(world.engine, &event, PATIENCE_MS) == 1) {
        if (WEIR_EVENT_IS_TERMINAL(event.type)) ++terminals;
        api_release(&event);
    }
    CHECK_EQ(terminals, 1);
    return status;
}

static int32_t request_whole(weir_error** error) { return run_request(request, error); }
static int32_t request_streamed(weir_error** error) { return run_request(stream_request, error); }

static int32_t outcome_built(weir_error** error) {
    weir_outcome* made = NULL;
    int32_t status = weir_outcome_new(&made, error);
    if (status == WEIR_OK)
        status =
            weir_outcome_set_header(made, "a-name-of-some-length", WEIR_NUL,
                                    "a-value-that-is-longer-than-small-strings", WEIR_NUL, error);
    if (status == WEIR_OK)
        status = weir_outcome_set_body(made, "{\"type\":\"error\",\"error\":{}}", WEIR_NUL, error);
    if (status == WEIR_OK) status = weir_outcome_reset(made);
    disarm();
    weir_outcome_release(made);
    return status;
}

/* Until the ticket's end; each permit is reported, as often as there is no memory for it. */
static int report_permits(uint64_t ticket, int polls, long long timeout_ms) {
    weir_event event;
    for (; polls > 0; --polls) {
        const int32_t count = weir_poll(world.engine, &event, sizeof event, 1, timeout_ms);
        int terminal = 0, tries;
        CHECK(count >= 0 || count == WEIR_ERR_NOMEM);
        if (count != 1) continue;
        terminal = WEIR_EVENT_IS_TERMINAL(event.type);
        if (terminal) CHECK_EQ(event.ticket, ticket);
        for (tries = 0; event.type == WEIR_EVENT_PERMIT && tries < 100; ++tries) {
            const int32_t status = weir_report(world.engine, ticket, event.index, outcome, NULL);
            CHECK(status == WEIR_OK || status == WEIR_ERR_NOMEM);
            if (status == WEIR_OK) break;
            if (tries == 50) disarm();
        }
        api_release(&event);
        if (terminal) return 1;
    }
    return 0;
}

static int32_t acquired(weir_error** error) {
    uint64_t ticket = 0;
    const int32_t status = weir_acquire(world.engine, permit_request, &ticket, error);
    int terminals = 0;
    CHECK((ticket != 0) == (status == WEIR_OK));
    if (status == WEIR_OK) terminals = report_permits(ticket, 200, 5);
    disarm();
    if (status == WEIR_OK && !terminals) terminals = report_permits(ticket, 1000, 20);
    CHECK_EQ(terminals, status == WEIR_OK);
    return status;
}

static int32_t acquired_at_once(weir_error** error) {
    weir_permit* permit = NULL;
    const int32_t status = weir_try_acquire(world.engine, permit_request, &permit, error);
    int32_t reported = status;
    uint64_t ticket;
    CHECK((permit != NULL) == (status == WEIR_OK));
    ticket = weir_permit_ticket(permit);
    if (status == WEIR_OK) reported = weir_report(world.engine, ticket, 1, outcome, NULL);
    disarm();
    weir_permit_release(permit);
    if (status != WEIR_OK) return status;
    if (reported != WEIR_OK) CHECK_EQ(weir_report(world.engine, ticket, 1, outcome, NULL), WEIR_OK);
    CHECK_EQ(report_permits(ticket, 1000, 20), 1);
    return reported;
}

static void count_call(const weir_event* event, void* user) {
    if (WEIR_EVENT_IS_TERMINAL(event->type)) ++*(int*)user;
}

static int32_t dispatched(weir_error** error) {
    const long long until = api_now_ms() + PATIENCE_MS;
    uint64_t ticket = 0;
    int terminals = 0, calls;
    const int32_t status = weir_submit(world.engine, request, &ticket, error);
    if (status != WEIR_OK) return status;
    for (calls = 0; calls < 200 && terminals == 0; ++calls) {
        const int32_t count = weir_dispatch(world.engine, count_call, &terminals, 1, 5);
        CHECK(count >= 0 || count == WEIR_ERR_NOMEM);
    }
    disarm();
    while (terminals == 0 && api_now_ms() < until)
        weir_dispatch(world.engine, count_call, &terminals, 1, 100);
    CHECK_EQ(terminals, 1);
    return status;
}

static int32_t close_and_wait(weir_error** error) {
    weir_engine* engine = NULL;
    weir_event event;
    uint64_t ticket = 0;
    int32_t submitted = weir_engine_open(config, &engine, error);
    int32_t count = 0, polls;
    if (submitted != WEIR_OK) {
        disarm();
        return submitted;
    }
    submitted = weir_submit(engine, request, &ticket, error);
    CHECK_EQ(weir_engine_close(engine), WEIR_OK);
    CHECK(weir_engine_wait(engine, 20) <= 0);
    for (polls = 0; polls < 50 && count != WEIR_ERR_CLOSED; ++polls) {
        count = weir_poll(engine, &event, sizeof event, 1, 5);
        if (count == 1) api_release(&event);
    }
    disarm();
    api_drain(engine);
    weir_engine_release(engine);
    return submitted;
}

/* Blocks more than before. Threads end, and free what they had, a little after release. */
static long growth(long before, int threads) {
    const long long until = api_now_ms() + 2000;
    api_await_threads(threads);
    while (failing_malloc_live() > before && api_now_ms() < until) api_sleep_ms(1);
    return failing_malloc_live() - before;
}

/* Room for a permit: until then the breaker, or the pace of a search, would say "not now". */
static void await_room(void) {
    const long long until = api_now_ms() + PATIENCE_MS;
    weir_error* error = NULL;
    while (acquired_at_once(&error) == WEIR_ERR_NOT_NOW) {
        weir_event event;
        weir_error_release(error);
        error = NULL;
        DIE_UNLESS(api_now_ms() < until);
        if (weir_poll(world.engine, &event, sizeof event, 1, 1) == 1) api_release(&event);
    }
    api_sleep_ms(20); /* the pace of a search */
}

/* What an operation's end may leave to be told: a log record of what there was no memory for. */
static void take_leftovers(void) {
    weir_event event;
    while (weir_poll(world.engine, &event, sizeof event, 1, 0) == 1) api_release(&event);
}

/* Runs the operation until no allocation fails any more; gives the number of allocations. Each run
 * begins when the threads of the one before are gone, for glibc keeps a block with every stack. */
static long sweep_mode(const char* name, operation run, int threads, int and_all_after) {
    long skip;
    for (skip = 0; skip < 100000; ++skip) {
        weir_error* error = NULL;
        int32_t status;
        check_context("%s engine.drive=%s allocation %ld%s", name, world.drive, skip,
                      and_all_after ? " and all after" : "");
        if (run == acquired_at_once) await_room();
        failed = 0;
        api_await_threads(threads);
        failing_malloc_arm(skip, and_all_after);
        status = run(&error);
        disarm();
        take_leftovers();
        CHECK(status == WEIR_OK || status == WEIR_ERR_NOMEM);
        if (status == WEIR_ERR_NOMEM && error != NULL) {
            CHECK_EQ(weir_error_code(error), WEIR_ERR_NOMEM);
            CHECK(weir_error_message(error)[0] != 0);
        }
        weir_error_release(error);
        if (failed == 0) {
            CHECK_EQ(status, WEIR_OK);
            return skip;
        }
    }
    CHECK_NEVER("the operation ends");
    return skip;
}

static const struct {
    const char* name;
    operation run;
} operations[] = {
    {"config_new", config_new},
    {"config_copy", config_copy},
    {"config_set", config_set},
    {"config_set_secret", config_set_secret},
    {"config_set_json", config_set_json},
    {"config_set_wrong", config_set_wrong},
    {"config_get", config_get},
    {"config_json", config_json},
    {"error_new", error_new},
    {"request_new", request_new},
    {"request_set_body", request_set_body},
    {"request_set_bad_body", request_set_bad_body},
    {"request_set_header", request_set_header},
    {"request_setters", request_setters},
    {"request_reset", request_reset},
    {"tables", tables},
    {"engine_open", engine_open},
    {"engine_config", engine_config},
    {"engine_stats", engine_stats},
    {"estimate", estimate},
    {"place", place},
    {"engine_calls", engine_calls},
    {"cancel_by_tag", cancel_by_tag},
    {"set_wake_hook", set_wake_hook},
    {"key_set", key_set},
    {"key_come_and_go", key_come_and_go},
    {"key_retire", key_retire},
    {"request_whole", request_whole},
    {"request_streamed", request_streamed},
    {"outcome_built", outcome_built},
    {"acquired", acquired},
    {"acquired_at_once", acquired_at_once},
    {"dispatched", dispatched},
    {"close_and_wait", close_and_wait},
};

static void sweep(const char* drive) {
    const int outside = api_thread_count();
    size_t i;
    int threads;
    world_open(&world, drive);
    threads = api_thread_count();
    config = api_config(drive, peer_url(world.peer));
    request = api_request("hello");
    stream_request = api_stream_request("hello");
    permit_request = api_request("hello");
    DIE_UNLESS(weir_outcome_new(&outcome, NULL) == WEIR_OK);
    CHECK_EQ(weir_outcome_set_status(outcome, 200), WEIR_OK);
    CHECK_EQ(weir_outcome_set_header(outcome, "request-id", WEIR_NUL, "req_of_some_length_12345",
                                     WEIR_NUL, NULL),
             WEIR_OK);
    for (i = 0; i < sizeof operations / sizeof operations[0]; ++i) {
        weir_error* error = NULL;
        long allocations = 0, grown;
        int sweeps;
        check_context("%s engine.drive=%s", operations[i].name, drive);
        /* Fills what is cached; twice, for what two threads hand to and fro. */
        if (operations[i].run == acquired_at_once) await_room();
        CHECK_EQ(operations[i].run(&error), WEIR_OK);
        if (operations[i].run == acquired_at_once) await_room();
        CHECK_EQ(operations[i].run(&error), WEIR_OK);
        api_await_threads(threads);
        /* A leak grows with each sweep; a buffer that is kept for the next use does so once. */
        for (sweeps = 0, grown = 1; grown > 0 && sweeps < 3; ++sweeps) {
            const long before = failing_malloc_live();
            allocations = sweep_mode(operations[i].name, operations[i].run, threads, 0);
            sweep_mode(operations[i].name, operations[i].run, threads, 1);
            grown = growth(before, threads);
        }
        if (grown > 0) {
            fprintf(stderr, "    %s leaks %ld blocks a sweep\n", operations[i].name, grown);
            CHECK_NEVER("no leak");
        }
        printf("  %-24s %ld allocations\n", operations[i].name, allocations);
        fflush(stdout);
    }
    weir_outcome_release(outcome);
    weir_request_release(permit_request);
    weir_request_release(stream_request);
    weir_request_release(request);
    weir_config_release(config);
    world_close(&world);
    api_await_threads(outside); /* for the next sweep's count */
}

/* The first initialisation can be had once a process, so each attempt has one of its own. What
 * libcurl and its libraries make of a failure is theirs; there must be a status and no crash. */
static void initialise(void* skip) {
    int32_t status;
    failing_malloc_arm(*(long*)skip, 0);
    status = weir_global_init();
    failing_malloc_disarm();
    CHECK(status == WEIR_OK || status == WEIR_ERR_NOMEM);
}

static void first_initialisation(void) {
    long skip;
    for (skip = 0; skip < 5000; skip = skip < 30 ? skip + 1 : skip * 5 / 4) {
        check_context("allocation %ld", skip);
        CHECK_EQ(check_in_child(initialise, &skip), 0);
    }
}

int main(void) {
    api_load();
    RUN(first_initialisation);
    CHECK_EQ(weir_global_init(), WEIR_OK);
    RUN_DRIVEN(sweep);
    return check_end();
}
