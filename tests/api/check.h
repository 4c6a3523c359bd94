/* A small test framework: named cases, checks that print what they saw, one line at the end. */
#ifndef WEIR_TESTS_API_CHECK_H
#define WEIR_TESTS_API_CHECK_H

#include <stddef.h>

/* Each check prints file, line and values when it fails, is counted, and gives 1 if it held. The
 * case goes on; use REQUIRE where the rest of a function makes no sense without the condition. */
#define CHECK(condition) check_true((condition) ? 1 : 0, #condition, __FILE__, __LINE__)
#define CHECK_NEVER(what) check_true(0, what, __FILE__, __LINE__)
#define CHECK_EQ(actual, expected) \
    check_number((long long)(actual), "==", (long long)(expected), #actual, __FILE__, __LINE__)
#define CHECK_NE(actual, other) \
    check_number((long long)(actual), "!=", (long long)(other), #actual, __FILE__, __LINE__)
#define CHECK_LT(actual, bound) \
    check_number((long long)(actual), "<", (long long)(bound), #actual, __FILE__, __LINE__)
#define CHECK_GE(actual, bound) \
    check_number((long long)(actual), ">=", (long long)(bound), #actual, __FILE__, __LINE__)
#define CHECK_STR(actual, expected) check_text((actual), (expected), #actual, __FILE__, __LINE__)
#define CHECK_HAS(text, part) check_part((text), (part), 1, #text, __FILE__, __LINE__)
#define CHECK_HAS_NOT(text, part) check_part((text), (part), 0, #text, __FILE__, __LINE__)

#define REQUIRE(condition)             \
    do {                               \
        if (!CHECK(condition)) return; \
    } while (0)

/* For helpers, where going on is impossible: prints and ends the program. */
#define DIE_UNLESS(condition) ((condition) ? (void)0 : check_die(#condition, __FILE__, __LINE__))

int check_true(int held, const char* expression, const char* file, int line);
int check_number(long long actual, const char* relation, long long expected, const char* expression,
                 const char* file, int line);
int check_text(const char* actual, const char* expected, const char* expression, const char* file,
               int line);
int check_part(const char* text, const char* part, int wanted, const char* expression,
               const char* file, int line);
void check_die(const char* expression, const char* file, int line);

/* Adds a line to what a failing check prints, until the end of the case: a seed, a loop's value. */
void check_context(const char* format, ...) __attribute__((format(printf, 1, 2)));

/* Runs a case once, or once with an engine of each kind. */
#define RUN(function) check_run(#function, function)
#define RUN_DRIVEN(function) check_run_driven(#function, function)
void check_run(const char* name, void (*function)(void));
void check_run_driven(const char* name, void (*function)(const char* drive));

/* Prints "N passed, N failed" and gives the exit status. */
int check_end(void);

/* Runs `body` in a forked child and gives its wait status: 0 if no check in it failed. */
int check_in_child(void (*body)(void* argument), void* argument);

/* Failed checks so far in this process, for children that end by themselves. */
int check_failures(void);

/* Bounds in time are for an unhindered build; sanitizers and valgrind are slower. WEIR_TEST_SLOW=n
 * multiplies once more. */
long long check_slack_ms(long long unhindered_ms);

#endif
