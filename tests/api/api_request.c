/* The request builder: what it takes, what it refuses and what it says then. */
#include <stdio.h>
#include <string.h>

#include "api.h"

#define BODY(rest) "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":64," rest "}"
#define MESSAGES "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]"

static weir_request* new_request(void) {
    weir_request* request = NULL;
    DIE_UNLESS(weir_request_new(&request, NULL) == WEIR_OK);
    return request;
}

static void bad_bodies(void) {
    /* What the message must name: the member that is missing or wrong. */
    static const struct {
        const char* body;
        const char* part;
    } bodies[] = {
        {"{\"max_tokens\":64," MESSAGES "}", "model"},
        {"{\"model\":5,\"max_tokens\":64," MESSAGES "}", "model"},
        {"{\"model\":\"\",\"max_tokens\":64," MESSAGES "}", "model"},
        {"{\"model\":\"claude-sonnet-4-5\"," MESSAGES "}", "max_tokens"},
        {"{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":-1," MESSAGES "}", "max_tokens"},
        {"{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":\"64\"," MESSAGES "}", "max_tokens"},
        {"{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":1e300," MESSAGES "}", "max_tokens"},
        {"{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":64}", "messages"},
        {BODY("\"messages\":{}"), "messages"},
        {BODY(MESSAGES ",\"stream\":\"yes\""), "stream"},
        {"[" BODY(MESSAGES) "]", "object"},
        {BODY(MESSAGES) "x", "JSON"},
        {BODY(MESSAGES ",\"x\":\"\\ud83d\""), "surrogate pair at byte"},
    };
    size_t i;
    for (i = 0; i < sizeof bodies / sizeof bodies[0]; ++i) {
        weir_request* request = new_request();
        weir_error* error = NULL;
        check_context("body %s", bodies[i].body);
        CHECK_EQ(weir_request_set_body(request, bodies[i].body, WEIR_NUL, &error),
                 WEIR_ERR_BAD_BODY);
        CHECK_EQ(weir_error_code(error), WEIR_ERR_BAD_BODY);
        CHECK_HAS(weir_error_message(error), bodies[i].part);
        CHECK_HAS_NOT(weir_error_message(error), "hello"); /* never a body */
        weir_error_release(error);
        weir_request_release(request);
    }
}

static void bodies_length(void) {
    static const char body[] = BODY(MESSAGES) "trailing bytes";
    weir_request* request = new_request();
    CHECK_EQ(weir_request_set_body(request, body, strlen(BODY(MESSAGES)), NULL), WEIR_OK);
    CHECK_EQ(weir_request_set_body(request, BODY(MESSAGES), WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set_body(request, NULL, 5, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_request_set_body(request, NULL, WEIR_NUL, NULL), WEIR_ERR_BAD_ARGUMENT);
    weir_request_release(request);
}

/* A refused body leaves the one that was set before. */
static void refused_body_has_no_effect(const char* drive) {
    struct world world;
    weir_request* request = api_request("echo-6");
    weir_event event;
    uint64_t ticket = 0;
    world_open(&world, drive);
    CHECK_EQ(weir_request_set_body(request, "{}", WEIR_NUL, NULL), WEIR_ERR_BAD_BODY);
    CHECK_EQ(weir_submit(world.engine, request, &ticket, NULL), WEIR_OK);
    api_await(world.engine, ticket, &event);
    CHECK_HAS(event.data, "echo-6");
    api_release(&event);
    weir_request_release(request);
    world_close(&world);
}

static void numbers(void) {
    weir_request* request = new_request();
    int32_t priority;
    for (priority = WEIR_PRIORITY_CRITICAL; priority <= WEIR_PRIORITY_LOW; ++priority)
        CHECK_EQ(weir_request_set_priority(request, priority), WEIR_OK);
    CHECK_EQ(weir_request_set_priority(request, -1), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_request_set_priority(request, 4), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_request_set_priority(request, INT32_MAX), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_request_set_user_data(request, UINT64_MAX), WEIR_OK);
    CHECK_EQ(weir_request_set_tag(request, UINT64_MAX), WEIR_OK);
    CHECK_EQ(weir_request_set_tag(request, 0), WEIR_OK);
    CHECK_EQ(weir_request_set_deadline_ms(request, 0), WEIR_OK);
    CHECK_EQ(weir_request_set_deadline_ms(request, 1), WEIR_OK);
    CHECK_EQ(weir_request_set_deadline_ms(request, -1), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_request_set_deadline_ms(request, INT64_MIN), WEIR_ERR_BAD_ARGUMENT);
    weir_request_release(request);
}

/* A deadline so far away that nanoseconds overflow is as good as none. */
static void far_deadline(const char* drive) {
    struct world world;
    weir_request* request = api_request("hello");
    weir_event event;
    uint64_t ticket = 0;
    const int32_t status = weir_request_set_deadline_ms(request, INT64_MAX);
    world_open(&world, drive);
    CHECK(status == WEIR_OK || status == WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_submit(world.engine, request, &ticket, NULL), WEIR_OK);
    api_await(world.engine, ticket, &event);
    CHECK_EQ(event.type, WEIR_EVENT_DONE);
    api_release(&event);
    weir_request_release(request);
    world_close(&world);
}

static void refused_key(int32_t expected, const char* key, const char* value) {
    weir_request* request = new_request();
    weir_error* error = NULL;
    check_context("%s = %s", key, value);
    CHECK_EQ(weir_request_set(request, key, WEIR_NUL, value, WEIR_NUL, &error), expected);
    CHECK_EQ(weir_error_code(error), expected);
    CHECK_HAS(weir_error_message(error), key);
    weir_error_release(error);
    weir_request_release(request);
}

static void keys(void) {
    static const char* const owned[] = {
        "header.x-api-key",      "header.Authorization",     "header.HOST",
        "header.content-length", "header.transfer-encoding", "header.connection",
        "header.content-type",   "header.anthropic-version"};
    weir_request* request = new_request();
    size_t i;
    CHECK_EQ(weir_request_set(request, "input_tokens", WEIR_NUL, "100", 3, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "input_tokens", WEIR_NUL, "", 0, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "output_tokens", WEIR_NUL, "100", 3, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "stream_restart", WEIR_NUL, "true", 4, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "stream_restart", WEIR_NUL, "false", 5, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "stream_restart", WEIR_NUL, "", 0, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "header.anthropic-beta", WEIR_NUL, "a,b", 3, NULL), WEIR_OK);
    weir_request_release(request);
    refused_key(WEIR_ERR_UNKNOWN_KEY, "input_token", "1");
    refused_key(WEIR_ERR_UNKNOWN_KEY, "priority", "1");
    refused_key(WEIR_ERR_INVALID_VALUE, "stream_restart", "yes");
    refused_key(WEIR_ERR_INVALID_VALUE, "input_tokens", "-1");
    refused_key(WEIR_ERR_INVALID_VALUE, "input_tokens", "ten");
    refused_key(WEIR_ERR_INVALID_VALUE, "output_tokens", "99999999999999999999");
    refused_key(WEIR_ERR_INVALID_VALUE, "header.x-a", "b\r\nx-evil: 1");
    refused_key(WEIR_ERR_INVALID_VALUE, "header.x-a", "b\nc");
    for (i = 0; i < sizeof owned / sizeof owned[0]; ++i) {
        weir_request* other = new_request();
        const int32_t status = weir_request_set(other, owned[i], WEIR_NUL, "x", 1, NULL);
        check_context("%s", owned[i]);
        CHECK(status == WEIR_ERR_UNSUPPORTED || status == WEIR_ERR_UNKNOWN_KEY ||
              status == WEIR_ERR_INVALID_VALUE);
        weir_request_release(other);
    }
}

static void bad_header_names(void) {
    static const char* const names[] = {"header.",       "header.a b",      "header.a:b",
                                        "header.a\r\nb", "header.\xc3\xa9", "header.a\x7f"};
    size_t i;
    for (i = 0; i < sizeof names / sizeof names[0]; ++i) {
        weir_request* request = new_request();
        check_context("%s", names[i]);
        CHECK(weir_request_set(request, names[i], WEIR_NUL, "x", 1, NULL) < 0);
        weir_request_release(request);
    }
}

/* Headers are sent as they were set last; taking one back and reset take effect. */
static void headers_travel(const char* drive) {
    struct world world;
    weir_request* request = api_request("hello");
    weir_event event;
    uint64_t ticket = 0;
    char seen[4096];
    world_open(&world, drive);
    CHECK_EQ(weir_request_set(request, "header.x-one", WEIR_NUL, "first", 5, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "header.x-one", WEIR_NUL, "second", 6, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "header.x-two", WEIR_NUL, "gone", 4, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "header.x-two", WEIR_NUL, "", 0, NULL), WEIR_OK);
    CHECK_EQ(weir_submit(world.engine, request, &ticket, NULL), WEIR_OK);
    api_await(world.engine, ticket, &event);
    api_release(&event);
    peer_last_request(world.peer, seen, sizeof seen);
    CHECK_HAS(seen, "x-one: second\r\n");
    CHECK_HAS_NOT(seen, "first");
    CHECK_HAS_NOT(seen, "x-two");
    CHECK_EQ(weir_request_reset(request), WEIR_OK);
    CHECK_EQ(weir_submit(world.engine, request, &ticket, NULL), WEIR_ERR_BAD_BODY);
    api_set_text(request, "hello", 0);
    CHECK_EQ(weir_submit(world.engine, request, &ticket, NULL), WEIR_OK);
    api_await(world.engine, ticket, &event);
    CHECK_EQ(event.user_data, 0);
    api_release(&event);
    peer_last_request(world.peer, seen, sizeof seen);
    CHECK_HAS_NOT(seen, "x-one");
    weir_request_release(request);
    world_close(&world);
}

/* With one place in flight, the few requests of one tenant do not wait for the many of another. */
static void tenants_share(const char* drive) {
    enum { MANY = 8, FEW = 2 };
    struct peer* peer = peer_start();
    weir_config* config = api_config(drive, peer_url(peer));
    weir_request* request = api_request("hello");
    weir_engine* engine;
    int place, last_of_few = 0;
    uint64_t i;
    api_set(config, "concurrency.max", "1");
    engine = api_open(config);
    peer_gate(peer, 0); /* nothing is answered before all are there */
    for (i = 0; i < MANY + FEW; ++i) {
        const char* tenant = i < MANY ? "bulk" : "interactive";
        CHECK_EQ(weir_request_set(request, "tenant", WEIR_NUL, tenant, WEIR_NUL, NULL), WEIR_OK);
        CHECK_EQ(weir_request_set_user_data(request, i), WEIR_OK);
        CHECK_EQ(weir_submit(engine, request, NULL, NULL), WEIR_OK);
    }
    peer_gate(peer, 1);
    for (place = 1; place <= MANY + FEW; ++place) {
        weir_event event;
        DIE_UNLESS(api_next(engine, &event, PATIENCE_MS) == 1);
        CHECK_EQ(event.type, WEIR_EVENT_DONE);
        if (event.user_data >= MANY) last_of_few = place;
        api_release(&event);
    }
    /* One may be under way before the few are there, and turns alternate from then on. */
    CHECK(last_of_few <= 6);
    weir_request_release(request);
    weir_config_release(config);
    CHECK_EQ(api_drain(engine), 0);
    weir_engine_release(engine);
    peer_stop(peer);
}

int main(void) {
    api_load();
    RUN(bad_bodies);
    RUN(bodies_length);
    RUN_DRIVEN(refused_body_has_no_effect);
    RUN(numbers);
    RUN_DRIVEN(far_deadline);
    RUN(keys);
    RUN(bad_header_names);
    RUN_DRIVEN(headers_travel);
    RUN_DRIVEN(tenants_share);
    return check_end();
}
