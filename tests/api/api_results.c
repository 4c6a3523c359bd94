/* What comes with an answer and with a failure; user_data, cancel by ticket and tag, deadlines,
 * priorities. */
#include <stdio.h>
#include <string.h>

#include "api.h"

static void answer(const char* drive) {
    struct world world;
    weir_request* request = api_request("echo-42");
    weir_event event;
    uint64_t ticket = 0;
    world_open(&world, drive);
    CHECK_EQ(weir_request_set_user_data(request, UINT64_MAX), WEIR_OK);
    CHECK_EQ(weir_submit(world.engine, request, &ticket, NULL), WEIR_OK);
    weir_request_release(request);
    api_await(world.engine, ticket, &event);
    REQUIRE(event.type == WEIR_EVENT_DONE);
    CHECK_EQ(event.ticket, ticket);
    CHECK_EQ(event.user_data, UINT64_MAX);
    CHECK_EQ(event.status, WEIR_OK);
    CHECK_EQ(event.flags, 0);
    CHECK_EQ(event.reserved, 0);
    CHECK_EQ(event.data_length, strlen(event.data)); /* NUL-terminated as well */
    CHECK_EQ(((const char*)event.data)[0], '{');
    CHECK_EQ(((const char*)event.data)[event.data_length - 1], '}');
    CHECK_HAS(event.data, "echo-42");
    api_release(&event);
    world_close(&world);
}

static void check_numbers(const weir_response* response) {
    CHECK_EQ(weir_response_http_status(response), 200);
    CHECK_EQ(weir_response_number(response, WEIR_NUMBER_INPUT_TOKENS), 12);
    CHECK_EQ(weir_response_number(response, WEIR_NUMBER_CACHE_WRITE_TOKENS), 3);
    CHECK_EQ(weir_response_number(response, WEIR_NUMBER_CACHE_READ_TOKENS), 4);
    CHECK_EQ(weir_response_number(response, WEIR_NUMBER_OUTPUT_TOKENS), 5);
    CHECK_EQ(weir_response_number(response, WEIR_NUMBER_ATTEMPTS), 1);
    CHECK_GE(weir_response_number(response, WEIR_NUMBER_QUEUED_MS), 0);
    CHECK_GE(weir_response_number(response, WEIR_NUMBER_FIRST_BYTE_MS), 49);
    CHECK_GE(weir_response_number(response, WEIR_NUMBER_TOTAL_MS),
             weir_response_number(response, WEIR_NUMBER_FIRST_BYTE_MS));
    CHECK_LT(weir_response_number(response, WEIR_NUMBER_TOTAL_MS), PATIENCE_MS);
    /* Dollars a million tokens: 3 of input, 3.75 written to the cache, 0.30 read, 15 of output. */
    CHECK_EQ(weir_response_number(response, WEIR_NUMBER_COST_MICROS), 124);
    CHECK_EQ(weir_response_number(response, 0), -1);
    CHECK_EQ(weir_response_number(response, 9999), -1);
    CHECK_STR(weir_response_string(response, WEIR_STRING_MODEL), "claude-sonnet-4-5-20250929");
    CHECK_STR(weir_response_string(response, WEIR_STRING_ACCOUNT), "main");
    CHECK_STR(weir_response_string(response, WEIR_STRING_REQUEST_ID), "req_test");
    CHECK_STR(weir_response_string(response, WEIR_STRING_STOP_REASON), "end_turn");
    CHECK_STR(weir_response_string(response, 0), "");
    CHECK_STR(weir_response_string(response, 9999), "");
}

static void check_headers(const weir_response* response) {
    const char *name = NULL, *value = NULL;
    size_t length = 0, count = 0;
    CHECK_EQ(weir_response_header(response, "x-mixed-case", WEIR_NUL, &value, &length), WEIR_OK);
    CHECK_STR(value, "Some Value");
    CHECK_EQ(length, strlen("Some Value"));
    CHECK_EQ(weir_response_header(response, "X-MIXED-CASE", WEIR_NUL, &value, NULL), WEIR_OK);
    CHECK_EQ(weir_response_header(response, "x-mixed-cas", WEIR_NUL, NULL, NULL),
             WEIR_ERR_NOT_FOUND);
    CHECK_EQ(weir_response_header(response, "", 0, &value, &length), WEIR_ERR_NOT_FOUND);
    while (weir_response_header_at(response, count, &name, &value) == WEIR_OK) {
        CHECK(name != NULL && value != NULL);
        ++count;
        REQUIRE(count < 100);
    }
    CHECK_GE(count, 10);
    CHECK_EQ(weir_response_header_at(response, count, &name, &value), WEIR_ERR_NOT_FOUND);
    CHECK_EQ(weir_response_header_at(response, (size_t)-1, NULL, NULL), WEIR_ERR_NOT_FOUND);
}

static void numbers_and_strings(const char* drive) {
    const struct peer_reply replies[] = {{PEER_ANSWER, 0, 50, NULL}, {PEER_STREAM, 0, 50, NULL}};
    int i;
    for (i = 0; i < 2; ++i) {
        struct world world;
        weir_event event;
        check_context("engine.drive=%s %s", drive, i ? "stream" : "answer");
        world_open(&world, drive);
        peer_next(world.peer, replies[i]);
        api_await(world.engine,
                  i ? api_submit_stream(world.engine, "hi") : api_submit(world.engine, "hi"),
                  &event);
        CHECK_EQ(event.type, WEIR_EVENT_DONE);
        if (event.type == WEIR_EVENT_DONE) {
            check_numbers(event.object);
            check_headers(event.object);
        }
        api_release(&event);
        world_close(&world);
    }
}

static void each_answer_to_its_request(const char* drive) {
    enum { kRequests = 100 };
    struct world world;
    uint64_t tickets[kRequests];
    int seen[kRequests] = {0};
    int i, taken = 0;
    world_open(&world, drive);
    for (i = 0; i < kRequests; ++i) {
        char text[32];
        weir_request* request;
        snprintf(text, sizeof text, "echo-%d", 1000 + i);
        request = api_request(text);
        CHECK_EQ(weir_request_set_user_data(request, (uint64_t)i), WEIR_OK);
        CHECK_EQ(weir_submit(world.engine, request, &tickets[i], NULL), WEIR_OK);
        weir_request_release(request);
    }
    for (; taken < kRequests; ++taken) {
        weir_event event;
        char expected[32];
        REQUIRE(api_next(world.engine, &event, PATIENCE_MS) == 1);
        REQUIRE(event.user_data < kRequests);
        CHECK_EQ(event.ticket, tickets[event.user_data]);
        CHECK_EQ(++seen[event.user_data], 1);
        snprintf(expected, sizeof expected, "echo-%d\"", 1000 + (int)event.user_data);
        CHECK_HAS(event.data, expected);
        api_release(&event);
    }
    CHECK_EQ(peer_requests(world.peer), kRequests);
    world_close(&world);
}

/* Waits until the engine has nothing more to say for the moment. */
static int take_cancelled(weir_engine* engine, int count) {
    int taken = 0;
    weir_event event;
    while (taken < count && api_next(engine, &event, PATIENCE_MS) == 1) {
        CHECK_EQ(event.type, WEIR_EVENT_FAILED);
        CHECK_EQ(event.status, WEIR_ERR_CANCELLED);
        CHECK_EQ(event.flags & WEIR_ERROR_CANCELLED, WEIR_ERROR_CANCELLED);
        ++taken;
        api_release(&event);
    }
    return taken;
}

static void cancel(const char* drive) {
    struct world world;
    uint64_t sent, queued;
    weir_event event;
    world_open(&world, drive);
    CHECK_EQ(weir_cancel(world.engine, 0), WEIR_ERR_NOT_FOUND);
    CHECK_EQ(weir_cancel(world.engine, UINT64_MAX), WEIR_ERR_NOT_FOUND);
    CHECK_EQ(weir_cancel(world.engine, 12345), WEIR_ERR_NOT_FOUND);
    sent = api_submit(world.engine, "reply=hang");
    queued = api_submit(world.engine, "reply=hang");
    while (peer_requests(world.peer) < 1)
        CHECK_GE(weir_poll(world.engine, &event, sizeof event, 1, 5), 0);
    CHECK_EQ(weir_cancel(world.engine, queued), WEIR_OK);
    CHECK_EQ(take_cancelled(world.engine, 1), 1);
    CHECK_EQ(weir_cancel(world.engine, queued), WEIR_ERR_NOT_FOUND);
    CHECK_EQ(weir_cancel(world.engine, sent), WEIR_OK);
    REQUIRE(api_next(world.engine, &event, PATIENCE_MS) == 1);
    CHECK_EQ(event.ticket, sent);
    CHECK_EQ(event.flags & WEIR_ERROR_MAYBE_EXECUTED, WEIR_ERROR_MAYBE_EXECUTED);
    CHECK_EQ(weir_error_attempts(event.object), 1);
    api_release(&event);
    world_close(&world);
}

static void cancel_tag(const char* drive) {
    struct world world;
    weir_request* request = api_request("reply=hang");
    uint64_t ticket;
    int i;
    weir_event event;
    world_open(&world, drive);
    CHECK_EQ(weir_cancel_tag(world.engine, 0), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_cancel_tag(world.engine, 5), WEIR_ERR_NOT_FOUND);
    for (i = 0; i < 20; ++i) {
        CHECK_EQ(weir_request_set_tag(request, i % 2 ? 5 : 6), WEIR_OK);
        CHECK_EQ(weir_submit(world.engine, request, &ticket, NULL), WEIR_OK);
    }
    CHECK_EQ(weir_cancel_tag(world.engine, 5), WEIR_OK);
    /* One that is accepted after the call is not meant. */
    CHECK_EQ(weir_request_set_tag(request, 5), WEIR_OK);
    CHECK_EQ(weir_submit(world.engine, request, &ticket, NULL), WEIR_OK);
    CHECK_EQ(take_cancelled(world.engine, 10), 10);
    CHECK_EQ(api_next(world.engine, &event, 50), 0);
    CHECK_EQ(weir_cancel_tag(world.engine, 6), WEIR_OK);
    CHECK_EQ(take_cancelled(world.engine, 10), 10);
    CHECK_EQ(weir_cancel(world.engine, ticket), WEIR_OK);
    CHECK_EQ(take_cancelled(world.engine, 1), 1);
    weir_request_release(request);
    world_close(&world);
}

static void deadline(const char* drive) {
    struct world world;
    weir_request* request = api_request("reply=hang");
    long long before;
    uint64_t ticket = 0;
    weir_event event;
    world_open(&world, drive);
    CHECK_EQ(weir_request_set_deadline_ms(request, 200), WEIR_OK);
    before = api_now_ms();
    CHECK_EQ(weir_submit(world.engine, request, &ticket, NULL), WEIR_OK);
    weir_request_release(request);
    api_await(world.engine, ticket, &event);
    CHECK_EQ(event.status, WEIR_ERR_DEADLINE);
    CHECK_EQ(event.flags & WEIR_ERROR_TIMED_OUT, WEIR_ERROR_TIMED_OUT);
    CHECK_GE(api_now_ms() - before, 199);
    CHECK_LT(api_now_ms() - before, 200 + check_slack_ms(300));
    api_release(&event);
    world_close(&world);
}

/* With one attempt at a time, the next to start is the most urgent, then the oldest. */
static void priorities(const char* drive) {
    struct peer* peer = peer_start();
    weir_config* config = api_config(drive, peer_url(peer));
    weir_engine* engine;
    static const int32_t order[] = {WEIR_PRIORITY_LOW, WEIR_PRIORITY_NORMAL, WEIR_PRIORITY_CRITICAL,
                                    WEIR_PRIORITY_HIGH, WEIR_PRIORITY_CRITICAL};
    static const uint64_t expected[] = {2, 4, 3, 1, 0};
    uint64_t first;
    weir_event event;
    int i;
    api_set(config, "concurrency.max", "1");
    engine = api_open(config);
    weir_config_release(config);
    peer_gate(peer, 0);
    first = api_submit(engine, "hello");
    while (peer_requests(peer) < 1) CHECK_GE(weir_poll(engine, &event, sizeof event, 1, 5), 0);
    for (i = 0; i < 5; ++i) {
        weir_request* request = api_request("hello");
        uint64_t ticket;
        CHECK_EQ(weir_request_set_priority(request, order[i]), WEIR_OK);
        CHECK_EQ(weir_request_set_user_data(request, (uint64_t)i), WEIR_OK);
        CHECK_EQ(weir_submit(engine, request, &ticket, NULL), WEIR_OK);
        weir_request_release(request);
    }
    peer_gate(peer, 1);
    api_await(engine, first, &event);
    api_release(&event);
    for (i = 0; i < 5; ++i) {
        REQUIRE(api_next(engine, &event, PATIENCE_MS) == 1);
        CHECK_EQ(event.user_data, expected[i]);
        api_release(&event);
    }
    api_drain(engine);
    weir_engine_release(engine);
    peer_stop(peer);
}

static void statistics(const char* drive) {
    struct world world;
    weir_text* text = NULL;
    weir_event event;
    size_t length = 0;
    world_open(&world, drive);
    api_await(world.engine, api_submit(world.engine, "hello"), &event);
    api_release(&event);
    CHECK_EQ(weir_engine_stats(world.engine, &text, NULL), WEIR_OK);
    CHECK_HAS(weir_text_data(text, &length), "\"schema\"");
    CHECK_EQ(length, strlen(weir_text_data(text, NULL)));
    weir_text_release(text);
    world_close(&world);
}

int main(void) {
    api_load();
    RUN_DRIVEN(answer);
    RUN_DRIVEN(numbers_and_strings);
    RUN_DRIVEN(each_answer_to_its_request);
    RUN_DRIVEN(cancel);
    RUN_DRIVEN(cancel_tag);
    RUN_DRIVEN(deadline);
    RUN_DRIVEN(priorities);
    RUN_DRIVEN(statistics);
    return check_end();
}
