/* exit() with an engine alive, or just released: no crash, no hang. */
#include <stdlib.h>

#include "api.h"

static const char* exit_drive;
static void exit_with_traffic(void* how) {
    struct world world;
    int i;
    world_open(&world, exit_drive);
    for (i = 0; i < 30; ++i) api_submit(world.engine, i % 2 ? "hello" : "reply=hang");
    for (i = 0; i < 5; ++i) {
        weir_event event;
        if (weir_poll(world.engine, &event, sizeof event, 1, 5) == 1) api_release(&event);
    }
    api_expect_leaks();
    if (how == NULL) exit(check_failures() ? 1 : 0);
    weir_engine_release(world.engine);
    exit(check_failures() ? 1 : 0);
}

static void exit_alive(const char* drive) {
    int i;
    exit_drive = drive;
    for (i = 0; i < 10; ++i) CHECK_EQ(check_in_child(exit_with_traffic, NULL), 0);
}

/* Right after release, when the engine's thread may still be on its way out. */
static void exit_after_release(const char* drive) {
    int i;
    exit_drive = drive;
    for (i = 0; i < 10; ++i) CHECK_EQ(check_in_child(exit_with_traffic, &exit_drive), 0);
}

int main(void) {
    api_load();
    RUN_DRIVEN(exit_alive);
    RUN_DRIVEN(exit_after_release);
    return check_end();
}
