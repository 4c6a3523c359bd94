/* Keys at the boundary: several of an account, put aside, set, retired and read from files while
 * the engine runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"

#define SECRET_B "sk-ant-test-second-secret"
#define SECRET_C "sk-ant-test-third-secret"

static struct peer* peer;
static weir_engine* engine;
static int done, failed;
static char last_key[512]; /* the data of the last WEIR_EVENT_KEY */
static int64_t retry_after_ms;
static char last_error[512];

static void check_hidden(const char* text) {
    CHECK_HAS_NOT(text, SECRET);
    CHECK_HAS_NOT(text, SECRET_B);
    CHECK_HAS_NOT(text, SECRET_C);
}

/* Takes one event, if one comes. */
static int take(long long timeout_ms) {
    weir_event event;
    const int32_t count = weir_poll(engine, &event, sizeof event, 1, timeout_ms);
    if (count != 1) return 0;
    if (event.type != WEIR_EVENT_DONE) check_hidden(event.data);
    if (event.type == WEIR_EVENT_DONE) ++done;
    if (event.type == WEIR_EVENT_FAILED) {
        ++failed;
        snprintf(last_error, sizeof last_error, "%s", weir_error_message(event.object));
        retry_after_ms = weir_error_retry_after_ms(event.object);
        check_hidden(last_error);
    }
    if (event.type == WEIR_EVENT_KEY) {
        CHECK_EQ(event.ticket, 0);
        CHECK_EQ(event.data_length, strlen(event.data));
        snprintf(last_key, sizeof last_key, "%s", (const char*)event.data);
    }
    api_release(&event);
    return 1;
}

static void await_ends(int count) {
    const long long until = api_now_ms() + PATIENCE_MS;
    while (done + failed < count && api_now_ms() < until) take(100);
    CHECK_EQ(done + failed, count);
}

static void await_key(const char* what) {
    const long long until = api_now_ms() + PATIENCE_MS;
    while (strstr(last_key, what) == NULL && api_now_ms() < until) take(100);
    CHECK_HAS(last_key, what);
}

static weir_config* configured(const char* drive) {
    weir_config* config = api_config(drive, peer_url(peer));
    api_set(config, "log.level", "debug");
    api_set(config, KEY_MAX_REFUSALS, "50");
    return config;
}

static void begin(weir_config* config) {
    engine = api_open(config);
    weir_config_release(config);
    done = failed = 0;
    last_key[0] = last_error[0] = 0;
}

static void end(void) {
    weir_text* text;
    CHECK_EQ(weir_engine_stats(engine, &text, NULL), WEIR_OK);
    check_hidden(weir_text_data(text, NULL));
    weir_text_release(text);
    CHECK_EQ(weir_engine_close(engine), WEIR_OK);
    while (take(100)) {
    }
    api_drain(engine);
    weir_engine_release(engine);
    peer_stop(peer);
}

static int32_t set(const char* account, const char* key, const char* secret) {
    return weir_key_set(engine, account, WEIR_NUL, key, WEIR_NUL, secret, WEIR_NUL, NULL);
}

static int32_t retire(const char* account, const char* key) {
    return weir_key_retire(engine, account, WEIR_NUL, key, WEIR_NUL, NULL);
}

static void submit(int count) {
    for (; count > 0; --count) api_submit(engine, "hello");
}

static void one_of_two_is_refused_and_healed(const char* drive) {
    weir_config* config;
    weir_text* text;
    peer = peer_start();
    config = configured(drive);
    api_set(config, "account.main.keys.b.value", SECRET_B);
    api_set(config, "account.main.keys.b.workspace", "second");
    begin(config);
    peer_watch(peer, SECRET_B, 0);
    submit(20);
    await_ends(20);
    CHECK_GE(peer_watched(peer), 5);

    peer_watch(peer, SECRET_B, 1);
    submit(40);
    await_ends(60);
    CHECK_EQ(failed, 0);
    CHECK_GE(peer_watched(peer), 1);
    CHECK_HAS(
        last_key,
        "{\"account\":\"main\",\"workspace\":\"second\",\"key\":\"b\",\"state\":\"quarantined\","
        "\"reason\":\"bad_key\",\"until_ms\":1");
    CHECK_EQ(weir_engine_stats(engine, &text, NULL), WEIR_OK);
    CHECK_HAS(weir_text_data(text, NULL), "\"key\":\"b\",\"state\":\"quarantined\"");
    CHECK_HAS(weir_text_data(text, NULL), "\"key\":\"main\",\"state\":\"active\"");
    weir_text_release(text);

    peer_watch(peer, SECRET_C, 0);
    CHECK_EQ(set("main", "b", SECRET_C), WEIR_OK);
    submit(20);
    await_ends(80);
    CHECK_EQ(failed, 0);
    CHECK_GE(peer_watched(peer), 5);
    CHECK_HAS(last_key, "\"key\":\"b\",\"state\":\"replaced\",\"reason\":\"\",\"until_ms\":0}");
    end();
}

static void what_is_in_flight_with_a_retired_key_ends_in_peace(const char* drive) {
    peer = peer_start();
    begin(configured(drive));
    submit(1); /* says what the limits are */
    await_ends(1);
    peer_gate(peer, 0);
    submit(5);
    while (peer_requests(peer) < 6) take(5);
    CHECK_EQ(set("main", "next", SECRET_C), WEIR_OK);
    CHECK_EQ(retire("main", "main"), WEIR_OK);
    peer_watch(peer, SECRET_C, 0);
    submit(5);
    await_key("retired");
    peer_gate(peer, 1);
    await_ends(11);
    CHECK_EQ(failed, 0);
    CHECK_EQ(peer_watched(peer), 5);
    end();
}

static void without_a_key_requests_fail_or_wait(const char* drive) {
    const char* const choices[] = {"fail", "wait"};
    size_t i;
    for (i = 0; i < 2; ++i) {
        weir_config* config;
        peer = peer_start();
        config = configured(drive);
        api_set(config, "accounts.when_all_out", choices[i]);
        begin(config);
        CHECK_EQ(retire("main", "main"), WEIR_OK);
        submit(1);
        await_key("retired");
        if (i == 0) await_ends(1);
        CHECK_EQ(failed, i == 0 ? 1 : 0);
        CHECK_EQ(set("main", "main", SECRET_C), WEIR_OK);
        if (i == 0) submit(1);
        await_ends(i == 0 ? 2 : 1);
        CHECK_EQ(done, 1);
        end();
    }
}

static void the_error_says_when_a_key_comes_back(const char* drive) {
    peer = peer_start();
    begin(configured(drive));
    peer_watch(peer, SECRET, 1);
    submit(1);
    await_ends(1);
    CHECK_EQ(failed, 1);
    CHECK_HAS(last_error, "***");
    CHECK_HAS(last_error, "every key is out, and the first comes back in");
    CHECK_GE(retry_after_ms, 1000);
    CHECK_LT(retry_after_ms, 30001);
    submit(1);
    await_ends(2);
    CHECK_EQ(peer_watched(peer), 1);
    CHECK_HAS(last_error, "every key is out, and the first comes back in");
    CHECK_GE(retry_after_ms, 1000);
    end();
}

static void write_file(const char* path, const char* content) {
    FILE* file = fopen(path, "w");
    DIE_UNLESS(file != NULL && fputs(content, file) >= 0 && fclose(file) == 0);
}

static void a_file_is_read_again(const char* drive) {
    char directory[] = "/tmp/weir-api-keys-XXXXXX";
    char path[64], beside[64], head[4096];
    weir_config* config;
    DIE_UNLESS(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/key", directory);
    snprintf(beside, sizeof beside, "%s/new", directory);
    write_file(path, SECRET_B "\n");
    peer = peer_start();
    config = configured(drive);
    api_set(config, "account.other.key_file", path);
    begin(config);
    CHECK_EQ(retire("main", "main"), WEIR_OK);
    submit(1);
    await_ends(1);
    peer_last_request(peer, head, sizeof head);
    CHECK_HAS(head, "x-api-key: " SECRET_B "\r\n");
    write_file(beside, SECRET_C "\n");
    DIE_UNLESS(rename(beside, path) == 0);
    await_key("\"account\":\"other\",\"workspace\":\"\",\"key\":\"main\",\"state\":\"replaced\"");
    submit(1);
    await_ends(2);
    CHECK_EQ(failed, 0);
    peer_last_request(peer, head, sizeof head);
    CHECK_HAS(head, "x-api-key: " SECRET_C "\r\n");
    unlink(path);
    submit(1);
    await_ends(3);
    CHECK_EQ(failed, 0);
    end();
    rmdir(directory);
}

static void bad_arguments(const char* drive) {
    weir_error* error;
    char long_name[66];
    peer = peer_start();
    begin(configured(drive));
    memset(long_name, 'k', 65);
    long_name[65] = 0;
    CHECK_EQ(weir_key_set(NULL, "main", 4, "a", 1, "s", 1, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_key_retire(NULL, "main", 4, "a", 1, NULL), WEIR_ERR_BAD_HANDLE);
    CHECK_EQ(weir_key_set(engine, NULL, 4, "a", 1, "s", 1, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_key_set(engine, "main", 4, NULL, 1, "s", 1, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_key_set(engine, "main", 4, "a", 1, NULL, 1, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_key_set(engine, "main", 4, "a b", 3, "s", 1, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(weir_key_set(engine, "main", 4, NULL, 0, "s", 1, NULL), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(set("main", long_name, "s"), WEIR_ERR_BAD_ARGUMENT);
    CHECK_EQ(set("main", long_name + 1, "s"), WEIR_OK);
    CHECK_EQ(weir_key_set(engine, "main", 4, "a", 1, NULL, 0, NULL), WEIR_ERR_INVALID_VALUE);
    CHECK_EQ(weir_key_set(engine, "main", 4, "a", 1, SECRET_B " ", WEIR_NUL, &error),
             WEIR_ERR_INVALID_VALUE);
    CHECK_STR(weir_error_name(error), "invalid_value");
    check_hidden(weir_error_message(error));
    weir_error_release(error);
    CHECK_EQ(weir_key_set(engine, "mine", 4, "a", 1, "s", 1, &error), WEIR_ERR_NOT_FOUND);
    CHECK_HAS(weir_error_message(error), "mine");
    weir_error_release(error);
    CHECK_EQ(weir_key_retire(engine, "main", 4, "a", 1, &error), WEIR_ERR_NOT_FOUND);
    CHECK_HAS(weir_error_message(error), "\"a\"");
    weir_error_release(error);
    CHECK_EQ(weir_key_set(engine, "mainly", 4, "abc", 1, "secrets", 6, &error), WEIR_OK);
    CHECK(error == NULL);
    CHECK_EQ(retire("main", "a"), WEIR_OK);
    CHECK_EQ(retire("main", "a"), WEIR_ERR_NOT_FOUND);
    CHECK_EQ(weir_engine_close(engine), WEIR_OK);
    CHECK_EQ(set("main", "a", "s"), WEIR_ERR_CLOSED);
    CHECK_EQ(retire("main", "main"), WEIR_ERR_CLOSED);
    end();
}

int main(void) {
    api_load();
    RUN_DRIVEN(one_of_two_is_refused_and_healed);
    RUN_DRIVEN(what_is_in_flight_with_a_retired_key_ends_in_peace);
    RUN_DRIVEN(without_a_key_requests_fail_or_wait);
    RUN_DRIVEN(the_error_says_when_a_key_comes_back);
    RUN_DRIVEN(a_file_is_read_again);
    RUN_DRIVEN(bad_arguments);
    return check_end();
}
