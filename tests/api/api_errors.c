/* Error objects and the table of codes. */
#include <string.h>

#include "api.h"

static const int32_t codes[] = {
    WEIR_ERR_INTERNAL,
    WEIR_ERR_NOMEM,
    WEIR_ERR_BAD_HANDLE,
    WEIR_ERR_BAD_ARGUMENT,
    WEIR_ERR_UNKNOWN_KEY,
    WEIR_ERR_INVALID_VALUE,
    WEIR_ERR_UNSUPPORTED,
    WEIR_ERR_NOT_FOUND,
    WEIR_ERR_QUEUE_FULL,
    WEIR_ERR_CLOSED,
    WEIR_ERR_FORKED,
    WEIR_ERR_REENTRANT,
    WEIR_ERR_BUSY,
    WEIR_ERR_TIMEOUT,
    WEIR_ERR_BAD_BODY,
    WEIR_ERR_NEVER_FITS,
    WEIR_ERR_TOO_LATE,
    WEIR_ERR_NO_ACCOUNT,
    WEIR_ERR_IO,
    WEIR_ERR_NOT_NOW,
    WEIR_ERR_CANCELLED,
    WEIR_ERR_SHUTDOWN,
    WEIR_ERR_DEADLINE,
    WEIR_ERR_CONNECTION,
    WEIR_ERR_TLS,
    WEIR_ERR_ATTEMPT_TIMEOUT,
    WEIR_ERR_BROKEN_RESPONSE,
    WEIR_ERR_RESPONSE_TOO_LARGE,
    WEIR_ERR_RATE_LIMITED,
    WEIR_ERR_SPEND_LIMIT,
    WEIR_ERR_OVERLOADED,
    WEIR_ERR_SERVER,
    WEIR_ERR_REJECTED,
    WEIR_ERR_AUTHENTICATION,
    WEIR_ERR_PERMISSION,
    WEIR_ERR_STREAM_BROKEN,
    WEIR_ERR_EXPIRED,
    WEIR_ERR_BATCH_GONE,
};
enum { kCodes = sizeof codes / sizeof codes[0] };

static size_t row_of(int32_t code) {
    size_t i;
    int32_t found = 0;
    for (i = 0; weir_error_table(i, &found, NULL, NULL, NULL) == WEIR_OK; ++i)
        if (found == code) return i;
    return (size_t)-1;
}

static void table(void) {
    size_t rows = 0, i;
    int32_t code = 0;
    const char *name = NULL, *text = NULL;
    uint32_t flags = 0;
    for (; weir_error_table(rows, &code, &name, &text, &flags) == WEIR_OK; ++rows) {
        CHECK_LT(code, 0);
        CHECK(name != NULL && name[0] != 0);
        CHECK(text != NULL && text[0] != 0);
        CHECK_EQ(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        CHECK_EQ(row_of(code), rows); /* no code twice */
    }
    CHECK_EQ(rows, kCodes);
    for (i = 0; i < kCodes; ++i) CHECK_NE(row_of(codes[i]), (size_t)-1);
    CHECK_EQ(weir_error_table(rows, &code, &name, &text, &flags), WEIR_ERR_NOT_FOUND);
    CHECK_EQ(weir_error_table((size_t)-1, NULL, NULL, NULL, NULL), WEIR_ERR_NOT_FOUND);
    CHECK_EQ(weir_error_table(0, NULL, NULL, NULL, NULL), WEIR_OK);
}

static void flags_of(int32_t code, uint32_t holding, uint32_t not_holding) {
    uint32_t flags = 0;
    check_context("code %d", (int)code);
    CHECK_EQ(weir_error_table(row_of(code), NULL, NULL, NULL, &flags), WEIR_OK);
    CHECK_EQ(flags & holding, holding);
    CHECK_EQ(flags & not_holding, 0);
}

static void flags(void) {
    flags_of(WEIR_ERR_INTERNAL, WEIR_ERROR_FATAL, WEIR_ERROR_RETRYABLE);
    flags_of(WEIR_ERR_QUEUE_FULL, WEIR_ERROR_RETRYABLE, WEIR_ERROR_FATAL);
    flags_of(WEIR_ERR_CANCELLED, WEIR_ERROR_CANCELLED, WEIR_ERROR_FATAL);
    flags_of(WEIR_ERR_SHUTDOWN, WEIR_ERROR_CANCELLED, WEIR_ERROR_FATAL);
    flags_of(WEIR_ERR_DEADLINE, WEIR_ERROR_TIMED_OUT, WEIR_ERROR_FATAL);
    flags_of(WEIR_ERR_ATTEMPT_TIMEOUT, WEIR_ERROR_TIMED_OUT, WEIR_ERROR_FATAL);
    flags_of(WEIR_ERR_RATE_LIMITED, WEIR_ERROR_THROTTLED | WEIR_ERROR_RETRYABLE, 0);
    flags_of(WEIR_ERR_SPEND_LIMIT, WEIR_ERROR_THROTTLED, WEIR_ERROR_RETRYABLE);
    flags_of(WEIR_ERR_REJECTED, 0, WEIR_ERROR_RETRYABLE | WEIR_ERROR_MAYBE_EXECUTED);
    flags_of(WEIR_ERR_AUTHENTICATION, 0, WEIR_ERROR_RETRYABLE);
    flags_of(WEIR_ERR_STREAM_BROKEN, WEIR_ERROR_MAYBE_EXECUTED, 0);
}

static void made_for_tests(void) {
    size_t i;
    for (i = 0; i < kCodes; ++i) {
        weir_error* error = NULL;
        const char* name = NULL;
        uint32_t always = 0;
        check_context("code %d", (int)codes[i]);
        CHECK_EQ(weir_error_table(row_of(codes[i]), NULL, &name, NULL, &always), WEIR_OK);
        REQUIRE(weir_error_new(codes[i], "as it was said", WEIR_NUL, &error) == WEIR_OK);
        CHECK_EQ(weir_error_code(error), codes[i]);
        CHECK_STR(weir_error_name(error), name);
        CHECK_STR(weir_error_message(error), "as it was said");
        CHECK_EQ(weir_error_flags(error), always);
        CHECK_EQ(weir_error_is(error, always), 1);
        CHECK_EQ(weir_error_is(error, 0), 1);
        CHECK_EQ(weir_error_is(error, 0x3Fu), 0); /* never all at once */
        CHECK_EQ(weir_error_is(error, 0x80000000u), 0);
        CHECK_EQ(weir_error_http_status(error), 0);
        CHECK_EQ(weir_error_attempts(error), 0);
        CHECK_EQ(weir_error_retry_after_ms(error), -1);
        CHECK_STR(weir_error_provider_type(error), "");
        CHECK_STR(weir_error_request_id(error), "");
        CHECK(strstr("config local transport provider", weir_error_source(error)) != NULL);
        weir_error_release(error);
    }
}

static void refusals(void) {
    weir_error* error = (weir_error*)&error; /* to be set to NULL */
    CHECK_EQ(weir_error_new(WEIR_ERR_SERVER, NULL, 0, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_error_new(0, "x", 1, &error), WEIR_ERR_BAD_ARGUMENT);
    CHECK(error == NULL);
    CHECK_EQ(weir_error_new(-9999, "x", 1, &error), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_error_new(17, "x", 1, &error), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_error_new(WEIR_ERR_SERVER, NULL, 5, &error), WEIR_ERR_BAD_ARGUMENT);
    CHECK(error == NULL);
    CHECK_EQ(weir_error_new(WEIR_ERR_SERVER, NULL, 0, &error), WEIR_OK);
    CHECK(weir_error_message(error)[0] != 0); /* the table's line */
    weir_error_release(error);
}

static void of_null(void) {
    CHECK_EQ(weir_error_code(NULL), 0);
    CHECK(weir_error_name(NULL) != NULL);
    CHECK_STR(weir_error_message(NULL), "");
    CHECK(weir_error_source(NULL) != NULL);
    CHECK_EQ(weir_error_http_status(NULL), 0);
    CHECK_STR(weir_error_provider_type(NULL), "");
    CHECK_STR(weir_error_request_id(NULL), "");
    CHECK_EQ(weir_error_retry_after_ms(NULL), -1);
    CHECK_EQ(weir_error_attempts(NULL), 0);
    CHECK_EQ(weir_error_flags(NULL), 0);
    CHECK_EQ(weir_error_is(NULL, WEIR_ERROR_FATAL), 0);
}

/* On success the caller's error pointer is set to NULL. */
static void success_clears(void) {
    weir_error* error = (weir_error*)&error;
    weir_config* config = NULL;
    CHECK_EQ(weir_config_new(&config, &error), WEIR_OK);
    CHECK(error == NULL);
    error = (weir_error*)&error;
    CHECK_EQ(weir_config_set(config, KEY_MAX_REQUESTS, WEIR_NUL, "7", 1, &error), WEIR_OK);
    CHECK(error == NULL);
    weir_config_release(config);
}

/* What a provider's refusal looks like. */
static void of_the_provider(const char* drive) {
    struct world world;
    const struct peer_reply refusal = {PEER_STATUS, 429, 0, "retry-after: 7\r\n"};
    weir_event event;
    world_open(&world, drive);
    peer_next(world.peer, refusal);
    api_await(world.engine, api_submit(world.engine, "hello"), &event);
    CHECK_EQ(event.type, WEIR_EVENT_FAILED);
    CHECK_EQ(event.status, WEIR_ERR_RATE_LIMITED);
    if (event.type == WEIR_EVENT_FAILED) {
        const weir_error* error = event.object;
        CHECK_EQ(weir_error_http_status(error), 429);
        CHECK_STR(weir_error_source(error), "provider");
        CHECK_STR(weir_error_provider_type(error), "rate_limit_error");
        CHECK_STR(weir_error_request_id(error), "req_test");
        CHECK_GE(weir_error_retry_after_ms(error), 6000);
        CHECK_LT(weir_error_retry_after_ms(error), 7001);
        CHECK_EQ(weir_error_attempts(error), 1);
        CHECK_EQ(weir_error_flags(error), event.flags);
        CHECK(weir_error_is(error, WEIR_ERROR_THROTTLED | WEIR_ERROR_RETRYABLE));
        CHECK_HAS(weir_error_message(error), "because");
        CHECK_HAS_NOT(weir_error_message(error), SECRET);
    }
    api_release(&event);
    world_close(&world);
}

int main(void) {
    api_load();
    RUN(table);
    RUN(flags);
    RUN(made_for_tests);
    RUN(refusals);
    RUN(of_null);
    RUN(success_clears);
    RUN_DRIVEN(of_the_provider);
    return check_end();
}
