/* A process that exits while an engine works: what exit() takes down under the engine's thread must
 * not end the process in another way. The engine of a caller's thread is left where it is. */
#include <stdlib.h>
#include <sys/wait.h>

#include "api.h"

enum { kRequests = 40, kChildren = 12 };

static struct peer* peer;
static weir_engine* engine;

static void begin_traffic(const char* drive) {
    weir_config* config;
    int i;
    api_expect_leaks();
    peer = peer_start();
    config = api_config(drive, peer_url(peer));
    engine = api_open(config);
    weir_config_release(config);
    peer_gate(peer, 0);
    for (i = 0; i < kRequests; ++i) {
        const int stream = i % 2;
        if (stream) {
            api_submit_stream(engine, "hello");
        } else {
            api_submit(engine, i % 4 ? "hello" : "reply=400 hello");
        }
    }
}

/* Registered before anything of the library has run, and so the last to be called. */
static void take_every_answer(void) {
    weir_event event;
    int ended = 0;
    peer_gate(peer, 1);
    while (ended < kRequests) {
        DIE_UNLESS(api_next(engine, &event, PATIENCE_MS) == 1);
        if (WEIR_EVENT_IS_TERMINAL(event.type)) {
            DIE_UNLESS(event.status == WEIR_OK || event.status == WEIR_ERR_REJECTED);
            ++ended;
        }
        api_release(&event);
    }
}

static void answers_after_exit(void* drive) {
    DIE_UNLESS(atexit(take_every_answer) == 0);
    begin_traffic(drive);
    exit(check_failures() ? 1 : 0);
}

/* All that exit() destroys is gone when the first answer comes. */
static void the_engine_works_on_while_the_process_exits(const char* drive) {
    CHECK_EQ(check_in_child(answers_after_exit, (void*)drive), 0);
}

struct short_life {
    const char* drive;
    int answers; /* before the exit */
    int release; /* and then the engine is released, whose thread may be on its way out */
};

static void exit_amid_traffic(void* argument) {
    const struct short_life* life = argument;
    weir_event event;
    int i;
    begin_traffic(life->drive);
    peer_gate(peer, 1);
    for (i = 0; i < life->answers; ++i) {
        if (api_next(engine, &event, PATIENCE_MS) == 1) api_release(&event);
    }
    if (life->release) weir_engine_release(engine);
    exit(check_failures() ? 1 : 0);
}

static void exit_early(const char* drive, int release) {
    struct short_life life = {drive, 0, release};
    for (; life.answers < kChildren; ++life.answers) {
        check_context("engine.drive=%s exit after %d answers", drive, life.answers);
        CHECK_EQ(check_in_child(exit_amid_traffic, &life), 0);
    }
}

static void exit_with_live_traffic(const char* drive) { exit_early(drive, 0); }
static void exit_after_release(const char* drive) { exit_early(drive, 1); }

int main(void) {
    api_load();
    RUN_DRIVEN(the_engine_works_on_while_the_process_exits);
    RUN_DRIVEN(exit_with_live_traffic);
    RUN_DRIVEN(exit_after_release);
    return check_end();
}
