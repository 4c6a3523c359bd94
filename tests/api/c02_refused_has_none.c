/* C2: a refused submit has no terminal event, and no other either. */
#include "schedule.h"

static void no_events_of_refused(const struct schedule* schedule) {
    int i;
    for (i = 0; i < atomic_load(&schedule->submit_count); ++i) {
        const struct submit_record* record = &schedule->submits[i];
        if (record->accepted == 1) continue;
        CHECK_EQ(record->events, 0);
        CHECK_EQ(record->ticket, 0);
    }
}

static void random_schedules(void) { schedule_each(no_events_of_refused); }

static void no_body(const char* drive) {
    struct world world;
    weir_request* request = NULL;
    uint64_t ticket = 77;
    weir_error* error = NULL;
    weir_event event;
    world_open(&world, drive);
    CHECK_EQ(weir_request_new(&request, NULL), WEIR_OK);
    CHECK_EQ(weir_submit(world.engine, request, &ticket, &error), WEIR_ERR_BAD_BODY);
    CHECK_EQ(ticket, 0);
    CHECK_EQ(weir_error_code(error), WEIR_ERR_BAD_BODY);
    weir_error_release(error);
    weir_request_release(request);
    CHECK_EQ(api_next(world.engine, &event, 50), 0);
    CHECK_EQ(peer_requests(world.peer), 0);
    CHECK_EQ(api_drain(world.engine), 0);
    world_close(&world);
}

static void queue_full(const char* drive) {
    struct peer* peer = peer_start();
    weir_config* config = api_config(drive, peer_url(peer));
    weir_engine* engine;
    weir_request* request = api_request("reply=hang");
    weir_error* error = NULL;
    uint64_t ticket;
    int i;
    api_set(config, KEY_MAX_REQUESTS, "5");
    engine = api_open(config);
    weir_config_release(config);
    for (i = 0; i < 5; ++i) CHECK_EQ(weir_submit(engine, request, &ticket, NULL), WEIR_OK);
    ticket = 77;
    CHECK_EQ(weir_submit(engine, request, &ticket, &error), WEIR_ERR_QUEUE_FULL);
    CHECK_EQ(ticket, 0);
    CHECK_STR(weir_error_name(error), "queue_full");
    CHECK(weir_error_is(error, WEIR_ERROR_RETRYABLE));
    CHECK_HAS(weir_error_message(error), KEY_MAX_REQUESTS);
    weir_error_release(error);
    weir_request_release(request);
    CHECK_EQ(api_drain(engine), 5);
    weir_engine_release(engine);
    peer_stop(peer);
}

/* A full queue that drops: the newest of the lowest that wait has its one terminal event. */
static void queue_full_drops(const char* drive) {
    struct peer* peer = peer_start();
    weir_config* config = api_config(drive, peer_url(peer));
    weir_engine* engine;
    weir_request* request = api_request("reply=hang");
    weir_event event;
    uint64_t tickets[3];
    uint64_t urgent;
    uint64_t refused = 77;
    int i;
    api_set(config, KEY_MAX_REQUESTS, "3");
    api_set(config, "queue.on_full", "drop_lowest");
    api_set(config, "concurrency.max", "1");
    engine = api_open(config);
    weir_config_release(config);
    CHECK_EQ(weir_request_set_priority(request, WEIR_PRIORITY_LOW), WEIR_OK);
    for (i = 0; i < 3; ++i) CHECK_EQ(weir_submit(engine, request, &tickets[i], NULL), WEIR_OK);
    CHECK_EQ(weir_submit(engine, request, &refused, NULL), WEIR_ERR_QUEUE_FULL);
    CHECK_EQ(refused, 0);
    CHECK_EQ(weir_request_set_priority(request, WEIR_PRIORITY_CRITICAL), WEIR_OK);
    CHECK_EQ(weir_submit(engine, request, &urgent, NULL), WEIR_OK);
    api_await(engine, tickets[2], &event);
    CHECK_EQ(event.type, WEIR_EVENT_FAILED);
    CHECK_EQ(event.status, WEIR_ERR_QUEUE_FULL);
    CHECK(event.flags & WEIR_ERROR_RETRYABLE);
    api_release(&event);
    CHECK_EQ(weir_cancel(engine, tickets[2]), WEIR_ERR_NOT_FOUND);
    /* The place of a cancelled request that waited is free at once. */
    CHECK_EQ(weir_cancel(engine, tickets[1]), WEIR_OK);
    CHECK_EQ(weir_request_set_priority(request, WEIR_PRIORITY_LOW), WEIR_OK);
    CHECK_EQ(weir_submit(engine, request, NULL, NULL), WEIR_OK);
    weir_request_release(request);
    CHECK_EQ(api_drain(engine), 4);
    weir_engine_release(engine);
    peer_stop(peer);
}

static void closed(const char* drive) {
    struct world world;
    weir_request* request = api_request("hello");
    uint64_t ticket = 77;
    world_open(&world, drive);
    CHECK_EQ(weir_engine_close(world.engine), WEIR_OK);
    CHECK_EQ(weir_submit(world.engine, request, &ticket, NULL), WEIR_ERR_CLOSED);
    CHECK_EQ(ticket, 0);
    CHECK_EQ(api_drain(world.engine), 0);
    CHECK_EQ(weir_submit(world.engine, request, &ticket, NULL), WEIR_ERR_CLOSED);
    weir_request_release(request);
    world_close(&world);
}

static void no_account(const char* drive) {
    weir_config* config = NULL;
    weir_engine* engine = NULL;
    weir_error* error = NULL;
    int32_t status;
    CHECK_EQ(weir_config_new(&config, NULL), WEIR_OK);
    api_set(config, KEY_DRIVE, drive);
    status = weir_engine_open(config, &engine, &error);
    if (status == WEIR_OK) { /* it may be refused at open or at submit, but it is refused */
        weir_request* request = api_request("hello");
        uint64_t ticket = 0;
        status = weir_submit(engine, request, &ticket, &error);
        weir_request_release(request);
        CHECK_EQ(api_drain(engine), 0);
    }
    CHECK_EQ(status, WEIR_ERR_NO_ACCOUNT);
    CHECK_HAS(weir_error_message(error), "account.");
    weir_error_release(error);
    weir_engine_release(engine);
    weir_config_release(config);
}

int main(void) {
    api_load();
    RUN_DRIVEN(no_body);
    RUN_DRIVEN(queue_full);
    RUN_DRIVEN(queue_full_drops);
    RUN_DRIVEN(closed);
    RUN_DRIVEN(no_account);
    RUN(random_schedules);
    return check_end();
}
