/* Close and release while traffic runs: quick for the caller, complete for the requests, also with
 * peers that never answer; two engines in one process. */
#include <pthread.h>

#include "api.h"

#define QUICK_MS 100

static void close_quickly(const char* drive, const char* url, int by_release) {
    const int threads = api_thread_count();
    weir_config* config = api_config(drive, url);
    weir_engine* engine;
    long long before;
    int i;
    api_set(config, KEY_PLAIN_HTTP_HOSTS, ANY_PEER_HOSTS);
    engine = api_open(config);
    weir_config_release(config);
    for (i = 0; i < 50; ++i) api_submit(engine, "hello");
    for (i = 0; i < 3; ++i) {
        weir_event event;
        const int32_t count = weir_poll(engine, &event, sizeof event, 1, 20);
        CHECK_GE(count, 0);
        if (count == 1) api_release(&event);
    }
    before = api_now_ms();
    if (!by_release) CHECK_EQ(weir_engine_close(engine), WEIR_OK);
    if (!by_release) CHECK_EQ(weir_engine_close(engine), WEIR_OK);
    if (by_release) weir_engine_release(engine);
    CHECK_LT(api_now_ms() - before, check_slack_ms(QUICK_MS));
    if (!by_release) {
        CHECK(api_drain(engine) > 0);
        CHECK_LT(api_now_ms() - before, check_slack_ms(1000));
        weir_engine_release(engine);
    }
    api_await_threads(threads);
}

static void every_peer(const char* drive, int by_release) {
    struct peer* peer = peer_start();
    check_context("engine.drive=%s, a peer that answers", drive);
    close_quickly(drive, peer_url(peer), by_release);
    check_context("engine.drive=%s, a peer that is silent", drive);
    close_quickly(drive, api_silent_url(), by_release);
    check_context("engine.drive=%s, a peer that does not accept", drive);
    close_quickly(drive, api_full_url(), by_release);
    check_context("engine.drive=%s, no route", drive);
    close_quickly(drive, UNROUTABLE_URL, by_release);
    check_context("engine.drive=%s, no such name", drive);
    close_quickly(drive, UNRESOLVABLE_URL, by_release);
    peer_stop(peer);
}

static void close_is_quick(const char* drive) { every_peer(drive, 0); }
static void release_is_quick(const char* drive) { every_peer(drive, 1); }

/* Streams in the middle, answers half way, retries in their pause: all have their end. */
static void close_in_the_middle(const char* drive) {
    static const char* const texts[] = {"reply=streamhang", "reply=hang", "hello", "reply=529"};
    struct peer* peer = peer_start();
    weir_config* config = api_config(drive, peer_url(peer));
    int rounds;
    api_set(config, KEY_MAX_ATTEMPTS, "5");
    for (rounds = 0; rounds < 10; ++rounds) {
        weir_engine* engine = api_open(config);
        int terminals = 0, i;
        for (i = 0; i < 12; ++i) {
            if (i % 4 == 0)
                api_submit_stream(engine, texts[0]);
            else
                api_submit(engine, texts[i % 4]);
        }
        for (i = 0; i < rounds; ++i) {
            weir_event event;
            if (weir_poll(engine, &event, sizeof event, 1, 5) != 1) continue;
            if (WEIR_EVENT_IS_TERMINAL(event.type)) ++terminals;
            api_release(&event);
        }
        CHECK_EQ(terminals + api_drain(engine), 12);
        weir_engine_release(engine);
    }
    weir_config_release(config);
    peer_stop(peer);
}

static void* close_on_thread(void* engine) {
    CHECK_EQ(weir_engine_close(engine), WEIR_OK);
    return NULL;
}

/* While another thread waits without a limit: it gets the events and then WEIR_ERR_CLOSED. */
static void close_ends_a_wait(const char* drive) {
    struct world world;
    pthread_t thread;
    weir_event event;
    int32_t count;
    world_open(&world, drive);
    DIE_UNLESS(pthread_create(&thread, NULL, close_on_thread, world.engine) == 0);
    do {
        count = weir_poll(world.engine, &event, sizeof event, 1, -1);
        if (count == 1) api_release(&event);
    } while (count >= 0);
    CHECK_EQ(count, WEIR_ERR_CLOSED);
    CHECK_EQ(weir_poll(world.engine, &event, sizeof event, 1, -1), WEIR_ERR_CLOSED);
    pthread_join(thread, NULL);
    CHECK_EQ(weir_cancel(world.engine, 1), WEIR_ERR_NOT_FOUND);
    world_close(&world);
}

/* Two engines know nothing of each other. */
static void two_engines(const char* drive) {
    struct world first, second;
    weir_event event;
    uint64_t ticket;
    world_open(&first, drive);
    world_open(&second, drive);
    CHECK_NE(weir_fd(first.engine), weir_fd(second.engine));
    ticket = api_submit(first.engine, "echo-1");
    CHECK_EQ(weir_cancel(second.engine, ticket), WEIR_ERR_NOT_FOUND);
    api_submit(second.engine, "echo-2");
    api_await(first.engine, ticket, &event);
    CHECK_HAS(event.data, "echo-1");
    api_release(&event);
    world_close(&first);
    CHECK_EQ(api_next(second.engine, &event, PATIENCE_MS), 1);
    CHECK_HAS(event.data, "echo-2");
    api_release(&event);
    CHECK_EQ(peer_requests(second.peer), 1);
    world_close(&second);
}

/* One after the other, many times: nothing is left of them. */
static void many_engines(const char* drive) {
    struct peer* peer = peer_start();
    weir_config* config = api_config(drive, peer_url(peer));
    const int threads = api_thread_count(), descriptors = api_descriptor_count();
    int i;
    for (i = 0; i < 100; ++i) {
        weir_engine* engine = api_open(config);
        if (i % 2) api_submit(engine, "hello");
        weir_engine_release(engine);
    }
    api_await_threads(threads);
    weir_config_release(config);
    peer_stop(peer);
    CHECK_LT(api_descriptor_count(), descriptors + 1);
}

int main(void) {
    api_load();
    RUN_DRIVEN(close_is_quick);
    RUN_DRIVEN(release_is_quick);
    RUN_DRIVEN(close_in_the_middle);
    RUN_DRIVEN(close_ends_a_wait);
    RUN_DRIVEN(two_engines);
    RUN_DRIVEN(many_engines);
    return check_end();
}
