/* C3: no event is produced inside submit: it is seen by poll or dispatch, never earlier. */
#include "schedule.h"

static void none_inside(const struct schedule* schedule) {
    CHECK_EQ(schedule->hooks_inside_submit, 0);
}

static __thread int inside_submit;
static atomic_int hooks_inside_submit;
static atomic_int hooks;

static void count_hook(void* user) {
    (void)user;
    atomic_fetch_add(&hooks, 1);
    if (inside_submit) atomic_fetch_add(&hooks_inside_submit, 1);
}

/* Requests that fail or end at once would be the ones to call back early. */
static void submit_does_not_signal(const char* drive) {
    struct world world;
    weir_request* request = api_request("reply=400");
    int i;
    world_open(&world, drive);
    CHECK_EQ(weir_request_set_deadline_ms(request, 1), WEIR_OK);
    CHECK_EQ(weir_set_wake_hook(world.engine, count_hook, NULL, NULL), WEIR_OK);
    for (i = 0; i < 200; ++i) {
        uint64_t ticket = 0;
        inside_submit = 1;
        weir_submit(world.engine, request, &ticket, NULL);
        inside_submit = 0;
    }
    weir_request_release(request);
    CHECK_EQ(atomic_load(&hooks_inside_submit), 0);
    world_close(&world);
}

/* Without a thread, nothing at all happens before the next poll. */
static void caller_driven_waits_for_poll(void) {
    struct world world;
    weir_event event;
    uint64_t ticket;
    world_open(&world, "caller");
    ticket = api_submit(world.engine, "hello");
    api_sleep_ms(50);
    CHECK_EQ(peer_requests(world.peer), 0);
    CHECK_EQ(peer_connections(world.peer), 0);
    api_await(world.engine, ticket, &event);
    CHECK_EQ(event.type, WEIR_EVENT_DONE);
    api_release(&event);
    world_close(&world);
}

struct nesting {
    weir_engine* engine;
    int depth, deepest, ended, submitted;
};

static void submit_again(const weir_event* event, void* user) {
    struct nesting* nesting = user;
    if (!WEIR_EVENT_IS_TERMINAL(event->type)) return;
    ++nesting->ended;
    ++nesting->depth;
    if (nesting->depth > nesting->deepest) nesting->deepest = nesting->depth;
    if (nesting->submitted < 20) {
        ++nesting->submitted;
        api_submit(nesting->engine, "hello");
    }
    --nesting->depth;
}

static void submit_inside_dispatch(const char* drive) {
    const long long until = api_now_ms() + PATIENCE_MS;
    struct nesting nesting = {NULL, 0, 0, 0, 1};
    struct world world;
    world_open(&world, drive);
    nesting.engine = world.engine;
    api_submit(world.engine, "hello");
    while (nesting.ended < 20 && api_now_ms() < until)
        CHECK_GE(weir_dispatch(world.engine, submit_again, &nesting, 4, 100), 0);
    CHECK_EQ(nesting.ended, 20);
    CHECK_EQ(nesting.deepest, 1);
    world_close(&world);
}

static void random_schedules(void) { schedule_each(none_inside); }

int main(void) {
    api_load();
    RUN_DRIVEN(submit_does_not_signal);
    RUN(caller_driven_waits_for_poll);
    RUN_DRIVEN(submit_inside_dispatch);
    RUN(random_schedules);
    return check_end();
}
