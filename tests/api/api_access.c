/* How a request shows itself to the provider: the key's header, the headers of an account, betas,
 * and the URL that it goes to. */
#include <stdio.h>
#include <string.h>

#include "api.h"

/* Sends the body with the settings, and gives the request as the peer has seen it. */
static void seen_with(const char* drive, const char* const (*settings)[2], size_t setting_count,
                      const char* beta, const char* body, char* seen, size_t size) {
    struct peer* peer = peer_start();
    weir_config* config = api_config(drive, peer_url(peer));
    weir_request* request;
    weir_engine* engine;
    weir_event event;
    uint64_t ticket = 0;
    size_t i;
    for (i = 0; i < setting_count; ++i) api_set(config, settings[i][0], settings[i][1]);
    engine = api_open(config);
    DIE_UNLESS(weir_request_new(&request, NULL) == WEIR_OK);
    CHECK_EQ(weir_request_set_body(request, body, WEIR_NUL, NULL), WEIR_OK);
    if (beta)
        CHECK_EQ(weir_request_set(request, "header.anthropic-beta", WEIR_NUL, beta, WEIR_NUL, NULL),
                 WEIR_OK);
    CHECK_EQ(weir_submit(engine, request, &ticket, NULL), WEIR_OK);
    api_await(engine, ticket, &event);
    CHECK_EQ(event.type, WEIR_EVENT_DONE);
    api_release(&event);
    peer_last_request(peer, seen, size);
    weir_request_release(request);
    weir_config_release(config);
    CHECK_EQ(api_drain(engine), 0);
    weir_engine_release(engine);
    peer_stop(peer);
}

static const char plain_body[] =
    "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";

static void the_keys_header(const char* drive) {
    static const char* const bearer[][2] = {{"account.main.auth", "bearer"}};
    char seen[8192];
    seen_with(drive, NULL, 0, NULL, plain_body, seen, sizeof seen);
    CHECK_HAS(seen, "x-api-key: " SECRET "\r\n");
    CHECK_HAS_NOT(seen, "authorization");
    seen_with(drive, bearer, 1, NULL, plain_body, seen, sizeof seen);
    CHECK_HAS(seen, "authorization: Bearer " SECRET "\r\n");
    CHECK_HAS_NOT(seen, "x-api-key");
}

static void the_accounts_headers(const char* drive) {
    static const char* const settings[][2] = {{"account.main.header.X-Team", "pure research"},
                                              {"account.main.header.anthropic-beta", "one,two"},
                                              {"provider.version", "2026-10-21"}};
    char seen[8192];
    seen_with(drive, settings, 3, "two,three", plain_body, seen, sizeof seen);
    CHECK_HAS(seen, "x-team: pure research\r\n");
    CHECK_HAS(seen, "anthropic-beta: one,two,three\r\n");
    CHECK_HAS(seen, "anthropic-version: 2026-10-21\r\n");
}

/* The SDKs have betas as a field; the provider refuses it in a body. */
static void betas_become_a_header(const char* drive) {
    static const char* const bodies[] = {
        "{\"betas\":[\"a-1\",\"b.2\"],\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":"
        "\"user\",\"content\":\"hi\"}]}",
        "{\"model\":\"m\",\"max_tokens\":1, \"betas\" : [ \"a-1\" , \"b.2\" ] ,\"messages\":[{"
        "\"role\":\"user\",\"content\":\"hi\"}]}",
        "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],"
        "\n\"betas\":[\"a-1\",\"b.2\"] }"};
    char seen[8192];
    size_t i;
    for (i = 0; i < sizeof bodies / sizeof bodies[0]; ++i) {
        check_context("body %zu", i);
        seen_with(drive, NULL, 0, "c-3", bodies[i], seen, sizeof seen);
        CHECK_HAS(seen, "anthropic-beta: c-3,a-1,b.2\r\n");
        CHECK_HAS_NOT(seen, "betas");
        CHECK_HAS(seen, "\"content\":\"hi\"}]");
    }
    seen_with(drive, NULL, 0, NULL,
              "{\"betas\":[],\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\","
              "\"content\":\"hi\"}]}",
              seen, sizeof seen);
    CHECK_HAS_NOT(seen, "beta");
}

static void a_url_with_its_version(const char* drive) {
    static const char* const ends[] = {"", "/", "/v1", "/v1/"};
    char seen[8192], url[256];
    size_t i;
    for (i = 0; i < sizeof ends / sizeof ends[0]; ++i) {
        struct peer* peer = peer_start();
        weir_config* config = api_config(drive, peer_url(peer));
        weir_engine* engine;
        weir_event event;
        check_context("base URL with %s", ends[i]);
        snprintf(url, sizeof url, "%s%s", peer_url(peer), ends[i]);
        api_set(config, KEY_BASE_URL, url);
        engine = api_open(config);
        api_await(engine, api_submit(engine, "hello"), &event);
        CHECK_EQ(event.type, WEIR_EVENT_DONE);
        api_release(&event);
        peer_last_request(peer, seen, sizeof seen);
        CHECK_HAS(seen, "POST /v1/messages HTTP/1.1\r\n");
        weir_config_release(config);
        CHECK_EQ(api_drain(engine), 0);
        weir_engine_release(engine);
        peer_stop(peer);
    }
}

static void refused_at_open(const char* key, const char* value, const char* words) {
    weir_config* config = api_config("caller", "http://127.0.0.1:9");
    weir_engine* engine = NULL;
    weir_error* error = NULL;
    check_context("%s = %s", key, value);
    api_set(config, key, value);
    CHECK_EQ(weir_engine_open(config, &engine, &error), WEIR_ERR_INVALID_VALUE);
    CHECK_HAS(weir_error_message(error), key);
    CHECK_HAS(weir_error_message(error), words);
    weir_error_release(error);
    weir_config_release(config);
}

/* Those that weir sets itself, and what is no header. The value may be a secret: it is not shown.
 */
static void refused_headers(void) {
    weir_config* config = api_config("caller", "http://127.0.0.1:9");
    weir_text* text = NULL;
    refused_at_open("account.main.header.x-api-key", "other", "set by weir alone");
    refused_at_open("account.main.header.authorization", "Bearer other", "set by weir alone");
    CHECK_EQ(weir_config_set(config, "account.main.header.x-a", WEIR_NUL, "a\r\nx-evil: 1",
                             WEIR_NUL, NULL),
             WEIR_ERR_INVALID_VALUE);
    api_set(config, "account.main.header.x-gateway-key", "gateway-secret-1");
    CHECK_EQ(weir_config_json(config, &text, NULL), WEIR_OK);
    CHECK_HAS_NOT(weir_text_data(text, NULL), "gateway-secret-1");
    weir_text_release(text);
    weir_config_release(config);
}

int main(void) {
    api_load();
    RUN_DRIVEN(the_keys_header);
    RUN_DRIVEN(the_accounts_headers);
    RUN_DRIVEN(betas_become_a_header);
    RUN_DRIVEN(a_url_with_its_version);
    RUN(refused_headers);
    return check_end();
}
