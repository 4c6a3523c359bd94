/* What the tests of permits share. */
#ifndef WEIR_TESTS_API_PERMITS_H
#define WEIR_TESTS_API_PERMITS_H

#include "api.h"

#define MODEL "claude-sonnet-4-5"
#define LIMIT "limit.claude-sonnet-4.requests_per_minute"

static inline weir_request* permit_request(void) {
    weir_request* request = NULL;
    DIE_UNLESS(weir_request_new(&request, NULL) == WEIR_OK);
    CHECK_EQ(weir_request_set(request, "model", WEIR_NUL, MODEL, WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "max_tokens", WEIR_NUL, "100", WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "input_tokens", WEIR_NUL, "1200", WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "output_tokens", WEIR_NUL, "80", WEIR_NUL, NULL), WEIR_OK);
    return request;
}

static inline weir_outcome* outcome_of(int32_t http_status, uint32_t failure) {
    weir_outcome* outcome = NULL;
    DIE_UNLESS(weir_outcome_new(&outcome, NULL) == WEIR_OK);
    if (http_status) CHECK_EQ(weir_outcome_set_status(outcome, http_status), WEIR_OK);
    CHECK_EQ(weir_outcome_set_failure(outcome, failure), WEIR_OK);
    return outcome;
}

static inline void add_header(weir_outcome* outcome, const char* name, const char* value) {
    CHECK_EQ(weir_outcome_set_header(outcome, name, WEIR_NUL, value, WEIR_NUL, NULL), WEIR_OK);
}

static inline void set_body(weir_outcome* outcome, const char* body) {
    CHECK_EQ(weir_outcome_set_body(outcome, body, WEIR_NUL, NULL), WEIR_OK);
}

/* Reports, and gives the outcome back. */
static inline void report(weir_engine* engine, uint64_t ticket, uint32_t attempt,
                          weir_outcome* outcome) {
    weir_error* error = NULL;
    if (weir_report(engine, ticket, attempt, outcome, &error) != WEIR_OK)
        CHECK_STR(weir_error_message(error), "");
    weir_error_release(error);
    weir_outcome_release(outcome);
}

static inline uint64_t acquire(weir_engine* engine, weir_request* request) {
    uint64_t ticket = 0;
    weir_error* error = NULL;
    if (weir_acquire(engine, request, &ticket, &error) != WEIR_OK)
        CHECK_STR(weir_error_message(error), "");
    weir_error_release(error);
    DIE_UNLESS(ticket != 0);
    return ticket;
}

/* The next event, which must be of this type. */
static inline void next(weir_engine* engine, uint64_t ticket, uint32_t type, weir_event* event) {
    DIE_UNLESS(api_next(engine, event, PATIENCE_MS) == 1);
    CHECK_EQ(event->type, type);
    CHECK_EQ(event->ticket, ticket);
}

static inline void next_permit(weir_engine* engine, uint64_t ticket, uint32_t attempt) {
    weir_event event;
    next(engine, ticket, WEIR_EVENT_PERMIT, &event);
    CHECK_EQ(event.index, attempt);
    CHECK_EQ(weir_permit_ticket(event.object), ticket);
    CHECK_EQ(weir_permit_number(event.object, WEIR_PERMIT_ATTEMPT), attempt);
    api_release(&event);
}

static inline weir_engine* open_with(const char* drive, const char* key, const char* value) {
    weir_config* config = api_config(drive, "http://127.0.0.1:9");
    weir_engine* engine;
    api_set(config, KEY_MAX_ATTEMPTS, "3");
    api_set(config, KEY_MAX_REFUSALS, "3");
    api_set(config, key, value);
    engine = api_open(config);
    weir_config_release(config);
    return engine;
}

static inline weir_engine* open_plain(const char* drive) {
    return open_with(drive, "permit.lease_ms", "500000");
}

static inline void end(weir_engine* engine, int terminals) {
    CHECK_EQ(api_drain(engine), terminals);
    weir_engine_release(engine);
}

#endif
