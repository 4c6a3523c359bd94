// What a response's headers teach a bucket. A header is late and rounded, and may have been stamped
// at any moment between the request's arrival and the response's departure; so the mirror's own
// level is a range too, and only what lies outside of both is a disagreement.

#include <algorithm>

#include "limits/bucket.h"

namespace weir {

namespace {

constexpr double kFreshHorizonS = 5.0;
constexpr double kLateHorizonS = 30.0;
constexpr TimeNs kFresh = 2 * kNsPerS;
constexpr double kUpwardShare = 0.2;
constexpr double kTransitS = 0.2;

}  // namespace

bool Bucket::observe(const LimitReading& reading, const Sighting& sighting) {
    if (!active() || reading.remaining < 0 || reading.remaining > kMaxUnits) return false;
    const TimeNs now = sighting.now;
    const double per_s = rate_.units_per_s();
    const double remaining = static_cast<double>(std::min<std::int64_t>(reading.remaining, limit_));
    const double rounding = reading.rounding > 1 ? static_cast<double>(reading.rounding) : 0;
    rounding_ = std::min(std::max(rounding_, rounding), static_cast<double>(limit_) / 8);
    const double highest = remaining + rounding;
    const double lowest = std::max(remaining - rounding, 0.0);

    // Where the mirror puts the provider's level at the time of the stamp.
    const double here = level(now);
    const double then =
        sighting.has_baseline ? sighting.baseline + corrections_ : here + sighting.unseen;
    const double mine_lowest = std::min(here, then);
    const double mine_highest = std::max(here, then) + kTransitS * per_s + sighting.unproduced;

    bool deeper = false;
    if (shape_.learn_depth && lowest + static_cast<double>(sighting.own) > depth_) {
        set_depth(lowest + static_cast<double>(sighting.own));
        deeper = true;
    }

    if (!synced_) {
        // Nothing was known but what was asked for: take the reading as it is.
        synced_ = true;
        refresh(now);
        correct(now, lowest - then);
        return true;
    }

    const double horizon_s = now - sighting.sent_at < kFresh ? kFreshHorizonS : kLateHorizonS;
    if (mine_lowest > highest) {
        const double excess = mine_lowest - highest;
        const bool full = here >= rate_.units_in(depth_ns_);
        correct(now, -excess);
        if (full && shape_.learn_depth) {
            // A full bucket that holds less than it could is shallower than believed.
            set_depth(std::max(highest + static_cast<double>(sighting.own), 1.0));
        } else {
            leak_.too_high(excess / per_s, horizon_s);
            learn_noise(excess);
        }
        refresh(now);
    } else if (mine_highest < lowest) {
        const double shortage = lowest - mine_highest;
        if (deeper) refresh(now);
        correct(now, deeper ? shortage : kUpwardShare * shortage);
        leak_.too_low(shortage / per_s, horizon_s);
        learn_noise(0);
        refresh(now);
    } else if (deeper) {
        refresh(now);
    }
    return true;
}

}  // namespace weir
