#pragma once

#include <cstdint>

#include "base/time.h"
#include "model/faults.h"
#include "model/limit_set.h"

namespace weir::model {

// What the model has to know of a request. It says nothing of its content.
struct Request {
    int key = 0;          // index in the configuration; -1: unknown
    int model_class = 0;  // index in the configuration; -1: unknown
    std::int64_t input_tokens = 0;
    std::int64_t max_tokens = 0;
    bool stream = false;
    // Two requests with the same marker are the same work. They get the same output length, and the
    // report shows how often each was executed. 0: not watched.
    std::uint64_t marker = 0;
    std::int64_t output_tokens = -1;  // how long the answer gets; -1: the model draws it
};

// Names an accepted request. 0: none.
using RequestId = std::uint64_t;

enum class ErrorType : std::uint8_t {
    none,
    invalid_request,
    authentication,
    permission,
    not_found,
    too_large,
    rate_limit,
    api,
    timeout,
    overloaded,
};

// Why a 429 was given.
enum class RefusalReason : std::uint8_t { none, limit, acceleration, spend_cap };

// What becomes of a request, known in full when it arrives. All times are at the server.
struct Decision {
    RequestId id = 0;  // of an accepted request
    int status = 200;
    ErrorType error = ErrorType::none;
    RefusalReason reason = RefusalReason::none;
    LimitKind refused_by = LimitKind::requests;  // if the reason is a limit

    // What the answer says about waiting. `retry_after_ns` is what a client that understands the
    // header learns, -1 if nothing; `wait_ns` is the truth.
    TimeNs wait_ns = -1;
    TimeNs retry_after_ns = -1;
    RetryAfterStyle retry_after_style = RetryAfterStyle::missing;

    Readings readings;  // at admission
    int account = -1;
    int model_class = -1;

    // The fault that strikes, if any, and where in the output.
    FaultKind fault = FaultKind::none;
    double fault_at = 0;
    TimeNs fault_lasts_ns = 0;

    // Of an accepted request. `output_tokens` is the whole answer; `produced_tokens` is less if a
    // fault cuts the generation short.
    std::int64_t output_tokens = 0;
    std::int64_t produced_tokens = 0;
    bool hit_max_tokens = false;
    TimeNs first_token_at = 0;
    TimeNs production_ends_at = 0;
    TimeNs answer_ends_at = 0;  // later than that by a stall
    double tokens_per_s = 0;    // 0: all at once

    bool accepted() const { return id != 0; }
    // The connection breaks, and no status is ever seen.
    bool no_response() const {
        return fault == FaultKind::reset_before_read || fault == FaultKind::reset_after_read;
    }
    // Tokens produced until `now`.
    std::int64_t produced_at(TimeNs now) const;
};

}  // namespace weir::model
