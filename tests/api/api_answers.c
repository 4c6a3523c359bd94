/* Answers that are put together from a stream, and those that could not be understood. */
#include <string.h>

#include "api.h"

static uint64_t submit_whole(weir_engine* engine, const char* text, int stream) {
    weir_request* request = api_request(text);
    uint64_t ticket = 0;
    api_set_text(request, text, stream);
    CHECK_EQ(weir_request_set(request, "answer", WEIR_NUL, "whole", 5, NULL), WEIR_OK);
    CHECK_EQ(weir_submit(engine, request, &ticket, NULL), WEIR_OK);
    weir_request_release(request);
    return ticket;
}

/* It is streamed on the wire, whether or not the body says so, and comes as one event. */
static void a_whole_answer(const char* drive) {
    struct world world;
    char seen[4096];
    int stream;
    world_open(&world, drive);
    for (stream = 0; stream < 2; ++stream) {
        const uint64_t ticket = submit_whole(world.engine, "echo-42", stream);
        weir_event event;
        CHECK(api_next(world.engine, &event, PATIENCE_MS) == 1);
        CHECK_EQ(event.type, WEIR_EVENT_DONE); /* and no stream event before */
        CHECK_EQ(event.ticket, ticket);
        CHECK_HAS(event.data, "\"type\":\"message\"");
        CHECK_HAS(event.data, "echo-42");
        CHECK_HAS_NOT(event.data, "message_start");
        CHECK_GE(weir_response_number(event.object, WEIR_NUMBER_OUTPUT_TOKENS), 1);
        api_release(&event);
        peer_last_request(world.peer, seen, sizeof seen);
        CHECK_HAS(seen, "\"stream\":true");
    }
    world_close(&world);
}

/* The provider's plain answer to a streamed request is the answer. */
static void a_plain_answer(const char* drive) {
    struct world world;
    weir_event event;
    world_open(&world, drive);
    api_await(world.engine, submit_whole(world.engine, "reply=answer", 0), &event);
    CHECK_EQ(event.type, WEIR_EVENT_DONE);
    CHECK_HAS(event.data, "\"type\":\"message\"");
    api_release(&event);
    world_close(&world);
}

/* Nothing was handed over: the attempt is repeated, and no restart is told. */
static void a_broken_stream(const char* drive) {
    const struct peer_reply cut = {PEER_STREAM_CUT, 0, 0, NULL};
    struct peer* peer = peer_start();
    weir_config* config = api_config(drive, peer_url(peer));
    weir_engine* engine;
    weir_event event;
    api_set(config, KEY_MAX_ATTEMPTS, "2");
    api_set(config, "retry.base_ms", "1");
    engine = api_open(config);
    peer_next(peer, cut);
    submit_whole(engine, "hello", 0);
    CHECK(api_next(engine, &event, PATIENCE_MS) == 1);
    CHECK_EQ(event.type, WEIR_EVENT_DONE);
    CHECK_EQ(weir_response_number(event.object, WEIR_NUMBER_ATTEMPTS), 2);
    api_release(&event);
    weir_config_release(config);
    CHECK_EQ(api_drain(engine), 0);
    weir_engine_release(engine);
    peer_stop(peer);
}

/* It was paid for: its bytes are handed over, and it is bought twice at most. */
static void an_answer_that_is_no_message(const char* drive) {
    struct peer* peer = peer_start();
    weir_config* config = api_config(drive, peer_url(peer));
    weir_engine* engine;
    weir_event event;
    api_set(config, KEY_MAX_ATTEMPTS, "8");
    api_set(config, "retry.base_ms", "1");
    engine = api_open(config);
    api_await(engine, api_submit(engine, "reply=garbage"), &event);
    CHECK_EQ(event.type, WEIR_EVENT_FAILED);
    CHECK_EQ(event.status, WEIR_ERR_BROKEN_RESPONSE);
    CHECK_EQ(weir_error_attempts(event.object), 2);
    CHECK_GE(event.data_length, 1);
    CHECK_EQ(event.data_length, strlen(event.data));
    api_release(&event);
    api_await(engine, api_submit(engine, "reply=400"), &event);
    CHECK_EQ(event.status, WEIR_ERR_REJECTED);
    CHECK_EQ(event.data_length, 0);
    api_release(&event);
    weir_config_release(config);
    CHECK_EQ(api_drain(engine), 0);
    weir_engine_release(engine);
    peer_stop(peer);
}

static void values(void) {
    weir_request* request = api_request("hello");
    weir_error* error = NULL;
    CHECK_EQ(weir_request_set(request, "answer", WEIR_NUL, "as_asked", WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "answer", WEIR_NUL, "half", WEIR_NUL, &error),
             WEIR_ERR_INVALID_VALUE);
    CHECK_HAS(weir_error_message(error), "whole");
    weir_error_release(error);
    weir_request_release(request);
}

int main(void) {
    api_load();
    RUN_DRIVEN(a_whole_answer);
    RUN_DRIVEN(a_plain_answer);
    RUN_DRIVEN(a_broken_stream);
    RUN_DRIVEN(an_answer_that_is_no_message);
    RUN(values);
    return check_end();
}
