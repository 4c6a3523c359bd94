#pragma once

#include <cstdint>

#include "base/random.h"
#include "base/time.h"
#include "retry/retry_settings.h"

namespace weir {

// A circuit breaker for one endpoint: an account's model class. After failures in a row that say
// something about the provider it opens; then single attempts try the endpoint, further and further
// apart, until one is answered. From there on (half-open) what is allowed in flight doubles with
// each round of answers, and starts are paced, at first at little more than the usual rate, so
// that those that waited do not all arrive at once. It closes when nobody waits for the pace.
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
                return trials_ < allowed_ && now >= try_at_;
        }
        return true;
    }
    // Of a breaker that says no: when to ask again, or kNever: when a trial is answered or ends.
    TimeNs may_start_at() const {
        const std::uint32_t allowed = state_ == State::open ? 1 : allowed_;
        return trials_ < allowed ? try_at_ : kNever;
    }

    // An attempt starts. True if it is a trial, which is counted: the same is to be said when it
    // ends.
    bool started(TimeNs now);
    void ended(bool trial) { trials_ -= trial ? 1 : 0; }

    // The head of an answer came: the endpoint takes requests again. What began before it was out
    // may still be answered to the end, and says nothing of that.
    void answered(TimeNs now);
    // An attempt succeeded, or was turned away for a reason of its own.
    void succeeded(bool was_answered, TimeNs now);
    void failed(bool was_answered, bool trial, TimeNs now, const RetrySettings& settings,
                Random* random);

private:
    void note_start(TimeNs now);
    void pace(TimeNs now);

    State state_ = State::closed;
    std::uint32_t unanswered_ = 0;  // failures without the head of an answer, in a row
    std::uint32_t broken_ = 0;      // failures after it, without a success between
    std::uint32_t trials_ = 0;      // in flight
    std::uint32_t allowed_ = 0;     // half-open: trials at a time
    std::uint32_t unhurried_ = 0;   // half-open: starts in a row that did not wait for the pace
    int openings_ = 0;              // in a row
    TimeNs try_at_ = 0;             // not before
    TimeNs half_open_since_ = 0;

    // The rate of starts while closed.
    TimeNs window_began_at_ = 0;
    std::uint32_t in_window_ = 0;
    TimeNs usual_gap_ns_ = 0;  // between starts; 0: not known yet
};

}  // namespace weir
