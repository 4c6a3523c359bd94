#pragma once

#include <array>
#include <cstdint>

#include "base/time.h"
#include "limits/bucket.h"
#include "limits/day_quota.h"
#include "limits/limit_settings.h"
#include "provider/outcome.h"

namespace weir {

// The kinds that are continuously refilling buckets; the day's tokens are a quota of their own.
inline constexpr std::size_t kMinuteKinds = 4;

// What one attempt takes of each kind, by LimitKind.
struct Amounts {
    std::array<std::int64_t, kMinuteKinds> of{};
    std::int64_t day = 0;

    std::int64_t& operator[](LimitKind kind) { return of[static_cast<std::size_t>(kind)]; }
    std::int64_t operator[](LimitKind kind) const { return of[static_cast<std::size_t>(kind)]; }
};

// All limits of one account and model class: the set that refuses together.
struct Pool {
    std::uint16_t account = 0;
    std::uint16_t model_class = 0;

    std::array<Bucket, kMinuteKinds> buckets;
    DayQuota day;

    TimeNs paused_until = 0;
    TimeNs paused_at = 0;
    LimitKind paused_by = LimitKind::unknown;

    std::uint64_t sequence = 0;  // of the last reservation
    std::uint32_t in_flight = 0;
    Amounts held;  // by the attempts in flight; output: what is not produced yet, as far as known

    // Before anything is known of the limits, attempts go out one by one.
    bool open = false;
    TimeNs probe_at = 0;
    int refusals = 0;                  // in a row
    std::uint64_t limits_seen_in = 0;  // the latest reservation whose headers stated limits

    OutputAccounting accounting = OutputAccounting::produced;

    Bucket& operator[](LimitKind kind) { return buckets[static_cast<std::size_t>(kind)]; }
    const Bucket& operator[](LimitKind kind) const {
        return buckets[static_cast<std::size_t>(kind)];
    }
};

}  // namespace weir
