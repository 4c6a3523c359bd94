#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "core/body.h"
#include "provider/outcome.h"

namespace weir {

using RequestIndex = std::uint32_t;
inline constexpr RequestIndex kNoRequest = 0xFFFFFFFFu;
using AttemptIndex = std::uint32_t;
inline constexpr AttemptIndex kNoAttempt = 0xFFFFFFFFu;

inline constexpr int kPriorities = 4;

// One request, from submit to its terminal event: a slot of a RequestSlab. The submitting thread
// fills in the first part and hands the slot over; from then on the core alone touches it, but for
// `ticket`, which any thread may read to learn whether the request is still outstanding.
struct Request {
    enum class State : std::uint8_t { free, submitted, queued, backing_off, in_flight };

    std::atomic<std::uint64_t> ticket{0};  // generation << 32 | index + 1; 0 while free
    std::uint64_t user_data = 0;
    std::uint64_t tag = 0;
    BodyRef body;
    TimeNs submitted_at = 0;
    TimeNs deadline_at = kNever;
    std::uint32_t input_tokens = 0;   // the caller's figure or the estimate
    std::uint32_t output_tokens = 0;  // the caller's figure, or 0: learnt
    std::uint16_t model_class = 0;
    std::uint8_t priority = 2;

    // The core's part.
    State state = State::free;
    std::uint8_t attempts = 0;
    bool maybe_executed = false;  // by an earlier attempt
    std::uint16_t queue_tag = 0;
    TimeNs timer_at = kNever;          // the next thing that time does to it
    std::uint32_t timer_next = kNoRequest, timer_prev = kNoRequest;
    std::uint32_t queue_next = kNoRequest, queue_prev = kNoRequest;  // also the inbox and free lists
    AttemptIndex attempt = kNoAttempt;
    std::unique_ptr<ErrorDetail> last_error;  // of the attempt before
};

}  // namespace weir
