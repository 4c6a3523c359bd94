/* C8: inputs are borrowed for the call and copied before it returns. Each input lies at the end of
 * a page that nothing follows, without a NUL, and is unmapped after the call: a byte read past the
 * length, or a pointer kept, is a segmentation fault. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "api.h"

struct loan {
    char* pages;
    size_t size;
    const char* bytes;
    size_t length;
};

static struct loan lend(const char* text, size_t length) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct loan loan;
    char* end;
    loan.size = (length / page + 2) * page;
    loan.pages = mmap(NULL, loan.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    DIE_UNLESS(loan.pages != MAP_FAILED);
    end = loan.pages + loan.size - page;
    DIE_UNLESS(mprotect(end, page, PROT_NONE) == 0);
    memcpy(end - length, text, length);
    loan.bytes = end - length;
    loan.length = length;
    return loan;
}

static struct loan lend_text(const char* text) { return lend(text, strlen(text)); }

static void take_back(struct loan* loan) { DIE_UNLESS(munmap(loan->pages, loan->size) == 0); }

static void set(weir_config* config, const char* key, const char* value) {
    struct loan k = lend_text(key), v = lend_text(value);
    CHECK_EQ(weir_config_set(config, k.bytes, k.length, v.bytes, v.length, NULL), WEIR_OK);
    take_back(&k);
    take_back(&v);
}

static void check_value(const weir_config* config, const char* key, const char* expected) {
    struct loan k = lend_text(key);
    weir_text* text = NULL;
    CHECK_EQ(weir_config_get(config, k.bytes, k.length, &text, NULL), WEIR_OK);
    take_back(&k);
    if (text != NULL) CHECK_STR(weir_text_data(text, NULL), expected);
    weir_text_release(text);
}

static void configuration(void) {
    weir_config* config = NULL;
    struct loan json = lend_text("{\"queue\":{\"max_requests\":321},\"engine.drive\":\"caller\"}");
    REQUIRE(weir_config_new(&config, NULL) == WEIR_OK);
    set(config, KEY_BASE_URL, "http://127.0.0.1:1234");
    check_value(config, KEY_BASE_URL, "http://127.0.0.1:1234");
    CHECK_EQ(weir_config_set_json(config, json.bytes, json.length, NULL), WEIR_OK);
    take_back(&json);
    check_value(config, KEY_MAX_REQUESTS, "321");
    weir_config_release(config);
}

static void small_texts(void) {
    struct loan name = lend_text("thread_drive"), message = lend_text("from a binding");
    weir_error* error = NULL;
    CHECK_EQ(weir_has_feature(name.bytes, name.length), 1);
    take_back(&name);
    CHECK_EQ(weir_error_new(WEIR_ERR_SERVER, message.bytes, message.length, &error), WEIR_OK);
    take_back(&message);
    CHECK_STR(weir_error_message(error), "from a binding");
    weir_error_release(error);
}

/* Everything that a submit needs is released and unmapped before the engine has moved. */
static void request(const char* drive) {
    static const char body[] =
        "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":64,"
        "\"messages\":[{\"role\":\"user\",\"content\":\"echo-8\"}]}";
    struct peer* peer = peer_start();
    weir_config* config = api_config(drive, peer_url(peer));
    weir_engine* engine = api_open(config);
    struct loan body_loan = lend_text(body);
    struct loan key = lend_text("header.x-copied"), value = lend_text("by value");
    weir_request* builder = NULL;
    weir_event event;
    uint64_t ticket = 0;
    char seen[4096];
    weir_config_release(config);
    REQUIRE(weir_request_new(&builder, NULL) == WEIR_OK);
    CHECK_EQ(weir_request_set_body(builder, body_loan.bytes, body_loan.length, NULL), WEIR_OK);
    take_back(&body_loan);
    CHECK_EQ(weir_request_set(builder, key.bytes, key.length, value.bytes, value.length, NULL),
             WEIR_OK);
    take_back(&key);
    take_back(&value);
    CHECK_EQ(weir_submit(engine, builder, &ticket, NULL), WEIR_OK);
    weir_request_release(builder);
    api_await(engine, ticket, &event);
    CHECK_EQ(event.type, WEIR_EVENT_DONE);
    CHECK_HAS(event.data, "echo-8");
    if (event.type == WEIR_EVENT_DONE) {
        struct loan name = lend_text("Request-Id");
        const char* found = NULL;
        CHECK_EQ(weir_response_header(event.object, name.bytes, name.length, &found, NULL),
                 WEIR_OK);
        take_back(&name);
        CHECK_STR(found, "req_test");
    }
    api_release(&event);
    peer_last_request(peer, seen, sizeof seen);
    CHECK_HAS(seen, "x-copied: by value\r\n");
    CHECK_HAS(seen, body); /* sent as it was given */
    api_drain(engine);
    weir_engine_release(engine);
    peer_stop(peer);
}

/* A builder may change after a submit without changing what was submitted. */
static void builder_changes_after_submit(const char* drive) {
    struct world world;
    weir_request* builder = api_request("echo-1");
    weir_event event;
    uint64_t first = 0, second = 0;
    int i;
    world_open(&world, drive);
    CHECK_EQ(weir_request_set_user_data(builder, 11), WEIR_OK);
    CHECK_EQ(weir_submit(world.engine, builder, &first, NULL), WEIR_OK);
    api_set_text(builder, "echo-2", 0);
    CHECK_EQ(weir_request_set_user_data(builder, 22), WEIR_OK);
    CHECK_EQ(weir_submit(world.engine, builder, &second, NULL), WEIR_OK);
    CHECK_EQ(weir_request_reset(builder), WEIR_OK);
    for (i = 0; i < 2; ++i) {
        REQUIRE(api_next(world.engine, &event, PATIENCE_MS) == 1);
        CHECK_EQ(event.user_data, event.ticket == first ? 11 : 22);
        CHECK_HAS(event.data, event.ticket == first ? "echo-1" : "echo-2");
        api_release(&event);
    }
    weir_request_release(builder);
    world_close(&world);
}

/* With length 0 the pointer is not read: Rust and Go hand out such pointers for what is empty. */
static void empty_pointers_are_not_read(void) {
    const char* nowhere = (const char*)(size_t)1;
    weir_config* config = NULL;
    weir_request* builder = NULL;
    weir_error* error = NULL;
    REQUIRE(weir_config_new(&config, NULL) == WEIR_OK);
    REQUIRE(weir_request_new(&builder, NULL) == WEIR_OK);
    CHECK_EQ(weir_has_feature(nowhere, 0), 0);
    CHECK_EQ(weir_has_feature(NULL, 0), 0);
    CHECK_EQ(weir_error_new(WEIR_ERR_SERVER, nowhere, 0, &error), WEIR_OK);
    weir_error_release(error);
    CHECK_EQ(weir_config_set(config, nowhere, 0, nowhere, 0, NULL), WEIR_ERR_UNKNOWN_KEY);
    CHECK_EQ(weir_config_set(config, KEY_MAX_REQUESTS, WEIR_NUL, nowhere, 0, NULL),
             WEIR_ERR_INVALID_VALUE);
    CHECK_EQ(weir_config_set_json(config, nowhere, 0, NULL), WEIR_ERR_INVALID_VALUE);
    CHECK_EQ(weir_request_set(builder, nowhere, 0, nowhere, 0, NULL), WEIR_ERR_UNKNOWN_KEY);
    CHECK_EQ(weir_request_set(builder, "input_tokens", WEIR_NUL, nowhere, 0, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set_body(builder, nowhere, 0, NULL), WEIR_ERR_BAD_BODY);
    weir_request_release(builder);
    weir_config_release(config);
}

int main(void) {
    api_load();
    RUN(configuration);
    RUN(small_texts);
    RUN_DRIVEN(request);
    RUN_DRIVEN(builder_changes_after_submit);
    RUN(empty_pointers_are_not_read);
    return check_end();
}
