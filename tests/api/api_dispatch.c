/* weir_dispatch: calls on the caller's thread with no lock held, and what may be called inside. */
#include <pthread.h>
#include <string.h>

#include "api.h"

struct seen {
    weir_engine* engine;
    struct peer* peer;
    pthread_t thread;
    int calls, terminals, limit;
};

static int dispatch_until(struct seen* seen, weir_event_function function, int terminals,
                          size_t max_events) {
    const long long until = api_now_ms() + PATIENCE_MS;
    int most = 0;
    while (seen->terminals < terminals && api_now_ms() < until) {
        const int before = seen->calls;
        const int32_t count = weir_dispatch(seen->engine, function, seen, max_events, 100);
        CHECK_EQ(count, seen->calls - before); /* the number of calls is the result */
        if (count > most) most = count;
    }
    CHECK_EQ(seen->terminals, terminals);
    return most;
}

static void look(const weir_event* event, void* user) {
    struct seen* seen = user;
    ++seen->calls;
    CHECK(pthread_equal(pthread_self(), seen->thread));
    if (!WEIR_EVENT_IS_TERMINAL(event->type)) return;
    ++seen->terminals;
    CHECK_EQ(event->type, WEIR_EVENT_DONE);
    CHECK_HAS(event->data, "Hello.");
    CHECK_EQ(weir_response_http_status(event->object), 200);
}

static void calls_on_this_thread(const char* drive) {
    struct seen seen;
    struct world world;
    int i, most;
    memset(&seen, 0, sizeof seen);
    world_open(&world, drive);
    seen.engine = world.engine;
    seen.thread = pthread_self();
    for (i = 0; i < 20; ++i) api_submit(world.engine, "hello");
    most = dispatch_until(&seen, look, 20, 3);
    CHECK_LT(most, 4);
    CHECK(weir_dispatch(world.engine, look, &seen, 0, 0) <= 0);
    world_close(&world);
}

/* Every function may be called inside but dispatch on the same engine. */
static void call_everything(const weir_event* event, void* user) {
    struct seen* seen = user;
    weir_text* text = NULL;
    weir_config* config = NULL;
    weir_event other;
    uint64_t ticket = 0;
    ++seen->calls;
    if (!WEIR_EVENT_IS_TERMINAL(event->type)) return;
    ++seen->terminals;
    CHECK_EQ(weir_dispatch(seen->engine, look, seen, 1, 0), WEIR_ERR_REENTRANT);
    CHECK_EQ(weir_dispatch(seen->engine, look, seen, 1, -1), WEIR_ERR_REENTRANT);
    CHECK_EQ(weir_engine_stats(seen->engine, &text, NULL), WEIR_OK);
    weir_text_release(text);
    CHECK_EQ(weir_engine_config(seen->engine, &config, NULL), WEIR_OK);
    weir_config_release(config);
    CHECK_GE(weir_fd(seen->engine), 0);
    CHECK_EQ(weir_set_wake_hook(seen->engine, NULL, NULL, NULL), WEIR_OK);
    CHECK_EQ(weir_wakeup(seen->engine), WEIR_OK);
    CHECK_EQ(weir_engine_wait(seen->engine, 0), WEIR_ERR_TIMEOUT);
    if (seen->calls > 5) return;
    ticket = api_submit(seen->engine, "reply=hang");
    CHECK_EQ(weir_cancel(seen->engine, ticket), WEIR_OK);
    api_await(seen->engine, ticket, &other); /* poll inside dispatch takes the next events */
    CHECK_EQ(other.status, WEIR_ERR_CANCELLED);
    api_release(&other);
}

static void anything_may_be_called_inside(const char* drive) {
    struct seen seen;
    struct world world;
    memset(&seen, 0, sizeof seen);
    world_open(&world, drive);
    seen.engine = world.engine;
    api_submit(world.engine, "hello");
    dispatch_until(&seen, call_everything, 1, 1);
    world_close(&world);
}

/* Dispatch on another engine is no re-entrance. */
static void dispatch_other(const weir_event* event, void* user) {
    struct seen* both = user;
    ++both[0].calls;
    if (!WEIR_EVENT_IS_TERMINAL(event->type)) return;
    ++both[0].terminals;
    dispatch_until(&both[1], look, 1, 1);
    CHECK_EQ(weir_dispatch(both[0].engine, look, both, 1, 0), WEIR_ERR_REENTRANT);
}

static void another_engine_inside(const char* drive) {
    struct seen both[2];
    struct world first, second;
    memset(both, 0, sizeof both);
    world_open(&first, drive);
    world_open(&second, drive);
    both[0].engine = first.engine;
    both[1].engine = second.engine;
    both[0].thread = both[1].thread = pthread_self();
    api_submit(first.engine, "hello");
    api_submit(second.engine, "hello");
    dispatch_until(both, dispatch_other, 1, 1);
    world_close(&second);
    world_close(&first);
}

static void close_it(const weir_event* event, void* user) {
    struct seen* seen = user;
    ++seen->calls;
    if (event->type == WEIR_EVENT_DONE) CHECK_EQ(weir_engine_close(seen->engine), WEIR_OK);
    if (WEIR_EVENT_IS_TERMINAL(event->type)) ++seen->terminals;
    if (event->type == WEIR_EVENT_ENGINE) CHECK_EQ(seen->terminals, 6);
}

static void close_inside(const char* drive) {
    const long long until = api_now_ms() + PATIENCE_MS;
    struct seen seen;
    struct world world;
    int32_t count;
    int i;
    memset(&seen, 0, sizeof seen);
    world_open(&world, drive);
    seen.engine = world.engine;
    api_submit(world.engine, "hello");
    for (i = 0; i < 5; ++i) api_submit(world.engine, "reply=hang");
    do {
        count = weir_dispatch(world.engine, close_it, &seen, 10, 100);
    } while (count >= 0 && api_now_ms() < until);
    CHECK_EQ(count, WEIR_ERR_CLOSED);
    CHECK_EQ(seen.terminals, 6);
    world_close(&world);
}

/* The last thing a callback may do with its engine. Dispatch then stops, and touches nothing. */
static void release_it(const weir_event* event, void* user) {
    struct seen* seen = user;
    ++seen->calls;
    if (WEIR_EVENT_IS_TERMINAL(event->type) && seen->terminals++ == 0) {
        weir_engine_release(seen->engine);
        CHECK_HAS(event->data, "Hello."); /* the event is released after the call */
    }
}

static void release_inside(const char* drive) {
    struct seen seen;
    struct peer* peer = peer_start();
    weir_config* config = api_config(drive, peer_url(peer));
    const int threads = api_thread_count();
    int i;
    memset(&seen, 0, sizeof seen);
    seen.engine = api_open(config);
    weir_config_release(config);
    for (i = 0; i < 5; ++i) api_submit(seen.engine, "hello");
    while (seen.terminals == 0)
        if (weir_dispatch(seen.engine, release_it, &seen, 10, 100) < 0) break;
    CHECK_GE(seen.terminals, 1);
    api_await_threads(threads);
    peer_stop(peer);
}

int main(void) {
    api_load();
    RUN_DRIVEN(calls_on_this_thread);
    RUN_DRIVEN(anything_may_be_called_inside);
    RUN_DRIVEN(another_engine_inside);
    RUN_DRIVEN(close_inside);
    RUN_DRIVEN(release_inside);
    return check_end();
}
