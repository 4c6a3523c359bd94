/* C11: after fork() the child's calls on an inherited engine return WEIR_ERR_FORKED; release is
 * safe. What was built without an engine can be used in the child, an engine of its own among it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api.h"

/* A world with traffic in it, and more that a child may inherit. */
struct inheritance {
    struct world world;
    weir_config* config;
    weir_event done;
    weir_error* error;
};

static void count_destroy(void* user) { ++*(int*)user; }

static void never_called(const weir_event* event, void* user) {
    (void)event;
    (void)user;
    CHECK_NEVER("an event in the child");
}

static void own_engine_works(const weir_config* config) {
    weir_engine* engine = api_open(config);
    weir_event event;
    api_await(engine, api_submit(engine, "echo-3"), &event);
    CHECK_EQ(event.type, WEIR_EVENT_DONE);
    CHECK_HAS(event.data, "echo-3");
    api_release(&event);
    api_drain(engine);
    weir_engine_release(engine);
}

static void every_call_is_refused(weir_engine* engine) {
    weir_request* request = api_request("hello");
    weir_error* error = NULL;
    weir_text* text = NULL;
    weir_config* config = NULL;
    weir_permit* permit = NULL;
    weir_outcome* outcome = NULL;
    weir_event event;
    uint64_t ticket = 77;
    int destroyed = 0;
    CHECK_EQ(weir_submit(engine, request, &ticket, &error), WEIR_ERR_FORKED);
    CHECK_EQ(ticket, 0);
    CHECK_EQ(weir_error_code(error), WEIR_ERR_FORKED);
    CHECK_HAS(weir_error_message(error), "open");
    weir_error_release(error);
    CHECK_EQ(weir_acquire(engine, request, &ticket, NULL), WEIR_ERR_FORKED);
    CHECK_EQ(weir_try_acquire(engine, request, &permit, NULL), WEIR_ERR_FORKED);
    CHECK(permit == NULL);
    CHECK_EQ(weir_outcome_new(&outcome, NULL), WEIR_OK);
    CHECK_EQ(weir_report(engine, 1, 1, outcome, NULL), WEIR_ERR_FORKED);
    CHECK_EQ(weir_report_head(engine, 1, 1, outcome, NULL), WEIR_ERR_FORKED);
    CHECK_EQ(weir_report_progress(engine, 1, 1, 1), WEIR_ERR_FORKED);
    weir_outcome_release(outcome);
    CHECK_EQ(weir_cancel(engine, 1), WEIR_ERR_FORKED);
    CHECK_EQ(weir_cancel_tag(engine, 1), WEIR_ERR_FORKED);
    CHECK_EQ(weir_fd(engine), WEIR_ERR_FORKED);
    CHECK_EQ(weir_poll(engine, &event, sizeof event, 1, -1), WEIR_ERR_FORKED);
    CHECK_EQ(weir_dispatch(engine, never_called, NULL, 1, -1), WEIR_ERR_FORKED);
    CHECK_EQ(weir_engine_wait(engine, -1), WEIR_ERR_FORKED);
    CHECK_EQ(weir_engine_close(engine), WEIR_ERR_FORKED);
    CHECK_EQ(weir_wakeup(engine), WEIR_ERR_FORKED);
    CHECK_EQ(weir_engine_stats(engine, &text, NULL), WEIR_ERR_FORKED);
    CHECK_EQ(weir_place(engine, 1, NULL, NULL, NULL), WEIR_ERR_FORKED);
    CHECK(text == NULL);
    CHECK_EQ(weir_engine_config(engine, &config, NULL), WEIR_ERR_FORKED);
    CHECK(config == NULL);
    CHECK_EQ(weir_set_wake_hook(engine, count_destroy, &destroyed, count_destroy), WEIR_ERR_FORKED);
    CHECK_EQ(destroyed, 1); /* also when the call fails */
    weir_request_release(request);
}

static void inherit(struct inheritance* from, const char* drive) {
    weir_request* empty = NULL;
    uint64_t ticket = 0;
    int i;
    world_open(&from->world, drive);
    from->config = api_config(drive, peer_url(from->world.peer));
    api_await(from->world.engine, api_submit(from->world.engine, "echo-4"), &from->done);
    DIE_UNLESS(weir_request_new(&empty, NULL) == WEIR_OK);
    CHECK_EQ(weir_submit(from->world.engine, empty, &ticket, &from->error), WEIR_ERR_BAD_BODY);
    weir_request_release(empty);
    peer_gate(from->world.peer, 0);
    for (i = 0; i < 10; ++i) api_submit(from->world.engine, "hello");
    while (peer_requests(from->world.peer) < 2) {
        weir_event event;
        CHECK_GE(weir_poll(from->world.engine, &event, sizeof event, 1, 5), 0);
    }
}

/* The parent's traffic goes on as if nothing had been. */
static void disinherit(struct inheritance* from) {
    weir_event event;
    int i;
    peer_gate(from->world.peer, 1);
    for (i = 0; i < 10; ++i) {
        if (!CHECK_EQ(api_next(from->world.engine, &event, PATIENCE_MS), 1)) break;
        CHECK_EQ(event.type, WEIR_EVENT_DONE);
        api_release(&event);
    }
    api_release(&from->done);
    weir_error_release(from->error);
    weir_config_release(from->config);
    world_close(&from->world);
}

static void run_child(const char* drive, void (*child)(void* inheritance)) {
    struct inheritance from;
    inherit(&from, drive);
    CHECK_EQ(check_in_child(child, &from), 0);
    disinherit(&from);
}

static void use_before_open(void* argument) { own_engine_works(argument); }

static void before_open(const char* drive) {
    struct peer* peer = peer_start();
    weir_config* config = api_config(drive, peer_url(peer));
    CHECK_EQ(check_in_child(use_before_open, config), 0);
    weir_config_release(config);
    peer_stop(peer);
}

static void before_open_initialised(const char* drive) {
    CHECK_EQ(weir_global_init(), WEIR_OK);
    CHECK_EQ(weir_global_init(), WEIR_OK);
    before_open(drive);
}

static void refuse_child(void* argument) {
    struct inheritance* from = argument;
    every_call_is_refused(from->world.engine);
}
static void after_open(const char* drive) { run_child(drive, refuse_child); }

static void release_child(void* argument) {
    struct inheritance* from = argument;
    const int fd = weir_fd(from->world.engine);
    CHECK_EQ(fd, WEIR_ERR_FORKED);
    weir_engine_release(from->world.engine);
}
static void release_in_child(const char* drive) { run_child(drive, release_child); }

static void objects_child(void* argument) {
    struct inheritance* from = argument;
    CHECK_HAS(from->done.data, "echo-4");
    CHECK_EQ(weir_response_http_status(from->done.object), 200);
    CHECK_EQ(weir_error_code(from->error), WEIR_ERR_BAD_BODY);
    api_release(&from->done);
    weir_error_release(from->error);
    weir_config_release(from->config);
}
static void objects_in_child(const char* drive) { run_child(drive, objects_child); }

static void own_engine_child(void* argument) {
    struct inheritance* from = argument;
    every_call_is_refused(from->world.engine);
    weir_engine_release(from->world.engine);
    own_engine_works(from->config);
}

static void own_engine_in_child(const char* drive) {
    struct world world;
    struct inheritance from;
    inherit(&from, drive);
    world_open(&world, drive); /* a peer that answers, for the child */
    api_set(from.config, KEY_BASE_URL, peer_url(world.peer));
    CHECK_EQ(check_in_child(own_engine_child, &from), 0);
    world_close(&world);
    disinherit(&from);
}

static void grandchild(void* argument) {
    struct inheritance* from = argument;
    every_call_is_refused(from->world.engine);
    weir_engine_release(from->world.engine);
}
static void child_with_child(void* argument) {
    struct inheritance* from = argument;
    CHECK_EQ(check_in_child(grandchild, from), 0);
    every_call_is_refused(from->world.engine);
}
static void in_grandchild(const char* drive) { run_child(drive, child_with_child); }

/* exit() runs destructors and atexit handlers; an inherited engine must not hang or crash them. */
static void exit_child(void* argument) {
    (void)argument;
    api_expect_leaks();
    exit(check_failures() ? 1 : 0);
}
static void exit_in_child(const char* drive) { run_child(drive, exit_child); }

static void release_and_exit_child(void* argument) {
    struct inheritance* from = argument;
    weir_engine_release(from->world.engine);
    exit_child(argument);
}
static void release_and_exit_in_child(const char* drive) {
    run_child(drive, release_and_exit_child);
}

/* As a preforking server does: configured in the parent, opened in each worker. */
static void fifty_workers(const char* drive) {
    enum { kWorkers = 50 };
    struct peer* peer = peer_start();
    weir_config* config = api_config(drive, peer_url(peer));
    weir_engine* parent = api_open(config);
    pid_t workers[kWorkers];
    int i;
    fflush(stdout);
    for (i = 0; i < kWorkers; ++i) {
        workers[i] = fork();
        DIE_UNLESS(workers[i] >= 0);
        if (workers[i] == 0) {
            weir_engine_release(parent);
            own_engine_works(config);
            _exit(check_failures() ? 1 : 0);
        }
    }
    for (i = 0; i < kWorkers; ++i) {
        int status = -1;
        DIE_UNLESS(waitpid(workers[i], &status, 0) == workers[i]);
        CHECK_EQ(status, 0);
    }
    CHECK_EQ(peer_requests(peer), kWorkers);
    api_drain(parent);
    weir_engine_release(parent);
    weir_config_release(config);
    peer_stop(peer);
}

int main(void) {
    api_load();
    RUN_DRIVEN(before_open);
    RUN_DRIVEN(before_open_initialised);
    RUN_DRIVEN(after_open);
    RUN_DRIVEN(release_in_child);
    RUN_DRIVEN(objects_in_child);
    RUN_DRIVEN(own_engine_in_child);
    RUN_DRIVEN(in_grandchild);
    RUN_DRIVEN(exit_in_child);
    RUN_DRIVEN(release_and_exit_in_child);
    RUN_DRIVEN(fifty_workers);
    return check_end();
}
