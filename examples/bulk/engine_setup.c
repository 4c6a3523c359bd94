#include "engine_setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

#define DEFAULT_KEY_ENV "ANTHROPIC_API_KEY"
#define TOKEN_ENV "ANTHROPIC_AUTH_TOKEN"
#define MAX_CONFIG_BYTES ((size_t)16 * 1024 * 1024)

/* The whole file, which the caller frees. NULL: see errno. */
static char* read_file(const char* path, size_t* length) {
    FILE* file = fopen(path, "rb");
    char* text = file ? malloc(MAX_CONFIG_BYTES) : NULL;
    if (text) {
        *length = fread(text, 1, MAX_CONFIG_BYTES, file);
        if (ferror(file)) {
            free(text);
            text = NULL;
        }
    }
    int problem = errno;
    if (file) fclose(file);
    errno = problem;
    return text;
}

static int load_file(weir_config* config, const char* path, struct console* console) {
    weir_error* error;
    size_t length;
    char* text = read_file(path, &length);
    if (!text) {
        console_say(console, "cannot read %s: %s", path, strerror(errno));
        return 0;
    }
    int32_t status = weir_config_set_json(config, text, length, &error);
    if (status != WEIR_OK) console_say(console, "%s: %s", path, weir_error_message(error));
    weir_error_release(error);
    free(text);
    return status == WEIR_OK;
}

static int set(weir_config* config, const char* key, const char* value, struct console* console) {
    weir_error* error;
    int32_t status = weir_config_set(config, key, WEIR_NUL, value, WEIR_NUL, &error);
    if (status != WEIR_OK) console_say(console, "%s", weir_error_message(error));
    weir_error_release(error);
    return status == WEIR_OK;
}

/* Whether the key is one of the pattern's: a segment in angle brackets stands for any name. */
static int is_of(const char* pattern, const char* key) {
    while (*pattern && *key) {
        if (*pattern == '<') {
            pattern = strchr(pattern, '>') + 1;
            key += strcspn(key, ".");
        } else if (*pattern++ != *key++) {
            return 0;
        }
    }
    return *pattern == *key;
}

/* A command line can be read by everybody on the machine. The address of a proxy without a password
 * is no secret, though it may be one. */
static int shows_a_secret(const struct setting* setting, struct console* console) {
    const char *key, *type;
    int is_proxy = strcmp(setting->key, "transport.proxy") == 0;
    for (size_t i = 0; weir_config_describe(i, &key, &type, NULL, NULL, NULL) == WEIR_OK; i++) {
        if (strcmp(type, "secret") != 0 || !is_of(key, setting->key)) continue;
        if (is_proxy && !strchr(setting->value, '@')) return 0;
        console_say(console,
                    "--set %s: everybody on this machine could read it in the process list",
                    setting->key);
        console_say(console, "give it in the file of --config, or a key by --key-env");
        return 1;
    }
    return 0;
}

/* What `weir batch` does of the journal's work; and its end never cancels a batch. */
static int set_batch_work(weir_config* config, const struct options* options,
                          struct console* console) {
    static const char* const work[] = {[COMMAND_SUBMIT] = "submit",
                                       [COMMAND_STATUS] = "look",
                                       [COMMAND_WAIT] = "submit",
                                       [COMMAND_FETCH] = "all",
                                       [COMMAND_CANCEL] = "look"};
    return set(config, "batch.work", work[options->command], console) &&
           set(config, "batch.on_close", "leave", console);
}

/* Beside the output, unless it is said to be elsewhere. */
static int set_journal(weir_config* config, const struct options* options,
                       struct console* console) {
    weir_text* value;
    size_t length = 0;
    if (weir_config_get(config, "journal.path", WEIR_NUL, &value, NULL) == WEIR_OK) {
        weir_text_data(value, &length);
        weir_text_release(value);
    }
    if (options->journal) return set(config, "journal.path", options->journal, console);
    if (length > 0) return 1;
    size_t size = strlen(options->output) + sizeof ".journal";
    char* path = malloc(size);
    if (!path) return 0;
    snprintf(path, size, "%s.journal", options->output);
    int good = set(config, "journal.path", path, console);
    free(path);
    return good;
}

static int has_key(struct json_value account) {
    return json_get(account, "key").length > 0 || json_get(account, "key_env").length > 0 ||
           json_get(account, "key_file").length > 0 || json_get(account, "keys").length > 0;
}

/* The account that the key of the environment is for: the first, or main. False: one has a key. */
static int needs_key(const weir_config* config, char* account, size_t size) {
    weir_text* text;
    size_t length;
    int needs = 1;
    snprintf(account, size, "main");
    if (weir_config_json(config, &text, NULL) != WEIR_OK) return 1;
    const char* json = weir_text_data(text, &length);
    struct json_cursor accounts = json_begin(json_get(json_parse(json, length), "account"));
    for (int first = 1; json_next(&accounts); first = 0) {
        if (first) json_text(accounts.name, account, size);
        if (has_key(accounts.value)) needs = 0;
    }
    weir_text_release(text);
    return needs;
}

/* The variables that other tools for the API read as well. */
static int set_address(weir_config* config, struct console* console) {
    const char* url = getenv("ANTHROPIC_BASE_URL");
    if (!url || !*url) return 1;
    if (console->verbosity > 0) console_say(console, "ANTHROPIC_BASE_URL is %s", url);
    return set(config, "transport.base_url", url, console);
}

static int set_key(weir_config* config, const struct options* options, struct console* console) {
    char account[128], key[256];
    const char* api_key = getenv(DEFAULT_KEY_ENV);
    const char* token = getenv(TOKEN_ENV);
    const char* variable = options->key_env ? options->key_env : DEFAULT_KEY_ENV;
    if (!needs_key(config, account, sizeof account) && !options->key_env) return 1;
    if (!options->key_env && !(api_key && *api_key) && token && *token) {
        variable = TOKEN_ENV;
        if (console->verbosity > 0) console_say(console, "the key is the token of " TOKEN_ENV);
        snprintf(key, sizeof key, "account.%s.auth", account);
        if (!set(config, key, "bearer", console)) return 0;
    }
    snprintf(key, sizeof key, "account.%s.key_env", account);
    return set(config, key, variable, console);
}

/* A route that is not there is said before anything is written. */
static int has_route(const weir_config* config, const char* route, struct console* console) {
    char key[256];
    weir_text* model = NULL;
    snprintf(key, sizeof key, "route.%s.1.model", route);
    int32_t status = weir_config_get(config, key, WEIR_NUL, &model, NULL);
    weir_text_release(model);
    if (status == WEIR_OK) return 1;
    console_say(console, "there is no route '%s': its first step would be %s", route, key);
    return 0;
}

weir_config* engine_setup_config(const struct options* options, struct console* console) {
    weir_config* config;
    if (weir_config_new(&config, NULL) != WEIR_OK) {
        console_say(console, "out of memory");
        return NULL;
    }
    /* Batches take long: what does not mend by itself is said while they run. */
    const char* level = options->verbosity > 0 ? "info" : options->lane ? "warning" : "error";
    int good = set(config, "log.level", level, console);
    if (good) good = set_address(config, console);
    if (good && options->config_path) good = load_file(config, options->config_path, console);
    if (good) good = set(config, "transport.environment", "true", console);
    for (int i = 0; good && i < options->setting_count; i++)
        good = !shows_a_secret(&options->settings[i], console) &&
               set(config, options->settings[i].key, options->settings[i].value, console);
    if (good) good = set_key(config, options, console);
    if (good && options->route) good = has_route(config, options->route, console);
    if (good && options->lane && !options->plan) good = set_journal(config, options, console);
    if (good && options->command != COMMAND_RUN) good = set_batch_work(config, options, console);
    if (good) return config;
    weir_config_release(config);
    return NULL;
}
