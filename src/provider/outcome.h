#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/time.h"

namespace weir {

// What the provider says it counted. A negative figure was not said.
struct Usage {
    std::int64_t input_tokens = -1;  // after the last cache breakpoint
    std::int64_t cache_write_tokens = -1;
    std::int64_t cache_write_1h_tokens = -1;  // of these, those that stay for an hour
    std::int64_t cache_read_tokens = -1;
    std::int64_t output_tokens = -1;

    bool known() const { return input_tokens >= 0 || output_tokens >= 0; }
};

// The limits that the provider names, in headers and in refusals.
enum class LimitKind : std::uint8_t {
    requests,       // a minute
    input_tokens,   // a minute
    output_tokens,  // a minute
    tokens,         // a minute: the most restrictive token limit in force
    day_tokens,
    unknown,
};
inline constexpr int kLimitKinds = 5;

// One limit as a response's headers state it. It is late and rounded; every part may be missing.
struct LimitReading {
    std::int64_t limit = -1;
    std::int64_t remaining = -1;
    TimeNs reset_in_ns = -1;    // from the response's arrival until the bucket is full again
    std::int64_t rounding = 1;  // the step that `remaining` is rounded to: the truth is within half

    bool present() const { return limit >= 0 || remaining >= 0; }
    double half_step() const { return rounding > 1 ? static_cast<double>(rounding) / 2 : 0; }
};

// What is left of a contract for Priority Tier.
struct PriorityReadings {
    LimitReading input;
    LimitReading output;
};

struct LimitReadings {
    std::array<LimitReading, kLimitKinds> of;
    PriorityReadings priority;
    std::uint32_t ignored = 0;  // headers that looked like limits and made no sense

    LimitReading& operator[](LimitKind kind) { return of[static_cast<std::size_t>(kind)]; }
    const LimitReading& operator[](LimitKind kind) const {
        return of[static_cast<std::size_t>(kind)];
    }
};

// What an attempt came to. The classes are the rows of the retry table (retry/policy.h).
enum class OutcomeClass : std::uint8_t {
    success,
    rate_limited,  // 429 that names or implies a bucket
    acceleration,  // 429 for growing too fast
    spend_limit,   // 429 or 400 until somebody pays or raises a limit
    overloaded,    // 529, overloaded_error
    server_error,  // other 5xx, api_error, timeout_error, 408, 409
    connection,    // no connection, or it broke
    no_memory,     // this process has none for the attempt
    tls,           // certificate or handshake refused
    timeout,       // one of our own timeouts
    broken,        // cut off, or no response of HTTP
    unreadable,    // a whole 2xx that is no message
    too_large,     // above our cap on a response
    stream_error,  // an error event, or the end, inside a stream
    bad_key,       // 401
    forbidden,     // 403
    on_hold,       // the organisation or the workspace may not be used, whatever is asked
    payer_limit,   // 402 of a linked organisation: whom this request is billed to cannot pay
    bad_request,   // 400, 404, 413, 422 and other 4xx
    aborted,       // we ended the attempt ourselves
};
inline constexpr int kOutcomeClasses = 20;

struct Outcome {
    OutcomeClass cls = OutcomeClass::success;
    LimitKind refused = LimitKind::unknown;  // which bucket a rate_limited outcome names
    std::int8_t should_retry = -1;           // x-should-retry: 0, 1, or -1 not said
    bool maybe_executed = false;             // the provider may have done, and billed, the work
    bool content_delivered = false;          // the caller has seen content of this stream
    bool of_workspace = false;  // a spend limit or a hold: of the key's workspace alone
    int http_status = 0;
    TimeNs retry_after_ns = -1;   // what the provider asked to wait, or -1
    Usage usage{};                // whole or partial
    bool hit_max_tokens = false;  // stop_reason max_tokens: the output was cut
};

// What an error object shows of the last attempt. Beside the outcome because it allocates.
struct ErrorDetail {
    std::string type;     // error.type
    std::string code;     // error.details.error_code
    std::string message;  // error.message, or what the transport said; never a key
    std::string request_id;
    std::string answer;  // the bytes of a whole answer that could not be read
    bool from_provider = false;
    int http_status = 0;
    TimeNs retry_after_ns = -1;
};

}  // namespace weir
