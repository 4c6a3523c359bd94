#include "peer_reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"

static const struct {
    const char* word;
    enum peer_kind kind;
} kinds[] = {
    {"answer", PEER_ANSWER},
    {"streamcut", PEER_STREAM_CUT},
    {"streamhang", PEER_STREAM_HANG},
    {"stream", PEER_STREAM},
    {"hang", PEER_HANG},
    {"close", PEER_CLOSE},
    {"reset", PEER_RESET},
    {"truncate", PEER_TRUNCATE},
    {"garbage", PEER_GARBAGE},
};

static const char* find(const char* text, size_t length, const char* word) {
    return memmem(text, length, word, strlen(word));
}

struct peer_reply peer_reply_of_text(const char* request, size_t length) {
    struct peer_reply reply = {PEER_ANSWER, 0, 0, NULL};
    const char* wish = find(request, length, "reply=");
    size_t i;
    if (find(request, length, "\"stream\":true")) reply.kind = PEER_STREAM;
    if (wish == NULL) return reply;
    wish += strlen("reply=");
    for (i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
        if (strncmp(wish, kinds[i].word, strlen(kinds[i].word)) == 0) {
            reply.kind = kinds[i].kind;
            return reply;
        }
    }
    reply.kind = PEER_STATUS;
    reply.status = atoi(wish);
    DIE_UNLESS(reply.status >= 100 && reply.status <= 599);
    return reply;
}

static void append(struct peer_output* output, const char* format, ...)
    __attribute__((format(printf, 2, 3)));
static void append(struct peer_output* output, const char* format, ...) {
    char text[4096];
    int n;
    va_list arguments;
    va_start(arguments, format);
    n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    DIE_UNLESS(n >= 0 && (size_t)n < sizeof text);
    output->bytes = realloc(output->bytes, output->length + (size_t)n + 1);
    DIE_UNLESS(output->bytes != NULL);
    memcpy(output->bytes + output->length, text, (size_t)n + 1);
    output->length += (size_t)n;
}

static const char* error_type(int status) {
    switch (status) {
        case 400:
            return "invalid_request_error";
        case 401:
            return "authentication_error";
        case 403:
            return "permission_error";
        case 404:
            return "not_found_error";
        case 413:
            return "request_too_large";
        case 429:
            return "rate_limit_error";
        case 529:
            return "overloaded_error";
        default:
            return "api_error";
    }
}

static void append_head(struct peer_output* output, const struct peer_reply* reply, int status,
                        const char* type) {
    static const char* const limits[] = {"requests", "input-tokens", "output-tokens"};
    const time_t now = time(NULL);
    struct tm utc;
    char reset[32];
    size_t i;
    gmtime_r(&now, &utc);
    strftime(reset, sizeof reset, "%Y-%m-%dT%H:%M:%SZ", &utc);
    append(output, "HTTP/1.1 %d Whatever\r\ncontent-type: %s\r\nrequest-id: req_test\r\n", status,
           type);
    append(output, "X-Mixed-Case: Some Value\r\nx-twice: first\r\nx-twice: second\r\n");
    for (i = 0; i < sizeof limits / sizeof limits[0]; ++i)
        append(output,
               "anthropic-ratelimit-%s-limit: 1000000000\r\n"
               "anthropic-ratelimit-%s-remaining: 999999000\r\n"
               "anthropic-ratelimit-%s-reset: %s\r\n",
               limits[i], limits[i], limits[i], reset);
    if (reply->headers != NULL) append(output, "%s", reply->headers);
}

static void append_body(struct peer_output* output, const char* body) {
    append(output, "content-length: %zu\r\n\r\n%s", strlen(body), body);
}

static void append_answer(struct peer_output* output, const struct peer_reply* reply,
                          const char* echo) {
    char body[1024];
    snprintf(
        body, sizeof body,
        "{\"id\":\"msg_test\",\"type\":\"message\",\"role\":\"assistant\","
        "\"model\":\"claude-sonnet-4-5-20250929\",\"content\":[{\"type\":\"text\",\"text\":\"%s\"}]"
        ","
        "\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":12,"
        "\"cache_creation_input_tokens\":3,\"cache_read_input_tokens\":4,\"output_tokens\":5}}",
        echo);
    append_head(output, reply, 200, "application/json");
    append_body(output, body);
    if (reply->kind == PEER_TRUNCATE) output->length -= 40;
}

static void append_event(struct peer_output* output, const char* name, const char* data) {
    append(output, "%zx\r\nevent: %s\ndata: %s\n\n\r\n", strlen(name) + strlen(data) + 16, name,
           data);
}

static void append_stream(struct peer_output* output, const struct peer_reply* reply,
                          const char* echo) {
    char delta[256];
    append_head(output, reply, 200, "text/event-stream; charset=utf-8");
    append(output, "transfer-encoding: chunked\r\n\r\n");
    append_event(
        output, "message_start",
        "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_test\",\"type\":\"message\","
        "\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5-20250929\",\"content\":[],"
        "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":12,"
        "\"cache_creation_input_tokens\":3,\"cache_read_input_tokens\":4,"
        "\"output_tokens\":1}}}");
    append_event(output, "content_block_start",
                 "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":"
                 "{\"type\":\"text\",\"text\":\"\"}}");
    append_event(output, "ping", "{\"type\":\"ping\"}");
    snprintf(delta, sizeof delta,
             "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
             "{\"type\":\"text_delta\",\"text\":\"%s\"}}",
             echo);
    append_event(output, "content_block_delta", delta);
    if (reply->kind != PEER_STREAM) return;
    append_event(output, "content_block_stop", "{\"type\":\"content_block_stop\",\"index\":0}");
    append_event(output, "message_delta",
                 "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\","
                 "\"stop_sequence\":null},\"usage\":{\"output_tokens\":5}}");
    append_event(output, "message_stop", "{\"type\":\"message_stop\"}");
    append(output, "0\r\n\r\n");
}

/* " of " and the key that the request came with. */
static void key_of(const char* request, size_t length, char* key, size_t size) {
    const char* at = find(request, length, "x-api-key: ");
    size_t n;
    if (at == NULL) return;
    at += strlen("x-api-key: ");
    n = strcspn(at, "\r");
    snprintf(key, size, " of %.*s", (int)n, at);
}

void peer_write_reply(const struct peer_reply* reply, const char* request, size_t length,
                      struct peer_output* output) {
    char echo[32] = "Hello.";
    char body[512];
    char key[128] = "";
    const char* mark = find(request, length, "echo-");
    if (mark != NULL) snprintf(echo, sizeof echo, "echo-%d", atoi(mark + 5));
    memset(output, 0, sizeof *output);
    switch (reply->kind) {
        case PEER_STREAM:
        case PEER_STREAM_CUT:
        case PEER_STREAM_HANG:
            append_stream(output, reply, echo);
            return;
        case PEER_STATUS:
            if (reply->status == 401) key_of(request, length, key, sizeof key);
            snprintf(body, sizeof body,
                     "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"because%s\"},"
                     "\"request_id\":\"req_test\"}",
                     error_type(reply->status), key);
            append_head(output, reply, reply->status, "application/json");
            append_body(output, body);
            return;
        case PEER_GARBAGE:
            append_head(output, reply, 200, "application/json");
            append_body(output, "{\"type\":\"message\",\"content\":[\"\xff\xfe this is not JSON");
            return;
        default:
            append_answer(output, reply, echo);
            return;
    }
}
