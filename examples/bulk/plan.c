#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "configured_limits.h"
#include "id_set.h"
#include "input_line.h"
#include "output_file.h"
#include "reader.h"

/* English text in JSON has 2.5 (newer models) to 3.4 (older ones) bytes a token. */
#define BYTES_A_TOKEN 3.0
#define MAX_MODELS 64

struct model_need {
    char model[128];
    double need[LIMIT_KIND_COUNT]; /* output: the sum of max_tokens */
};

struct plan {
    struct model_need models[MAX_MODELS]; /* the last one holds all that found no place */
    int model_count;
    uint64_t bad_lines, skipped;
    struct id_set ids;
};

static void add_line(struct plan* plan, const struct input_line* line) {
    char name[sizeof line->model];
    int at = 0;
    snprintf(name, sizeof name, "%s", line->model[0] ? line->model : "(no model)");
    text_make_printable(name);
    while (at < plan->model_count && at < MAX_MODELS - 1 &&
           strcmp(plan->models[at].model, name) != 0)
        at++;
    if (at == plan->model_count) {
        plan->model_count++;
        snprintf(plan->models[at].model, sizeof plan->models[at].model, "%s",
                 at < MAX_MODELS - 1 ? name : "(other models)");
    }
    plan->models[at].need[LIMIT_REQUESTS] += 1;
    plan->models[at].need[LIMIT_INPUT_TOKENS] += (double)line->params_length / BYTES_A_TOKEN;
    plan->models[at].need[LIMIT_OUTPUT_TOKENS] += line->max_tokens;
}

static void take_line(struct plan* plan, const char* text, size_t length, uint64_t number,
                      struct console* console) {
    struct input_line line;
    char problem[512];
    int good = input_line_parse(text, length, &line, problem, sizeof problem);
    struct id* id = line.custom_id[0] ? id_set_entry(&plan->ids, line.custom_id) : NULL;
    if (id && id->flags & ID_IN_INPUT) {
        snprintf(problem, sizeof problem, "custom_id '%s' was there before", line.custom_id);
        good = 0;
    }
    if (id) id->flags |= ID_IN_INPUT;
    if (good && id && id->flags & ID_IN_OUTPUT) {
        plan->skipped++;
    } else if (good) {
        add_line(plan, &line);
    } else {
        plan->bad_lines++;
        console_say(console, "line %llu: %s", (unsigned long long)number, problem);
    }
}

static int read_input(struct plan* plan, const struct options* options, struct console* console) {
    struct reader reader;
    const char* line = NULL;
    size_t length = 0;
    int good = reader_open(&reader, options->input) == 0;
    enum reader_status next = READER_MORE;
    while (good && (next = reader_next(&reader, &line, &length)) != READER_END) {
        if (next == READER_MORE) {
            good = reader_fill(&reader) == 0;
        } else if (next == READER_TOO_LONG) {
            plan->bad_lines++;
            console_say(console, "line %llu: it is longer than 64 MiB",
                        (unsigned long long)reader.line_number);
        } else if (!reader_is_blank(line, length)) {
            take_line(plan, line, length, reader.line_number, console);
        }
    }
    if (!good) console_say(console, "cannot read %s: %s", options->input, strerror(errno));
    reader_close(&reader);
    return good;
}

static void print_needs(const struct plan* plan) {
    static struct model_need total;
    printf("%-32s %12s %16s %20s\n", "model", "requests", "input tokens", "output tokens");
    for (int i = 0; i < plan->model_count; i++) {
        const double* need = plan->models[i].need;
        for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++) total.need[kind] += need[kind];
        printf("%-32s %12s %16s %12s at most\n", plan->models[i].model,
               text_count(need[LIMIT_REQUESTS]), text_count(need[LIMIT_INPUT_TOKENS]),
               text_count(need[LIMIT_OUTPUT_TOKENS]));
    }
    if (plan->model_count != 1)
        printf("%-32s %12s %16s %12s at most\n", "all", text_count(total.need[LIMIT_REQUESTS]),
               text_count(total.need[LIMIT_INPUT_TOKENS]),
               text_count(total.need[LIMIT_OUTPUT_TOKENS]));
    printf(
        "Input tokens are an estimate from sizes, at %.0f bytes a token; output tokens are the\n"
        "sum of max_tokens, and are mostly far fewer.\n",
        BYTES_A_TOKEN);
    if (plan->skipped > 0)
        printf("%s lines have their answer already.\n", text_count((double)plan->skipped));
    if (plan->bad_lines > 0) printf("%s lines are bad.\n", text_count((double)plan->bad_lines));
}

/* The time that one class's limits need, and the longest over all classes so far. */
static void print_class_time(const struct class_limits* limits, const double* need,
                             double* likely_s, double* at_most_s) {
    static const char* const names[] = {"requests", "input tokens", "output tokens"};
    for (int kind = 0; kind < LIMIT_KIND_COUNT; kind++) {
        if (limits->per_minute[kind] <= 0 || need[kind] <= 0) continue;
        double seconds = need[kind] / limits->per_minute[kind] * 60;
        int upper_bound = kind == LIMIT_OUTPUT_TOKENS;
        printf("%-32s %12s %s a minute: %s%s\n", limits->name, text_count(limits->per_minute[kind]),
               names[kind], upper_bound ? "at most " : "", text_duration(seconds));
        if (!upper_bound && seconds > *likely_s) *likely_s = seconds;
        if (seconds > *at_most_s) *at_most_s = seconds;
    }
}

static void print_times(const struct plan* plan, const struct configured_limits* limits) {
    double needs[CONFIGURED_LIMITS_MAX][LIMIT_KIND_COUNT] = {{0}};
    double likely_s = 0, at_most_s = 0;
    int without = 0;
    for (int i = 0; i < plan->model_count; i++) {
        int class_index = configured_limits_class(limits, plan->models[i].model);
        if (class_index < 0) without++;
        for (int kind = 0; class_index >= 0 && kind < LIMIT_KIND_COUNT; kind++)
            needs[class_index][kind] += plan->models[i].need[kind];
    }
    putchar('\n');
    for (int i = 0; i < limits->class_count; i++)
        print_class_time(&limits->classes[i], needs[i], &likely_s, &at_most_s);
    if (likely_s > 0) printf("Time under these limits: about %s.\n", text_duration(likely_s));
    if (at_most_s > likely_s)
        printf("Time if every answer is as long as its max_tokens: %s.\n",
               text_duration(at_most_s));
    if (without > 0)
        printf(
            "No limit is configured for %d of %d models (limit.<class>.requests_per_minute and\n"
            "the like): a run learns them from the API.\n",
            without, plan->model_count);
}

static int read_output(struct plan* plan, const struct options* options, struct console* console) {
    struct output_file output;
    enum output_status status = output_file_read(&output, options->output, &plan->ids);
    if (status == OUTPUT_OPEN) return 1;
    output_file_explain(&output, status, options->output, console);
    return 0;
}

int plan_print(const struct options* options, const weir_config* config, struct console* console) {
    static struct plan plan;
    static struct configured_limits limits;
    int good = !options->resume || read_output(&plan, options, console);
    good = good && read_input(&plan, options, console);
    if (good) {
        configured_limits_load(&limits, config);
        print_needs(&plan);
        print_times(&plan, &limits);
        configured_limits_free(&limits);
        good = fflush(stdout) == 0;
    }
    id_set_clear(&plan.ids);
    if (!good) return EXIT_NO_INPUT_OUTPUT;
    return plan.bad_lines > 0 ? EXIT_SOME_FAILED : EXIT_ALL_SUCCEEDED;
}
