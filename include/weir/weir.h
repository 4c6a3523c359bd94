/*
 * weir: one engine for a program's traffic to the Claude API.
 *
 * An engine keeps requests within the provider's limits, queues them by priority, retries what
 * may be retried, and gives every accepted request exactly one ending. This header is the manual;
 * it is the only public header of the C ABI. One request, from its body to its answer:
 *
 *     int ask(const char *json) {
 *         weir_config *config = NULL;  weir_engine *engine = NULL;  weir_request *request = NULL;
 *         weir_error *error = NULL;  weir_event event = {0};  int done = 0;
 *         if (weir_config_new(&config, &error) == WEIR_OK &&
 *             weir_config_set(config, "account.main.key_env", WEIR_NUL, "ANTHROPIC_API_KEY", WEIR_NUL, &error) == WEIR_OK &&
 *             weir_engine_open(config, &engine, &error) == WEIR_OK &&
 *             weir_request_new(&request, &error) == WEIR_OK &&
 *             weir_request_set_body(request, json, WEIR_NUL, &error) == WEIR_OK &&
 *             weir_request_set_deadline_ms(request, 60000) == WEIR_OK &&
 *             weir_submit(engine, request, NULL, &error) == WEIR_OK) {
 *             do weir_events_release(&event, sizeof event, 1);
 *             while (weir_poll(engine, &event, sizeof event, 1, -1) >= 0 && !WEIR_EVENT_IS_TERMINAL(event.type));
 *             done = event.type == WEIR_EVENT_DONE;
 *             puts(done ? (const char *)event.data : weir_error_message(event.object));
 *         } else {
 *             puts(weir_error_message(error));
 *         }
 *         weir_error_release(error);  weir_events_release(&event, sizeof event, 1);
 *         weir_request_release(request);  weir_engine_release(engine);  weir_config_release(config);
 *         return done;
 *     }
 *
 * THE CONTRACT
 *
 * C1  An accepted submit has exactly one terminal event.
 * C2  A refused submit has none.
 * C3  No event is produced inside submit: it is seen by poll or dispatch, never earlier.
 * C4  No event of a ticket follows its terminal event.
 * C5  Tickets are never reused within an engine.
 * C6  Only weir_poll, weir_dispatch and weir_engine_wait may block, each no longer than its
 *     timeout. They may return early: on a signal (EINTR) and after weir_wakeup.
 * C7  Every release function accepts NULL, never blocks, and may be called in any order and from
 *     any thread. Errors, responses, texts and events outlive their engine.
 * C8  Inputs are borrowed for the call and copied before it returns.
 * C9  The descriptor of weir_fd is readable exactly while weir_poll with timeout 0 would return
 *     events (a caller-driven engine: or would find work to do).
 * C10 Loading the library starts nothing: no thread, no descriptor, no lock.
 * C11 After fork() the child's calls on an inherited engine return WEIR_ERR_FORKED; release is safe.
 * C12 No state of the process is changed: signal handlers and masks, locale, umask, working
 *     directory, environment. (libcurl is initialised once, at the first open, and never torn down.)
 * C13 No C++ exception leaves the library, and none of the host's may enter it.
 * C14 The release functions, weir_wakeup and the predicates leave errno as it was.
 *
 * CONVENTIONS
 *
 * Status    Fallible functions return int32_t: 0 (WEIR_OK) or a negative WEIR_ERR_ code; counts
 *           are zero or more. Where the last parameter is `weir_error **error`, it may be NULL;
 *           else it receives NULL on success, or an error object that the caller releases.
 *           There is no last-error state, per thread or otherwise.
 * Strings   A pointer and a length, UTF-8. The length WEIR_NUL means NUL-terminated. With length 0
 *           the pointer is not read. Strings handed out are NUL-terminated as well.
 * Handles   Pointers, opaque. Outputs are set to NULL on failure.
 * Threads   An engine may be used by any threads at once. A config or a request builder is used by
 *           one thread at a time. Errors, responses, texts and events are immutable.
 * Times     Milliseconds, in names that end in _ms. A timeout of 0 does not wait, -1 has no limit.
 * Numbers   Fixed width. Unknown future event types, codes and flags are to be ignored, by
 *           WEIR_EVENT_IS_TERMINAL where it matters.
 */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(WEIR_BUILDING) && defined(__GNUC__)
#define WEIR_API __attribute__((visibility("default")))
#else
#define WEIR_API
#endif

/* ---------------------------------------------------------------------------------------------
 * Version and features
 * ------------------------------------------------------------------------------------------- */

/* The version of this header: major * 10000 + minor * 100 + patch. */
#define WEIR_VERSION_NUM 100
#define WEIR_VERSION_STRING "0.1.0"

/* The version of the library that is loaded, in the form of WEIR_VERSION_NUM. Any thread. */
WEIR_API uint32_t weir_version_num(void);

/* The version of the library with the libraries that it runs on ("weir/0.1.0 libcurl/8.4.0 ...").
 * Static storage. Any thread. */
WEIR_API const char *weir_version_string(void);

/* Grows by one with each release that adds to the ABI. While the version is 0.x no ABI is promised. */
WEIR_API uint32_t weir_abi_level(void);

/* sizeof(weir_event) as the library sees it; bindings compare it with their own layout. */
WEIR_API size_t weir_event_size(void);

/* 1 if the library that is loaded has the feature ("http2", "thread_drive", ...), else 0. */
WEIR_API int32_t weir_has_feature(const char *name, size_t name_length);

/* The name of feature `index`, or NULL past the last one. Static storage. */
WEIR_API const char *weir_feature_at(size_t index);

/* Initialises what is per process (libcurl). weir_engine_open does so by itself; call this early
 * where a host wants it done before it forks or starts threads. May be called again. */
WEIR_API int32_t weir_global_init(void);

/* The length that means "NUL-terminated". */
#define WEIR_NUL SIZE_MAX

/* ---------------------------------------------------------------------------------------------
 * Statuses and errors
 * ------------------------------------------------------------------------------------------- */

#define WEIR_OK 0

/* Refusals: the call had no effect. */
#define WEIR_ERR_INTERNAL (-1)      /* a defect in weir; the engine is unusable */
#define WEIR_ERR_NOMEM (-2)         /* out of memory */
#define WEIR_ERR_BAD_HANDLE (-3)    /* NULL, released, or a handle of another type */
#define WEIR_ERR_BAD_ARGUMENT (-4)  /* an argument is outside its domain */
#define WEIR_ERR_UNKNOWN_KEY (-5)   /* no such configuration or request key */
#define WEIR_ERR_INVALID_VALUE (-6) /* the key is known, the value is not one of its values */
#define WEIR_ERR_UNSUPPORTED (-7)   /* known, but not in this build or with this libcurl */
#define WEIR_ERR_NOT_FOUND (-8)     /* nothing by that name, index or ticket */
#define WEIR_ERR_QUEUE_FULL (-9)    /* queue.max_requests, queue.max_bytes or a tenant's is reached;
                                     * also a failure: see queue.on_full */
#define WEIR_ERR_CLOSED (-10)       /* the engine was closed */
#define WEIR_ERR_FORKED (-11)       /* the engine belongs to the parent process */
#define WEIR_ERR_REENTRANT (-12)    /* dispatch inside a dispatch callback of the same engine */
#define WEIR_ERR_BUSY (-13)         /* another thread is driving this caller-driven engine */
#define WEIR_ERR_TIMEOUT (-14)      /* weir_engine_wait: not finished in time */
#define WEIR_ERR_BAD_BODY (-15)     /* the body is not a Messages API request */
#define WEIR_ERR_NEVER_FITS (-16)   /* the request is larger than a bucket that it must pass */
#define WEIR_ERR_TOO_LATE (-17)     /* the request cannot start before its deadline */
#define WEIR_ERR_NO_ACCOUNT (-18)   /* no account is configured, or none for this request */
#define WEIR_ERR_IO (-19)           /* a file or a descriptor could not be had */
#define WEIR_ERR_NOT_NOW (-20)      /* weir_try_acquire: there is no room at this moment */

/* Failures: the status of a WEIR_EVENT_FAILED. WEIR_ERR_QUEUE_FULL is one too: with queue.on_full =
 * drop_lowest it ends requests that waited, and gave way to a more urgent one. */
#define WEIR_ERR_CANCELLED (-100)      /* by weir_cancel or weir_cancel_tag */
#define WEIR_ERR_SHUTDOWN (-101)       /* the engine was closed first */
#define WEIR_ERR_DEADLINE (-102)       /* the request's deadline passed */
#define WEIR_ERR_CONNECTION (-103)     /* no connection, or it broke */
#define WEIR_ERR_TLS (-104)            /* the server's certificate or handshake was refused */
#define WEIR_ERR_ATTEMPT_TIMEOUT (-105) /* connect, idle, stall or total time of the last attempt */
#define WEIR_ERR_BROKEN_RESPONSE (-106) /* truncated, not JSON, or not what its status promised */
#define WEIR_ERR_RESPONSE_TOO_LARGE (-107) /* above transport.max_response_bytes */
#define WEIR_ERR_RATE_LIMITED (-108)   /* 429, and the attempts are used up */
#define WEIR_ERR_SPEND_LIMIT (-109)    /* a spend limit of the provider's or your own; not retried */
#define WEIR_ERR_OVERLOADED (-110)     /* 529 or overloaded_error */
#define WEIR_ERR_SERVER (-111)         /* another 5xx or api_error */
#define WEIR_ERR_REJECTED (-112)       /* 400, 404, 413, 422: the provider will not take this request */
#define WEIR_ERR_AUTHENTICATION (-113) /* 401: the key is wrong, revoked or expired */
#define WEIR_ERR_PERMISSION (-114)     /* 403 */
#define WEIR_ERR_STREAM_BROKEN (-115)  /* a stream ended early after content was delivered */
#define WEIR_ERR_EXPIRED (-116)        /* the batch ended at its 24 hours without this request */
#define WEIR_ERR_BATCH_GONE (-117)     /* the batch or its results were deleted or archived */

/* What an error is, for weir_error_is. */
#define WEIR_ERROR_RETRYABLE 0x01u      /* the same request may succeed later */
#define WEIR_ERROR_MAYBE_EXECUTED 0x02u /* the provider may have done, and billed, the work */
#define WEIR_ERROR_THROTTLED 0x04u      /* a limit, the provider's or the engine's, was in the way */
#define WEIR_ERROR_FATAL 0x08u          /* the engine is unusable */
#define WEIR_ERROR_TIMED_OUT 0x10u      /* a timeout or a deadline */
#define WEIR_ERROR_CANCELLED 0x20u      /* the caller asked for it: cancel or close */

typedef struct weir_error weir_error;

/* The WEIR_ERR_ code. 0 for NULL. */
WEIR_API int32_t weir_error_code(const weir_error *error);

/* The code's stable name ("queue_full"), for programs. Static storage. */
WEIR_API const char *weir_error_name(const weir_error *error);

/* A sentence for people: what was wrong and what to change. It may change between releases. Valid
 * until the error is released. Never contains a key or a body. */
WEIR_API const char *weir_error_message(const weir_error *error);

/* Where it arose: "config", "local", "transport" or "provider". Static storage. */
WEIR_API const char *weir_error_source(const weir_error *error);

/* The provider's HTTP status, or 0. */
WEIR_API int32_t weir_error_http_status(const weir_error *error);

/* The provider's error type ("overloaded_error"), or "". Valid until the error is released. */
WEIR_API const char *weir_error_provider_type(const weir_error *error);

/* The provider's request id ("req_..."), or "". Valid until the error is released. */
WEIR_API const char *weir_error_request_id(const weir_error *error);

/* The time that the provider asked to wait, in milliseconds, or -1. Of WEIR_ERR_TOO_LATE: the time
 * until the request could have started, at the earliest. */
WEIR_API int64_t weir_error_retry_after_ms(const weir_error *error);

/* How many attempts were sent. */
WEIR_API uint32_t weir_error_attempts(const weir_error *error);

/* All WEIR_ERROR_ flags that hold. */
WEIR_API uint32_t weir_error_flags(const weir_error *error);

/* 1 if all of `flags` hold, else 0. */
WEIR_API int32_t weir_error_is(const weir_error *error, uint32_t flags);

/* An error of the given code, for the tests of bindings. `message` may be NULL with length 0. */
WEIR_API int32_t weir_error_new(int32_t code, const char *message, size_t message_length,
                                weir_error **out);

WEIR_API void weir_error_release(weir_error *error);

/* Row `index` of the table of all codes: code, stable name, one line, and the flags that always
 * hold for it. WEIR_ERR_NOT_FOUND past the last row. Outputs may be NULL; static storage. */
WEIR_API int32_t weir_error_table(size_t index, int32_t *code, const char **name, const char **text,
                                  uint32_t *flags);

/* ---------------------------------------------------------------------------------------------
 * Texts: strings that the library hands out
 * ------------------------------------------------------------------------------------------- */

typedef struct weir_text weir_text;

/* The bytes, and their number in *length (which may be NULL). Valid until the text is released. */
WEIR_API const char *weir_text_data(const weir_text *text, size_t *length);

WEIR_API void weir_text_release(weir_text *text);

/* ---------------------------------------------------------------------------------------------
 * Configuration
 *
 * Dotted keys with text values. weir_config_describe lists every key; the same list is in
 * src/engine/CONFIGURATION.md. A key with `<name>` in it stands for a family: account.<name>.key.
 * Secrets are write-only: they can be set, and never read back.
 * ------------------------------------------------------------------------------------------- */

typedef struct weir_config weir_config;

WEIR_API int32_t weir_config_new(weir_config **out, weir_error **error);

/* Sets one key. WEIR_ERR_UNKNOWN_KEY, WEIR_ERR_INVALID_VALUE or WEIR_ERR_UNSUPPORTED name the key,
 * the value (unless secret) and what would be right. */
WEIR_API int32_t weir_config_set(weir_config *config, const char *key, size_t key_length,
                                 const char *value, size_t value_length, weir_error **error);

/* Sets every key of a JSON document: {"queue": {"max_requests": 1000}} sets queue.max_requests.
 * All or nothing. */
WEIR_API int32_t weir_config_set_json(weir_config *config, const char *json, size_t json_length,
                                      weir_error **error);

/* The value of a key, set or default. WEIR_ERR_NOT_FOUND for a family's key that is not set;
 * WEIR_ERR_UNSUPPORTED for a secret. Release *out with weir_text_release. */
WEIR_API int32_t weir_config_get(const weir_config *config, const char *key, size_t key_length,
                                 weir_text **out, weir_error **error);

/* Everything that is set, as a JSON document; secrets appear as "***". */
WEIR_API int32_t weir_config_json(const weir_config *config, weir_text **out, weir_error **error);

/* Row `index` of the table of keys: name, type ("integer", "text", "choice", "secret", "boolean",
 * "number"), default, range or choices, and one line of documentation. WEIR_ERR_NOT_FOUND past the
 * last row. Outputs may be NULL; static storage. */
WEIR_API int32_t weir_config_describe(size_t index, const char **key, const char **type,
                                      const char **default_value, const char **range,
                                      const char **line);

WEIR_API int32_t weir_config_copy(const weir_config *config, weir_config **out, weir_error **error);

WEIR_API void weir_config_release(weir_config *config);

/* ---------------------------------------------------------------------------------------------
 * Requests
 *
 * A builder, which may be submitted any number of times and changed between.
 * ------------------------------------------------------------------------------------------- */

#define WEIR_PRIORITY_CRITICAL 0
#define WEIR_PRIORITY_HIGH 1
#define WEIR_PRIORITY_NORMAL 2
#define WEIR_PRIORITY_LOW 3

typedef struct weir_request weir_request;

WEIR_API int32_t weir_request_new(weir_request **out, weir_error **error);

/* The body of a Messages API call: a JSON object with model, max_tokens and messages. It is checked
 * here, and sent as it is. With "stream": true the answer comes as WEIR_EVENT_STREAM events. */
WEIR_API int32_t weir_request_set_body(weir_request *request, const void *body, size_t body_length,
                                       weir_error **error);

/* WEIR_PRIORITY_; normal by default. */
WEIR_API int32_t weir_request_set_priority(weir_request *request, int32_t priority);

/* Comes back in every event of the request. 0 by default. */
WEIR_API int32_t weir_request_set_user_data(weir_request *request, uint64_t user_data);

/* A group for weir_cancel_tag. 0, the default, is no group. */
WEIR_API int32_t weir_request_set_tag(weir_request *request, uint64_t tag);

/* The time from submit to the terminal event, waiting and retries included; past it the request
 * fails with WEIR_ERR_DEADLINE. 0, the default, is no deadline. */
WEIR_API int32_t weir_request_set_deadline_ms(weir_request *request, int64_t deadline_ms);

/* What is set less often, by name:
 *   input_tokens     the caller's own count of input tokens, instead of the engine's estimate
 *   output_tokens    the output tokens to expect, instead of what was learnt
 *   tenant           for whom it is: tenants of one priority share the budget by their weights
 *                    (tenant.<name>.weight), whoever has more waiting
 *   affinity         like requests: where accounts.choice = sticky they go to the same account. Where
 *                    it is not set, the part of the body that cache_control marks stands for it
 *   route            the model is chosen by the route of that name (route.<name>.1.model, ...), and
 *                    the body's is replaced, whatever it is; all else of the body is sent as it is.
 *                    A body with "model": "route:<name>" asks for the same. The choice is made by
 *                    weir_submit, which refuses what no step takes; how it came about is with the
 *                    answer (WEIR_STRING_ROUTE). What else is in the body must suit every model of
 *                    the route: max_tokens, and the beta headers
 *   complexity       a word of the caller's own ("low"), for the conditions of routes
 *   answer           whole: the answer is streamed on the wire, so that no proxy on the way takes a
 *                    long silence for the end, and comes as one WEIR_EVENT_DONE with the message put
 *                    together: as it would have come without a stream. The body needs no "stream".
 *                    as_asked (the default): as the body has it. Without effect on a permit and with
 *                    lane batch or auto
 *   lane             online (the default), batch, or auto: the batch lane where the deadline allows
 *                    it. Batches need journal.path; see "The batch lane" below
 *   custom_id        the caller's name for a request of the batch lane, kept in the journal
 *   batch_fallback_ms  answer it online, so long before its deadline, if its batch has not ended:
 *                    it may then be paid twice
 *   stream_restart   true: a stream that breaks after its first content is asked for again, where
 *                    retries allow it; WEIR_EVENT_STREAM_RESTART then says that the events so far
 *                    are void. By default such a stream fails with WEIR_ERR_STREAM_BROKEN
 *   count_tokens     true: ask the provider for the input tokens before the request is admitted, in a
 *                    call of its own that costs nothing. If that fails, or takes more than five
 *                    seconds, the engine's estimate does. Without effect beside input_tokens. With
 *                    a route it is asked for the first choice, which is made by the estimate
 *   model            what a permit is for, where the request has no body
 *   max_tokens       likewise: the most output tokens that the caller will allow
 *   lease_ms         how long a permit may be out before it is reported, instead of
 *                    permit.lease_ms
 *   header.<name>    one more request header ("header.anthropic-beta"); those that weir or HTTP
 *                    own (x-api-key, authorization, host, content-length, ...) are refused
 * An empty value takes the setting back. */
WEIR_API int32_t weir_request_set(weir_request *request, const char *key, size_t key_length,
                                  const char *value, size_t value_length, weir_error **error);

/* As new. */
WEIR_API int32_t weir_request_reset(weir_request *request);

WEIR_API void weir_request_release(weir_request *request);

/* ---------------------------------------------------------------------------------------------
 * Events
 * ------------------------------------------------------------------------------------------- */

#define WEIR_EVENT_STREAM 0x001u /* one server-sent event of a streamed answer: data is its JSON */
#define WEIR_EVENT_LOG 0x002u    /* data is one line; index is the WEIR_LOG_ level; no ticket */
#define WEIR_EVENT_ENGINE 0x003u /* index is a WEIR_ENGINE_ state; no ticket */
#define WEIR_EVENT_RECOVERED 0x004u /* a request of an earlier run has this ticket: data is its custom_id */
#define WEIR_EVENT_DURABLE 0x005u   /* the request is in the journal */
#define WEIR_EVENT_BATCH 0x006u     /* a batch has changed its state: data is JSON; no ticket */
#define WEIR_EVENT_KEY 0x007u       /* a key has changed its state: data is JSON, see "Keys"; no ticket */
#define WEIR_EVENT_STREAM_RESTART 0x008u /* the ticket's stream events so far are void: it begins again at index 0 */
#define WEIR_EVENT_PERMIT 0x009u   /* make attempt number `index` now; object is a weir_permit */
#define WEIR_EVENT_DONE 0x101u   /* terminal: the answer. data is the body ("" after a stream) */
#define WEIR_EVENT_FAILED 0x102u /* terminal: object is a weir_error, status its code; data is "", or
                                  * the bytes of a whole answer that could not be understood */

/* Holds for every type, also of later versions. */
#define WEIR_EVENT_IS_TERMINAL(type) (((type)&0x100u) != 0)

#define WEIR_LOG_ERROR 1u
#define WEIR_LOG_WARNING 2u
#define WEIR_LOG_INFO 3u
#define WEIR_LOG_DEBUG 4u

#define WEIR_ENGINE_CLOSED 1u /* after the last terminal event of a closed engine */
#define WEIR_ENGINE_RECOVERED 3u /* after the last WEIR_EVENT_RECOVERED of an engine with a journal */
#define WEIR_ENGINE_FAILED 2u /* a defect was met: everything outstanding has failed */

/* The only public struct. 64 bytes with 64-bit pointers. It grows at its end alone, and the caller
 * passes its own size wherever an array of them is passed. */
typedef struct weir_event {
    uint64_t ticket;
    uint64_t user_data;
    uint32_t type;
    int32_t status;   /* WEIR_OK, or the failure's code */
    uint32_t flags;   /* WEIR_ERROR_ flags of a failure */
    uint32_t index;   /* stream: the event's number from 0; log, engine: see there */
    const void *data; /* NUL-terminated; valid until the event is released */
    size_t data_length;
    void *object; /* DONE: a weir_response. FAILED: a weir_error. PERMIT: a weir_permit. Owned by
                     the event */
    uint64_t reserved;
} weir_event;

/* Releases what `count` events hold, and clears them. `object` and `data` are invalid afterwards. */
WEIR_API void weir_events_release(weir_event *events, size_t event_size, size_t count);

/* The object of a WEIR_EVENT_DONE: what came with the answer. Owned by its event. */
typedef struct weir_response weir_response;

WEIR_API int32_t weir_response_http_status(const weir_response *response);

/* The value of a response header by name, without regard to case: WEIR_OK or WEIR_ERR_NOT_FOUND. */
WEIR_API int32_t weir_response_header(const weir_response *response, const char *name,
                                      size_t name_length, const char **value, size_t *value_length);

/* Header `index` in the order of arrival. WEIR_ERR_NOT_FOUND past the last. */
WEIR_API int32_t weir_response_header_at(const weir_response *response, size_t index,
                                         const char **name, const char **value);

#define WEIR_NUMBER_INPUT_TOKENS 1u       /* after the last cache breakpoint */
#define WEIR_NUMBER_CACHE_WRITE_TOKENS 2u /* cache_creation_input_tokens */
#define WEIR_NUMBER_CACHE_READ_TOKENS 3u  /* cache_read_input_tokens */
#define WEIR_NUMBER_OUTPUT_TOKENS 4u
#define WEIR_NUMBER_ATTEMPTS 5u
#define WEIR_NUMBER_QUEUED_MS 6u     /* from submit to the last attempt's start */
#define WEIR_NUMBER_FIRST_BYTE_MS 7u /* from that start to the response's head */
#define WEIR_NUMBER_TOTAL_MS 8u      /* from submit to the end */
#define WEIR_NUMBER_COST_MICROS 9u   /* its price, in millionths of a dollar (prices.table) */
#define WEIR_NUMBER_ROUTE_STEP 10u   /* the step of the route that answered, from 1 */
#define WEIR_NUMBER_HEDGED 11u       /* 1 if it had two attempts at a time (hedge.after_ms), else 0; the
                                      * usage and the price are those of the one that answered */

/* A WEIR_NUMBER_ of the answer; -1 if it is not known. */
WEIR_API int64_t weir_response_number(const weir_response *response, uint32_t number);

#define WEIR_STRING_MODEL 1u      /* as the answer names it */
#define WEIR_STRING_ACCOUNT 2u    /* the configured account's name */
#define WEIR_STRING_REQUEST_ID 3u /* the provider's request id */
#define WEIR_STRING_STOP_REASON 4u
#define WEIR_STRING_ROUTE 5u        /* the route's name */
#define WEIR_STRING_ROUTE_REASON 6u /* why that step: "first choice", "claude-opus-5 was overloaded" */

/* A WEIR_STRING_ of the answer; "" if it is not known. Valid until the event is released. */
WEIR_API const char *weir_response_string(const weir_response *response, uint32_t string);

/* ---------------------------------------------------------------------------------------------
 * The engine
 * ------------------------------------------------------------------------------------------- */

typedef struct weir_engine weir_engine;

/* Opens an engine. The config is copied. With engine.drive = thread (the default) it runs on a
 * thread of its own; with engine.drive = caller it has no thread and moves only inside weir_poll
 * and weir_dispatch. */
WEIR_API int32_t weir_engine_open(const weir_config *config, weir_engine **out, weir_error **error);

/* Starts the end, and returns at once: nothing more is accepted, everything outstanding gets a
 * terminal event (WEIR_ERR_SHUTDOWN unless it ended first), then WEIR_EVENT_ENGINE with
 * WEIR_ENGINE_CLOSED. May be called again. */
WEIR_API int32_t weir_engine_close(weir_engine *engine);

/* Waits until a closed engine has stopped: WEIR_OK or WEIR_ERR_TIMEOUT. It does not take events;
 * those still queued can be polled afterwards. Nothing is left of the engine's thread then: a
 * process that is about to exit, and would have nothing end in the middle, waits first. */
WEIR_API int32_t weir_engine_wait(weir_engine *engine, int64_t timeout_ms);

/* Closes, and gives the handle up. Never blocks; memory goes when the engine's thread has ended.
 * In a forked child it closes the inherited descriptors and nothing else. */
WEIR_API void weir_engine_release(weir_engine *engine);

/* A copy of the engine's configuration, secrets included, to open another one after a fork. */
WEIR_API int32_t weir_engine_config(weir_engine *engine, weir_config **out, weir_error **error);

/* What the engine is doing, as a JSON document; its "schema" grows with its form. */
WEIR_API int32_t weir_engine_stats(weir_engine *engine, weir_text **out, weir_error **error);

/* Accepts the request, and gives its ticket to *ticket, which may be NULL. WEIR_ERR_QUEUE_FULL and
 * the like refuse it. With queue.on_full = drop_lowest a full queue takes it all the same where
 * less urgent requests wait: the newest of those get their terminal event for it.
 * As far as the limits and what waits are known, it is also refused as WEIR_ERR_NEVER_FITS: it is
 * larger than what a limit of every account can hold (the message has the figures); and as
 * WEIR_ERR_TOO_LATE: even if all goes well it cannot start before its deadline, the earliest time
 * being weir_error_retry_after_ms. What turns out to be so later is its terminal event. */
WEIR_API int32_t weir_submit(weir_engine *engine, const weir_request *request, uint64_t *ticket,
                             weir_error **error);

/* What the request would come to if it were submitted now, as a JSON document; nothing is taken, and
 * the request is not submitted. Its "schema" grows with its form:
 *   lane           "online" or "batch"
 *   model_class    the model class, whose limits are asked
 *   account        where it would start first
 *   input_tokens   as they would be reserved; input_spread is by what share single estimates are off
 *                  (null: the figure is the caller's, or nothing has been learnt yet)
 *   output_tokens  likewise; output_p99 is what 99 of 100 answers stay within, or null
 *   starts_in_ms   about; as far as limits, slow starts, pauses and those ahead say it, and not
 *                  concurrency.max. In the batch lane: when its batch is closed at the latest. -1:
 *                  never, or not known
 *   binding        the limit that it waits for, or null
 *   never_fits     it is larger than the limit `binding` on every account: "holds" and "needs" say
 *                  by how much
 *   queue          "ahead": how many requests would go before it, about
 * Release *out with weir_text_release. Any thread; it waits for a turn of the engine to end. */
WEIR_API int32_t weir_estimate(weir_engine *engine, const weir_request *request, weir_text **out,
                               weir_error **error);

/* Where an outstanding request stands: how many go before it, about, and in how many milliseconds
 * it is expected to start (as starts_in_ms above). Both are 0 for one that is in flight; between two
 * attempts nothing is ahead. WEIR_ERR_NOT_FOUND for one that has ended or is in a batch. Outputs may
 * be NULL. The cost grows with what the request's tenant has waiting. Any thread; it waits for a
 * turn of the engine to end. */
WEIR_API int32_t weir_place(weir_engine *engine, uint64_t ticket, int64_t *ahead,
                            int64_t *starts_in_ms, weir_error **error);

/* Asks for a request to end: WEIR_OK if it was outstanding, else WEIR_ERR_NOT_FOUND. Its one
 * terminal event still comes, and may be an answer that was faster. The place of a request that
 * waits is free for the next submit when this returns. */
WEIR_API int32_t weir_cancel(weir_engine *engine, uint64_t ticket);

/* The same for all requests of a tag (not 0) that were accepted before the call; their places are
 * free after the engine's next turn. It goes over every request there is: some 15 ms of a turn where a
 * million wait. */
WEIR_API int32_t weir_cancel_tag(weir_engine *engine, uint64_t tag);

/* The descriptor of C9, to be watched for reading, level- or edge-triggered; never read or closed
 * by the caller. After a wake, poll with timeout 0 until it returns 0. The engine keeps it open
 * until release. -1 on failure; in a forked child WEIR_ERR_FORKED. */
WEIR_API int32_t weir_fd(weir_engine *engine);

/* Fills up to `capacity` events of `event_size` bytes each (sizeof(weir_event)), waiting up to
 * `timeout_ms` for the first. Returns their number, 0 if none came, or a negative status:
 * WEIR_ERR_CLOSED when a closed engine has stopped and every event has been taken. Give them back with
 * weir_events_release. Any thread; each event goes to one caller. A caller-driven engine is polled
 * by one thread at a time (else WEIR_ERR_BUSY). */
WEIR_API int32_t weir_poll(weir_engine *engine, weir_event *events, size_t event_size,
                           size_t capacity, int64_t timeout_ms);

/* Called by weir_dispatch, on its thread, with no lock held. The event is released after the call.
 * Any weir function may be called inside but weir_dispatch on the same engine. */
typedef void (*weir_event_function)(const weir_event *event, void *user);

/* As weir_poll, with a call of `function` for each of up to `max_events` events. Returns their number. */
WEIR_API int32_t weir_dispatch(weir_engine *engine, weir_event_function function, void *user,
                               size_t max_events, int64_t timeout_ms);

/* A hook that an engine's thread calls when events begin to wait. It may only signal: no weir
 * function may be called inside, and it must not block. `destroy`, which may be NULL, is called
 * exactly once with `user`, after the hook's last call, also when this call fails; NULL for
 * `function` removes the hook. */
typedef void (*weir_user_function)(void *user);
WEIR_API int32_t weir_set_wake_hook(weir_engine *engine, weir_user_function function, void *user,
                                    weir_user_function destroy);

/* Makes a waiting weir_poll or weir_dispatch return, or the next one that would wait. Any thread,
 * and signal handlers. */
WEIR_API int32_t weir_wakeup(weir_engine *engine);

/* ---------------------------------------------------------------------------------------------
 * Keys
 *
 * The API keys of an account (account.<name>.key, account.<name>.keys.<key>) share its limits: more
 * of them add no capacity. A key that the provider refuses is put aside at once, and tried again
 * half a minute later, and then further and further apart, by one request at a time. Each change of
 * a key's state is a WEIR_EVENT_KEY, whose data is
 *
 *   {"account":"main","workspace":"","key":"main","state":"quarantined","reason":"bad_key",
 *    "until_ms":1767225600000}
 *
 *   state     active; quarantined (refused by the provider); cooling (out of money); retired;
 *             replaced (it has another secret, and is active)
 *   reason    what the provider said: bad_key, forbidden, on_hold, spend_limit; "" while nothing is
 *             wrong
 *   until_ms  when a key that is out is tried again, in Unix time; else 0
 *
 * weir_engine_stats has the same of all keys. Accounts and limits are configured before the engine
 * is opened; keys may come and go while it runs: by the calls below, and where a key comes from a
 * file, when the file changes. A file that is gone, or holds no key, leaves the key as it was. A key
 * that is added has a workspace, and limits of its own, where account.<name>.keys.<key> was
 * configured for it with "later" instead of a secret; else it has the account's limits alone.
 * ------------------------------------------------------------------------------------------- */

/* Gives an account's key another secret, or adds a key by that name (1 to 64 letters, digits, _ and
 * -). It is as new: in use at once, whatever became of the old secret, with which only what is in
 * flight goes on. Requests submitted after the call find it. The secret is copied, and never shown.
 * What weir_engine_config gives stays what the engine was opened with. WEIR_ERR_NOT_FOUND: no such
 * account. WEIR_ERR_INVALID_VALUE: not a secret that a header can carry, or too many keys. Any
 * thread. */
WEIR_API int32_t weir_key_set(weir_engine *engine, const char *account, size_t account_length,
                              const char *key, size_t key_length, const char *secret,
                              size_t secret_length, weir_error **error);

/* Takes an account's key out of use. What is in flight with it ends in peace, and what waits goes on
 * with other keys; without any, accounts.when_all_out says what becomes of it. weir_key_set brings
 * the key back. WEIR_ERR_NOT_FOUND: no such account, or no such key in use. Any thread. */
WEIR_API int32_t weir_key_retire(weir_engine *engine, const char *account, size_t account_length,
                                 const char *key, size_t key_length, weir_error **error);

/* ---------------------------------------------------------------------------------------------
 * Permits: the engine's limits for another HTTP client
 *
 * A program that must keep its own client asks for a permit before each attempt, and reports what
 * came of it. Queue, priorities, limits, retry rules and counts are those of requests:
 *
 *     weir_acquire       accepted; then, as events of the ticket,
 *     WEIR_EVENT_PERMIT  make the attempt now, with the account that the permit names, and
 *     weir_report        what came of it; then one of
 *     WEIR_EVENT_DONE    the attempt was a success: data is ""
 *     WEIR_EVENT_PERMIT  try again: it comes when the time for that has come
 *     WEIR_EVENT_FAILED  give up
 *
 * The request says what the attempt takes: it has a body, as for weir_submit, which is not sent but
 * measured; or it has none, and the keys model, max_tokens, input_tokens and output_tokens.
 *
 * A permit that is not reported within its lease is settled as what it was expected to take, and
 * ends with WEIR_ERR_ATTEMPT_TIMEOUT. weir_cancel ends a permit that is out likewise, with
 * WEIR_ERR_CANCELLED; a report of WEIR_FAILURE_UNUSED gives all of it back.
 * ------------------------------------------------------------------------------------------- */

/* The right to make one attempt. */
typedef struct weir_permit weir_permit;

/* The ticket under which the attempt is reported, with its number. 0 for NULL. */
WEIR_API uint64_t weir_permit_ticket(const weir_permit *permit);

#define WEIR_PERMIT_ACCOUNT 1u  /* the configured account's name */
#define WEIR_PERMIT_KEY 2u      /* the name of the key to use; never the key itself */
#define WEIR_PERMIT_MODEL 3u    /* what to ask for */
#define WEIR_PERMIT_BASE_URL 4u /* where the account's requests go */

/* A WEIR_PERMIT_ text; "" if there is none. Valid until the permit is released. */
WEIR_API const char *weir_permit_string(const weir_permit *permit, uint32_t string);

#define WEIR_PERMIT_ATTEMPT 1u       /* the attempt's number, from 1: with the ticket, the permit's name */
#define WEIR_PERMIT_LEASE_MS 2u      /* from the grant to the last moment for a report */
#define WEIR_PERMIT_INPUT_TOKENS 3u  /* expected, and held in the budget */
#define WEIR_PERMIT_OUTPUT_TOKENS 4u /* likewise */

/* A WEIR_PERMIT_ number; -1 if there is no such. */
WEIR_API int64_t weir_permit_number(const weir_permit *permit, uint32_t number);

/* For permits of weir_try_acquire; that of an event goes with its event. */
WEIR_API void weir_permit_release(weir_permit *permit);

/* As weir_submit, for a permit. The request must be of lane online. */
WEIR_API int32_t weir_acquire(weir_engine *engine, const weir_request *request, uint64_t *ticket,
                              weir_error **error);

/* A permit at once: WEIR_OK, and *out is to be released; or WEIR_ERR_NOT_NOW, with the time after
 * which to ask again as the error's retry-after (-1: when something ends), or another refusal. It
 * never goes before what waits for the same models with the same or a higher priority; with a route it
 * is for the model that a submit would go to now. It waits for
 * a turn of the engine at most, and never for the network. With a permit the request counts as
 * accepted: its report is answered by events. */
WEIR_API int32_t weir_try_acquire(weir_engine *engine, const weir_request *request,
                                  weir_permit **out, weir_error **error);

/* A builder of what came of an attempt, which may be reported any number of times and changed
 * between. */
typedef struct weir_outcome weir_outcome;

WEIR_API int32_t weir_outcome_new(weir_outcome **out, weir_error **error);

/* The final HTTP status, from 200 to 599. */
WEIR_API int32_t weir_outcome_set_status(weir_outcome *outcome, int32_t http_status);

#define WEIR_FAILURE_NONE 0u
#define WEIR_FAILURE_UNUSED 1u  /* no attempt was made, and none will be: ends as cancelled */
#define WEIR_FAILURE_CONNECT 2u /* no connection: nothing was sent */
#define WEIR_FAILURE_TLS 3u     /* the server's certificate or handshake was refused */
#define WEIR_FAILURE_TIMEOUT 4u /* the caller's own timeout, after something was sent */
#define WEIR_FAILURE_BROKEN 5u  /* the connection broke, after something was sent */

/* A WEIR_FAILURE_: why there is no whole response. A status may be set beside it. */
WEIR_API int32_t weir_outcome_set_failure(weir_outcome *outcome, uint32_t failure);

/* Adds a response header. All that the provider sent may be given; anthropic-ratelimit-*,
 * retry-after, x-should-retry, content-type, date and request-id are read. */
WEIR_API int32_t weir_outcome_set_header(weir_outcome *outcome, const char *name,
                                         size_t name_length, const char *value,
                                         size_t value_length, weir_error **error);

/* The response's body: of a failure, so that the engine knows what was refused; of an error event
 * in a stream, its data. Of a success it may be left out: the answer is then taken to be whole, and
 * its usage is what weir_outcome_set_number says. */
WEIR_API int32_t weir_outcome_set_body(weir_outcome *outcome, const void *body, size_t body_length,
                                       weir_error **error);

/* A figure of the usage: WEIR_NUMBER_INPUT_TOKENS, _OUTPUT_TOKENS, _CACHE_WRITE_TOKENS or
 * _CACHE_READ_TOKENS. It wins over the body's. */
WEIR_API int32_t weir_outcome_set_number(weir_outcome *outcome, uint32_t number, int64_t value);

/* 1: content of the answer was passed on: no further attempt, unless stream_restart allows it. */
WEIR_API int32_t weir_outcome_set_delivered(weir_outcome *outcome, int32_t delivered);

/* As new. */
WEIR_API int32_t weir_outcome_reset(weir_outcome *outcome);

WEIR_API void weir_outcome_release(weir_outcome *outcome);

/* What came of attempt number `attempt` (WEIR_PERMIT_ATTEMPT; the `index` of the event), which the
 * ticket's permit was for; it is judged as the engine's own responses are, and answered by an
 * event. The outcome has a status or a failure. WEIR_ERR_NOT_FOUND if the permit for that attempt
 * is not out: it was reported, or has ended. A report that comes twice never counts for the
 * ticket's next permit. Any thread. */
WEIR_API int32_t weir_report(weir_engine *engine, uint64_t ticket, uint32_t attempt,
                             const weir_outcome *outcome, weir_error **error);

/* The status and headers of a response whose body is still on its way: what they say of the limits
 * counts from now on. The report follows, with the same status. */
WEIR_API int32_t weir_report_head(weir_engine *engine, uint64_t ticket, uint32_t attempt,
                                  const weir_outcome *outcome, weir_error **error);

/* The output tokens that a stream has shown so far. */
WEIR_API int32_t weir_report_progress(weir_engine *engine, uint64_t ticket, uint32_t attempt,
                                      int64_t output_tokens);

/* ---------------------------------------------------------------------------------------------
 * The batch lane
 *
 * Requests of lane batch are collected into Message Batches, at half the price. What is accepted is
 * kept in the file of journal.path: WEIR_EVENT_DURABLE says so, and an engine that is opened on the
 * file later goes on with it, after a crash too. It first gives each request of earlier runs that
 * has no acknowledged answer a ticket of its own (WEIR_EVENT_RECOVERED), then says
 * WEIR_ENGINE_RECOVERED; their user_data is 0, their tag is what it was. No batch is created twice.
 *
 * The answer of a request comes as its terminal event. Once it is in safe hands, acknowledge it:
 * until then the journal keeps the request, and a later engine answers it again. The budgets of a
 * day are charged with what it used once, however often it is answered; and with the result of a
 * request that was cancelled, or came to its deadline, after its batch was sent.
 * WEIR_ERR_SHUTDOWN is no answer: the request goes on in the next run.
 *
 * While the disk of the journal is full nothing becomes durable or is sent, and what is submitted to
 * the lane fails with WEIR_ERR_IO; lane auto goes online. The lane goes on when there is room. A
 * journal that cannot be written for good ends all its requests with WEIR_ERR_IO; their messages say
 * whether the journal has them. A later engine then delivers again what it has no acknowledgement of.
 *
 * A batch that its account does not find (404) may be of another workspace: a warning says so, and it
 * is asked about again for the 29 days that the provider keeps results. WEIR_ERR_BATCH_GONE comes
 * after them, or where the provider says that batch or results are gone.
 * ------------------------------------------------------------------------------------------- */

/* The answer of a batch request, whose terminal event has been taken, is in safe hands. Without
 * effect for other tickets. WEIR_ERR_NOT_FOUND without a journal. */
WEIR_API int32_t weir_batch_acknowledge(weir_engine *engine, uint64_t ticket);

/* Closes the batches that are being collected, as if they were full. */
WEIR_API int32_t weir_batch_flush(weir_engine *engine);

/* Cancels a batch by its number in the list. What the provider has done by then is answered as
 * usual, the rest fails with WEIR_ERR_CANCELLED. 0 stands for what is still being collected: the
 * journal forgets it at once. */
WEIR_API int32_t weir_batch_cancel(weir_engine *engine, uint64_t batch);

/* The batches with their state, age and counts, and what the lane has done, as a JSON document; its
 * "schema" grows with its form. What a batch cost, and how much less that is than online, is
 * cost_micros and saved_micros, millionths of a dollar, of its priced_results; -1 while there are
 * none. Results of models that have no price in the table are in unpriced_results. The same of the
 * answers that this engine was the first to deliver stands beside the batches, and with auto_ before
 * of those for which lane = auto chose the batch lane. "accounts" has the provider's limits on each
 * account's batches, and how much of them is taken. */
WEIR_API int32_t weir_batch_list(weir_engine *engine, weir_text **out, weir_error **error);

#ifdef __cplusplus
}
#endif

#endif
