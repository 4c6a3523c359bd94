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

/* The masks of an engine's own threads: everything blocked but the faults and SIGPROF. */
static void masks_of_engine_threads(void) {
    DIR* tasks;
    struct dirent* task;
    struct world world;
    char mine[32], path[320], line[256];
    int engine_threads = 0;
    const int threads_before = api_thread_count();
    world_open(&world, "thread");
    CHECK_GE(api_thread_count(), threads_before + 2); /* the peer's and the engine's */
    snprintf(mine, sizeof mine, "%d", (int)getpid());
    tasks = opendir("/proc/self/task");
    DIE_UNLESS(tasks != NULL);
    while ((task = readdir(tasks)) != NULL) {
        unsigned long long blocked = 0;
        char name[64] = "";
        FILE* status;
        if (task->d_name[0] == '.' || strcmp(task->d_name, mine) == 0) continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        status = fopen(path, "r");
        if (status == NULL) continue;
        while (fgets(line, sizeof line, status) != NULL) {
            if (strncmp(line, "Name:", 5) == 0) sscanf(line + 5, "%63s", name);
            if (strncmp(line, "SigBlk:", 7) == 0) blocked = strtoull(line + 7, NULL, 16);
        }
        fclose(status);
        if (strncmp(name, "weir", 4) != 0) continue;
        ++engine_threads;
        CHECK(blocked >> (SIGPIPE - 1) & 1);
        CHECK(blocked >> (SIGTERM - 1) & 1);
        CHECK(blocked >> (SIGINT - 1) & 1);
        CHECK(blocked >> (SIGURG - 1) & 1);
        CHECK(blocked >> (SIGCHLD - 1) & 1);
        CHECK(blocked >> (SIGUSR1 - 1) & 1);
        CHECK(!(blocked >> (SIGPROF - 1) & 1));
        CHECK(!(blocked >> (SIGSEGV - 1) & 1));
        CHECK(!(blocked >> (SIGBUS - 1) & 1));
        CHECK(!(blocked >> (SIGFPE - 1) & 1));
        CHECK(!(blocked >> (SIGILL - 1) & 1));
        CHECK(!(blocked >> (SIGABRT - 1) & 1));
    }
    closedir(tasks);
    CHECK_EQ(engine_threads, 1);
    world_close(&world);
}

int main(void) {
    api_load();
    RUN_DRIVEN(unchanged_by_traffic);
    RUN_DRIVEN(unchanged_in_a_particular_host);
    RUN_DRIVEN(decimal_comma);
    RUN(masks_of_engine_threads);
    return check_end();
}
