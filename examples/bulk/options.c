#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

#include "help.h"

#define DEFAULT_GIVE_UP_MS 60000

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
    OPTION_ROUTE,
    OPTION_COMPLEXITY,
    OPTION_SET,
    OPTION_JOURNAL,
    OPTION_ALL,
    OPTION_JSON,
    OPTION_TIMEOUT,
    OPTION_FALLBACK,
    OPTION_GIVE_UP,
    OPTION_NO_STREAM,
    OPTION_HEADER,
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
    {"route", required_argument, NULL, OPTION_ROUTE},
    {"complexity", required_argument, NULL, OPTION_COMPLEXITY},
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"set", required_argument, NULL, OPTION_SET},
    {"journal", required_argument, NULL, OPTION_JOURNAL},
    {"all", no_argument, NULL, OPTION_ALL},
    {"json", no_argument, NULL, OPTION_JSON},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"fallback", required_argument, NULL, OPTION_FALLBACK},
    {"give-up", required_argument, NULL, OPTION_GIVE_UP},
    {"no-stream", no_argument, NULL, OPTION_NO_STREAM},
    {"header", required_argument, NULL, OPTION_HEADER},
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
    fprintf(stderr, "\nTry 'weir --help'.\n");
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
static int parse_time(const char* name, const char* text, int64_t* ms) {
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
        *ms = number * units[i].ms;
        return 1;
    }
    return complain("%s is a time such as 90s, 15m or 2h, not '%s'", name, text);
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
            options->help = 1;
            return 1;
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
            return parse_time("--deadline", optarg, &options->deadline_ms);
        case OPTION_TIMEOUT:
            return parse_time("--timeout", optarg, &options->timeout_ms);
        case OPTION_FALLBACK:
            return parse_time("--fallback", optarg, &options->fallback_ms);
        case OPTION_GIVE_UP:
            if (strcmp(optarg, "never") != 0)
                return parse_time("--give-up", optarg, &options->give_up_ms);
            options->give_up_ms = 0;
            return 1;
        case OPTION_HEADER:
            if (!strchr(optarg, ':'))
                return complain("--header needs NAME:VALUE, not '%s'", optarg);
            if (options->header_count == OPTIONS_MAX_HEADERS) return complain("too many headers");
            options->headers[options->header_count++] = optarg;
            return 1;
        case OPTION_NO_STREAM:
            options->no_stream = 1;
            return 1;
        case OPTION_JOURNAL:
            options->journal = optarg;
            return 1;
        case OPTION_ALL:
            options->all = 1;
            return 1;
        case OPTION_JSON:
            options->json = 1;
            return 1;
        case OPTION_ROUTE:
            options->route = optarg;
            return 1;
        case OPTION_COMPLEXITY:
            options->complexity = optarg;
            return 1;
        case OPTION_LANE:
            return parse_lane(optarg, &options->lane);
        case OPTION_CONFIG:
            options->config_path = optarg;
            return 1;
        case OPTION_SET:
            return add_key_value(options, optarg);
        default:
            return 0;
    }
}

static int check_run(const struct options* options, int operand_count, char** operands) {
    if (operand_count == 0) return complain("INPUT is missing");
    if (operand_count > 1) return complain("unexpected argument '%s'", operands[1]);
    if (!options->output && (!options->plan || options->resume))
        return complain("-o OUTPUT is missing");
    if (options->lane && options->output && strcmp(options->output, "-") == 0)
        return complain("--lane %s needs an OUTPUT that is a file", options->lane);
    if (options->resume && strcmp(options->output, "-") == 0)
        return complain("--resume needs an OUTPUT that can be read again");
    if (options->fallback_ms && (!options->lane || !options->deadline_ms))
        return complain("--fallback needs --lane batch or auto, and a --deadline");
    if (options->all || options->json || options->timeout_ms)
        return complain("--all, --json and --timeout belong to 'weir batch'");
    return 1;
}

static int check_batch(const struct options* options, int operand_count, char** operands) {
    enum command command = options->command;
    int at_most = command == COMMAND_SUBMIT ? 1 : command == COMMAND_CANCEL ? INT_MAX : 0;
    if (options->lane || options->resume || options->plan || options->fallback_ms)
        return complain("--lane, --fallback, --resume and --plan belong to 'weir run'");
    if (!options->journal) return complain("--journal FILE is missing");
    if (command == COMMAND_SUBMIT && operand_count == 0) return complain("INPUT is missing");
    if (operand_count > at_most) return complain("unexpected argument '%s'", operands[at_most]);
    if ((command == COMMAND_FETCH) != (options->output != NULL))
        return complain(command == COMMAND_FETCH ? "-o OUTPUT is missing"
                                                 : "-o belongs to 'weir batch fetch'");
    if (options->output && strcmp(options->output, "-") == 0)
        return complain("fetch needs an OUTPUT that is a file");
    if (options->all && command != COMMAND_CANCEL)
        return complain("--all belongs to 'weir batch cancel'");
    if (command == COMMAND_CANCEL && options->all == (operand_count > 0))
        return complain("cancel needs the batches, or --all");
    if (options->deadline_ms && command != COMMAND_SUBMIT)
        return complain("--deadline belongs to 'weir batch submit'; see --timeout");
    if (options->timeout_ms && command == COMMAND_SUBMIT)
        return complain("--timeout does not belong to 'weir batch submit'");
    return 1;
}

/* The command's words. Gives their number, or 0 after a complaint. */
static int take_command(struct options* options, int operand_count, char** operands) {
    static const struct {
        const char* name;
        enum command command;
    } commands[] = {{"submit", COMMAND_SUBMIT},
                    {"status", COMMAND_STATUS},
                    {"wait", COMMAND_WAIT},
                    {"fetch", COMMAND_FETCH},
                    {"cancel", COMMAND_CANCEL}};
    if (operand_count == 0) return complain("no command given");
    if (strcmp(operands[0], "run") == 0) return 1;
    if (strcmp(operands[0], "batch") != 0) return complain("there is no command '%s'", operands[0]);
    if (operand_count == 1) return complain("no command given after 'batch'");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(operands[1], commands[i].name) != 0) continue;
        options->command = commands[i].command;
        return 2;
    }
    return complain("there is no command 'batch %s'", operands[1]);
}

int options_parse(struct options* options, int argc, char** argv, int* exit_status) {
    int option;
    *options = (struct options){.priority = WEIR_PRIORITY_NORMAL, .give_up_ms = DEFAULT_GIVE_UP_MS};
    *exit_status = EXIT_BAD_USAGE;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "o:qvh", long_options, NULL)) != -1) {
        if (option == '?')
            return complain("'%s' is no option, or has no value where one belongs",
                            argv[optind - 1]);
        if (!take_option(options, option, exit_status)) return 0;
    }
    int count = argc - optind;
    char** operands = argv + optind;
    if (options->help) {
        int of_batch = count > 0 && strcmp(operands[0], "batch") == 0;
        return print_and_end(usage_text, of_batch ? batch_help_text : run_help_text, exit_status);
    }
    int words = take_command(options, count, operands);
    if (!words) return 0;
    count -= words;
    operands += words;
    if (options->command == COMMAND_RUN) {
        if (!check_run(options, count, operands)) return 0;
        options->input = operands[0];
        return 1;
    }
    if (!check_batch(options, count, operands)) return 0;
    options->lane = "batch";
    if (options->command == COMMAND_SUBMIT) options->input = operands[0];
    if (options->command == COMMAND_CANCEL) {
        options->batches = operands;
        options->batch_count = count;
    }
    return 1;
}
