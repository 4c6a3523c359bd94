/* Signals and descriptors of the host: SIGPIPE at its default, storms of signals, descriptors that
 * a child of exec must not inherit. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "api.h"

/* With SIGPIPE at its default a write to a reset connection would end the process. */
static void sigpipe_at_default(const char* drive) {
    static char filler[1500];
    struct world world;
    struct sigaction action;
    weir_event event;
    char text[1600];
    int i;
    sigaction(SIGPIPE, NULL, &action);
    CHECK(action.sa_handler == SIG_DFL);
    memset(filler, 'x', sizeof filler - 1);
    snprintf(text, sizeof text, "reply=reset %s", filler);
    world_open(&world, drive);
    for (i = 0; i < 30; ++i) {
        /* A kept connection that the peer has closed, then one that it resets under the request. */
        api_await(world.engine, api_submit(world.engine, "hello"), &event);
        api_release(&event);
        api_await(world.engine, api_submit(world.engine, text), &event);
        CHECK_EQ(event.type, WEIR_EVENT_FAILED);
        api_release(&event);
    }
    world_close(&world);
}

static atomic_int signals_seen;
static void count_signal(int number) {
    (void)number;
    atomic_fetch_add(&signals_seen, 1);
}

struct storm {
    pthread_t target;
    atomic_int over;
};

static void* blow(void* argument) {
    struct storm* storm = argument;
    while (!atomic_load(&storm->over)) {
        pthread_kill(storm->target, SIGURG);
        pthread_kill(storm->target, SIGVTALRM);
        api_sleep_ms(1);
    }
    return NULL;
}

/* As Go (SIGURG) and Ruby (SIGVTALRM) send them to a thread that is inside weir_poll, together with
 * a timer that hits any thread. */
static void storm_of_signals(const char* drive) {
    enum { kRequests = 100 };
    struct sigaction action, urg, vtalrm, prof;
    const struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
    struct storm storm;
    struct world world;
    pthread_t thread;
    weir_event event;
    int ended = 0, i;
    memset(&action, 0, sizeof action);
    action.sa_handler = count_signal;
    sigaction(SIGURG, &action, &urg);
    sigaction(SIGVTALRM, &action, &vtalrm);
    sigaction(SIGPROF, &action, &prof);
    atomic_store(&signals_seen, 0);
    storm.target = pthread_self();
    atomic_init(&storm.over, 0);
    world_open(&world, drive);
    setitimer(ITIMER_PROF, &often, NULL);
    DIE_UNLESS(pthread_create(&thread, NULL, blow, &storm) == 0);
    for (i = 0; i < kRequests; ++i) api_submit(world.engine, i % 10 ? "hello" : "reply=400 hello");
    while (ended < kRequests) {
        REQUIRE(api_next(world.engine, &event, PATIENCE_MS) == 1);
        CHECK_EQ(event.status == WEIR_OK || event.status == WEIR_ERR_REJECTED, 1);
        if (WEIR_EVENT_IS_TERMINAL(event.type)) ++ended;
        api_release(&event);
    }
    atomic_store(&storm.over, 1);
    pthread_join(thread, NULL);
    setitimer(ITIMER_PROF, &never, NULL);
    world_close(&world);
    CHECK_GE(atomic_load(&signals_seen), 1);
    sigaction(SIGURG, &urg, NULL);
    sigaction(SIGVTALRM, &vtalrm, NULL);
    sigaction(SIGPROF, &prof, NULL);
}

#define MAX_FD 1024

static void open_descriptors(char* open) {
    int fd;
    for (fd = 0; fd < MAX_FD; ++fd) open[fd] = fcntl(fd, F_GETFD) != -1;
}

/* libcurl before 8.22 opens a pair of sockets for curl_multi_wakeup, which weir does not use,
 * without CLOEXEC, and gives nobody a way to set it. */
static int may_be_libcurls_pair(int fd) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    return getsockname(fd, (struct sockaddr*)&address, &length) == 0 &&
           address.ss_family == AF_UNIX;
}

/* Every descriptor that the engine opens is closed by exec: watched while traffic runs. */
static void close_on_exec(const char* drive) {
    static char before[MAX_FD], now[MAX_FD];
    struct peer* peer = peer_start();
    weir_config* config = api_config(drive, peer_url(peer));
    weir_engine* engine;
    weir_event event;
    int fd, i, opened = 0, pair = 0;
    open_descriptors(before);
    engine = api_open(config);
    weir_config_release(config);
    peer_gate(peer, 0);
    for (i = 0; i < 8; ++i) api_submit(engine, "hello");
    while (peer_requests(peer) < 1) CHECK_GE(weir_poll(engine, &event, sizeof event, 1, 5), 0);
    open_descriptors(now);
    for (fd = 0; fd < MAX_FD; ++fd) {
        if (!now[fd] || before[fd]) continue;
        ++opened;
        check_context("engine.drive=%s descriptor %d", drive, fd);
        if (fcntl(fd, F_GETFD) & FD_CLOEXEC) continue;
        CHECK(may_be_libcurls_pair(fd));
        ++pair;
    }
    CHECK(pair == 0 || pair == 2);
    CHECK_GE(opened, 2); /* at least the engine's own and the connection */
    peer_gate(peer, 1);
    api_drain(engine);
    weir_engine_release(engine);
    peer_stop(peer);
}

/* The process may be short of descriptors: a status, and no crash. */
static void no_descriptors_left(const char* drive) {
    weir_config* config = api_config(drive, "http://127.0.0.1:9");
    weir_engine* engine = (weir_engine*)&engine;
    weir_error* error = NULL;
    int taken[MAX_FD], count = 0, fd, spare, opened = 0;
    struct rlimit limit, few;
    getrlimit(RLIMIT_NOFILE, &limit);
    few = limit;
    few.rlim_cur = 100;
    setrlimit(RLIMIT_NOFILE, &few);
    CHECK_EQ(weir_global_init(), WEIR_OK);
    while (count < MAX_FD && (fd = dup(0)) >= 0) taken[count++] = fd;
    for (spare = 0; spare < 12 && spare < count; ++spare) {
        const int32_t status = weir_engine_open(config, &engine, &error);
        check_context("engine.drive=%s %d descriptors left", drive, spare);
        if (status != WEIR_OK) CHECK_EQ(status, WEIR_ERR_IO);
        CHECK((engine != NULL) == (status == WEIR_OK));
        if (status == WEIR_OK) ++opened;
        if (status == WEIR_OK) api_drain(engine);
        weir_engine_release(engine);
        weir_error_release(error);
        close(taken[--count]);
    }
    while (count > 0) close(taken[--count]);
    setrlimit(RLIMIT_NOFILE, &limit);
    CHECK_GE(opened, 1);
    weir_config_release(config);
}

int main(void) {
    api_load();
    RUN_DRIVEN(sigpipe_at_default);
    RUN_DRIVEN(storm_of_signals);
    RUN_DRIVEN(close_on_exec);
    RUN_DRIVEN(no_descriptors_left);
    return check_end();
}
