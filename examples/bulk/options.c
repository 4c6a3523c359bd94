#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

static const char usage[] =
    "usage: weir run INPUT -o OUTPUT [options]\n"
    "       weir run INPUT --plan [options]\n"
    "       weir --help | --version\n";

static const char help[] =
    "\n"
    "Sends every request of INPUT to the Claude API, as fast as its limits allow, and appends "
    "each\n"
    "result to OUTPUT as it arrives. Both are JSON lines in the shape of the Message Batches API:\n"
    "  in   {\"custom_id\": \"a\", \"params\": {\"model\": ..., \"max_tokens\": ..., \"messages\": "
    "[...]}}\n"
    "  out  {\"custom_id\": \"a\", \"result\": {\"type\": \"succeeded\", \"message\": {...}}}\n"
    "       or a result of type errored (with its error), canceled or expired.\n"
    "The order of the results is that of their arrival. \"-\" is standard input or output.\n"
    "\n"
    "  -o, --output FILE     where the results go\n"
    "      --resume          go on with OUTPUT: what succeeded in it is not asked for again; what\n"
    "                        errored, was canceled or expired is taken out of it, and tried "
    "again.\n"
    "                        A torn last line is cut off. No custom_id is ever in it twice\n"
    "      --plan            say what the job needs (tokens, time under the limits), or still "
    "needs\n"
    "                        with --resume; send and write nothing\n"
    "      --key-env NAME    the environment variable that has the API key (ANTHROPIC_API_KEY)\n"
    "      --base-url URL    where the API is\n"
    "      --priority P      critical, high, normal (default) or low\n"
    "      --max-in-flight N at most N requests at once\n"
    "      --deadline TIME   end by then (90s, 15m, 2h): what has no result is written as expired\n"
    "      --lane LANE       batch: over Message Batches, at half the price; auto: where the\n"
    "                        deadline allows it. OUTPUT.journal keeps what is on its way: stopped\n"
    "                        at any moment, the run goes on with --resume. Ctrl-C leaves the\n"
    "                        batches running\n"
    "      --config FILE     configuration of the engine, as a JSON document\n"
    "      --set KEY=VALUE   one key of the configuration; may be repeated, and wins over the "
    "file\n"
    "  -q, --quiet           only problems and lines that were not accepted\n"
    "  -v, --verbose         also each failed request, and the engine's log\n"
    "  -h, --help            this text\n"
    "      --version         versions of this program and its libraries\n"
    "\n"
    "A line that is not a request is reported with its number, and the rest goes on; if it has a\n"
    "custom_id, its result is errored. Ctrl-C once takes no more lines in and finishes those that\n"
    "were, twice cancels them (they are written as canceled); OUTPUT is whole either way.\n"
    "\n"
    "Exit status: 0 everything succeeded; 1 something did not; 2 wrong usage; 3 a file or the\n"
    "configuration could not be used; 130 interrupted.\n";

enum long_option {
    OPTION_RESUME = 256,
    OPTION_PLAN,
    OPTION_KEY_ENV,
    OPTION_BASE_URL,
    OPTION_PRIORITY,
    OPTION_MAX_IN_FLIGHT,
    OPTION_DEADLINE,
    OPTION_CONFIG,
    OPTION_LANE,
    OPTION_SET,
    OPTION_VERSION
};

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"resume", no_argument, NULL, OPTION_RESUME},
    {"plan", no_argument, NULL, OPTION_PLAN},
    {"key-env", required_argument, NULL, OPTION_KEY_ENV},
    {"base-url", required_argument, NULL, OPTION_BASE_URL},
    {"priority", required_argument, NULL, OPTION_PRIORITY},
    {"max-in-flight", required_argument, NULL, OPTION_MAX_IN_FLIGHT},
    {"deadline", required_argument, NULL, OPTION_DEADLINE},
    {"lane", required_argument, NULL, OPTION_LANE},
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"set", required_argument, NULL, OPTION_SET},
    {"quiet", no_argument, NULL, 'q'},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

__attribute__((format(printf, 1, 2))) static int complain(const char* format, ...) {
    va_list arguments;
    fputs("weir: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n%sTry 'weir --help'.\n", usage);
    return 0;
}

static int parse_priority(const char* text, int32_t* priority) {
    static const char* const names[] = {"critical", "high", "normal", "low"};
    for (int32_t i = WEIR_PRIORITY_CRITICAL; i <= WEIR_PRIORITY_LOW; i++) {
        if (strcmp(text, names[i]) == 0) {
            *priority = i;
            return 1;
        }
    }
    return complain("--priority is critical, high, normal or low, not '%s'", text);
}

static int parse_lane(const char* text, const char** lane) {
    if (strcmp(text, "online") != 0 && strcmp(text, "batch") != 0 && strcmp(text, "auto") != 0)
        return complain("--lane is online, batch or auto, not '%s'", text);
    *lane = strcmp(text, "online") == 0 ? NULL : text;
    return 1;
}

/* A number with a unit: 500ms, 90s, 15m, 2h, or seconds. */
static int parse_deadline(const char* text, int64_t* deadline_ms) {
    static const struct {
        const char* name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"", 1000}, {"m", 60000}, {"h", 3600000}};
    char* end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (end == text || errno || strcmp(end, units[i].name) != 0) continue;
        if (number <= 0 || number > INT32_MAX) break;
        *deadline_ms = number * units[i].ms;
        return 1;
    }
    return complain("--deadline is a time such as 90s, 15m or 2h, not '%s'", text);
}

static int add_setting(struct options* options, const char* key, const char* value) {
    if (options->setting_count == OPTIONS_MAX_SETTINGS) return complain("too many settings");
    options->settings[options->setting_count++] = (struct setting){key, value};
    return 1;
}

static int add_key_value(struct options* options, char* text) {
    char* equals = strchr(text, '=');
    if (!equals || equals == text) return complain("--set needs KEY=VALUE, not '%s'", text);
    *equals = 0;
    return add_setting(options, text, equals + 1);
}

static int print_and_end(const char* text, const char* more, int* exit_status) {
    *exit_status = EXIT_ALL_SUCCEEDED;
    if (printf("%s%s", text, more) < 0 || fflush(stdout) != 0) *exit_status = EXIT_NO_INPUT_OUTPUT;
    return 0;
}

/* One option. False: end; a complaint leaves *exit_status as it is. */
static int take_option(struct options* options, int option, int* exit_status) {
    switch (option) {
        case 'o':
            options->output = optarg;
            return 1;
        case 'q':
            options->verbosity = -1;
            return 1;
        case 'v':
            options->verbosity = 1;
            return 1;
        case 'h':
            return print_and_end(usage, help, exit_status);
        case OPTION_VERSION:
            return print_and_end(weir_version_string(), "\n", exit_status);
        case OPTION_RESUME:
            options->resume = 1;
            return 1;
        case OPTION_PLAN:
            options->plan = 1;
            return 1;
        case OPTION_KEY_ENV:
            options->key_env = optarg;
            return 1;
        case OPTION_BASE_URL:
            return add_setting(options, "transport.base_url", optarg);
        case OPTION_PRIORITY:
            return parse_priority(optarg, &options->priority);
        case OPTION_MAX_IN_FLIGHT:
            return add_setting(options, "concurrency.max", optarg);
        case OPTION_DEADLINE:
            return parse_deadline(optarg, &options->deadline_ms);
        case OPTION_LANE:
            return parse_lane(optarg, &options->lane);
        case OPTION_CONFIG:
            options->config_path = optarg;
            return 1;
        case OPTION_SET:
            return add_key_value(options, optarg);
        default:
            fprintf(stderr, "%sTry 'weir --help'.\n", usage); /* getopt has said what is wrong */
            return 0;
    }
}

static int check(const struct options* options, int operand_count, char** operands) {
    if (operand_count == 0) return complain("what to do is missing");
    if (strcmp(operands[0], "run") != 0) return complain("there is no command '%s'", operands[0]);
    if (operand_count == 1) return complain("INPUT is missing");
    if (operand_count > 2) return complain("'%s' is one operand too many", operands[2]);
    if (!options->output && (!options->plan || options->resume))
        return complain("-o OUTPUT is missing");
    if (options->lane && options->output && strcmp(options->output, "-") == 0)
        return complain("--lane %s needs an OUTPUT that is a file", options->lane);
    if (options->resume && strcmp(options->output, "-") == 0)
        return complain("--resume needs an OUTPUT that can be read again");
    return 1;
}

int options_parse(struct options* options, int argc, char** argv, int* exit_status) {
    int option;
    *options = (struct options){.priority = WEIR_PRIORITY_NORMAL};
    *exit_status = EXIT_BAD_USAGE;
    while ((option = getopt_long(argc, argv, "o:qvh", long_options, NULL)) != -1)
        if (!take_option(options, option, exit_status)) return 0;
    if (!check(options, argc - optind, argv + optind)) return 0;
    options->input = argv[optind + 1];
    return 1;
}
