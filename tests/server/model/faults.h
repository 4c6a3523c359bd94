#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/random.h"

namespace weir::model {

enum class FaultKind : std::uint8_t {
    none,
    // Instead of admission: nothing is charged, nothing is executed.
    reset_before_read,  // the connection is reset before the request is read
    refuse_requests,    // 429s that name a limit, whatever its bucket holds
    refuse_input_tokens,
    refuse_output_tokens,
    refuse_acceleration,  // 429: usage grew too fast
    spend_cap,            // 429 without retry-after, enforced_spend_limit_reached
    usage_limit,          // 400: a limit that the customer set
    bad_key,              // 401
    forbidden,            // 403
    server_error,         // 500
    bad_gateway,          // 502 with an HTML page
    unavailable,          // 503
    gateway_timeout,      // 504
    overloaded,           // 529
    // After admission: charged, and executed as far as it says.
    reset_after_read,    // executed, but the connection is reset instead of the response
    reset_mid_body,      // reset inside the body
    truncated_body,      // closed inside the body, without a reset
    garbage_not_json,    // 200 with a body that is not JSON
    garbage_wrong_json,  // 200 with JSON that is not a message
    stall,               // no byte for a time
    // The same, in streams only.
    stall_pings,          // nothing but pings for a time
    stream_error_early,   // an error event before the first content
    stream_error_late,    // an error event after some content
    stream_without_stop,  // ends well-formed, but without message_stop
    // Of a refusal by a limit: its retry-after is written in the rule's style.
    retry_after,
};
inline constexpr std::size_t kFaultKinds = static_cast<std::size_t>(FaultKind::retry_after) + 1;

constexpr std::size_t index_of(FaultKind kind) { return static_cast<std::size_t>(kind); }
std::string_view fault_kind_name(FaultKind kind);

// When the model asks for a fault.
enum class FaultPhase : std::uint8_t { admission, execution, refusal };
FaultPhase phase_of(FaultKind kind);

enum class RetryAfterStyle : std::uint8_t {
    right,  // whole seconds, rounded up
    missing,
    too_short,  // a quarter of it, rounded down
    too_long,   // ten times of it
    http_date,
    milliseconds,  // retry-after-ms
    negative,
    nonsense,
};
inline constexpr std::size_t kRetryAfterStyles = 8;
std::string_view retry_after_style_name(RetryAfterStyle style);

// A rule strikes if everything that it says holds. Without `every` and `first`, each request that
// it looks at is struck with `probability`.
struct FaultRule {
    FaultKind kind = FaultKind::none;
    double probability = 1;
    std::uint64_t every = 0;  // each nth of the requests that it looks at
    std::uint64_t first = 0;  // only the first n of them
    TimeNs from = 0;
    TimeNs until = kNever;
    int account = -1;      // index, or -1: any
    int model_class = -1;  // index, or -1: any

    double at = 0.5;                 // where in the output it strikes
    TimeNs lasts_ns = 30 * kNsPerS;  // a stall
    TimeNs retry_after_ns = -1;      // of a refusal; -1: none
    RetryAfterStyle style = RetryAfterStyle::right;
};

// The faults of a run. Every rule has a sequence of its own, so that adding a rule doesn't change
// what the others do.
class FaultPlan {
public:
    FaultPlan(const std::vector<FaultRule>& rules, std::uint64_t seed);

    struct Subject {
        int account = 0;
        int model_class = 0;
        bool stream = false;
    };
    // The first rule of this phase that strikes, or NULL.
    const FaultRule* strike(FaultPhase phase, const Subject& subject, TimeNs now);

private:
    struct Entry {
        FaultRule rule;
        FaultPhase phase;
        Random random;
        std::uint64_t seen = 0;
    };
    static bool strikes(Entry* entry, const Subject& subject, TimeNs now);

    std::vector<Entry> entries_;
};

}  // namespace weir::model
