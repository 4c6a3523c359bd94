/* C4: no event of a ticket follows its terminal event. */
#include "schedule.h"

static void nothing_after(const struct schedule* schedule) {
    int i;
    for (i = 0; i < atomic_load(&schedule->submit_count); ++i)
        CHECK_EQ(schedule->submits[i].after_terminal, 0);
}

static void random_schedules(void) { schedule_each(nothing_after); }

/* Cancelled in the middle of its stream: what was sent may come first, nothing after the end. */
static void cancelled_stream(const char* drive) {
    struct world world;
    weir_event event;
    uint64_t ticket;
    int ended = 0;
    world_open(&world, drive);
    ticket = api_submit_stream(world.engine, "reply=streamhang");
    REQUIRE(api_next(world.engine, &event, PATIENCE_MS) == 1);
    CHECK_EQ(event.type, WEIR_EVENT_STREAM);
    api_release(&event);
    CHECK_EQ(weir_cancel(world.engine, ticket), WEIR_OK);
    while (api_next(world.engine, &event, ended ? 100 : PATIENCE_MS) == 1) {
        CHECK_EQ(ended, 0);
        CHECK_EQ(event.ticket, ticket);
        if (WEIR_EVENT_IS_TERMINAL(event.type)) {
            ended = 1;
            CHECK_EQ(event.status, WEIR_ERR_CANCELLED);
            CHECK_EQ(event.flags & WEIR_ERROR_MAYBE_EXECUTED, WEIR_ERROR_MAYBE_EXECUTED);
        }
        api_release(&event);
    }
    CHECK_EQ(ended, 1);
    world_close(&world);
}

/* The events of a stream come in order, before its one terminal event. */
static void whole_stream(const char* drive) {
    struct world world;
    weir_event event;
    uint64_t ticket;
    uint32_t next = 0;
    world_open(&world, drive);
    ticket = api_submit_stream(world.engine, "reply=stream echo-7");
    for (;;) {
        REQUIRE(api_next(world.engine, &event, PATIENCE_MS) == 1);
        CHECK_EQ(event.ticket, ticket);
        if (event.type != WEIR_EVENT_STREAM) break;
        CHECK_EQ(event.index, next);
        CHECK_EQ(event.status, WEIR_OK);
        CHECK(event.object == NULL);
        if (next == 0) CHECK_HAS(event.data, "message_start");
        if (next == 2) CHECK_HAS(event.data, "echo-7");
        CHECK_HAS_NOT(event.data, "ping");
        CHECK_EQ(((const char*)event.data)[event.data_length], 0);
        ++next;
        api_release(&event);
    }
    CHECK_EQ(next, 6);
    CHECK_EQ(event.type, WEIR_EVENT_DONE);
    CHECK_STR((const char*)event.data, "");
    CHECK_EQ(event.data_length, 0);
    api_release(&event);
    CHECK_EQ(api_next(world.engine, &event, 50), 0);
    world_close(&world);
}

int main(void) {
    api_load();
    RUN_DRIVEN(cancelled_stream);
    RUN_DRIVEN(whole_stream);
    RUN(random_schedules);
    return check_end();
}
