/* Permits: the caller makes the attempts, and the engine says when, and what comes after. */
#include <stdio.h>
#include <string.h>

#include "permits.h"

static void granted_and_reported(const char* drive) {
    weir_engine* engine = open_plain(drive);
    weir_request* request = permit_request();
    weir_outcome* outcome = outcome_of(200, WEIR_FAILURE_NONE);
    const weir_permit* permit;
    weir_event event;
    uint64_t ticket;
    CHECK_EQ(weir_request_set_user_data(request, 7), WEIR_OK);
    ticket = acquire(engine, request);
    weir_request_release(request);

    next(engine, ticket, WEIR_EVENT_PERMIT, &event);
    CHECK_EQ(event.user_data, 7);
    CHECK_EQ(event.index, 1);
    CHECK(!WEIR_EVENT_IS_TERMINAL(event.type));
    permit = event.object;
    CHECK_EQ(weir_permit_ticket(permit), ticket);
    CHECK_STR(weir_permit_string(permit, WEIR_PERMIT_ACCOUNT), "main");
    CHECK_STR(weir_permit_string(permit, WEIR_PERMIT_MODEL), MODEL);
    CHECK_STR(weir_permit_string(permit, WEIR_PERMIT_BASE_URL), "http://127.0.0.1:9");
    CHECK_STR(weir_permit_string(permit, WEIR_PERMIT_KEY), "main");
    CHECK_STR(weir_permit_string(permit, 0), "");
    CHECK_STR(weir_permit_string(permit, 9999), "");
    CHECK_EQ(weir_permit_number(permit, WEIR_PERMIT_ATTEMPT), 1);
    CHECK_EQ(weir_permit_number(permit, WEIR_PERMIT_LEASE_MS), 500000);
    CHECK_EQ(weir_permit_number(permit, WEIR_PERMIT_INPUT_TOKENS), 1200);
    CHECK_EQ(weir_permit_number(permit, WEIR_PERMIT_OUTPUT_TOKENS), 80);
    CHECK_EQ(weir_permit_number(permit, 0), -1);
    CHECK_EQ(weir_permit_number(permit, 9999), -1);
    api_release(&event);

    CHECK_EQ(weir_report_head(engine, ticket, 1, outcome, NULL), WEIR_OK);
    CHECK_EQ(weir_report_progress(engine, ticket, 1, 20), WEIR_OK);
    add_header(outcome, "request-id", "req_mine");
    CHECK_EQ(weir_outcome_set_number(outcome, WEIR_NUMBER_INPUT_TOKENS, 1100), WEIR_OK);
    CHECK_EQ(weir_outcome_set_number(outcome, WEIR_NUMBER_OUTPUT_TOKENS, 60), WEIR_OK);
    report(engine, ticket, 1, outcome);
    next(engine, ticket, WEIR_EVENT_DONE, &event);
    CHECK_EQ(event.user_data, 7);
    CHECK_EQ(event.data_length, 0);
    CHECK_STR(event.data, "");
    CHECK_EQ(weir_response_http_status(event.object), 200);
    CHECK_EQ(weir_response_number(event.object, WEIR_NUMBER_INPUT_TOKENS), 1100);
    CHECK_EQ(weir_response_number(event.object, WEIR_NUMBER_OUTPUT_TOKENS), 60);
    CHECK_EQ(weir_response_number(event.object, WEIR_NUMBER_ATTEMPTS), 1);
    CHECK_STR(weir_response_string(event.object, WEIR_STRING_ACCOUNT), "main");
    api_release(&event);
    end(engine, 0);
}

/* The numbers are read out of the body, unless the caller knows better. */
static void answers_are_read(const char* drive) {
    static const char message[] =
        "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-x\","
        "\"content\":[],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":3,"
        "\"output_tokens\":2}}";
    weir_engine* engine = open_plain(drive);
    weir_request* request = api_request("measured, and not sent");
    weir_outcome* outcome = outcome_of(200, WEIR_FAILURE_NONE);
    weir_event event;
    const uint64_t ticket = acquire(engine, request);
    weir_request_release(request);
    next(engine, ticket, WEIR_EVENT_PERMIT, &event);
    CHECK_STR(weir_permit_string(event.object, WEIR_PERMIT_MODEL), "claude-sonnet-4-5");
    CHECK_GE(weir_permit_number(event.object, WEIR_PERMIT_INPUT_TOKENS), 1);
    api_release(&event);
    add_header(outcome, "request-id", "req_mine");
    set_body(outcome, message);
    CHECK_EQ(weir_outcome_set_number(outcome, WEIR_NUMBER_OUTPUT_TOKENS, 5), WEIR_OK);
    report(engine, ticket, 1, outcome);
    next(engine, ticket, WEIR_EVENT_DONE, &event);
    CHECK_EQ(weir_response_number(event.object, WEIR_NUMBER_INPUT_TOKENS), 3);
    CHECK_EQ(weir_response_number(event.object, WEIR_NUMBER_OUTPUT_TOKENS), 5);
    CHECK_STR(weir_response_string(event.object, WEIR_STRING_MODEL), "claude-x");
    CHECK_STR(weir_response_string(event.object, WEIR_STRING_STOP_REASON), "end_turn");
    CHECK_STR(weir_response_string(event.object, WEIR_STRING_REQUEST_ID), "req_mine");
    CHECK_STR(event.data, ""); /* the caller has it */
    api_release(&event);
    end(engine, 0);
}

static void retried_until_it_works(const char* drive) {
    weir_engine* engine = open_plain(drive);
    weir_request* request = permit_request();
    weir_outcome* outcome;
    weir_event event;
    const uint64_t ticket = acquire(engine, request);
    long long asked_at;
    weir_request_release(request);
    next_permit(engine, ticket, 1);
    report(engine, ticket, 1, outcome_of(0, WEIR_FAILURE_CONNECT));
    next_permit(engine, ticket, 2);
    outcome = outcome_of(529, WEIR_FAILURE_NONE);
    add_header(outcome, "Retry-After", "1");
    set_body(outcome,
             "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
             "\"message\":\"Overloaded\"}}");
    asked_at = api_now_ms();
    report(engine, ticket, 2, outcome);
    next_permit(engine, ticket, 3);
    CHECK_GE(api_now_ms() - asked_at, 999);
    report(engine, ticket, 3, outcome_of(200, WEIR_FAILURE_NONE));
    next(engine, ticket, WEIR_EVENT_DONE, &event);
    CHECK_EQ(weir_response_number(event.object, WEIR_NUMBER_ATTEMPTS), 3);
    api_release(&event);
    end(engine, 0);
}

static void fails_with(weir_engine* engine, weir_outcome* outcome, int32_t status,
                       uint32_t maybe_executed, const char* words) {
    weir_request* request = permit_request();
    weir_event event;
    const uint64_t ticket = acquire(engine, request);
    weir_request_release(request);
    next_permit(engine, ticket, 1);
    report(engine, ticket, 1, outcome);
    next(engine, ticket, WEIR_EVENT_FAILED, &event);
    CHECK_EQ(event.status, status);
    CHECK_EQ(event.flags & WEIR_ERROR_MAYBE_EXECUTED, maybe_executed);
    CHECK_EQ(weir_error_attempts(event.object), 1);
    CHECK_HAS(weir_error_message(event.object), words);
    CHECK_HAS_NOT(weir_error_message(event.object), SECRET);
    api_release(&event);
}

static void given_up(const char* drive) {
    weir_engine* engine = open_with(drive, KEY_MAX_ATTEMPTS, "1");
    weir_outcome* outcome = outcome_of(400, WEIR_FAILURE_NONE);
    set_body(outcome,
             "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\","
             "\"message\":\"not with " SECRET "\"}}");
    fails_with(engine, outcome, WEIR_ERR_REJECTED, 0, "***");
    fails_with(engine, outcome_of(0, WEIR_FAILURE_UNUSED), WEIR_ERR_CANCELLED, 0, "");
    fails_with(engine, outcome_of(0, WEIR_FAILURE_CONNECT), WEIR_ERR_CONNECTION, 0, "connection");
    fails_with(engine, outcome_of(0, WEIR_FAILURE_TLS), WEIR_ERR_TLS, 0, "TLS");
    fails_with(engine, outcome_of(0, WEIR_FAILURE_TIMEOUT), WEIR_ERR_ATTEMPT_TIMEOUT,
               WEIR_ERROR_MAYBE_EXECUTED, "too long");
    fails_with(engine, outcome_of(0, WEIR_FAILURE_BROKEN), WEIR_ERR_CONNECTION,
               WEIR_ERROR_MAYBE_EXECUTED, "broke");
    fails_with(engine, outcome_of(200, WEIR_FAILURE_BROKEN), WEIR_ERR_BROKEN_RESPONSE,
               WEIR_ERROR_MAYBE_EXECUTED, "before the response was whole");
    outcome = outcome_of(200, WEIR_FAILURE_NONE);
    set_body(outcome,
             "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
             "\"message\":\"in the stream\"}}");
    fails_with(engine, outcome, WEIR_ERR_STREAM_BROKEN, WEIR_ERROR_MAYBE_EXECUTED, "in the stream");
    end(engine, 0);
}

/* What the caller has passed on is not asked for again. */
static void delivered_is_not_repeated(const char* drive) {
    weir_engine* engine = open_plain(drive);
    weir_outcome* outcome = outcome_of(200, WEIR_FAILURE_BROKEN);
    CHECK_EQ(weir_outcome_set_delivered(outcome, 1), WEIR_OK);
    fails_with(engine, outcome, WEIR_ERR_STREAM_BROKEN, WEIR_ERROR_MAYBE_EXECUTED, "");
    end(engine, 0);
}

static void not_found(weir_engine* engine, uint64_t ticket, uint32_t attempt) {
    weir_outcome* outcome = outcome_of(200, WEIR_FAILURE_NONE);
    weir_error* error = NULL;
    CHECK_EQ(weir_report(engine, ticket, attempt, outcome, &error), WEIR_ERR_NOT_FOUND);
    CHECK_EQ(weir_error_code(error), WEIR_ERR_NOT_FOUND);
    weir_error_release(error);
    CHECK_EQ(weir_report_head(engine, ticket, attempt, outcome, NULL), WEIR_ERR_NOT_FOUND);
    CHECK_EQ(weir_report_progress(engine, ticket, attempt, 1), WEIR_ERR_NOT_FOUND);
    weir_outcome_release(outcome);
}

static void reports_that_nobody_waits_for(const char* drive) {
    struct world world;
    weir_request* request = permit_request();
    weir_event event;
    uint64_t ticket;
    world_open(&world, drive);
    not_found(world.engine, 0, 1);
    not_found(world.engine, 12345, 1);
    ticket = api_submit(world.engine, "reply=hang"); /* a request of the engine's own */
    not_found(world.engine, ticket, 1);
    CHECK_EQ(weir_cancel(world.engine, ticket), WEIR_OK);
    api_await(world.engine, ticket, &event);
    api_release(&event);
    ticket = acquire(world.engine, request);
    weir_request_release(request);
    next_permit(world.engine, ticket, 1);
    report(world.engine, ticket, 1, outcome_of(200, WEIR_FAILURE_NONE));
    not_found(world.engine, ticket, 1); /* once is enough */
    next(world.engine, ticket, WEIR_EVENT_DONE, &event);
    api_release(&event);
    not_found(world.engine, ticket, 1);
    world_close(&world);
}

/* A report is of one permit: one that comes twice does not hit the next. */
static void reported_twice(const char* drive) {
    weir_engine* engine = open_plain(drive);
    weir_request* request = permit_request();
    weir_event event;
    const uint64_t ticket = acquire(engine, request);
    weir_request_release(request);
    next_permit(engine, ticket, 1);
    not_found(engine, ticket, 0);
    not_found(engine, ticket, 2); /* not yet */
    report(engine, ticket, 1, outcome_of(503, WEIR_FAILURE_NONE));
    not_found(engine, ticket, 1);
    next_permit(engine, ticket, 2);
    not_found(engine, ticket, 1);
    not_found(engine, ticket, 0xFFFFFFFFu);
    not_found(engine, ticket, 0x10002u);
    CHECK_EQ(api_next(engine, &event, 20), 0);
    CHECK_EQ(weir_report_progress(engine, ticket, 2, 5), WEIR_OK);
    report(engine, ticket, 2, outcome_of(200, WEIR_FAILURE_NONE));
    next(engine, ticket, WEIR_EVENT_DONE, &event);
    CHECK_EQ(weir_response_number(event.object, WEIR_NUMBER_ATTEMPTS), 2);
    api_release(&event);
    not_found(engine, ticket, 2);
    end(engine, 0);
}

static void never_reported(const char* drive) {
    weir_engine* engine = open_plain(drive);
    weir_request* request = permit_request();
    weir_event event;
    const long long before = api_now_ms();
    uint64_t ticket;
    CHECK_EQ(weir_request_set(request, "lease_ms", WEIR_NUL, "60", WEIR_NUL, NULL), WEIR_OK);
    ticket = acquire(engine, request);
    weir_request_release(request);
    next_permit(engine, ticket, 1);
    next(engine, ticket, WEIR_EVENT_FAILED, &event);
    CHECK_GE(api_now_ms() - before, 60);
    CHECK_EQ(event.status, WEIR_ERR_ATTEMPT_TIMEOUT);
    CHECK(weir_error_is(event.object, WEIR_ERROR_MAYBE_EXECUTED));
    CHECK_HAS(weir_error_message(event.object), "lease");
    api_release(&event);
    not_found(engine, ticket, 1);
    end(engine, 0);
}

static void cancelled_and_closed(const char* drive) {
    weir_engine* engine = open_plain(drive);
    weir_request* request = permit_request();
    weir_event event;
    uint64_t ticket = acquire(engine, request);
    next_permit(engine, ticket, 1);
    CHECK_EQ(weir_cancel(engine, ticket), WEIR_OK);
    next(engine, ticket, WEIR_EVENT_FAILED, &event);
    CHECK_EQ(event.status, WEIR_ERR_CANCELLED);
    CHECK_EQ(event.flags, WEIR_ERROR_CANCELLED | WEIR_ERROR_MAYBE_EXECUTED);
    api_release(&event);
    ticket = acquire(engine, request);
    next_permit(engine, ticket, 1);
    weir_request_release(request);
    CHECK_EQ(weir_engine_close(engine), WEIR_OK);
    next(engine, ticket, WEIR_EVENT_FAILED, &event);
    CHECK_EQ(event.status, WEIR_ERR_SHUTDOWN);
    api_release(&event);
    not_found(engine, ticket, 1);
    end(engine, 0);
}

static void refused(const char* drive) {
    weir_engine* engine = open_plain(drive);
    weir_request* request = NULL;
    weir_outcome* outcome = NULL;
    weir_permit* permit = (weir_permit*)&permit;
    weir_error* error = NULL;
    uint64_t ticket = 77;
    CHECK_EQ(weir_request_new(&request, NULL), WEIR_OK);
    CHECK_EQ(weir_acquire(engine, request, &ticket, &error), WEIR_ERR_BAD_BODY);
    CHECK_HAS(weir_error_message(error), "model");
    CHECK_EQ(ticket, 0);
    weir_error_release(error);
    CHECK_EQ(weir_try_acquire(engine, request, &permit, NULL), WEIR_ERR_BAD_BODY);
    CHECK(permit == NULL);
    CHECK_EQ(weir_request_set(request, "model", WEIR_NUL, "a b", WEIR_NUL, NULL),
             WEIR_ERR_INVALID_VALUE);
    CHECK_EQ(weir_request_set(request, "model", WEIR_NUL, MODEL, WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_request_set(request, "lease_ms", WEIR_NUL, "0", WEIR_NUL, &error),
             WEIR_ERR_INVALID_VALUE);
    CHECK_HAS(weir_error_message(error), "lease_ms");
    weir_error_release(error);
    CHECK_EQ(weir_submit(engine, request, &ticket, NULL), WEIR_ERR_BAD_BODY);
    CHECK_EQ(weir_request_set(request, "lane", WEIR_NUL, "batch", WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_acquire(engine, request, &ticket, &error), WEIR_ERR_BAD_ARGUMENT);
    CHECK_HAS(weir_error_message(error), "lane");
    weir_error_release(error);
    CHECK_EQ(weir_try_acquire(engine, request, &permit, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_try_acquire(engine, request, NULL, NULL), WEIR_ERR_BAD_ARGUMENT);
    weir_request_release(request);

    CHECK_EQ(weir_outcome_new(NULL, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_outcome_new(&outcome, NULL), WEIR_OK);
    CHECK_EQ(weir_report(engine, 1, 1, outcome, &error), WEIR_ERR_BAD_ARGUMENT);
    CHECK_HAS(weir_error_message(error), "status");
    weir_error_release(error);
    CHECK_EQ(weir_report_head(engine, 1, 1, outcome, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_report_progress(engine, 1, 1, -1), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_outcome_set_status(outcome, 100), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_outcome_set_status(outcome, 600), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_outcome_set_failure(outcome, 6), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_outcome_set_number(outcome, WEIR_NUMBER_ATTEMPTS, 1), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_outcome_set_number(outcome, WEIR_NUMBER_OUTPUT_TOKENS, -1),
             WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_outcome_set_delivered(outcome, 2), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_outcome_set_header(outcome, "", 0, "x", 1, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_outcome_set_status(outcome, 200), WEIR_OK);
    CHECK_EQ(weir_outcome_reset(outcome), WEIR_OK);
    CHECK_EQ(weir_report(engine, 1, 1, outcome, NULL), WEIR_ERR_BAD_ARGUMENT);
    weir_outcome_release(outcome);
    weir_outcome_release(NULL);
    weir_permit_release(NULL);
    CHECK_EQ(weir_permit_ticket(NULL), 0);
    CHECK_STR(weir_permit_string(NULL, WEIR_PERMIT_MODEL), "");
    CHECK_EQ(weir_permit_number(NULL, WEIR_PERMIT_ATTEMPT), -1);
    CHECK_EQ(weir_engine_close(engine), WEIR_OK);
    request = permit_request();
    CHECK_EQ(weir_acquire(engine, request, &ticket, NULL), WEIR_ERR_CLOSED);
    CHECK_EQ(weir_try_acquire(engine, request, &permit, NULL), WEIR_ERR_CLOSED);
    weir_request_release(request);
    end(engine, 0);
}

/* Headers of the caller's responses teach the engine its limits. */
static void limits_are_learnt(const char* drive) {
    weir_engine* engine = open_plain(drive);
    weir_request* request = permit_request();
    weir_outcome* outcome = outcome_of(200, WEIR_FAILURE_NONE);
    weir_text* stats = NULL;
    weir_event event;
    const uint64_t ticket = acquire(engine, request);
    weir_request_release(request);
    next_permit(engine, ticket, 1);
    add_header(outcome, "anthropic-ratelimit-requests-limit", "4321");
    add_header(outcome, "anthropic-ratelimit-requests-remaining", "4320");
    add_header(outcome, "anthropic-ratelimit-requests-reset", "2026-01-01T00:00:00Z");
    report(engine, ticket, 1, outcome);
    next(engine, ticket, WEIR_EVENT_DONE, &event);
    api_release(&event);
    CHECK_EQ(weir_engine_stats(engine, &stats, NULL), WEIR_OK);
    CHECK_HAS(weir_text_data(stats, NULL), "\"limit\":4321");
    CHECK_HAS(weir_text_data(stats, NULL), "\"permits\":{\"given\":1,\"expired\":0}");
    weir_text_release(stats);
    end(engine, 0);
}

int main(void) {
    api_load();
    RUN_DRIVEN(granted_and_reported);
    RUN_DRIVEN(answers_are_read);
    RUN_DRIVEN(retried_until_it_works);
    RUN_DRIVEN(given_up);
    RUN_DRIVEN(delivered_is_not_repeated);
    RUN_DRIVEN(reports_that_nobody_waits_for);
    RUN_DRIVEN(reported_twice);
    RUN_DRIVEN(never_reported);
    RUN_DRIVEN(cancelled_and_closed);
    RUN_DRIVEN(refused);
    RUN_DRIVEN(limits_are_learnt);
    return check_end();
}
