/* Handles that are NULL or of another type, and NULL where something must be: a status, no crash.
 * (A released handle is refused too where that can be told, which is not for a test to rely on: it
 * would read freed memory.) */
#include <string.h>

#include "api.h"

/* Something that is no handle at all. */
static union {
    char bytes[4096];
    long long alignment;
    void* pointer;
} blank;

static weir_config* config;
static weir_request* request;
static weir_error* held_error;
static weir_outcome* outcome;

static void never_called(const weir_event* event, void* user) {
    (void)event;
    (void)user;
    CHECK_NEVER("called");
}
static void count_destroy(void* user) { ++*(int*)user; }

static void refuse_engine(weir_engine* engine) {
    uint64_t ticket = 77;
    weir_error* error = NULL;
    weir_text* text = (weir_text*)&text;
    weir_config* copy = (weir_config*)&copy;
    weir_permit* permit = (weir_permit*)&permit;
    weir_event event;
    int destroyed = 0;
    CHECK_EQ(weir_submit(engine, request, &ticket, &error), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_error_code(error), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(ticket, 0);
    weir_error_release(error);
    CHECK_EQ(weir_acquire(engine, request, &ticket, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(ticket, 0);
    CHECK_EQ(weir_try_acquire(engine, request, &permit, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK(permit == NULL);
    CHECK_EQ(weir_report(engine, 1, 1, outcome, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_report_head(engine, 1, 1, outcome, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_report_progress(engine, 1, 1, 1), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_cancel(engine, 1), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_cancel_tag(engine, 1), WEIR_ERR_BAD_HANDLE);
    CHECK(weir_fd(engine) < 0);
    CHECK_EQ(weir_poll(engine, &event, sizeof event, 1, -1), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_dispatch(engine, never_called, NULL, 1, -1), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_set_wake_hook(engine, count_destroy, &destroyed, count_destroy),
             WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(destroyed, 1);
    CHECK_EQ(weir_wakeup(engine), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_engine_close(engine), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_engine_wait(engine, -1), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_engine_stats(engine, &text, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK(text == NULL);
    CHECK_EQ(weir_place(engine, 1, NULL, NULL, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_engine_config(engine, &copy, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK(copy == NULL);
    weir_engine_release(engine);
}

static void refuse_config(weir_config* handle) {
    weir_config* copy = (weir_config*)&copy;
    weir_engine* engine = (weir_engine*)&engine;
    weir_text* text = (weir_text*)&text;
    CHECK_EQ(weir_config_set(handle, KEY_MAX_REQUESTS, WEIR_NUL, "1", 1, NULL),
             WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_config_set_json(handle, "{}", 2, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_config_get(handle, KEY_MAX_REQUESTS, WEIR_NUL, &text, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK(text == NULL);
    CHECK_EQ(weir_config_json(handle, &text, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_config_copy(handle, &copy, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK(copy == NULL);
    CHECK_EQ(weir_engine_open(handle, &engine, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK(engine == NULL);
    weir_config_release(handle);
}

static void refuse_request(weir_request* handle, weir_engine* engine) {
    uint64_t ticket = 77;
    weir_permit* permit = (weir_permit*)&permit;
    CHECK_EQ(weir_request_set_body(handle, "{}", 2, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_request_set_priority(handle, 1), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_request_set_user_data(handle, 1), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_request_set_tag(handle, 1), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_request_set_deadline_ms(handle, 1), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_request_set(handle, "input_tokens", WEIR_NUL, "1", 1, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_request_reset(handle), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_submit(engine, handle, &ticket, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_acquire(engine, handle, &ticket, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_try_acquire(engine, handle, &permit, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK(permit == NULL);
    CHECK_EQ(ticket, 0);
    weir_request_release(handle);
}

static void refuse_outcome(weir_outcome* handle, weir_engine* engine) {
    CHECK_EQ(weir_outcome_set_status(handle, 200), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_outcome_set_failure(handle, WEIR_FAILURE_TLS), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_outcome_set_header(handle, "a", 1, "b", 1, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_outcome_set_body(handle, "{}", 2, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_outcome_set_number(handle, WEIR_NUMBER_OUTPUT_TOKENS, 1), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_outcome_set_delivered(handle, 1), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_outcome_reset(handle), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_report(engine, 1, 1, handle, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_report_head(engine, 1, 1, handle, NULL), WEIR_ERR_BAD_HANDLE);
    weir_outcome_release(handle);
}

static void refuse_permit(weir_permit* handle) {
    CHECK_EQ(weir_permit_ticket(handle), 0);
    CHECK_STR(weir_permit_string(handle, WEIR_PERMIT_MODEL), "");
    CHECK_EQ(weir_permit_number(handle, WEIR_PERMIT_ATTEMPT), -1);
    weir_permit_release(handle);
}

static void refuse_error(weir_error* handle) {
    CHECK_EQ(weir_error_is(handle, WEIR_ERROR_FATAL), 0);
    CHECK_EQ(weir_error_flags(handle), 0);
    CHECK_EQ(weir_error_http_status(handle), 0);
    CHECK(weir_error_name(handle) != NULL);
    CHECK(weir_error_message(handle) != NULL);
    CHECK(weir_error_source(handle) != NULL);
    CHECK(weir_error_provider_type(handle) != NULL);
    CHECK(weir_error_request_id(handle) != NULL);
    CHECK_EQ(weir_error_retry_after_ms(handle), -1);
    CHECK_EQ(weir_error_attempts(handle), 0);
    weir_error_release(handle);
}

static void refuse_text(weir_text* handle) {
    size_t length = 77;
    const char* data = weir_text_data(handle, &length);
    CHECK_EQ(length, 0);
    if (data != NULL) CHECK_STR(data, "");
    weir_text_release(handle);
}

static void refuse_response(const weir_response* handle) {
    const char *name = NULL, *value = NULL;
    size_t length = 0;
    CHECK(weir_response_http_status(handle) <= 0);
    CHECK_EQ(weir_response_header(handle, "a", 1, &value, &length), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_response_header_at(handle, 0, &name, &value), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_response_number(handle, WEIR_NUMBER_ATTEMPTS), -1);
    CHECK_STR(weir_response_string(handle, WEIR_STRING_MODEL), "");
}

static void null_handles(const char* drive) {
    struct world world;
    world_open(&world, drive);
    refuse_engine(NULL);
    refuse_config(NULL);
    refuse_request(NULL, world.engine);
    refuse_outcome(NULL, world.engine);
    refuse_permit(NULL);
    refuse_error(NULL);
    refuse_text(NULL);
    refuse_response(NULL);
    world_close(&world);
}

static void other_handles(const char* drive) {
    struct world world;
    weir_text* text = NULL;
    void* others[7];
    size_t i;
    world_open(&world, drive);
    CHECK_EQ(weir_config_json(config, &text, NULL), WEIR_OK);
    others[0] = &blank;
    others[1] = config;
    others[2] = request;
    others[3] = held_error;
    others[4] = text;
    others[5] = world.engine;
    others[6] = outcome;
    for (i = 0; i < 7; ++i) {
        check_context("engine.drive=%s handle %d", drive, (int)i);
        if (i != 1) refuse_config(others[i]);
        if (i != 2) refuse_request(others[i], world.engine);
        if (i != 3) refuse_error(others[i]);
        if (i != 4) refuse_text(others[i]);
        if (i != 5) refuse_engine(others[i]);
        if (i != 6) refuse_outcome(others[i], world.engine);
        refuse_permit(others[i]);
        refuse_response(others[i]);
    }
    /* Nothing was harmed. */
    CHECK_EQ(weir_error_code(held_error), WEIR_ERR_SERVER);
    CHECK_STR(weir_error_message(held_error), "held");
    weir_text_release(text);
    world_close(&world);
}

static void null_outputs(const char* drive) {
    struct world world;
    weir_event event;
    weir_text* text;
    int destroyed = 0;
    world_open(&world, drive);
    CHECK_EQ(weir_config_new(NULL, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_config_copy(config, NULL, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_config_get(config, KEY_MAX_REQUESTS, WEIR_NUL, NULL, NULL),
             WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_config_json(config, NULL, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_config_set(config, NULL, 3, "1", 1, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_config_set(config, NULL, WEIR_NUL, "1", 1, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_config_set(config, KEY_MAX_REQUESTS, WEIR_NUL, NULL, 1, NULL),
             WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_config_set_json(config, NULL, 3, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_request_new(NULL, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_outcome_new(NULL, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_try_acquire(world.engine, request, NULL, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_outcome_set_header(outcome, NULL, 3, "1", 1, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_outcome_set_body(outcome, NULL, 3, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_request_set(request, NULL, 3, "1", 1, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_request_set(request, "input_tokens", WEIR_NUL, NULL, 1, NULL),
             WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_engine_open(config, NULL, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_engine_stats(world.engine, NULL, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_estimate(world.engine, NULL, NULL, NULL), WEIR_ERR_BAD_ARGUMENT);
    text = (weir_text*)&text;
    CHECK_EQ(weir_estimate(world.engine, NULL, &text, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK(text == NULL);
    CHECK_EQ(weir_engine_config(world.engine, NULL, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_poll(world.engine, NULL, sizeof event, 1, 0), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_poll(world.engine, &event, 0, 1, 0), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_poll(world.engine, &event, sizeof event - 1, 1, 0), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_poll(world.engine, &event, sizeof event, 1, -2), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_dispatch(world.engine, NULL, NULL, 1, 0), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_dispatch(world.engine, never_called, NULL, 1, -2), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_engine_wait(world.engine, -2), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_set_wake_hook(world.engine, NULL, &destroyed, count_destroy), WEIR_OK);
    CHECK_EQ(destroyed, 1); /* it was never in use */
    world_close(&world);
}

int main(void) {
    api_load();
    config = api_config("thread", "http://127.0.0.1:9");
    request = api_request("hello");
    DIE_UNLESS(weir_error_new(WEIR_ERR_SERVER, "held", WEIR_NUL, &held_error) == WEIR_OK);
    DIE_UNLESS(weir_outcome_new(&outcome, NULL) == WEIR_OK);
    RUN_DRIVEN(null_handles);
    RUN_DRIVEN(other_handles);
    RUN_DRIVEN(null_outputs);
    weir_outcome_release(outcome);
    weir_error_release(held_error);
    weir_request_release(request);
    weir_config_release(config);
    return check_end();
}
