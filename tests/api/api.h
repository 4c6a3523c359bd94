/* What the contract tests share: the library under test, engines, requests, events, the process. */
#ifndef WEIR_TESTS_API_API_H
#define WEIR_TESTS_API_API_H

#ifdef WEIR_TEST_DLOPEN
#include "weir_dl.h"
#define api_load() weir_dl_load()
#else
#include <weir/weir.h>
#define api_load() ((void)0)
#endif

#include "check.h"
#include "peer.h"

/* The keys of the configuration that the tests need, in one place. */
#define KEY_DRIVE "engine.drive"
#define KEY_BASE_URL "transport.base_url"
#define KEY_PLAIN_HTTP_HOSTS "transport.plain_http_hosts"
#define KEY_ACCOUNT_KEY "account.main.key"
#define KEY_MAX_ATTEMPTS "retry.max_attempts"
#define KEY_MAX_REFUSALS "retry.max_refusals"
#define KEY_MAX_REQUESTS "queue.max_requests"

#define SECRET "sk-ant-test-0123456789-secret"

/* An address for documentation, which is routed nowhere, and a name that nobody has. */
#define UNROUTABLE_URL "http://192.0.2.1:9"
#define UNRESOLVABLE_URL "http://weir-test.invalid"
#define ANY_PEER_HOSTS "127.0.0.1,192.0.2.1,weir-test.invalid"

/* Long enough for anything that is going to happen; a test that waits this long has failed. */
#define PATIENCE_MS 20000

/* An engine and the peer that it talks to. */
struct world {
    const char* drive;
    struct peer* peer;
    weir_engine* engine;
};

/* A configuration for the peer; one attempt a request, so that failures come at once. */
weir_config* api_config(const char* drive, const char* base_url);
void api_set(weir_config* config, const char* key, const char* value);
weir_engine* api_open(const weir_config* config);

/* The usual world, and its orderly end: close, take every event, wait, release. */
void world_open(struct world* world, const char* drive);
void world_close(struct world* world);

/* Closes the engine, takes all its events and waits for its end. Gives the number of terminals. */
int api_drain(weir_engine* engine);

/* A request whose only message is `text`; what the peer makes of it may stand in the text. */
weir_request* api_request(const char* text);
weir_request* api_stream_request(const char* text);
void api_set_text(weir_request* request, const char* text, int stream);

/* Submits such a request, which must be accepted, and gives its ticket. */
uint64_t api_submit(weir_engine* engine, const char* text);
uint64_t api_submit_stream(weir_engine* engine, const char* text);

/* The next event that is not a log line, for release by the caller: 1, or 0 when time is up, or the
 * negative status of weir_poll. */
int api_next(weir_engine* engine, weir_event* event, long long timeout_ms);

/* Takes and releases events until the ticket's terminal event, which the caller releases. Ends the
 * program if it does not come. */
void api_await(weir_engine* engine, uint64_t ticket, weir_event* event);

void api_release(weir_event* event);

/* Whether the descriptor is readable now. */
int api_readable(int fd);

long long api_now_ms(void);
void api_sleep_ms(long long ms);

/* The process as /proc/self shows it. */
int api_thread_count(void);
int api_descriptor_count(void);

/* Waits until no threads but `count` are left: an engine's thread ends after its release. */
void api_await_threads(int count);

/* Children that end with exit() leave engines behind on purpose: no leak report for them. */
void api_expect_leaks(void);

/* A listening socket of loopback that accepts connections and never answers ("silent"), or does
 * not even accept ("full"). Gives its URL in static storage for each kind. */
const char* api_silent_url(void);
const char* api_full_url(void);

#endif
