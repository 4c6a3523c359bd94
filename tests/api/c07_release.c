/* C7: every release function accepts NULL, never blocks, and may be called in any order and from
 * any thread. Errors, responses, texts and events outlive their engine. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"

static void null_is_accepted(void) {
    weir_event none;
    memset(&none, 0, sizeof none);
    weir_error_release(NULL);
    weir_text_release(NULL);
    weir_config_release(NULL);
    weir_request_release(NULL);
    weir_permit_release(NULL);
    weir_outcome_release(NULL);
    weir_engine_release(NULL);
    weir_events_release(NULL, sizeof(weir_event), 0);
    weir_events_release(NULL, 0, 0);
    weir_events_release(NULL, sizeof(weir_event), 3);
    weir_events_release(&none, sizeof none, 1);
    weir_events_release(&none, sizeof none, 1);
    CHECK(none.object == NULL);
}

/* What a program may hold of an engine. */
struct holdings {
    weir_engine* engine;
    weir_config* config;
    weir_config* engine_config;
    weir_request* request;
    weir_text* stats;
    weir_error* error;
    weir_event done, failed;
};

static void* use(void* argument) {
    struct holdings* held = argument;
    const char* value = NULL;
    size_t length = 0;
    if (held->done.object != NULL) {
        const weir_response* response = held->done.object;
        CHECK_HAS(held->done.data, "echo-5");
        CHECK_EQ(weir_response_http_status(response), 200);
        CHECK_EQ(weir_response_header(response, "request-id", WEIR_NUL, &value, &length), WEIR_OK);
        CHECK_STR(value, "req_test");
        CHECK_STR(weir_response_string(response, WEIR_STRING_REQUEST_ID), "req_test");
        CHECK_EQ(weir_response_number(response, WEIR_NUMBER_OUTPUT_TOKENS), 5);
    }
    if (held->failed.object != NULL) {
        const weir_error* error = held->failed.object;
        CHECK_EQ(weir_error_code(error), WEIR_ERR_REJECTED);
        CHECK_EQ(weir_error_http_status(error), 400);
        CHECK_STR(weir_error_provider_type(error), "invalid_request_error");
    }
    if (held->stats != NULL) CHECK_HAS(weir_text_data(held->stats, &length), "schema");
    if (held->error != NULL) CHECK_EQ(weir_error_code(held->error), WEIR_ERR_BAD_BODY);
    return NULL;
}

static void acquire(struct holdings* held, const char* drive, struct peer* peer) {
    weir_request* empty = NULL;
    uint64_t ticket = 0;
    memset(held, 0, sizeof *held);
    held->config = api_config(drive, peer_url(peer));
    held->engine = api_open(held->config);
    CHECK_EQ(weir_engine_config(held->engine, &held->engine_config, NULL), WEIR_OK);
    CHECK_EQ(weir_request_new(&empty, NULL), WEIR_OK);
    CHECK_EQ(weir_submit(held->engine, empty, &ticket, &held->error), WEIR_ERR_BAD_BODY);
    weir_request_release(empty);
    held->request = api_request("echo-5");
    CHECK_EQ(weir_submit(held->engine, held->request, &ticket, NULL), WEIR_OK);
    api_await(held->engine, ticket, &held->done);
    ticket = api_submit(held->engine, "reply=400");
    api_await(held->engine, ticket, &held->failed);
    CHECK_EQ(weir_engine_stats(held->engine, &held->stats, NULL), WEIR_OK);
    CHECK_EQ(weir_submit(held->engine, held->request, &ticket, NULL), WEIR_OK);
}

static void release_one(struct holdings* held, int which) {
    switch (which) {
        case 0:
            weir_engine_release(held->engine);
            break;
        case 1:
            weir_config_release(held->config);
            break;
        case 2:
            weir_config_release(held->engine_config);
            break;
        case 3:
            weir_request_release(held->request);
            break;
        case 4:
            weir_text_release(held->stats);
            held->stats = NULL;
            break;
        case 5:
            weir_error_release(held->error);
            held->error = NULL;
            break;
        case 6:
            api_release(&held->done);
            break;
        default:
            api_release(&held->failed);
            break;
    }
}

struct release_call {
    struct holdings* held;
    int which;
};

static void* release_on_thread(void* argument) {
    const struct release_call* call = argument;
    const long long before = api_now_ms();
    release_one(call->held, call->which);
    CHECK_LT(api_now_ms() - before, check_slack_ms(100));
    return NULL;
}

/* Every rotation of the order, there and back, so that each object goes before and after each. */
static void any_order_any_thread(const char* drive) {
    enum { kKinds = 8 };
    int rotation, step;
    for (rotation = 0; rotation < 2 * kKinds; ++rotation) {
        struct peer* peer = peer_start();
        struct holdings held;
        check_context("engine.drive=%s rotation %d", drive, rotation);
        acquire(&held, drive, peer);
        for (step = 0; step < kKinds; ++step) {
            const int position = (rotation + step) % kKinds;
            struct release_call call = {&held,
                                        rotation < kKinds ? position : kKinds - 1 - position};
            pthread_t thread;
            DIE_UNLESS(pthread_create(&thread, NULL, release_on_thread, &call) == 0);
            pthread_join(thread, NULL);
            use(&held);
        }
        peer_stop(peer);
    }
}

static void outlive_the_engine(const char* drive) {
    struct peer* peer = peer_start();
    const int threads = api_thread_count();
    struct holdings held;
    pthread_t thread;
    int i;
    acquire(&held, drive, peer);
    weir_engine_release(held.engine);
    api_await_threads(threads); /* the engine is gone, not only given up */
    use(&held);
    DIE_UNLESS(pthread_create(&thread, NULL, use, &held) == 0);
    pthread_join(thread, NULL);
    for (i = 1; i < 8; ++i) release_one(&held, i);
    peer_stop(peer);
}

/* Events are released in one call, with holes in the array, and cleared. */
static void batch_release(const char* drive) {
    struct world world;
    weir_event events[4];
    weir_event zero;
    int taken = 0;
    world_open(&world, drive);
    memset(events, 0, sizeof events);
    memset(&zero, 0, sizeof zero);
    api_submit(world.engine, "hello");
    api_submit(world.engine, "reply=400");
    while (taken < 2) {
        REQUIRE(api_next(world.engine, &events[taken * 2], PATIENCE_MS) == 1);
        ++taken;
    }
    weir_events_release(events, sizeof events[0], 4);
    CHECK_EQ(memcmp(&events[0], &zero, sizeof zero), 0);
    CHECK_EQ(memcmp(&events[2], &zero, sizeof zero), 0);
    world_close(&world);
}

int main(void) {
    api_load();
    RUN(null_is_accepted);
    RUN_DRIVEN(any_order_any_thread);
    RUN_DRIVEN(outlive_the_engine);
    RUN_DRIVEN(batch_release);
    return check_end();
}
