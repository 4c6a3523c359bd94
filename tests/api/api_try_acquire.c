/* Permits at once, or not now. */
#include "permits.h"

static weir_permit* try_acquire(weir_engine* engine, const weir_request* request) {
    weir_permit* permit = NULL;
    weir_error* error = NULL;
    if (weir_try_acquire(engine, request, &permit, &error) != WEIR_OK) {
        CHECK_STR(weir_error_message(error), "");
        CHECK_EQ(weir_error_retry_after_ms(error), 0);
    }
    weir_error_release(error);
    DIE_UNLESS(permit != NULL);
    return permit;
}

static void at_once(const char* drive) {
    weir_engine* engine = open_plain(drive);
    weir_request* request = permit_request();
    weir_permit* permit = try_acquire(engine, request);
    weir_event event;
    const uint64_t ticket = weir_permit_ticket(permit);
    CHECK_NE(ticket, 0);
    CHECK_STR(weir_permit_string(permit, WEIR_PERMIT_MODEL), MODEL);
    CHECK_EQ(weir_permit_number(permit, WEIR_PERMIT_ATTEMPT), 1);
    CHECK_EQ(weir_permit_number(permit, WEIR_PERMIT_INPUT_TOKENS), 1200);
    weir_permit_release(permit);
    weir_request_release(request);
    CHECK_EQ(api_next(engine, &event, 20), 0); /* it was the answer itself */
    report(engine, ticket, 1, outcome_of(503, WEIR_FAILURE_NONE));
    next_permit(engine, ticket, 2); /* the retry comes as for any other */
    report(engine, ticket, 2, outcome_of(200, WEIR_FAILURE_NONE));
    next(engine, ticket, WEIR_EVENT_DONE, &event);
    api_release(&event);
    end(engine, 0);
}

/* One a minute: the second is told when. */
static void not_now(const char* drive) {
    weir_engine* engine = open_with(drive, LIMIT, "1");
    weir_request* request = permit_request();
    weir_permit* permit = NULL;
    weir_error* error = NULL;
    weir_event event;
    uint64_t ticket;
    permit = try_acquire(engine, request);
    ticket = weir_permit_ticket(permit);
    weir_permit_release(permit);
    report(engine, ticket, 1, outcome_of(200, WEIR_FAILURE_NONE));
    next(engine, ticket, WEIR_EVENT_DONE, &event);
    api_release(&event);

    CHECK_EQ(weir_try_acquire(engine, request, &permit, &error), WEIR_ERR_NOT_NOW);
    CHECK(permit == NULL);
    CHECK_STR(weir_error_name(error), "not_now");
    CHECK(weir_error_is(error, WEIR_ERROR_RETRYABLE | WEIR_ERROR_THROTTLED));
    CHECK_GE(weir_error_retry_after_ms(error), 1);
    CHECK_LT(weir_error_retry_after_ms(error), 200000);
    weir_error_release(error);
    CHECK_EQ(weir_try_acquire(engine, request, &permit, NULL), WEIR_ERR_NOT_NOW);

    /* For another model there is room. */
    CHECK_EQ(weir_request_set(request, "model", WEIR_NUL, "claude-opus-4-5", WEIR_NUL, NULL),
             WEIR_OK);
    permit = try_acquire(engine, request);
    CHECK_EQ(weir_cancel(engine, weir_permit_ticket(permit)), WEIR_OK);
    weir_permit_release(permit);
    weir_request_release(request);
    end(engine, 1);
}

static void no_one_is_overtaken(const char* drive) {
    weir_config* config = api_config(drive, "http://127.0.0.1:9");
    weir_engine* engine;
    weir_request* request = permit_request();
    weir_permit *first, *second = NULL;
    uint64_t ticket, waiting;
    weir_event event;
    api_set(config, "concurrency.max", "1");
    api_set(config, LIMIT, "600000");
    engine = api_open(config);
    weir_config_release(config);
    first = try_acquire(engine, request);
    ticket = weir_permit_ticket(first);
    CHECK_EQ(weir_try_acquire(engine, request, &second, NULL), WEIR_ERR_NOT_NOW);
    waiting = acquire(engine, request);
    CHECK_EQ(api_next(engine, &event, 5), 0); /* it has reached the queue */
    report(engine, ticket, 1, outcome_of(0, WEIR_FAILURE_UNUSED));
    CHECK_EQ(weir_try_acquire(engine, request, &second, NULL), WEIR_ERR_NOT_NOW);
    next(engine, ticket, WEIR_EVENT_FAILED, &event);
    api_release(&event);
    next_permit(engine, waiting, 1);
    CHECK_EQ(weir_try_acquire(engine, request, &second, NULL), WEIR_ERR_NOT_NOW);
    report(engine, waiting, 1, outcome_of(200, WEIR_FAILURE_NONE));
    next(engine, waiting, WEIR_EVENT_DONE, &event);
    api_release(&event);
    weir_permit_release(first);
    first = try_acquire(engine, request);
    weir_permit_release(first);
    weir_request_release(request);
    end(engine, 1);
}

/* The engine sleeps when the permit is given; the lease ends all the same. */
static void at_once_and_never_reported(const char* drive) {
    weir_engine* engine = open_with(drive, "permit.lease_ms", "50");
    weir_request* request = permit_request();
    weir_permit* permit;
    weir_event event;
    CHECK_EQ(api_next(engine, &event, 5), 0);
    permit = try_acquire(engine, request);
    CHECK_EQ(weir_permit_number(permit, WEIR_PERMIT_LEASE_MS), 50);
    next(engine, weir_permit_ticket(permit), WEIR_EVENT_FAILED, &event);
    CHECK_EQ(event.status, WEIR_ERR_ATTEMPT_TIMEOUT);
    api_release(&event);
    weir_permit_release(permit);
    weir_request_release(request);
    end(engine, 0);
}

static void outlives_its_engine(const char* drive) {
    const int threads = api_thread_count();
    weir_engine* engine = open_plain(drive);
    weir_request* request = permit_request();
    weir_permit* permit = try_acquire(engine, request);
    weir_request_release(request);
    end(engine, 1);
    api_await_threads(threads);
    CHECK_STR(weir_permit_string(permit, WEIR_PERMIT_ACCOUNT), "main");
    CHECK_STR(weir_permit_string(permit, WEIR_PERMIT_MODEL), MODEL);
    weir_permit_release(permit);
}

int main(void) {
    api_load();
    RUN_DRIVEN(at_once);
    RUN_DRIVEN(not_now);
    RUN_DRIVEN(no_one_is_overtaken);
    RUN_DRIVEN(at_once_and_never_reported);
    RUN_DRIVEN(outlives_its_engine);
    return check_end();
}
