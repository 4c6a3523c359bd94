/* The wake hook: called by the engine's thread when events begin to wait; its `destroy` exactly
 * once, after the last call. */
#include <pthread.h>
#include <stdatomic.h>

#include "api.h"

struct hook {
    atomic_int calls;
    atomic_int destroyed;
    atomic_int calls_after_destroy;
    pthread_t forbidden; /* the thread that must not run it */
    int check_thread;
};

static void called(void* user) {
    struct hook* hook = user;
    atomic_fetch_add(&hook->calls, 1);
    if (atomic_load(&hook->destroyed)) atomic_fetch_add(&hook->calls_after_destroy, 1);
    if (hook->check_thread) CHECK(!pthread_equal(pthread_self(), hook->forbidden));
}

static void destroyed(void* user) { atomic_fetch_add(&((struct hook*)user)->destroyed, 1); }

static void await_calls(struct hook* hook, int count) {
    const long long until = api_now_ms() + PATIENCE_MS;
    while (atomic_load(&hook->calls) < count && api_now_ms() < until) api_sleep_ms(1);
    CHECK_GE(atomic_load(&hook->calls), count);
}

static void await_destroyed(struct hook* hook) {
    const long long until = api_now_ms() + PATIENCE_MS;
    while (!atomic_load(&hook->destroyed) && api_now_ms() < until) api_sleep_ms(1);
    CHECK_EQ(atomic_load(&hook->destroyed), 1);
    CHECK_EQ(atomic_load(&hook->calls_after_destroy), 0);
}

/* A host that polls only when the hook was called misses nothing. */
static void hook_is_enough(void) {
    enum { kRequests = 50 };
    static struct hook hook;
    struct world world;
    int ended = 0, i, calls = 0;
    world_open(&world, "thread");
    hook.forbidden = pthread_self();
    hook.check_thread = 1;
    CHECK_EQ(weir_set_wake_hook(world.engine, called, &hook, destroyed), WEIR_OK);
    for (i = 0; i < kRequests; ++i) api_submit(world.engine, "hello");
    while (ended < kRequests) {
        weir_event event;
        await_calls(&hook, calls + 1);
        calls = atomic_load(&hook.calls);
        if (check_failures()) break;
        while (weir_poll(world.engine, &event, sizeof event, 1, 0) == 1) {
            if (WEIR_EVENT_IS_TERMINAL(event.type)) ++ended;
            api_release(&event);
        }
    }
    CHECK_EQ(ended, kRequests);
    CHECK_LT(atomic_load(&hook.calls), kRequests + 2); /* when events begin to wait, not for each */
    CHECK_EQ(atomic_load(&hook.destroyed), 0);
    world_close(&world);
    await_destroyed(&hook);
}

/* Events that wait already when the hook is set are announced as well, or else they would be
 * missed. */
static void set_late(void) {
    static struct hook hook;
    struct world world;
    weir_event event;
    long long until = api_now_ms() + PATIENCE_MS;
    world_open(&world, "thread");
    api_submit(world.engine, "hello");
    while (!api_readable(weir_fd(world.engine)) && api_now_ms() < until) api_sleep_ms(1);
    CHECK_EQ(weir_set_wake_hook(world.engine, called, &hook, destroyed), WEIR_OK);
    api_submit(world.engine, "hello");
    CHECK_EQ(api_next(world.engine, &event, PATIENCE_MS), 1);
    api_release(&event);
    CHECK_EQ(api_next(world.engine, &event, PATIENCE_MS), 1);
    api_release(&event);
    world_close(&world);
    await_destroyed(&hook);
}

static void replaced_and_removed(const char* drive) {
    struct hook first = {0}, second = {0};
    struct world world;
    weir_event event;
    int calls;
    world_open(&world, drive);
    CHECK_EQ(weir_set_wake_hook(world.engine, called, &first, destroyed), WEIR_OK);
    api_await(world.engine, api_submit(world.engine, "hello"), &event);
    api_release(&event);
    CHECK_EQ(weir_set_wake_hook(world.engine, called, &second, destroyed), WEIR_OK);
    await_destroyed(&first);
    CHECK_EQ(weir_set_wake_hook(world.engine, NULL, NULL, NULL), WEIR_OK);
    await_destroyed(&second);
    calls = atomic_load(&first.calls) + atomic_load(&second.calls);
    api_await(world.engine, api_submit(world.engine, "hello"), &event);
    api_release(&event);
    CHECK_EQ(atomic_load(&first.calls) + atomic_load(&second.calls), calls);
    CHECK_EQ(weir_set_wake_hook(world.engine, NULL, NULL, NULL), WEIR_OK);
    world_close(&world);
    CHECK_EQ(atomic_load(&first.destroyed), 1);
    CHECK_EQ(atomic_load(&second.destroyed), 1);
}

static void without_destroy(const char* drive) {
    struct hook hook = {0};
    struct world world;
    weir_event event;
    world_open(&world, drive);
    CHECK_EQ(weir_set_wake_hook(world.engine, called, &hook, NULL), WEIR_OK);
    api_await(world.engine, api_submit(world.engine, "hello"), &event);
    api_release(&event);
    CHECK_EQ(weir_set_wake_hook(world.engine, NULL, NULL, NULL), WEIR_OK);
    world_close(&world);
    CHECK_EQ(atomic_load(&hook.destroyed), 0);
}

/* Released with traffic: the last call comes before destroy, on whatever thread. */
static void destroyed_by_release(const char* drive) {
    int i;
    for (i = 0; i < 20; ++i) {
        struct hook hook = {0};
        struct world world;
        int request;
        world_open(&world, drive);
        CHECK_EQ(weir_set_wake_hook(world.engine, called, &hook, destroyed), WEIR_OK);
        for (request = 0; request < 5; ++request) api_submit(world.engine, "hello");
        weir_engine_release(world.engine);
        await_destroyed(&hook);
        peer_stop(world.peer);
    }
}

/* Several threads set it at once; each hook is destroyed once. */
struct setter {
    weir_engine* engine;
    struct hook hooks[20];
};

static void* set_many(void* argument) {
    struct setter* setter = argument;
    int i;
    for (i = 0; i < 20; ++i)
        CHECK_EQ(weir_set_wake_hook(setter->engine, called, &setter->hooks[i], destroyed), WEIR_OK);
    return NULL;
}

static void set_by_many_threads(const char* drive) {
    static struct setter setters[3];
    struct world world;
    pthread_t threads[3];
    int i, j;
    world_open(&world, drive);
    for (i = 0; i < 3; ++i) {
        setters[i] = (struct setter){world.engine, {{0}}};
        DIE_UNLESS(pthread_create(&threads[i], NULL, set_many, &setters[i]) == 0);
    }
    for (i = 0; i < 20; ++i) {
        weir_event event;
        api_await(world.engine, api_submit(world.engine, "hello"), &event);
        api_release(&event);
    }
    for (i = 0; i < 3; ++i) pthread_join(threads[i], NULL);
    CHECK_EQ(weir_set_wake_hook(world.engine, NULL, NULL, NULL), WEIR_OK);
    world_close(&world);
    for (i = 0; i < 3; ++i)
        for (j = 0; j < 20; ++j) await_destroyed(&setters[i].hooks[j]);
}

/* What a host, or OpenSSL, keeps for each thread is freed when weir_engine_wait returns. */
static atomic_int thread_ended;

static void end_slowly(void* key) {
    (void)key;
    api_sleep_ms(50);
    atomic_store(&thread_ended, 1);
}

static void keep_for_thread(void* key) { pthread_setspecific(*(pthread_key_t*)key, key); }

static void wait_sees_the_thread_end(void) {
    static pthread_key_t key;
    struct world world;
    weir_event event;
    DIE_UNLESS(pthread_key_create(&key, end_slowly) == 0);
    world_open(&world, "thread");
    CHECK_EQ(weir_set_wake_hook(world.engine, keep_for_thread, &key, NULL), WEIR_OK);
    api_await(world.engine, api_submit(world.engine, "hello"), &event);
    api_release(&event);
    CHECK_EQ(weir_engine_close(world.engine), WEIR_OK);
    CHECK_EQ(weir_engine_wait(world.engine, PATIENCE_MS), WEIR_OK);
    CHECK_EQ(atomic_load(&thread_ended), 1);
    world_close(&world);
}

int main(void) {
    api_load();
    RUN(hook_is_enough);
    RUN(set_late);
    RUN_DRIVEN(replaced_and_removed);
    RUN_DRIVEN(without_destroy);
    RUN_DRIVEN(destroyed_by_release);
    RUN_DRIVEN(set_by_many_threads);
    RUN(wait_sees_the_thread_end);
    return check_end();
}
