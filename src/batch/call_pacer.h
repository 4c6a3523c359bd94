#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace weir {

// The provider's limit on calls over all batch endpoints of an account, mirrored: a GCRA that lets
// through a tenth of a minute's calls at once, and a pause that a 429 asks for.
class CallPacer {
public:
    explicit CallPacer(std::uint32_t calls_per_minute)
        : interval_(kNsPerMinute / std::max(calls_per_minute, 1u)),
          depth_(std::max(kNsPerMinute / 10, interval_)) {}

    // The earliest time of the next call; it is due if that is not later than now.
    TimeNs next() const { return std::max(paused_until_, full_at_ - depth_ + interval_); }
    void take(TimeNs now) { full_at_ = std::max(full_at_, now) + interval_; }
    void pause(TimeNs until) { paused_until_ = std::max(paused_until_, until); }
    TimeNs interval() const { return interval_; }

private:
    TimeNs interval_;
    TimeNs depth_;
    TimeNs full_at_ = 0;  // when nothing taken will be left to refill
    TimeNs paused_until_ = 0;
};

}  // namespace weir
