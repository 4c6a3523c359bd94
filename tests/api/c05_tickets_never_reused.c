/* C5: tickets are never reused within an engine. */
#include <stdlib.h>

#include "schedule.h"

static int by_value(const void* a, const void* b) {
    const uint64_t x = *(const uint64_t*)a, y = *(const uint64_t*)b;
    return x < y ? -1 : x > y;
}

static void all_distinct(uint64_t* tickets, size_t count) {
    size_t i;
    qsort(tickets, count, sizeof *tickets, by_value);
    for (i = 0; i < count; ++i) {
        CHECK_NE(tickets[i], 0);
        if (i > 0) CHECK_NE(tickets[i], tickets[i - 1]);
    }
}

static void distinct_in_schedule(const struct schedule* schedule) {
    uint64_t tickets[SCHEDULE_MAX_SUBMITS];
    size_t count = 0;
    int i;
    for (i = 0; i < atomic_load(&schedule->submit_count); ++i)
        if (schedule->submits[i].accepted == 1) tickets[count++] = schedule->submits[i].ticket;
    all_distinct(tickets, count);
}

static void random_schedules(void) { schedule_each(distinct_in_schedule); }

/* The engine's memory of a request is used again at once; its name is not. */
static void through_reused_slots(const char* drive) {
    enum { kRounds = 300, kTogether = 10 };
    static uint64_t tickets[kRounds * kTogether];
    struct world world;
    weir_request* request = api_request("reply=hang");
    int round, i;
    world_open(&world, drive);
    for (round = 0; round < kRounds; ++round) {
        uint64_t* now = &tickets[round * kTogether];
        for (i = 0; i < kTogether; ++i)
            REQUIRE(weir_submit(world.engine, request, &now[i], NULL) == WEIR_OK);
        for (i = 0; i < kTogether; ++i) CHECK_EQ(weir_cancel(world.engine, now[i]), WEIR_OK);
        for (i = 0; i < kTogether; ++i) {
            weir_event event;
            REQUIRE(api_next(world.engine, &event, PATIENCE_MS) == 1);
            CHECK_EQ(event.status, WEIR_ERR_CANCELLED);
            api_release(&event);
        }
        if (round > 0) CHECK_EQ(weir_cancel(world.engine, now[-1]), WEIR_ERR_NOT_FOUND);
    }
    all_distinct(tickets, kRounds * kTogether);
    weir_request_release(request);
    world_close(&world);
}

int main(void) {
    api_load();
    RUN_DRIVEN(through_reused_slots);
    RUN(random_schedules);
    return check_end();
}
