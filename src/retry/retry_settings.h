#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "provider/outcome.h"

namespace weir {

// How a backoff is spread, after "Exponential Backoff And Jitter" (Brooker, AWS, 2015); fraction is
// what the provider's own clients do.
enum class Jitter : std::uint8_t {
    full,          // uniform from 0 to the backoff
    equal,         // half of it, and a uniform half
    fraction,      // the backoff, less or more by up to a share of it
    decorrelated,  // uniform from the first backoff to three times the pause before
};

struct RetrySettings {
    // How often and how slowly what failed is repeated.
    struct Pace {
        std::uint8_t max_attempts = 0;
        TimeNs base_ns = 0;
        TimeNs cap_ns = 0;
    };

    std::uint8_t max_attempts = 8;     // attempts that reached a verdict other than "not now"
    std::uint16_t max_refusals = 100;  // attempts that a rate limit turned away
    TimeNs base_ns = 500 * kNsPerMs;
    TimeNs cap_ns = 30 * kNsPerS;
    std::array<Pace, kOutcomeClasses> own{};  // what a class has of its own; 0: nothing
    Jitter jitter = Jitter::fraction;
    double jitter_fraction = 0.25;
    bool after_timeout = true;  // repeat what may have been executed
    TimeNs max_wait_ns = 0;     // the longest stated wait that is waited for; 0: any

    // A stream without content for so long, or for longer than 95 of 100 have been lately, is asked
    // for at another account as well: that share of the streams at most. 0 and false: never.
    TimeNs hedge_after_ns = 0;
    bool hedge_after_p95 = false;
    double hedge_share = 0.05;
    bool hedges() const { return hedge_after_ns > 0 || hedge_after_p95; }

    // The retry budget of an endpoint (retry/retry_budget.h). Without a capacity every retry is
    // made.
    double budget_capacity = 500;
    double budget_cost = 5;
    double budget_per_success = 1;

    Pace pace() const { return {max_attempts, base_ns, cap_ns}; }
    Pace pace(OutcomeClass cls) const {
        const Pace& mine = own[static_cast<std::size_t>(cls)];
        return {mine.max_attempts != 0 ? mine.max_attempts : max_attempts,
                mine.base_ns != 0 ? mine.base_ns : base_ns,
                mine.cap_ns != 0 ? mine.cap_ns : cap_ns};
    }
};

}  // namespace weir
