/* C9: the descriptor of weir_fd is readable exactly while weir_poll with timeout 0 would return
 * events (a caller-driven engine: or would find work to do). */
#include <poll.h>
#include <unistd.h>

#include "api.h"

static int wait_readable(int fd, int timeout_ms) {
    struct pollfd poll_fd = {fd, POLLIN, 0};
    return poll(&poll_fd, 1, timeout_ms) == 1 && (poll_fd.revents & POLLIN);
}

/* One event at a time: readable before each, not after the last. */
static void readable_while_events_wait(void) {
    struct world world;
    weir_event event;
    int fd, i;
    world_open(&world, "thread");
    fd = weir_fd(world.engine);
    CHECK_EQ(api_readable(fd), 0);
    CHECK_EQ(weir_poll(world.engine, &event, sizeof event, 1, 0), 0);
    peer_gate(world.peer, 0);
    for (i = 0; i < 3; ++i) api_submit(world.engine, "hello");
    CHECK(peer_await_requests(world.peer, 1, PATIENCE_MS));
    CHECK_EQ(api_readable(fd), 0);
    CHECK_EQ(weir_poll(world.engine, &event, sizeof event, 1, 0), 0);
    peer_gate(world.peer, 1);
    for (i = 0; i < 3; ++i) {
        CHECK(wait_readable(fd, PATIENCE_MS));
        REQUIRE(weir_poll(world.engine, &event, sizeof event, 1, 0) == 1);
        CHECK_EQ(event.type, WEIR_EVENT_DONE);
        api_release(&event);
    }
    CHECK_EQ(api_readable(fd), 0);
    CHECK_EQ(weir_poll(world.engine, &event, sizeof event, 1, 0), 0);
    world_close(&world);
}

/* All at once, taken one by one: readable as long as one is left. */
static void readable_until_the_last(void) {
    enum { kRequests = 20 };
    struct world world;
    weir_event event;
    int fd, i;
    world_open(&world, "thread");
    fd = weir_fd(world.engine);
    for (i = 0; i < kRequests; ++i) api_submit(world.engine, "reply=hang");
    CHECK_EQ(weir_engine_close(world.engine), WEIR_OK);
    CHECK_EQ(weir_engine_wait(world.engine, PATIENCE_MS), WEIR_OK);
    for (i = 0; i < kRequests + 1; ++i) { /* the last is WEIR_ENGINE_CLOSED */
        CHECK_EQ(api_readable(fd), 1);
        REQUIRE(weir_poll(world.engine, &event, sizeof event, 1, 0) == 1);
        api_release(&event);
    }
    CHECK_EQ(api_readable(fd), 0);
    CHECK_EQ(weir_poll(world.engine, &event, sizeof event, 1, 0), WEIR_ERR_CLOSED);
    CHECK_EQ(api_readable(fd), 0);
    world_close(&world);
}

/* A wakeup is not an event. */
static void wakeup_is_no_event(void) {
    struct world world;
    weir_event event;
    int fd;
    world_open(&world, "thread");
    fd = weir_fd(world.engine);
    CHECK_EQ(weir_wakeup(world.engine), WEIR_OK);
    CHECK_EQ(api_readable(fd), 0);
    CHECK_EQ(weir_poll(world.engine, &event, sizeof event, 1, 0), 0);
    CHECK_EQ(api_readable(fd), 0);
    world_close(&world);
}

/* Polled only when the descriptor says so, and with timeout 0, an engine of either kind gets all
 * its work done: also what time makes due, such as a deadline and the pause before a second
 * attempt. */
static void descriptor_is_enough(const char* drive) {
    enum { kRequests = 12 };
    struct peer* peer = peer_start();
    weir_config* config = api_config(drive, peer_url(peer));
    weir_engine* engine;
    weir_request* late = api_request("reply=hang");
    const struct peer_reply again = {PEER_STATUS, 529, 0, "retry-after: 1\r\n"};
    uint64_t late_ticket = 0;
    int ended = 0, succeeded = 0, idle_wakes = 0, fd, i;
    api_set(config, KEY_MAX_ATTEMPTS, "3");
    engine = api_open(config);
    weir_config_release(config);
    fd = weir_fd(engine);
    peer_next(peer, again);
    for (i = 0; i < kRequests; ++i) api_submit(engine, "hello");
    CHECK_EQ(weir_request_set_deadline_ms(late, 2000), WEIR_OK);
    CHECK_EQ(weir_submit(engine, late, &late_ticket, NULL), WEIR_OK);
    weir_request_release(late);
    while (ended < kRequests + 1) {
        int found = 0;
        weir_event event;
        REQUIRE(wait_readable(fd, PATIENCE_MS));
        while (weir_poll(engine, &event, sizeof event, 1, 0) == 1) {
            ++found;
            if (WEIR_EVENT_IS_TERMINAL(event.type)) ++ended;
            if (event.type == WEIR_EVENT_DONE) ++succeeded;
            if (event.ticket == late_ticket) CHECK_EQ(event.status, WEIR_ERR_DEADLINE);
            api_release(&event);
        }
        if (!found) ++idle_wakes;
    }
    CHECK_EQ(succeeded, kRequests);
    /* A thread-driven engine's descriptor never wakes for nothing; a caller-driven one may find
     * work that yields no event, but must not spin. */
    if (drive[0] == 't') CHECK_EQ(idle_wakes, 0);
    CHECK_LT(idle_wakes, 2000);
    api_drain(engine);
    weir_engine_release(engine);
    peer_stop(peer);
}

/* Without work the descriptor of a caller-driven engine is quiet. */
static void quiet_without_work(const char* drive) {
    struct world world;
    weir_event event;
    int fd;
    world_open(&world, drive);
    fd = weir_fd(world.engine);
    CHECK_GE(fd, 0);
    CHECK_EQ(weir_fd(world.engine), fd);
    while (weir_poll(world.engine, &event, sizeof event, 1, 0) == 1) api_release(&event);
    CHECK_EQ(wait_readable(fd, 50), 0);
    api_await(world.engine, api_submit(world.engine, "hello"), &event);
    api_release(&event);
    while (weir_poll(world.engine, &event, sizeof event, 1, 10) == 1) api_release(&event);
    CHECK_EQ(wait_readable(fd, 50), 0);
    world_close(&world);
}

/* A submit is work for a caller-driven engine, and so is a cancel. */
static void caller_driven_sees_work(void) {
    struct world world;
    weir_event event;
    uint64_t ticket;
    int fd;
    world_open(&world, "caller");
    fd = weir_fd(world.engine);
    while (weir_poll(world.engine, &event, sizeof event, 1, 0) == 1) api_release(&event);
    CHECK_EQ(api_readable(fd), 0);
    ticket = api_submit(world.engine, "reply=hang");
    CHECK_EQ(api_readable(fd), 1);
    while (peer_requests(world.peer) == 0)
        CHECK_GE(weir_poll(world.engine, &event, sizeof event, 1, 10), 0);
    CHECK_EQ(weir_cancel(world.engine, ticket), WEIR_OK);
    CHECK_EQ(api_readable(fd), 1);
    REQUIRE(weir_poll(world.engine, &event, sizeof event, 1, 0) == 1);
    CHECK_EQ(event.status, WEIR_ERR_CANCELLED);
    api_release(&event);
    world_close(&world);
}

int main(void) {
    api_load();
    RUN(readable_while_events_wait);
    RUN(readable_until_the_last);
    RUN(wakeup_is_no_event);
    RUN_DRIVEN(descriptor_is_enough);
    RUN_DRIVEN(quiet_without_work);
    RUN(caller_driven_sees_work);
    return check_end();
}
