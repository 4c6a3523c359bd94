/* C6: only weir_poll, weir_dispatch and weir_engine_wait may block, each no longer than its
 * timeout; they may return early on a signal and after weir_wakeup. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "api.h"

#define TIMED(call, bound_ms)                                           \
    do {                                                                \
        const long long before = api_now_ms();                          \
        call;                                                           \
        if (!CHECK_LT(api_now_ms() - before, check_slack_ms(bound_ms))) \
            fprintf(stderr, "    in %s\n", #call);                      \
    } while (0)

/* The engine is busy with a peer that does not answer; no call waits for it. */
static void others_do_not_block(const char* drive, const char* url) {
    weir_config* config = api_config(drive, url);
    weir_config* copy = NULL;
    weir_engine* engine = NULL;
    weir_request* request = api_request("hello");
    weir_text* stats = NULL;
    weir_event event;
    uint64_t ticket = 0;
    int32_t count;
    int i;
    api_set(config, KEY_PLAIN_HTTP_HOSTS, ANY_PEER_HOSTS);
    TIMED(CHECK_EQ(weir_engine_open(config, &engine, NULL), WEIR_OK), 500);
    TIMED(for (i = 0; i < 100; ++i) CHECK_EQ(weir_submit(engine, request, &ticket, NULL), WEIR_OK),
          100);
    /* A start for a caller-driven engine. */
    count = weir_poll(engine, &event, sizeof event, 1, 20);
    CHECK_GE(count, 0);
    if (count == 1) api_release(&event);
    TIMED(CHECK_EQ(weir_cancel(engine, ticket), WEIR_OK), 50);
    TIMED(CHECK(weir_cancel_tag(engine, 9) <= 0), 50);
    TIMED(CHECK_GE(weir_fd(engine), 0), 50);
    TIMED(CHECK_EQ(weir_wakeup(engine), WEIR_OK), 50);
    TIMED(CHECK_EQ(weir_engine_stats(engine, &stats, NULL), WEIR_OK), 100);
    TIMED(CHECK_EQ(weir_engine_config(engine, &copy, NULL), WEIR_OK), 100);
    TIMED(CHECK_EQ(weir_set_wake_hook(engine, NULL, NULL, NULL), WEIR_OK), 50);
    TIMED(CHECK_EQ(weir_engine_close(engine), WEIR_OK), 100);
    TIMED(weir_engine_release(engine), 100);
    TIMED(weir_text_release(stats), 50);
    weir_config_release(copy);
    weir_config_release(config);
    weir_request_release(request);
}

static void with_silent_peer(const char* drive) { others_do_not_block(drive, api_silent_url()); }
static void with_full_peer(const char* drive) { others_do_not_block(drive, api_full_url()); }
static void with_unroutable_peer(const char* drive) { others_do_not_block(drive, UNROUTABLE_URL); }
static void with_unresolvable_peer(const char* drive) {
    others_do_not_block(drive, UNRESOLVABLE_URL);
}

static void never_called(const weir_event* event, void* user) {
    (void)event;
    (void)user;
    CHECK_NEVER("an event of an idle engine");
}

static void waits_keep_their_timeout(const char* drive) {
    static const int64_t timeouts_ms[] = {0, 1, 50, 200};
    struct world world;
    size_t i;
    world_open(&world, drive);
    for (i = 0; i < 4; ++i) {
        weir_event event;
        const int64_t timeout_ms = timeouts_ms[i];
        long long before = api_now_ms();
        CHECK_EQ(weir_poll(world.engine, &event, sizeof event, 1, timeout_ms), 0);
        CHECK_GE(api_now_ms() - before, timeout_ms - 1);
        CHECK_LT(api_now_ms() - before, timeout_ms + check_slack_ms(100));
        before = api_now_ms();
        CHECK_EQ(weir_dispatch(world.engine, never_called, NULL, 1, timeout_ms), 0);
        CHECK_GE(api_now_ms() - before, timeout_ms - 1);
        CHECK_LT(api_now_ms() - before, timeout_ms + check_slack_ms(100));
    }
    world_close(&world);
}

/* A closed engine whose events nobody takes has stopped all the same: wait does not take them. */
static void wait_keeps_its_timeout(const char* drive) {
    struct world world;
    long long before;
    world_open(&world, drive);
    before = api_now_ms();
    CHECK_EQ(weir_engine_wait(world.engine, 0), WEIR_ERR_TIMEOUT);
    CHECK_EQ(weir_engine_wait(world.engine, 100), WEIR_ERR_TIMEOUT);
    CHECK_GE(api_now_ms() - before, 99);
    CHECK_LT(api_now_ms() - before, 100 + check_slack_ms(100));
    world_close(&world);
}

static void wait_does_not_take_events(void) {
    struct world world;
    weir_event event;
    uint64_t ticket;
    world_open(&world, "thread");
    ticket = api_submit(world.engine, "reply=hang");
    CHECK_EQ(weir_engine_close(world.engine), WEIR_OK);
    CHECK_EQ(weir_engine_wait(world.engine, PATIENCE_MS), WEIR_OK);
    CHECK_EQ(weir_engine_wait(world.engine, -1), WEIR_OK);
    api_await(world.engine, ticket, &event);
    CHECK_EQ(event.status, WEIR_ERR_SHUTDOWN);
    api_release(&event);
    world_close(&world);
}

struct waiter {
    weir_engine* engine;
    int64_t timeout_ms;
    int32_t result;
    int by_dispatch;
    long long took_ms;
};

static void* wait_for_events(void* argument) {
    struct waiter* waiter = argument;
    const long long before = api_now_ms();
    weir_event event;
    waiter->result = waiter->by_dispatch
                         ? weir_dispatch(waiter->engine, never_called, NULL, 1, waiter->timeout_ms)
                         : weir_poll(waiter->engine, &event, sizeof event, 1, waiter->timeout_ms);
    waiter->took_ms = api_now_ms() - before;
    return NULL;
}

static void wakeup_ends_a_wait(const char* drive) {
    struct world world;
    int by_dispatch;
    world_open(&world, drive);
    for (by_dispatch = 0; by_dispatch < 2; ++by_dispatch) {
        struct waiter waiter = {world.engine, -1, -1, by_dispatch, 0};
        pthread_t thread;
        DIE_UNLESS(pthread_create(&thread, NULL, wait_for_events, &waiter) == 0);
        api_sleep_ms(50);
        CHECK_EQ(weir_wakeup(world.engine), WEIR_OK);
        pthread_join(thread, NULL);
        CHECK_EQ(waiter.result, 0);
        CHECK_LT(waiter.took_ms, 50 + check_slack_ms(500));
    }
    world_close(&world);
}

static void ignore_signal(int number) { (void)number; }

static void signal_ends_a_wait(const char* drive) {
    struct world world;
    struct sigaction action, before;
    struct waiter waiter = {NULL, 60000, -1, 0, 0};
    pthread_t thread;
    memset(&action, 0, sizeof action);
    action.sa_handler = ignore_signal; /* without SA_RESTART */
    sigaction(SIGUSR1, &action, &before);
    world_open(&world, drive);
    waiter.engine = world.engine;
    DIE_UNLESS(pthread_create(&thread, NULL, wait_for_events, &waiter) == 0);
    api_sleep_ms(100);
    pthread_kill(thread, SIGUSR1);
    pthread_join(thread, NULL);
    CHECK_EQ(waiter.result, 0);
    CHECK_LT(waiter.took_ms, 30000);
    world_close(&world);
    sigaction(SIGUSR1, &before, NULL);
}

int main(void) {
    api_load();
    RUN_DRIVEN(with_silent_peer);
    RUN_DRIVEN(with_full_peer);
    RUN_DRIVEN(with_unroutable_peer);
    RUN_DRIVEN(with_unresolvable_peer);
    RUN_DRIVEN(waits_keep_their_timeout);
    RUN_DRIVEN(wait_keeps_its_timeout);
    RUN(wait_does_not_take_events);
    RUN_DRIVEN(wakeup_ends_a_wait);
    RUN_DRIVEN(signal_ends_a_wait);
    return check_end();
}
