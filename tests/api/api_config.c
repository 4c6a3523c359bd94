/* Configuration: keys, values, refusals that say what to change, secrets that stay secret. */
#include <stdlib.h>
#include <string.h>

#include "api.h"

static weir_config* new_config(void) {
    weir_config* config = NULL;
    DIE_UNLESS(weir_config_new(&config, NULL) == WEIR_OK);
    return config;
}

static void value_is(const weir_config* config, const char* key, const char* expected) {
    weir_text* text = NULL;
    size_t length = 99;
    if (!CHECK_EQ(weir_config_get(config, key, WEIR_NUL, &text, NULL), WEIR_OK)) return;
    CHECK_STR(weir_text_data(text, &length), expected);
    CHECK_EQ(length, strlen(expected));
    weir_text_release(text);
}

/* A refusal has the status, names the key, and contains each of the parts. */
static void refused(int32_t expected, const char* key, const char* value, const char* part) {
    weir_config* config = new_config();
    weir_error* error = NULL;
    check_context("%s = %s", key, value);
    CHECK_EQ(weir_config_set(config, key, WEIR_NUL, value, WEIR_NUL, &error), expected);
    CHECK_EQ(weir_error_code(error), expected);
    CHECK_STR(weir_error_source(error), "config");
    CHECK_HAS(weir_error_message(error), key);
    CHECK_HAS(weir_error_message(error), part);
    weir_error_release(error);
    weir_config_release(config);
}

static void refusals(void) {
    refused(WEIR_ERR_UNKNOWN_KEY, "queue.max_request", "1", "queue.max_requests"); /* the remedy */
    refused(WEIR_ERR_UNKNOWN_KEY, "no.such.key", "1", "no.such.key");
    refused(WEIR_ERR_UNKNOWN_KEY, "queue", "1", "queue");
    refused(WEIR_ERR_UNKNOWN_KEY, "queue.", "1", "queue.");
    refused(WEIR_ERR_UNKNOWN_KEY, "account..key", "1", "account..key");
    refused(WEIR_ERR_UNKNOWN_KEY, "account.main", "1", "account.main");
    refused(WEIR_ERR_UNKNOWN_KEY, "Queue.max_requests", "1", "Queue.max_requests");
    refused(WEIR_ERR_INVALID_VALUE, KEY_MAX_REQUESTS, "many", "many");
    refused(WEIR_ERR_INVALID_VALUE, KEY_MAX_REQUESTS, "0", "1");
    refused(WEIR_ERR_INVALID_VALUE, KEY_MAX_REQUESTS, "-1", "-1");
    refused(WEIR_ERR_INVALID_VALUE, KEY_MAX_REQUESTS, "1.5", "1.5");
    refused(WEIR_ERR_INVALID_VALUE, KEY_MAX_REQUESTS, "99999999999999999999", "9999");
    refused(WEIR_ERR_INVALID_VALUE, KEY_MAX_REQUESTS, "", KEY_MAX_REQUESTS);
    refused(WEIR_ERR_INVALID_VALUE, KEY_MAX_REQUESTS, "10 ", "10");
    refused(WEIR_ERR_INVALID_VALUE, KEY_DRIVE, "engine", "thread");
    refused(WEIR_ERR_INVALID_VALUE, KEY_DRIVE, "engine", "caller");
}

/* An address is refused when it is set or, as it hangs together with other keys, when the engine is
 * opened. */
static void refused_address(const char* url, const char* part) {
    weir_config* config = api_config("thread", "http://127.0.0.1:9");
    weir_engine* engine = NULL;
    weir_error* error = NULL;
    int32_t status = weir_config_set(config, KEY_BASE_URL, WEIR_NUL, url, WEIR_NUL, &error);
    check_context("%s", url);
    if (status == WEIR_OK) status = weir_engine_open(config, &engine, &error);
    CHECK_EQ(status, WEIR_ERR_INVALID_VALUE);
    CHECK(engine == NULL);
    CHECK_STR(weir_error_source(error), "config");
    CHECK_HAS(weir_error_message(error), KEY_BASE_URL);
    CHECK_HAS(weir_error_message(error), part);
    weir_error_release(error);
    weir_config_release(config);
}

static void addresses(void) {
    refused_address("not a url", "http");
    refused_address("ftp://example.com", "http");
    refused_address("http://", "http");
    refused_address("http://example.com", "unencrypted"); /* the key must not travel so */
}

static void set_and_get(void) {
    weir_config* config = new_config();
    weir_text* text = (weir_text*)&text;
    api_set(config, KEY_MAX_REQUESTS, "123");
    value_is(config, KEY_MAX_REQUESTS, "123");
    api_set(config, KEY_MAX_REQUESTS, "124");
    value_is(config, KEY_MAX_REQUESTS, "124");
    CHECK_EQ(weir_config_set(config, KEY_MAX_REQUESTS, WEIR_NUL, "x", 1, NULL),
             WEIR_ERR_INVALID_VALUE);
    value_is(config, KEY_MAX_REQUESTS, "124"); /* a refused call has no effect */
    api_set(config, "limit.claude-sonnet-4.requests_per_minute", "50");
    value_is(config, "limit.claude-sonnet-4.requests_per_minute", "50");
    CHECK_EQ(weir_config_get(config, "limit.other.requests_per_minute", WEIR_NUL, &text, NULL),
             WEIR_ERR_NOT_FOUND);
    CHECK(text == NULL);
    CHECK_EQ(weir_config_get(config, "no.such", WEIR_NUL, &text, NULL), WEIR_ERR_UNKNOWN_KEY);
    weir_config_release(config);
}

/* Each key of the table can be read, gives its default, and takes it back as a value. */
static void described(void) {
    static const char* const types[] = {"integer", "text", "choice", "secret", "boolean", "number"};
    weir_config* config = new_config();
    const char *key, *type, *default_value, *range, *line;
    size_t rows, i;
    for (rows = 0;
         weir_config_describe(rows, &key, &type, &default_value, &range, &line) == WEIR_OK;
         ++rows) {
        int known = 0;
        check_context("%s", key);
        for (i = 0; i < 6; ++i) known |= strcmp(type, types[i]) == 0;
        CHECK(known);
        CHECK(default_value != NULL && range != NULL);
        CHECK(line != NULL && line[0] != 0);
        if (strchr(key, '<') != NULL || strcmp(type, "secret") == 0) continue;
        value_is(config, key, default_value);
        if (default_value[0] != 0) {
            api_set(config, key, default_value);
            value_is(config, key, default_value);
        }
    }
    CHECK_GE(rows, 20);
    CHECK_EQ(weir_config_describe(rows, &key, NULL, NULL, NULL, NULL), WEIR_ERR_NOT_FOUND);
    CHECK_EQ(weir_config_describe((size_t)-1, NULL, NULL, NULL, NULL, NULL), WEIR_ERR_NOT_FOUND);
    CHECK_EQ(weir_config_describe(0, NULL, NULL, NULL, NULL, NULL), WEIR_OK);
    weir_config_release(config);
}

static void json_documents(void) {
    static const char nested[] =
        "{\"queue\":{\"max_requests\":77,\"max_bytes\":\"1000000\"},\"retry.max_attempts\":3,"
        "\"account\":{\"main\":{\"key\":\"" SECRET "\"}},\"limits\":{\"pinned\":true}}";
    static const char half_wrong[] = "{\"queue\":{\"max_requests\":88},\"retry\":{\"attempts\":3}}";
    weir_config* config = new_config();
    weir_error* error = NULL;
    weir_text* text = NULL;
    CHECK_EQ(weir_config_set_json(config, nested, WEIR_NUL, NULL), WEIR_OK);
    value_is(config, KEY_MAX_REQUESTS, "77");
    value_is(config, "queue.max_bytes", "1000000");
    value_is(config, KEY_MAX_ATTEMPTS, "3");
    value_is(config, "limits.pinned", "true");
    CHECK_EQ(weir_config_set_json(config, half_wrong, WEIR_NUL, &error), WEIR_ERR_UNKNOWN_KEY);
    CHECK_HAS(weir_error_message(error), "retry.attempts");
    weir_error_release(error);
    value_is(config, KEY_MAX_REQUESTS, "77"); /* all or nothing */
    CHECK_EQ(weir_config_set_json(config, "{\"queue\":", WEIR_NUL, &error), WEIR_ERR_INVALID_VALUE);
    CHECK(weir_error_message(error)[0] != 0);
    weir_error_release(error);
    CHECK_EQ(weir_config_json(config, &text, NULL), WEIR_OK);
    CHECK_HAS(weir_text_data(text, NULL), "***");
    CHECK_HAS_NOT(weir_text_data(text, NULL), SECRET);
    CHECK_HAS(weir_text_data(text, NULL), "77");
    weir_text_release(text);
    weir_config_release(config);
}

static void hides(const char* shown) { CHECK_HAS_NOT(shown, "sk-ant-test"); }

static void secrets_are_write_only(void) {
    weir_config* config = new_config();
    weir_config* copy = NULL;
    weir_error* error = NULL;
    weir_text* text = (weir_text*)&text;
    api_set(config, KEY_ACCOUNT_KEY, SECRET);
    CHECK_EQ(weir_config_get(config, KEY_ACCOUNT_KEY, WEIR_NUL, &text, &error),
             WEIR_ERR_UNSUPPORTED);
    CHECK(text == NULL);
    CHECK_HAS(weir_error_message(error), KEY_ACCOUNT_KEY);
    hides(weir_error_message(error));
    weir_error_release(error);
    CHECK_EQ(weir_config_copy(config, &copy, NULL), WEIR_OK);
    weir_config_release(config);
    CHECK_EQ(weir_config_json(copy, &text, NULL), WEIR_OK);
    hides(weir_text_data(text, NULL));
    weir_text_release(text);
    CHECK_EQ(weir_config_get(copy, KEY_ACCOUNT_KEY, WEIR_NUL, &text, NULL), WEIR_ERR_UNSUPPORTED);
    weir_config_release(copy);
}

/* A bad secret is refused without being shown. */
static void bad_secrets_are_not_shown(void) {
    static const char* const values[] = {"sk-ant-test\r\nx-evil: 1", "sk-ant-test\n",
                                         "sk-ant-test\x7f"};
    size_t i;
    for (i = 0; i < 3; ++i) {
        weir_config* config = new_config();
        weir_error* error = NULL;
        CHECK_EQ(weir_config_set(config, KEY_ACCOUNT_KEY, WEIR_NUL, values[i], WEIR_NUL, &error),
                 WEIR_ERR_INVALID_VALUE);
        CHECK_HAS(weir_error_message(error), KEY_ACCOUNT_KEY);
        hides(weir_error_message(error));
        weir_error_release(error);
        weir_config_release(config);
    }
}

/* The key travels in the request's header, and shows nowhere else. */
static void secret_reaches_the_provider_alone(const char* drive) {
    struct world world;
    weir_text* text = NULL;
    weir_config* config = NULL;
    weir_event event;
    char seen[4096];
    world_open(&world, drive);
    api_await(world.engine, api_submit(world.engine, "reply=401"), &event);
    hides(weir_error_message(event.object));
    api_release(&event);
    peer_last_request(world.peer, seen, sizeof seen);
    CHECK_HAS(seen, "x-api-key: " SECRET "\r\n");
    CHECK_HAS(seen, "POST /v1/messages HTTP/1.1\r\n");
    CHECK_HAS(seen, "anthropic-version: 2023-06-01\r\n");
    CHECK_HAS(seen, "content-type: application/json\r\n");
    CHECK_EQ(weir_engine_stats(world.engine, &text, NULL), WEIR_OK);
    hides(weir_text_data(text, NULL));
    weir_text_release(text);
    CHECK_EQ(weir_engine_config(world.engine, &config, NULL), WEIR_OK);
    CHECK_EQ(weir_config_json(config, &text, NULL), WEIR_OK);
    hides(weir_text_data(text, NULL));
    weir_text_release(text);
    weir_config_release(config);
    world_close(&world);
}

/* A key from the environment or a file; a missing one is refused by the name of its source. */
static void secrets_from_elsewhere(const char* drive) {
    struct peer* peer = peer_start();
    weir_config* config = new_config();
    weir_engine* engine = NULL;
    weir_error* error = NULL;
    weir_event event;
    char seen[4096];
    api_set(config, KEY_DRIVE, drive);
    api_set(config, KEY_BASE_URL, peer_url(peer));
    api_set(config, "account.main.key_env", "WEIR_TEST_KEY");
    unsetenv("WEIR_TEST_KEY");
    CHECK(weir_engine_open(config, &engine, &error) < 0);
    CHECK(engine == NULL);
    CHECK_HAS(weir_error_message(error), "WEIR_TEST_KEY");
    weir_error_release(error);
    setenv("WEIR_TEST_KEY", SECRET, 1);
    engine = api_open(config);
    unsetenv("WEIR_TEST_KEY");
    api_await(engine, api_submit(engine, "hello"), &event);
    CHECK_EQ(event.type, WEIR_EVENT_DONE);
    api_release(&event);
    peer_last_request(peer, seen, sizeof seen);
    CHECK_HAS(seen, "x-api-key: " SECRET "\r\n");
    api_drain(engine);
    weir_engine_release(engine);
    weir_config_release(config);
    config = new_config();
    api_set(config, "account.main.key_file", "/no/such/file");
    CHECK(weir_engine_open(config, &engine, &error) < 0);
    CHECK_HAS(weir_error_message(error), "/no/such/file");
    weir_error_release(error);
    weir_config_release(config);
    peer_stop(peer);
}

/* The engine has its own copy: the same values, secrets included, and later changes do not reach
 * it. */
static void engine_has_a_copy(const char* drive) {
    struct peer* peer = peer_start();
    weir_config* config = api_config(drive, peer_url(peer));
    weir_config* copy = NULL;
    weir_engine *engine = api_open(config), *second;
    weir_event event;
    api_set(config, KEY_BASE_URL, "http://127.0.0.1:1");
    CHECK_EQ(weir_engine_config(engine, &copy, NULL), WEIR_OK);
    value_is(copy, KEY_BASE_URL, peer_url(peer));
    second = api_open(copy);
    api_await(second, api_submit(second, "hello"), &event);
    CHECK_EQ(event.type, WEIR_EVENT_DONE);
    api_release(&event);
    api_drain(second);
    weir_engine_release(second);
    api_drain(engine);
    weir_engine_release(engine);
    weir_config_release(copy);
    weir_config_release(config);
    peer_stop(peer);
}

int main(void) {
    api_load();
    RUN(refusals);
    RUN(addresses);
    RUN(set_and_get);
    RUN(described);
    RUN(json_documents);
    RUN(secrets_are_write_only);
    RUN(bad_secrets_are_not_shown);
    RUN_DRIVEN(secret_reaches_the_provider_alone);
    RUN_DRIVEN(secrets_from_elsewhere);
    RUN_DRIVEN(engine_has_a_copy);
    return check_end();
}
