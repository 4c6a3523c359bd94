#pragma once

#include <cstdint>

#include "base/random.h"
#include "base/time.h"
#include "retry/retry_settings.h"

namespace weir {

// A circuit breaker for one endpoint: an account's model class. After failures in a row that say
// something about the provider it opens; then single attempts try the endpoint, further and further
// apart, until one succeeds. From there on (half-open) what is allowed in flight doubles with each
// round of successes, so that those that waited do not all arrive at once.
class Breaker {
public:
    enum class State : std::uint8_t { closed, open, half_open };

    State state() const { return state_; }

    bool may_start(TimeNs now) const {
        switch (state_) {
            case State::closed:
                return true;
            case State::open:
                return trials_ == 0 && now >= try_at_;
            case State::half_open:
                return trials_ < allowed_;
        }
        return true;
    }
    // Of a breaker that says no: when to ask again, or kNever: when a trial has ended.
    TimeNs may_start_at() const { return state_ == State::open && trials_ == 0 ? try_at_ : kNever; }

    // An attempt starts. True if it is a trial: the endpoint is thought to be out, so that a
    // failure is no fault of the request's. The same is to be said when it ends.
    bool started() {
        if (state_ == State::closed) return false;
        ++trials_;
        return true;
    }
    void ended(bool trial) { trials_ -= trial ? 1 : 0; }

    void succeeded();
    void failed(bool trial, TimeNs now, const RetrySettings& settings, Random* random);

private:
    State state_ = State::closed;
    std::uint32_t failures_ = 0;  // in a row
    std::uint32_t trials_ = 0;    // in flight
    std::uint32_t allowed_ = 0;   // half-open: trials at a time
    int openings_ = 0;            // in a row
    TimeNs try_at_ = 0;
};

}  // namespace weir
