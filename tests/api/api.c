#include "api.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int leaks_expected;

/* LeakSanitizer asks this before it reports. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) { return leaks_expected; }

void api_expect_leaks(void) { leaks_expected = 1; }

void api_set(weir_config* config, const char* key, const char* value) {
    weir_error* error = NULL;
    const int32_t status = weir_config_set(config, key, WEIR_NUL, value, WEIR_NUL, &error);
    if (status != WEIR_OK) fprintf(stderr, "%s: %s\n", key, weir_error_message(error));
    DIE_UNLESS(status == WEIR_OK);
}

weir_config* api_config(const char* drive, const char* base_url) {
    weir_config* config = NULL;
    DIE_UNLESS(weir_config_new(&config, NULL) == WEIR_OK);
    api_set(config, KEY_DRIVE, drive);
    api_set(config, KEY_BASE_URL, base_url);
    api_set(config, KEY_ACCOUNT_KEY, SECRET);
    api_set(config, KEY_MAX_ATTEMPTS, "1");
    api_set(config, KEY_MAX_REFUSALS, "1");
    api_set(config, "retry.base_ms", "1"); /* a peer that failed often is tried again soon */
    api_set(config, "retry.cap_ms", "2");
    return config;
}

weir_engine* api_open(const weir_config* config) {
    weir_engine* engine = NULL;
    weir_error* error = NULL;
    const int32_t status = weir_engine_open(config, &engine, &error);
    if (status != WEIR_OK) fprintf(stderr, "open: %s\n", weir_error_message(error));
    DIE_UNLESS(status == WEIR_OK && engine != NULL);
    return engine;
}

void world_open(struct world* world, const char* drive) {
    weir_config* config;
    world->drive = drive;
    world->peer = peer_start();
    config = api_config(drive, peer_url(world->peer));
    world->engine = api_open(config);
    weir_config_release(config);
}

void world_close(struct world* world) {
    api_drain(world->engine);
    weir_engine_release(world->engine);
    peer_stop(world->peer);
}

int api_drain(weir_engine* engine) {
    const long long until = api_now_ms() + PATIENCE_MS;
    int terminals = 0;
    CHECK_EQ(weir_engine_close(engine), WEIR_OK);
    for (;;) {
        weir_event event;
        const int32_t count = weir_poll(engine, &event, sizeof event, 1, 100);
        if (count == WEIR_ERR_CLOSED) break;
        if (!CHECK_GE(count, 0)) break;
        if (count == 1 && WEIR_EVENT_IS_TERMINAL(event.type)) ++terminals;
        if (count == 1) api_release(&event);
        DIE_UNLESS(api_now_ms() < until);
    }
    CHECK_EQ(weir_engine_wait(engine, PATIENCE_MS), WEIR_OK);
    return terminals;
}

void api_set_text(weir_request* request, const char* text, int stream) {
    char body[2048];
    weir_error* error = NULL;
    int32_t status;
    const int n = snprintf(body, sizeof body,
                           "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":64%s,"
                           "\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}",
                           stream ? ",\"stream\":true" : "", text);
    DIE_UNLESS(n > 0 && (size_t)n < sizeof body);
    status = weir_request_set_body(request, body, (size_t)n, &error);
    if (status != WEIR_OK) fprintf(stderr, "set_body: %s\n", weir_error_message(error));
    DIE_UNLESS(status == WEIR_OK);
}

static weir_request* request_of(const char* text, int stream) {
    weir_request* request = NULL;
    DIE_UNLESS(weir_request_new(&request, NULL) == WEIR_OK);
    api_set_text(request, text, stream);
    return request;
}

weir_request* api_request(const char* text) { return request_of(text, 0); }
weir_request* api_stream_request(const char* text) { return request_of(text, 1); }

static uint64_t submit(weir_engine* engine, weir_request* request) {
    uint64_t ticket = 0;
    weir_error* error = NULL;
    const int32_t status = weir_submit(engine, request, &ticket, &error);
    if (status != WEIR_OK) fprintf(stderr, "submit: %s\n", weir_error_message(error));
    DIE_UNLESS(status == WEIR_OK && ticket != 0);
    weir_request_release(request);
    return ticket;
}

uint64_t api_submit(weir_engine* engine, const char* text) {
    return submit(engine, api_request(text));
}

uint64_t api_submit_stream(weir_engine* engine, const char* text) {
    return submit(engine, api_stream_request(text));
}

int api_next(weir_engine* engine, weir_event* event, long long timeout_ms) {
    const long long until = api_now_ms() + timeout_ms;
    for (;;) {
        const long long left = until - api_now_ms();
        const int32_t count = weir_poll(engine, event, sizeof *event, 1, left > 0 ? left : 0);
        if (count < 0) return count;
        if (count == 1 && event->type != WEIR_EVENT_LOG) return 1;
        if (count == 1) api_release(event);
        if (left <= 0 && count == 0) return 0;
    }
}

void api_await(weir_engine* engine, uint64_t ticket, weir_event* event) {
    const long long until = api_now_ms() + PATIENCE_MS;
    for (;;) {
        DIE_UNLESS(api_next(engine, event, until - api_now_ms()) == 1);
        if (event->ticket == ticket && WEIR_EVENT_IS_TERMINAL(event->type)) return;
        api_release(event);
    }
}

void api_release(weir_event* event) { weir_events_release(event, sizeof *event, 1); }

int api_readable(int fd) {
    struct pollfd poll_fd = {fd, POLLIN, 0};
    const int count = poll(&poll_fd, 1, 0);
    DIE_UNLESS(count >= 0 && !(poll_fd.revents & POLLNVAL));
    return (poll_fd.revents & POLLIN) != 0;
}

long long api_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void api_sleep_ms(long long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&time, &time) != 0) {
    }
}

static int count_entries(const char* directory) {
    DIR* entries = opendir(directory);
    int count = 0;
    const struct dirent* entry;
    DIE_UNLESS(entries != NULL);
    while ((entry = readdir(entries)) != NULL)
        if (entry->d_name[0] != '.') ++count;
    closedir(entries);
    return count;
}

int api_thread_count(void) { return count_entries("/proc/self/task"); }

/* Without the one that reads the directory. */
int api_descriptor_count(void) { return count_entries("/proc/self/fd") - 1; }

void api_await_threads(int count) {
    const long long until = api_now_ms() + PATIENCE_MS;
    while (api_thread_count() > count && api_now_ms() < until) api_sleep_ms(1);
    CHECK_EQ(api_thread_count(), count);
}

static int listen_on_loopback(int backlog, struct sockaddr_in* address) {
    socklen_t length = sizeof *address;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    DIE_UNLESS(listener >= 0);
    DIE_UNLESS(bind(listener, (struct sockaddr*)address, sizeof *address) == 0);
    DIE_UNLESS(listen(listener, backlog) == 0);
    DIE_UNLESS(getsockname(listener, (struct sockaddr*)address, &length) == 0);
    return listener;
}

const char* api_silent_url(void) {
    static char url[64];
    struct sockaddr_in address;
    if (url[0] == 0) {
        listen_on_loopback(128, &address);
        snprintf(url, sizeof url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    }
    return url;
}

/* With its backlog taken, the kernel drops further connection requests, as a black hole does. */
const char* api_full_url(void) {
    static char url[64];
    struct sockaddr_in address;
    int i;
    if (url[0] != 0) return url;
    listen_on_loopback(0, &address);
    for (i = 0; i < 4; ++i) {
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        DIE_UNLESS(fd >= 0);
        if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0) api_sleep_ms(1);
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    return url;
}
