/* C1: an accepted submit has exactly one terminal event. */
#include "schedule.h"

static int accepted; /* over all schedules: in a short one everything may be refused */

static void one_terminal_each(const struct schedule* schedule) {
    int i;
    for (i = 0; i < atomic_load(&schedule->submit_count); ++i) {
        const struct submit_record* record = &schedule->submits[i];
        if (record->accepted != 1) continue;
        ++accepted;
        CHECK_EQ(record->terminals, 1);
        CHECK_EQ(record->tickets_differ, 0);
        CHECK_EQ(record->event_ticket, record->ticket);
    }
    CHECK_EQ(schedule->strangers, 0);
}

static void random_schedules(void) {
    schedule_each(one_terminal_each);
    CHECK_GE(accepted, 1);
}

/* Every way in which a request can end, one at a time. */
static void each_ending(const char* drive) {
    static const struct {
        const char* text;
        uint32_t type;
        int32_t status;
    } endings[] = {
        {"reply=answer", WEIR_EVENT_DONE, WEIR_OK},
        {"reply=stream", WEIR_EVENT_DONE, WEIR_OK},
        {"reply=400", WEIR_EVENT_FAILED, WEIR_ERR_REJECTED},
        {"reply=404", WEIR_EVENT_FAILED, WEIR_ERR_REJECTED},
        {"reply=413", WEIR_EVENT_FAILED, WEIR_ERR_REJECTED},
        {"reply=401", WEIR_EVENT_FAILED, WEIR_ERR_AUTHENTICATION},
        {"reply=403", WEIR_EVENT_FAILED, WEIR_ERR_PERMISSION},
        {"reply=429", WEIR_EVENT_FAILED, WEIR_ERR_RATE_LIMITED},
        {"reply=500", WEIR_EVENT_FAILED, WEIR_ERR_SERVER},
        {"reply=529", WEIR_EVENT_FAILED, WEIR_ERR_OVERLOADED},
        {"reply=close", WEIR_EVENT_FAILED, WEIR_ERR_CONNECTION},
        {"reply=reset", WEIR_EVENT_FAILED, WEIR_ERR_CONNECTION},
        {"reply=garbage", WEIR_EVENT_FAILED, WEIR_ERR_BROKEN_RESPONSE},
        {"reply=truncate", WEIR_EVENT_FAILED, WEIR_ERR_BROKEN_RESPONSE},
        {"reply=streamcut", WEIR_EVENT_FAILED, WEIR_ERR_STREAM_BROKEN},
    };
    size_t i;
    for (i = 0; i < sizeof endings / sizeof endings[0]; ++i) {
        struct world world;
        weir_event event;
        uint64_t ticket;
        const int stream = endings[i].text[6] == 's';
        check_context("engine.drive=%s %s", drive, endings[i].text);
        world_open(&world, drive); /* anew: a refused key or a pause must not reach the next */
        ticket = stream ? api_submit_stream(world.engine, endings[i].text)
                        : api_submit(world.engine, endings[i].text);
        api_await(world.engine, ticket, &event);
        CHECK_EQ(event.type, endings[i].type);
        CHECK_EQ(event.status, endings[i].status);
        CHECK(event.object != NULL);
        if (event.type == WEIR_EVENT_FAILED)
            CHECK_EQ(weir_error_code((const weir_error*)event.object), event.status);
        api_release(&event);
        CHECK_EQ(weir_cancel(world.engine, ticket), WEIR_ERR_NOT_FOUND);
        CHECK_EQ(api_drain(world.engine), 0);
        world_close(&world);
    }
}

static void close_ends_everything(const char* drive) {
    struct world world;
    weir_event event;
    int i, ended = 0;
    world_open(&world, drive);
    for (i = 0; i < 50; ++i) api_submit(world.engine, "reply=hang");
    CHECK_EQ(weir_engine_close(world.engine), WEIR_OK);
    while (api_next(world.engine, &event, PATIENCE_MS) == 1) {
        if (WEIR_EVENT_IS_TERMINAL(event.type)) {
            ++ended;
            CHECK_EQ(event.type, WEIR_EVENT_FAILED);
            CHECK_EQ(event.status, WEIR_ERR_SHUTDOWN);
            CHECK_EQ(event.flags & WEIR_ERROR_CANCELLED, WEIR_ERROR_CANCELLED);
        } else {
            CHECK_EQ(event.type, WEIR_EVENT_ENGINE);
            CHECK_EQ(event.index, WEIR_ENGINE_CLOSED);
            CHECK_EQ(ended, 50); /* it comes after the last terminal event */
        }
        api_release(&event);
    }
    CHECK_EQ(ended, 50);
    world_close(&world);
}

int main(void) {
    api_load();
    RUN_DRIVEN(each_ending);
    RUN_DRIVEN(close_ends_everything);
    RUN(random_schedules);
    return check_end();
}
