/* C12: no state of the process is changed: signal handlers and masks, locale, umask, working
 * directory, environment; nor its timers, limits, rounding or standard streams. */
#include <dirent.h>
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "api.h"

extern char** environ;

#define SIGNALS 65

struct process {
    struct sigaction actions[SIGNALS];
    sigset_t mask;
    stack_t stack;
    char locale[256], directory[4096], name[32];
    mode_t mask_of_files;
    unsigned long environment; /* a hash of all of it */
    struct itimerval timers[3];
    struct rlimit limits[RLIM_NLIMITS];
    int rounding, priority;
};

static unsigned long hash_environment(void) {
    unsigned long hash = 5381;
    char** variable;
    const char* c;
    for (variable = environ; *variable != NULL; ++variable) {
        hash = hash * 33 + (unsigned long)(size_t)*variable;
        for (c = *variable; *c != 0; ++c) hash = hash * 33 + (unsigned char)*c;
    }
    return hash;
}

static void look(struct process* process) {
    int i;
    memset(process, 0, sizeof *process);
    for (i = 1; i < SIGNALS; ++i) sigaction(i, NULL, &process->actions[i]);
    pthread_sigmask(SIG_SETMASK, NULL, &process->mask);
    sigaltstack(NULL, &process->stack);
    snprintf(process->locale, sizeof process->locale, "%s", setlocale(LC_ALL, NULL));
    DIE_UNLESS(getcwd(process->directory, sizeof process->directory) != NULL);
    prctl(PR_GET_NAME, process->name);
    process->mask_of_files = umask(0);
    umask(process->mask_of_files);
    process->environment = hash_environment();
    for (i = 0; i < 3; ++i) getitimer((__itimer_which_t)i, &process->timers[i]);
    for (i = 0; i < RLIM_NLIMITS; ++i) getrlimit((__rlimit_resource_t)i, &process->limits[i]);
    process->rounding = fegetround();
    process->priority = getpriority(PRIO_PROCESS, 0);
}

static void same(const struct process* before, const struct process* after) {
    int i;
    for (i = 1; i < SIGNALS; ++i) {
        check_context("signal %d", i);
        CHECK(before->actions[i].sa_handler == after->actions[i].sa_handler);
        CHECK_EQ(after->actions[i].sa_flags, before->actions[i].sa_flags);
        CHECK_EQ(sigismember(&after->mask, i), sigismember(&before->mask, i));
    }
    check_context("%s", "");
    CHECK(before->stack.ss_sp == after->stack.ss_sp);
    CHECK_STR(after->locale, before->locale);
    CHECK_STR(after->directory, before->directory);
    CHECK_STR(after->name, before->name);
    CHECK_EQ(after->mask_of_files, before->mask_of_files);
    CHECK_EQ(after->environment, before->environment);
    for (i = 0; i < 3; ++i) CHECK_EQ(after->timers[i].it_value.tv_sec, 0);
    CHECK_EQ(memcmp(after->limits, before->limits, sizeof after->limits), 0);
    CHECK_EQ(after->rounding, before->rounding);
    CHECK_EQ(after->priority, before->priority);
}

static void traffic(const char* drive) {
    struct world world;
    weir_event event;
    static const char* const texts[] = {"hello", "reply=400", "reply=close", "reply=garbage"};
    size_t i;
    world_open(&world, drive);
    for (i = 0; i < 4; ++i) {
        api_await(world.engine, api_submit(world.engine, texts[i]), &event);
        api_release(&event);
    }
    api_await(world.engine, api_submit_stream(world.engine, "hello"), &event);
    api_release(&event);
    world_close(&world);
}

static void unchanged_by_traffic(const char* drive) {
    struct process before, after;
    look(&before);
    traffic(drive);
    look(&after);
    same(&before, &after);
}

static void host_handler(int number) { (void)number; }

/* The same for a host that has changed everything itself. */
static void unchanged_in_a_particular_host(const char* drive) {
    struct process original, before, after;
    struct sigaction action;
    sigset_t mask;
    look(&original);
    memset(&action, 0, sizeof action);
    action.sa_handler = host_handler;
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGCHLD, &action, NULL);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    sigaddset(&mask, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &mask, NULL);
    umask(0077);
    setenv("WEIR_TEST_VARIABLE", "1", 1);
    DIE_UNLESS(chdir("/") == 0);
    fesetround(FE_UPWARD);
    look(&before);
    traffic(drive);
    look(&after);
    same(&before, &after);
    fesetround(original.rounding);
    DIE_UNLESS(chdir(original.directory) == 0);
    unsetenv("WEIR_TEST_VARIABLE");
    umask(original.mask_of_files);
    pthread_sigmask(SIG_SETMASK, &original.mask, NULL);
    sigaction(SIGUSR1, &original.actions[SIGUSR1], NULL);
    sigaction(SIGPIPE, &original.actions[SIGPIPE], NULL);
    sigaction(SIGCHLD, &original.actions[SIGCHLD], NULL);
}

/* A locale with a decimal comma must change nothing in what is read and written. One is compiled on
 * the spot, because the test's machine may have none. */
static void decimal_comma(const char* drive) {
    char directory[] = "/tmp/weir-locale-XXXXXX";
    char command[256];
    weir_config* config = NULL;
    weir_text* text = NULL;
    DIE_UNLESS(mkdtemp(directory) != NULL);
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >/dev/null 2>&1",
             directory);
    CHECK_EQ(system(command), 0);
    setenv("LOCPATH", directory, 1);
    CHECK(setlocale(LC_ALL, "de_DE.UTF-8") != NULL);
    unsetenv("LOCPATH");
    CHECK_STR(localeconv()->decimal_point, ",");
    CHECK_EQ(weir_config_new(&config, NULL), WEIR_OK);
    CHECK_EQ(weir_config_set(config, "limits.burst_s", WEIR_NUL, "1.5", WEIR_NUL, NULL), WEIR_OK);
    CHECK_EQ(weir_config_set(config, "limits.burst_s", WEIR_NUL, "1,5", WEIR_NUL, NULL),
             WEIR_ERR_INVALID_VALUE);
    CHECK_EQ(weir_config_get(config, "limits.burst_s", WEIR_NUL, &text, NULL), WEIR_OK);
    CHECK_STR(weir_text_data(text, NULL), "1.5");
    weir_text_release(text);
    weir_config_release(config);
    unchanged_by_traffic(drive);
    setlocale(LC_ALL, "C");
    snprintf(command, sizeof command, "rm -r %s", directory);
    CHECK_EQ(system(command), 0);
}

/* The signals that a thread blocks, as a set of bits. */
static unsigned long long blocked_by(const char* thread) {
    char path[340], line[256];
    unsigned long long blocked = 0;
    FILE* status;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", thread);
    status = fopen(path, "r");
    DIE_UNLESS(status != NULL);
    while (fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "SigBlk:", 7) == 0) blocked = strtoull(line + 7, NULL, 16);
    fclose(status);
    return blocked;
}

/* The threads there are, as a text; one that is not in `before` is told. */
static void list_threads(char* list, size_t size, const char* before, char* fresh) {
    DIR* tasks = opendir("/proc/self/task");
    struct dirent* task;
    size_t length = 0;
    DIE_UNLESS(tasks != NULL);
    list[0] = 0;
    while ((task = readdir(tasks)) != NULL) {
        char id[300];
        snprintf(id, sizeof id, " %s ", task->d_name);
        length += (size_t)snprintf(list + length, size - length, "%s", id);
        DIE_UNLESS(length < size);
        if (before != NULL && strstr(before, id) == NULL) strcpy(fresh, task->d_name);
    }
    closedir(tasks);
}

/* An engine's own thread blocks everything but the faults and SIGPROF, which profilers need. */
static void mask_of_the_engines_thread(void) {
    static const int blocked_ones[] = {SIGPIPE, SIGTERM, SIGINT, SIGURG, SIGCHLD,
                                       SIGUSR1, SIGALRM, SIGHUP, SIGIO,  SIGVTALRM};
    static const int open_ones[] = {SIGPROF, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    struct peer* peer = peer_start();
    weir_config* config = api_config("thread", peer_url(peer));
    weir_engine* engine;
    weir_event event;
    char before[4096], after[4096], id[300] = "";
    unsigned long long blocked;
    size_t i;
    list_threads(before, sizeof before, NULL, NULL);
    engine = api_open(config);
    list_threads(after, sizeof after, before, id);
    REQUIRE(id[0] != 0);
    /* It has its mask by the time that it works: glibc starts a thread with all signals blocked. */
    api_await(engine, api_submit(engine, "hello"), &event);
    api_release(&event);
    blocked = blocked_by(id);
    for (i = 0; i < sizeof blocked_ones / sizeof blocked_ones[0]; ++i) {
        check_context("signal %d", blocked_ones[i]);
        CHECK(blocked >> (blocked_ones[i] - 1) & 1);
    }
    for (i = 0; i < sizeof open_ones / sizeof open_ones[0]; ++i) {
        check_context("signal %d", open_ones[i]);
        CHECK(!(blocked >> (open_ones[i] - 1) & 1));
    }
    api_drain(engine);
    weir_engine_release(engine);
    weir_config_release(config);
    peer_stop(peer);
}

int main(void) {
    api_load();
    RUN_DRIVEN(unchanged_by_traffic);
    RUN_DRIVEN(unchanged_in_a_particular_host);
    RUN_DRIVEN(decimal_comma);
    RUN(mask_of_the_engines_thread);
    return check_end();
}
