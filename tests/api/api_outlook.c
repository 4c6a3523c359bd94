/* What can be known before a request is submitted, and while it waits. */
#include <string.h>

#include "api.h"

#define CLASS_LIMIT "limit.claude-sonnet-4."

static void open_limited(struct world* world, const char* drive, const char* key,
                         const char* limit) {
    weir_config* config;
    world->drive = drive;
    world->peer = peer_start();
    config = api_config(drive, peer_url(world->peer));
    if (key != NULL) api_set(config, key, limit);
    api_set(config, "limits.output_accounting", "reserved");
    api_set(config, "queue.ageing_ms", "0");
    world->engine = api_open(config);
    weir_config_release(config);
}

static int32_t submit_for(weir_engine* engine, int priority, long long deadline_ms,
                          weir_error** error) {
    uint64_t ticket = 0;
    weir_request* request = api_request("hello");
    int32_t status;
    CHECK_EQ(weir_request_set_priority(request, priority), WEIR_OK);
    CHECK_EQ(weir_request_set_deadline_ms(request, deadline_ms), WEIR_OK);
    status = weir_submit(engine, request, &ticket, error);
    CHECK_EQ(ticket != 0, status == WEIR_OK);
    weir_request_release(request);
    return status;
}

/* Lets a caller-driven engine move, and gives another one the time to. */
static void move(weir_engine* engine) {
    weir_event event;
    if (api_next(engine, &event, 20) == 1) api_release(&event);
}

static void larger_than_a_limit(const char* drive) {
    struct world world;
    weir_error* error;
    weir_request* request;
    uint64_t ticket = 1;
    open_limited(&world, drive, CLASS_LIMIT "input_tokens_per_minute", "2000");
    request = api_request("hello");
    CHECK_EQ(weir_request_set(request, "input_tokens", WEIR_NUL, "2001", WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_submit(world.engine, request, &ticket, &error), WEIR_ERR_NEVER_FITS);
    CHECK_EQ(ticket, 0);
    CHECK_EQ(weir_error_code(error), WEIR_ERR_NEVER_FITS);
    CHECK_HAS(weir_error_message(error), "2001 input tokens");
    CHECK_HAS(weir_error_message(error), "above 2000 a minute");
    CHECK_HAS(weir_error_message(error), "claude-sonnet-4");
    weir_error_release(error);
    CHECK_EQ(weir_request_set(request, "input_tokens", WEIR_NUL, "1500", WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_submit(world.engine, request, &ticket, NULL), WEIR_OK);
    weir_request_release(request);
    world_close(&world);

    /* max_tokens is 64. */
    open_limited(&world, drive, CLASS_LIMIT "output_tokens_per_minute", "63");
    request = api_request("hello");
    CHECK_EQ(weir_submit(world.engine, request, &ticket, &error), WEIR_ERR_NEVER_FITS);
    CHECK_HAS(weir_error_message(error), "64 output tokens");
    CHECK_HAS(weir_error_message(error), "max_tokens");
    weir_error_release(error);
    weir_request_release(request);
    world_close(&world);
}

static void too_late(const char* drive) {
    struct world world;
    weir_error* error = NULL;
    const long long until = api_now_ms() + PATIENCE_MS;
    int i;
    int32_t status = WEIR_OK;
    open_limited(&world, drive, CLASS_LIMIT "requests_per_minute", "60");
    peer_gate(world.peer, 0);
    for (i = 0; i < 300; ++i) api_submit(world.engine, "hello");
    while (status == WEIR_OK && api_now_ms() < until) {
        move(world.engine);
        weir_error_release(error);
        status = submit_for(world.engine, WEIR_PRIORITY_NORMAL, 20000, &error);
    }
    CHECK_EQ(status, WEIR_ERR_TOO_LATE);
    CHECK_HAS(weir_error_message(error), "deadline");
    CHECK_GE(weir_error_retry_after_ms(error), 20000);
    CHECK_LT(weir_error_retry_after_ms(error), 300000);
    weir_error_release(error);
    /* What goes before the rest has its time; so has what can wait. */
    CHECK_EQ(submit_for(world.engine, WEIR_PRIORITY_CRITICAL, 20000, NULL), WEIR_OK);
    CHECK_EQ(submit_for(world.engine, WEIR_PRIORITY_NORMAL, 3600000, NULL), WEIR_OK);
    peer_gate(world.peer, 1);
    world_close(&world);
}

static void nothing_is_known(const char* drive) {
    struct world world;
    weir_request* request;
    int i;
    open_limited(&world, drive, NULL, NULL);
    peer_gate(world.peer, 0);
    for (i = 0; i < 100; ++i) api_submit(world.engine, "hello");
    move(world.engine);
    move(world.engine);
    CHECK_EQ(submit_for(world.engine, WEIR_PRIORITY_LOW, 1000, NULL), WEIR_OK);
    request = api_request("hello");
    CHECK_EQ(weir_request_set(request, "input_tokens", WEIR_NUL, "900000000", WEIR_NUL, NULL),
             WEIR_OK);
    CHECK_EQ(weir_submit(world.engine, request, NULL, NULL), WEIR_OK);
    weir_request_release(request);
    peer_gate(world.peer, 1);
    world_close(&world);
}

static void estimates(const char* drive) {
    struct world world;
    weir_text* text;
    weir_error* error;
    weir_request* request;
    int i;
    open_limited(&world, drive, CLASS_LIMIT "requests_per_minute", "60");
    request = api_request("hello");
    CHECK_EQ(weir_request_set(request, "input_tokens", WEIR_NUL, "77", WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_estimate(world.engine, request, &text, NULL), WEIR_OK);
    CHECK_HAS(weir_text_data(text, NULL), "{\"schema\":1,\"lane\":\"online\"");
    CHECK_HAS(weir_text_data(text, NULL), "\"model_class\":\"claude-sonnet-4\"");
    CHECK_HAS(weir_text_data(text, NULL), "\"account\":\"main\"");
    CHECK_HAS(weir_text_data(text, NULL), "\"input_tokens\":77,\"input_spread\":null");
    CHECK_HAS(weir_text_data(text, NULL), "\"starts_in_ms\":0,\"binding\":null");
    CHECK_HAS(weir_text_data(text, NULL), "\"never_fits\":false,\"queue\":{\"ahead\":0}}");
    weir_text_release(text);

    peer_gate(world.peer, 0);
    for (i = 0; i < 50; ++i) api_submit(world.engine, "hello");
    move(world.engine);
    move(world.engine);
    CHECK_EQ(weir_estimate(world.engine, request, &text, NULL), WEIR_OK);
    CHECK_HAS(weir_text_data(text, NULL), "\"binding\":\"requests\"");
    CHECK_HAS_NOT(weir_text_data(text, NULL), "\"starts_in_ms\":0,");
    CHECK_HAS_NOT(weir_text_data(text, NULL), "\"ahead\":0}");
    weir_text_release(text);

    CHECK_EQ(weir_estimate(world.engine, request, NULL, &error), WEIR_ERR_BAD_ARGUMENT);
    weir_error_release(error);
    CHECK_EQ(weir_request_reset(request), WEIR_OK);
    CHECK_EQ(weir_estimate(world.engine, request, &text, &error), WEIR_ERR_BAD_BODY);
    CHECK(text == NULL);
    weir_error_release(error);
    weir_request_release(request);
    peer_gate(world.peer, 1);
    world_close(&world);

    open_limited(&world, drive, CLASS_LIMIT "input_tokens_per_minute", "2000");
    request = api_request("hello");
    CHECK_EQ(weir_request_set(request, "input_tokens", WEIR_NUL, "3000", WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_estimate(world.engine, request, &text, NULL), WEIR_OK);
    CHECK_HAS(weir_text_data(text, NULL), "\"starts_in_ms\":-1,\"binding\":\"input_tokens\"");
    CHECK_HAS(weir_text_data(text, NULL), "\"never_fits\":true,\"holds\":2000,\"needs\":3000");
    weir_text_release(text);
    weir_request_release(request);
    world_close(&world);
}

static void places(const char* drive) {
    struct world world;
    weir_error* error;
    weir_event event;
    uint64_t tickets[20];
    int64_t ahead, before, starts_in_ms;
    int i;
    open_limited(&world, drive, CLASS_LIMIT "requests_per_minute", "60");
    peer_gate(world.peer, 0);
    for (i = 0; i < 20; ++i) tickets[i] = api_submit(world.engine, "hello");
    /* Wherever it is on its way into the engine, it has a place. */
    CHECK_EQ(weir_place(world.engine, tickets[19], &ahead, &starts_in_ms, NULL), WEIR_OK);
    for (i = 0; i < 50 && peer_requests(world.peer) == 0; ++i) move(world.engine);
    ahead = starts_in_ms = 7;
    CHECK_EQ(weir_place(world.engine, tickets[0], &ahead, &starts_in_ms, NULL), WEIR_OK);
    CHECK_EQ(ahead, 0);
    CHECK_EQ(starts_in_ms, 0);
    CHECK_EQ(weir_place(world.engine, tickets[18], &before, NULL, NULL), WEIR_OK);
    CHECK_EQ(weir_place(world.engine, tickets[19], &ahead, &starts_in_ms, NULL), WEIR_OK);
    CHECK_GE(ahead, 1);
    CHECK_LT(before, ahead);
    CHECK_GE(starts_in_ms, 1);
    CHECK_LT(starts_in_ms, 25000);

    CHECK_EQ(weir_place(world.engine, 12345, &ahead, &starts_in_ms, &error), WEIR_ERR_NOT_FOUND);
    CHECK_EQ(weir_error_code(error), WEIR_ERR_NOT_FOUND);
    CHECK_EQ(ahead, 0);
    weir_error_release(error);
    CHECK_EQ(weir_cancel(world.engine, tickets[19]), WEIR_OK);
    api_await(world.engine, tickets[19], &event);
    api_release(&event);
    CHECK_EQ(weir_place(world.engine, tickets[19], NULL, NULL, NULL), WEIR_ERR_NOT_FOUND);
    peer_gate(world.peer, 1);
    world_close(&world);
}

int main(void) {
    api_load();
    RUN_DRIVEN(larger_than_a_limit);
    RUN_DRIVEN(too_late);
    RUN_DRIVEN(nothing_is_known);
    RUN_DRIVEN(estimates);
    RUN_DRIVEN(places);
    return check_end();
}
