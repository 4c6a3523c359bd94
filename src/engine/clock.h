#pragma once

#include <ctime>

#include "base/time.h"

namespace weir {

inline TimeNs read_clock(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return TimeNs{time.tv_sec} * kNsPerS + time.tv_nsec;
}

inline TimeNs monotonic_now() { return read_clock(CLOCK_MONOTONIC); }
inline TimeNs unix_now() { return read_clock(CLOCK_REALTIME); }

}  // namespace weir
