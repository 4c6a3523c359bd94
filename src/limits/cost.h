#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "limits/gcra.h"
#include "limits/prices.h"
#include "provider/outcome.h"

namespace weir {

// The kinds that are continuously refilling buckets; the day's tokens are a quota of their own.
inline constexpr std::size_t kMinuteKinds = 4;

// An index into LimitSettings::day_budgets.
inline constexpr std::uint16_t kNoDayBudget = 0xFFFF;

// What one attempt is expected to take.
struct Cost {
    std::int64_t input_tokens = 0;
    std::int64_t output_tokens = 0;      // expected
    std::int64_t max_output_tokens = 0;  // the request's max_tokens
    double raw_input = 0;                // input as estimated without correction; 0: not estimated
    std::int64_t least_input = 0;        // it is surely no less, where it is estimated
    bool text_only = true;               // all of the input is text that stands in the body
    bool estimates_output = false;       // output_tokens is no figure of the caller's
    PricesId prices = kNoPrices;
    std::uint16_t tenant_budget = kNoDayBudget;  // Limiter::tenant_budget
    // The limiter's own, in millionths of a dollar: expected, and at most.
    std::int64_t spend = 0;
    std::int64_t most_spend = 0;

    // What is reserved where the provider reserves.
    std::int64_t promised_output() const {
        return max_output_tokens > 0 ? max_output_tokens : output_tokens;
    }
};

// Whether an attempt surely waits as long for a limit as another one does: it takes the same or
// more. Output that is counted as it is produced bounds the attempts in flight too, where more is
// not always later.
inline bool waits_as_long(LimitKind limit, const Cost& cost, const Cost& other) {
    switch (limit) {
        case LimitKind::requests:
            return true;
        case LimitKind::input_tokens:
            return cost.input_tokens >= other.input_tokens;
        case LimitKind::output_tokens:
            return cost.output_tokens == other.output_tokens &&
                   cost.promised_output() == other.promised_output();
        default:
            return false;
    }
}

// Input with what the cache took and gave; -1 if it is not known.
inline std::int64_t whole_input(const Usage& usage) {
    if (usage.input_tokens < 0) return -1;
    return sane_units(usage.input_tokens) + sane_units(usage.cache_write_tokens) +
           sane_units(usage.cache_read_tokens);
}

// Small enough to be returned in registers.
struct Verdict {
    enum class Kind : std::uint8_t { granted, not_before, never };
    Kind kind = Kind::granted;
    LimitKind binding = LimitKind::unknown;   // the bucket that said so
    bool spend = false;                       // it was the day's spend that said so
    std::uint16_t day_budget = kNoDayBudget;  // likewise, of this budget, and when it frees: `at`
    TimeNs at = 0;                            // not_before: when to ask again

    void not_before(TimeNs time, LimitKind by) {
        if (time <= at) return;
        at = time;
        binding = by;
        spend = false;
        day_budget = kNoDayBudget;
    }
};
static_assert(sizeof(Verdict) <= 16);

// What an attempt leaves in a pool of buckets when it reserves, for later comparison.
struct Hold {
    std::uint64_t sequence = 0;                   // of reservations in this pool, from 1
    std::array<double, kMinuteKinds> baseline{};  // Bucket::baseline after it
    std::array<double, kMinuteKinds> burst{};     // taken shortly before it: may arrive later
    std::int64_t produced = 0;                    // AccountingDetector's sums at that time
    std::int64_t reserved = 0;
    bool spends = false;
    std::uint8_t debited = 0;  // bit per LimitKind: the limits that existed

    bool has(LimitKind kind) const { return (debited >> static_cast<unsigned>(kind) & 1u) != 0; }
    void set(LimitKind kind) {
        debited = static_cast<std::uint8_t>(debited | 1u << static_cast<unsigned>(kind));
    }
};

}  // namespace weir
