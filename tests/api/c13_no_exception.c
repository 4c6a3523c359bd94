/* C13: no C++ exception leaves the library. One that did would end this C program. Inputs that
 * drive parsers and containers to their ends are refused with a status. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"

static char* repeat(const char* piece, size_t times, const char* tail) {
    const size_t n = strlen(piece);
    char* text = malloc(n * times + strlen(tail) + 1);
    size_t i;
    DIE_UNLESS(text != NULL);
    for (i = 0; i < times; ++i) memcpy(text + i * n, piece, n);
    strcpy(text + n * times, tail);
    return text;
}

static void refuse_json(const char* json, size_t length) {
    weir_config* config = NULL;
    weir_error* error = NULL;
    int32_t status;
    REQUIRE(weir_config_new(&config, NULL) == WEIR_OK);
    status = weir_config_set_json(config, json, length, &error);
    CHECK(status == WEIR_ERR_INVALID_VALUE || status == WEIR_ERR_UNKNOWN_KEY);
    CHECK_EQ(weir_error_code(error), status);
    CHECK(weir_error_message(error)[0] != 0);
    CHECK_LT(strlen(weir_error_message(error)), 2000);
    weir_error_release(error);
    weir_config_release(config);
}

static void refuse_body(const char* body, size_t length) {
    weir_request* request = NULL;
    weir_error* error = NULL;
    REQUIRE(weir_request_new(&request, NULL) == WEIR_OK);
    CHECK_EQ(weir_request_set_body(request, body, length, &error), WEIR_ERR_BAD_BODY);
    CHECK_EQ(weir_error_code(error), WEIR_ERR_BAD_BODY);
    CHECK_LT(strlen(weir_error_message(error)), 2000);
    weir_error_release(error);
    weir_request_release(request);
}

static void deep_nesting(void) {
    static const struct {
        const char* open;
        const char* tail;
    } shapes[] = {{"[", ""}, {"{\"a\":", "1"}, {"[{\"a\":", ""}, {"{\"queue\":", "1"}};
    size_t i;
    for (i = 0; i < sizeof shapes / sizeof shapes[0]; ++i) {
        char* text = repeat(shapes[i].open, 200000, shapes[i].tail);
        refuse_json(text, strlen(text));
        refuse_body(text, strlen(text));
        free(text);
    }
}

static void malformed(void) {
    static const char* const texts[] = {
        "",
        " ",
        "{",
        "}",
        "[]",
        "null",
        "1e999999",
        "\"",
        "{\"a\"}",
        "{\"a\":1,}",
        "nul",
        "{}{}",
        "{\"queue\":{\"max_requests\":1e999}}",
        "{\"queue\":{\"max_requests\":-1}}",
        "{\"queue\":{\"max_requests\":99999999999999999999999999}}",
        "{\"queue\":{\"max_requests\":[1]}}",
        "{\"queue\":{\"max_requests\":null}}",
        "{\"queue\":1}",
        "{\"\":1}",
        "{\".\":1}",
        "{\"queue.\":1}",
        "{\"queue\":{\"\":1}}",
        "{\"\\ud800\":1}",
        "{\"\\u0000\":1}",
        "{\"queue\":{\"max_requests\":\"\xff\xfe\"}}",
        "\xef\xbb\xbf[]",
        "\xff\xff\xff\xff",
    };
    size_t i;
    for (i = 0; i < sizeof texts / sizeof texts[0]; ++i) {
        check_context("text %d: %s", (int)i, texts[i]);
        refuse_json(texts[i], strlen(texts[i]));
        refuse_body(texts[i], strlen(texts[i]));
    }
    refuse_json("\0\0\0", 3);
    refuse_body("\0\0\0", 3);
}

/* Every prefix of a good body is refused; every one-byte change has a status, whatever it is. */
static void damaged_bodies(void) {
    static const char good[] =
        "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":64,\"stream\":true,"
        "\"system\":\"\\u00e9\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
    char body[sizeof good];
    size_t i;
    int byte;
    for (i = 0; i < sizeof good - 1; ++i) refuse_body(good, i);
    for (i = 0; i < sizeof good - 1; ++i) {
        for (byte = 0; byte < 256; byte += 7) {
            weir_request* request = NULL;
            weir_error* error = NULL;
            int32_t status;
            memcpy(body, good, sizeof good);
            body[i] = (char)byte;
            REQUIRE(weir_request_new(&request, NULL) == WEIR_OK);
            status = weir_request_set_body(request, body, sizeof good - 1, &error);
            CHECK(status == WEIR_OK || status == WEIR_ERR_BAD_BODY);
            CHECK((error == NULL) == (status == WEIR_OK));
            weir_error_release(error);
            weir_request_release(request);
        }
    }
}

static void huge_texts(void) {
    char* huge = repeat("x", 4u << 20, "");
    weir_config* config = NULL;
    weir_request* request = NULL;
    weir_text* text = NULL;
    weir_error* error = NULL;
    REQUIRE(weir_config_new(&config, NULL) == WEIR_OK);
    REQUIRE(weir_request_new(&request, NULL) == WEIR_OK);
    CHECK_EQ(weir_config_set(config, huge, WEIR_NUL, "1", 1, &error), WEIR_ERR_UNKNOWN_KEY);
    CHECK_LT(strlen(weir_error_message(error)), 2000);
    weir_error_release(error);
    CHECK_EQ(weir_config_set(config, KEY_MAX_REQUESTS, WEIR_NUL, huge, WEIR_NUL, &error),
             WEIR_ERR_INVALID_VALUE);
    CHECK_LT(strlen(weir_error_message(error)), 2000);
    weir_error_release(error);
    CHECK(weir_config_get(config, huge, WEIR_NUL, &text, NULL) < 0);
    CHECK(text == NULL);
    CHECK(weir_request_set(request, huge, WEIR_NUL, "1", 1, NULL) < 0);
    CHECK(weir_request_set(request, "input_tokens", WEIR_NUL, huge, WEIR_NUL, NULL) < 0);
    CHECK_EQ(weir_has_feature(huge, WEIR_NUL), 0);
    CHECK_EQ(weir_error_new(WEIR_ERR_SERVER, huge, WEIR_NUL, &error), WEIR_OK);
    weir_error_release(error);
    weir_request_release(request);
    weir_config_release(config);
    free(huge);
}

/* Lengths beyond what any object can have are refused before a byte is read. */
static void impossible_lengths(void) {
    static const size_t lengths[] = {(size_t)-2, (size_t)-1 / 2 + 1, (size_t)-1 / 2};
    weir_config* config = NULL;
    weir_request* request = NULL;
    size_t i;
    REQUIRE(weir_config_new(&config, NULL) == WEIR_OK);
    REQUIRE(weir_request_new(&request, NULL) == WEIR_OK);
    for (i = 0; i < 3; ++i) {
        const size_t n = lengths[i];
        weir_error* error = NULL;
        check_context("length %zu", n);
        CHECK(weir_config_set(config, "x", n, "1", 1, NULL) < 0);
        CHECK(weir_config_set(config, KEY_MAX_REQUESTS, WEIR_NUL, "1", n, NULL) < 0);
        CHECK(weir_config_set_json(config, "{}", n, NULL) < 0);
        CHECK(weir_request_set_body(request, "{}", n, NULL) < 0);
        CHECK(weir_request_set(request, "x", n, "1", 1, NULL) < 0);
        CHECK(weir_request_set(request, "input_tokens", WEIR_NUL, "1", n, NULL) < 0);
        CHECK(weir_error_new(WEIR_ERR_SERVER, "x", n, &error) < 0);
        CHECK_EQ(weir_has_feature("x", n), 0);
    }
    weir_request_release(request);
    weir_config_release(config);
}

int main(void) {
    api_load();
    RUN(deep_nesting);
    RUN(malformed);
    RUN(damaged_bodies);
    RUN(huge_texts);
    RUN(impossible_lengths);
    return check_end();
}
