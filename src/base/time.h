#pragma once

#include <cstdint>
#include <limits>

namespace weir {

// Nanoseconds on a monotonic clock whose zero means nothing. The clock is read once a turn of the
// engine's loop and passed down; no room below the engine reads one.
using TimeNs = std::int64_t;

inline constexpr TimeNs kNever = std::numeric_limits<TimeNs>::max();
inline constexpr TimeNs kNsPerUs = 1'000;
inline constexpr TimeNs kNsPerMs = 1'000'000;
inline constexpr TimeNs kNsPerS = 1'000'000'000;
inline constexpr TimeNs kNsPerMinute = 60 * kNsPerS;

// Times near kNever stay there instead of overflowing.
constexpr TimeNs later(TimeNs time, TimeNs by) { return time > kNever - by ? kNever : time + by; }

}  // namespace weir
