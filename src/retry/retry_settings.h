#pragma once

#include <cstdint>

#include "base/time.h"

namespace weir {

// How a backoff is spread, after "Exponential Backoff And Jitter" (Brooker, AWS, 2015); fraction is
// what the provider's own clients do.
enum class Jitter : std::uint8_t {
    full,      // uniform from 0 to the backoff
    equal,     // half of it, and a uniform half
    fraction,  // the backoff, less or more by up to a share of it
};

struct RetrySettings {
    std::uint8_t max_attempts = 8;    // attempts that reached a verdict other than "not now"
    std::uint8_t max_refusals = 100;  // attempts that a rate limit turned away
    TimeNs base_ns = 500 * kNsPerMs;
    TimeNs cap_ns = 30 * kNsPerS;
    Jitter jitter = Jitter::fraction;
    double jitter_fraction = 0.25;
    bool after_timeout = true;  // repeat what may have been executed
};

}  // namespace weir
