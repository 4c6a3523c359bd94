/* weir_poll and the descriptor inside other people's loops: epoll level and edge, poll(2), stride
 * and capacity, several polling threads, one driver at a time. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "api.h"

#define REQUESTS 60

/* Runs REQUESTS requests from an epoll loop that takes at most `capacity` events a wake. An
 * edge-triggered loop must poll until there is nothing more. */
static void epoll_loop(const char* drive, uint32_t edge, size_t capacity) {
    struct world world;
    struct epoll_event wanted, ready;
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    int ended = 0, submitted = 0;
    world_open(&world, drive);
    wanted.events = EPOLLIN | edge;
    wanted.data.u64 = 1;
    DIE_UNLESS(epoll_ctl(epoll, EPOLL_CTL_ADD, weir_fd(world.engine), &wanted) == 0);
    for (; submitted < REQUESTS / 2; ++submitted) api_submit(world.engine, "hello");
    while (ended < REQUESTS) {
        int32_t count;
        REQUIRE(epoll_wait(epoll, &ready, 1, PATIENCE_MS) == 1);
        do {
            weir_event events[8];
            int32_t i;
            count = weir_poll(world.engine, events, sizeof events[0], capacity, 0);
            for (i = 0; i < count; ++i)
                if (WEIR_EVENT_IS_TERMINAL(events[i].type)) ++ended;
            if (count > 0) weir_events_release(events, sizeof events[0], (size_t)count);
            for (i = 0; i < count && submitted < REQUESTS; ++i, ++submitted)
                api_submit(world.engine, "hello");
        } while (count > 0 && edge);
        CHECK_GE(count, 0);
    }
    close(epoll);
    world_close(&world);
}

static void epoll_level(const char* drive) { epoll_loop(drive, 0, 1); }
static void epoll_level_batch(const char* drive) { epoll_loop(drive, 0, 8); }
static void epoll_edge(const char* drive) { epoll_loop(drive, (uint32_t)EPOLLET, 1); }
static void epoll_edge_batch(const char* drive) { epoll_loop(drive, (uint32_t)EPOLLET, 8); }

/* Through a duplicate, as bindings do whose file objects insist on closing. */
static void poll_2_loop(const char* drive) {
    struct world world;
    int ended = 0, i, fd;
    world_open(&world, drive);
    fd = dup(weir_fd(world.engine));
    for (i = 0; i < REQUESTS; ++i) api_submit(world.engine, "hello");
    while (ended < REQUESTS) {
        weir_event event;
        struct pollfd poll_fd = {fd, POLLIN, 0};
        REQUIRE(poll(&poll_fd, 1, PATIENCE_MS) == 1);
        while (weir_poll(world.engine, &event, sizeof event, 1, 0) == 1) {
            if (WEIR_EVENT_IS_TERMINAL(event.type)) ++ended;
            api_release(&event);
        }
    }
    close(fd);
    world_close(&world);
}

/* A caller with a larger record, of a later header: its stride is kept, and nothing is written past
 * the end of the array. */
static void larger_record(const char* drive) {
    enum { kStride = sizeof(weir_event) + 16, kCapacity = 3 };
    struct world world;
    unsigned char* array = malloc(kStride * kCapacity + 8);
    int i, ended = 0;
    DIE_UNLESS(array != NULL);
    world_open(&world, drive);
    for (i = 0; i < 9; ++i) api_submit(world.engine, "hello");
    while (ended < 9) {
        int32_t count;
        memset(array, 0xA5, kStride * kCapacity + 8);
        count = weir_poll(world.engine, (weir_event*)(void*)array, kStride, kCapacity, PATIENCE_MS);
        REQUIRE(count > 0 && count <= kCapacity);
        for (i = 0; i < count; ++i) {
            weir_event event;
            memcpy(&event, array + (size_t)i * kStride, sizeof event);
            CHECK_EQ(event.type, WEIR_EVENT_DONE);
            CHECK_HAS(event.data, "Hello.");
            ++ended;
        }
        for (i = 0; i < 8; ++i) CHECK_EQ(array[kStride * kCapacity + i], 0xA5);
        weir_events_release((weir_event*)(void*)array, kStride, (size_t)count);
    }
    free(array);
    world_close(&world);
}

static void capacity_zero(const char* drive) {
    struct world world;
    weir_event event;
    world_open(&world, drive);
    CHECK(weir_poll(world.engine, &event, sizeof event, 0, 0) <= 0);
    CHECK(weir_poll(world.engine, NULL, sizeof event, 0, 0) <= 0);
    api_await(world.engine, api_submit(world.engine, "hello"), &event);
    api_release(&event);
    world_close(&world);
}

/* A wakeup that comes first ends the next wait; several before it are one. */
static void wakeup_is_sticky(const char* drive) {
    struct world world;
    weir_event event;
    long long before;
    int i;
    world_open(&world, drive);
    for (i = 0; i < 3; ++i) CHECK_EQ(weir_wakeup(world.engine), WEIR_OK);
    before = api_now_ms();
    CHECK_EQ(weir_poll(world.engine, &event, sizeof event, 1, 60000), 0);
    CHECK_LT(api_now_ms() - before, 30000);
    before = api_now_ms();
    CHECK_EQ(weir_poll(world.engine, &event, sizeof event, 1, 100), 0);
    CHECK_GE(api_now_ms() - before, 99);
    world_close(&world);
}

static weir_engine* engine_of_handler;
static void wake_in_handler(int number) {
    (void)number;
    weir_wakeup(engine_of_handler);
}

static void* poll_long(void* argument) {
    weir_event event;
    CHECK_EQ(weir_poll(argument, &event, sizeof event, 1, 60000), 0);
    return NULL;
}

/* From a signal handler, on a thread other than the one that waits. */
static void wakeup_in_a_signal_handler(const char* drive) {
    struct world world;
    struct sigaction action, before;
    sigset_t mask, old_mask;
    pthread_t thread;
    const long long start = api_now_ms();
    memset(&action, 0, sizeof action);
    action.sa_handler = wake_in_handler;
    action.sa_flags = SA_RESTART;
    world_open(&world, drive);
    engine_of_handler = world.engine;
    sigaction(SIGUSR1, &action, &before);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &mask, &old_mask);
    DIE_UNLESS(pthread_create(&thread, NULL, poll_long, world.engine) == 0);
    pthread_sigmask(SIG_SETMASK, &old_mask, NULL);
    api_sleep_ms(50);
    raise(SIGUSR1);
    pthread_join(thread, NULL);
    CHECK_LT(api_now_ms() - start, 30000);
    sigaction(SIGUSR1, &before, NULL);
    world_close(&world);
}

struct poller {
    weir_engine* engine;
    atomic_int* ended;
};

static void* poll_many(void* argument) {
    struct poller* poller = argument;
    while (atomic_load(poller->ended) < REQUESTS) {
        weir_event event;
        const int32_t count = weir_poll(poller->engine, &event, sizeof event, 1, 20);
        CHECK(count >= 0 || count == WEIR_ERR_BUSY);
        if (count == 1 && WEIR_EVENT_IS_TERMINAL(event.type)) atomic_fetch_add(poller->ended, 1);
        if (count == 1) api_release(&event);
    }
    return NULL;
}

/* Each event goes to one of several pollers. */
static void several_pollers(void) {
    struct world world;
    atomic_int ended;
    pthread_t threads[4];
    struct poller poller;
    int i;
    atomic_init(&ended, 0);
    world_open(&world, "thread");
    poller.engine = world.engine;
    poller.ended = &ended;
    for (i = 0; i < 4; ++i) DIE_UNLESS(pthread_create(&threads[i], NULL, poll_many, &poller) == 0);
    for (i = 0; i < REQUESTS; ++i) api_submit(world.engine, "hello");
    for (i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
    CHECK_EQ(atomic_load(&ended), REQUESTS);
    CHECK_EQ(api_drain(world.engine), 0);
    world_close(&world);
}

/* A caller-driven engine has one driver at a time, and accepts submits while it waits. */
static void one_driver_at_a_time(void) {
    struct world world;
    pthread_t thread;
    weir_event event;
    atomic_int ended;
    struct poller poller;
    int busy = 0, i;
    atomic_init(&ended, 0);
    world_open(&world, "caller");
    poller.engine = world.engine;
    poller.ended = &ended;
    DIE_UNLESS(pthread_create(&thread, NULL, poll_many, &poller) == 0);
    for (i = 0; i < 1000 && !busy; ++i) {
        const int32_t status = weir_poll(world.engine, &event, sizeof event, 1, 0);
        CHECK(status == 0 || status == WEIR_ERR_BUSY);
        busy = status == WEIR_ERR_BUSY;
        if (!busy) api_sleep_ms(1);
    }
    CHECK_EQ(busy, 1);
    for (i = 0; i < REQUESTS; ++i) api_submit(world.engine, "hello");
    pthread_join(thread, NULL);
    world_close(&world);
}

int main(void) {
    api_load();
    RUN_DRIVEN(epoll_level);
    RUN_DRIVEN(epoll_level_batch);
    RUN_DRIVEN(epoll_edge);
    RUN_DRIVEN(epoll_edge_batch);
    RUN_DRIVEN(poll_2_loop);
    RUN_DRIVEN(larger_record);
    RUN_DRIVEN(capacity_zero);
    RUN_DRIVEN(wakeup_is_sticky);
    RUN_DRIVEN(wakeup_in_a_signal_handler);
    RUN(several_pollers);
    RUN(one_driver_at_a_time);
    return check_end();
}
