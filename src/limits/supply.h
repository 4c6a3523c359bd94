#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>

#include "base/time.h"
#include "limits/cost.h"
#include "limits/ramp.h"
#include "limits/slow_start.h"

namespace weir {

// What a bucket gives: what is there and what comes.
struct Supply {
    bool limited = false;
    double room = 0;
    double depth = 0;
    double hidden = 0;  // more that may be there: the depth is only believed
    double per_s = 0;
    double account_per_s = 0;  // of the account's own bucket, of which a start is a share
};

// What a budget gives of each kind that refills by the minute, in the order of LimitKind, and what
// holds back its growth.
struct Supplies {
    std::array<Supply, kMinuteKinds> of;
    TimeNs now = 0;
    bool starts_slowly = false;
    SlowStart start;  // as of now
    Ramp::Outlook ramp;

    bool grows(std::size_t kind) const {
        const bool ramps = ramp.pace_per_s > 0 && is_input(kind);
        return ramps || (starts_slowly && of[kind].account_per_s > 0);
    }

    // How much can have gone so many seconds from now; `last` of it goes when all the rest is paid
    // for. With `surely` by the most hopeful count, and `last` may pass the rest.
    double within(double seconds, std::size_t kind, double last, bool surely) const {
        const Supply& supply = of[kind];
        const double more = surely ? supply.hidden : 0;
        double most = supply.room + more + supply.per_s * seconds;
        if (ramp.pace_per_s > 0 && is_input(kind))
            most = std::min(most, (surely ? last : 0) + ramp.within(seconds, surely));
        if (!starts_slowly || supply.account_per_s <= 0) return most;
        // Until the share is the whole the bucket fills; what spills over is lost.
        const double whole_s = std::max(static_cast<double>(start.whole_at() - now) / 1e9, 0.0);
        const double until = std::min(seconds, whole_s);
        const double paid = last + started_in(until) * supply.account_per_s;
        if (seconds <= whole_s) return std::min(most, paid);
        const double full = supply.depth + more;
        most = std::min(most, paid + full + supply.per_s * (seconds - whole_s));
        if (now + static_cast<TimeNs>(seconds * 1e9) >= start.over_at()) return most;
        return std::min(most, last + started_in(seconds) * supply.account_per_s);
    }

private:
    static bool is_input(std::size_t kind) {
        return kind == static_cast<std::size_t>(LimitKind::input_tokens);
    }
    double started_in(double seconds) const {
        return start.lets_go(now, now + static_cast<TimeNs>(seconds * 1e9)) / 1e9;
    }
};

// In how many seconds so many budgets together have let `units` go, or will have at the soonest.
inline double seconds_until(std::span<const Supplies> budgets, std::size_t kind, double units,
                            double last, bool surely) {
    double room = 0;
    double per_s = 0;
    bool grows = false;
    for (const Supplies& each : budgets) {
        room += each.of[kind].room + (surely ? each.of[kind].hidden : 0);
        per_s += each.of[kind].per_s;
        grows = grows || each.grows(kind);
    }
    if (per_s <= 0) return 0;
    const double even = std::max((units - room) / per_s, 0.0);
    const auto enough_in = [&](double seconds) {
        double sum = 0;
        for (const Supplies& each : budgets) sum += each.within(seconds, kind, last, surely);
        return sum >= units;
    };
    if (!grows || enough_in(even)) return even;
    constexpr double kLongest = 1e6;
    constexpr double kExact = 0.02;
    double low = even;
    double high = std::max(2 * even, 1.0);
    while (high < kLongest && !enough_in(high)) {
        low = high;
        high *= 2;
    }
    while (high - low > kExact * high) {
        const double between = (low + high) / 2;
        (enough_in(between) ? high : low) = between;
    }
    return surely ? low : high;
}

}  // namespace weir
