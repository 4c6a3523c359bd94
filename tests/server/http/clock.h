#pragma once

#include <chrono>

#include "base/time.h"

namespace weir::model {

// The model's time is the steady clock's, from the server's start on.
class ServerClock {
public:
    using Clock = std::chrono::steady_clock;

    TimeNs now() const { return std::chrono::nanoseconds(Clock::now() - start_).count(); }
    Clock::time_point at(TimeNs time) const { return start_ + std::chrono::nanoseconds(time); }

private:
    Clock::time_point start_ = Clock::now();
};

}  // namespace weir::model
