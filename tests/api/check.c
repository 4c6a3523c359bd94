#include "check.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static atomic_int failures;
static int passed_cases;
static int failed_cases;
static char context[256];

static int failed(const char* file, int line, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
static int failed(const char* file, int line, const char* format, ...) {
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s:%d: %s%s%s\n", file, line, text, context[0] ? "\n    with " : "", context);
    atomic_fetch_add(&failures, 1);
    return 0;
}

int check_true(int held, const char* expression, const char* file, int line) {
    return held ? 1 : failed(file, line, "%s does not hold", expression);
}

int check_number(long long actual, const char* relation, long long expected, const char* expression,
                 const char* file, int line) {
    int held = 0;
    if (strcmp(relation, "==") == 0) held = actual == expected;
    if (strcmp(relation, "!=") == 0) held = actual != expected;
    if (strcmp(relation, "<") == 0) held = actual < expected;
    if (strcmp(relation, ">=") == 0) held = actual >= expected;
    if (held) return 1;
    return failed(file, line, "%s is %lld, wanted %s %lld", expression, actual, relation, expected);
}

int check_text(const char* actual, const char* expected, const char* expression, const char* file,
               int line) {
    if (actual == NULL) return failed(file, line, "%s is NULL", expression);
    if (strcmp(actual, expected) == 0) return 1;
    return failed(file, line, "%s is \"%s\", wanted \"%s\"", expression, actual, expected);
}

int check_part(const char* text, const char* part, int wanted, const char* expression,
               const char* file, int line) {
    if (text == NULL) return failed(file, line, "%s is NULL", expression);
    if ((strstr(text, part) != NULL) == wanted) return 1;
    return failed(file, line, "%s is \"%s\", which %s \"%s\"", expression, text,
                  wanted ? "lacks" : "must not contain", part);
}

void check_die(const char* expression, const char* file, int line) {
    failed(file, line, "%s does not hold; giving up", expression);
    _exit(2);
}

void check_context(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context, sizeof context, format, arguments);
    va_end(arguments);
}

static void begin_case(const char* name, const char* drive) {
    printf("%s%s%s\n", name, drive ? " drive=" : "", drive ? drive : "");
    fflush(stdout);
    context[0] = 0;
    if (drive) check_context("engine.drive=%s", drive);
}

static void end_case(int failures_before) {
    if (atomic_load(&failures) == failures_before)
        ++passed_cases;
    else
        ++failed_cases;
    context[0] = 0;
}

void check_run(const char* name, void (*function)(void)) {
    const int before = atomic_load(&failures);
    begin_case(name, NULL);
    function();
    end_case(before);
}

void check_run_driven(const char* name, void (*function)(const char* drive)) {
    static const char* const drives[] = {"thread", "caller"};
    size_t i;
    for (i = 0; i < 2; ++i) {
        const int before = atomic_load(&failures);
        begin_case(name, drives[i]);
        function(drives[i]);
        end_case(before);
    }
}

int check_end(void) {
    printf("%d passed, %d failed\n", passed_cases, failed_cases);
    return failed_cases ? 1 : 0;
}

int check_in_child(void (*body)(void* argument), void* argument) {
    int status = -1;
    pid_t child;
    fflush(stdout);
    fflush(stderr);
    child = fork();
    DIE_UNLESS(child >= 0);
    if (child == 0) {
        atomic_store(&failures, 0);
        body(argument);
        _exit(atomic_load(&failures) ? 1 : 0);
    }
    DIE_UNLESS(waitpid(child, &status, 0) == child);
    return status;
}

int check_failures(void) { return atomic_load(&failures); }

long long check_slack_ms(long long unhindered_ms) {
    const char* slow = getenv("WEIR_TEST_SLOW");
    long long factor = 1;
#ifdef SANITIZED
    factor = 5;
#endif
    if (slow != NULL && atoi(slow) > 1) factor *= atoi(slow);
    return unhindered_ms * factor;
}
