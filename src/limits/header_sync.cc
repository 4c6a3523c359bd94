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
constexpr double kNoiseMemory = 0.1;
constexpr double kWholeMinute = 0.98;
constexpr double kWorthARefresh = 0.002;
constexpr double kSeenKept = 0.9999;

}  // namespace

// More than was ever there shows that the bucket is deeper; and what remains plus what refills
// until it is full again, where that is stated, is the depth.
void Bucket::learn_depth(double lowest, double highest, const LimitReading& reading) {
    if (!shape_.learn_depth) return;
    const double stated_per_s = static_cast<double>(limit_) / 60;
    seen_ = std::max(seen_ * kSeenKept, lowest);
    if (reading.reset_in_ns >= 0 && reading.reset_in_ns < kNsPerMinute) {
        const double refill_s = static_cast<double>(reading.reset_in_ns) / 1e9;
        deepest_ = std::min(deepest_, highest + refill_s * stated_per_s);
    }
    deepest_ = std::max(deepest_, seen_);
    const bool was_known = depth_known_;
    depth_known_ = deepest_ < kWholeMinute * static_cast<double>(limit_);
    if (depth_known_ != was_known) ++changes_;
    set_depth(std::clamp(depth_, seen_, deepest_));
}

bool Bucket::observe(const LimitReading& reading, const Sighting& sighting) {
    if (!active() || reading.remaining < 0 || reading.remaining > kMaxUnits) return false;
    const TimeNs now = sighting.now;
    const double remaining = static_cast<double>(std::min<std::int64_t>(reading.remaining, limit_));
    const double rounding = reading.half_step();
    rounding_ = std::min(std::max(rounding_, rounding), static_cast<double>(limit_) / 8);
    const double highest = remaining + rounding;
    const double lowest = std::max(remaining - rounding, 0.0);

    const double depth_before = depth_;
    learn_depth(lowest, highest, reading);
    if (depth_ != depth_before) refresh(now);

    // Where the mirror puts the provider's level at the time of the stamp.
    const double here = level(now);
    const double then =
        sighting.has_baseline ? sighting.baseline + corrections_ : here + sighting.unseen;
    if (!synced_) {
        // Nothing was known but what was asked for: take the reading as it is.
        synced_ = true;
        correct(now, lowest - then);
        refresh(now);
        return true;
    }
    const double mine_lowest = std::min(here, then) - sighting.unshown;
    const double mine_highest = std::max(here, then + sighting.burst) + kTransitS * per_s();
    const double horizon_s = now - sighting.sent_at < kFresh ? kFreshHorizonS : kLateHorizonS;
    leak_.fade();
    if (leak_in_rate_ - leak_.share() > kWorthARefresh) refresh(now);
    if (mine_lowest > highest) {
        const double excess = mine_lowest - highest;
        correct(now, -excess);
        if (shape_.learn_depth && highest + static_cast<double>(sighting.own) >= seen_) {
            // It does not fill any further: that is its depth, with what was just taken, whose
            // amount is an estimate.
            deepest_ = std::min(deepest_,
                                std::max(seen_, highest + 1.5 * static_cast<double>(sighting.own)));
            set_depth(std::min(depth_, deepest_));
        } else {
            leak_.too_high(excess / per_s(), horizon_s);
            noise_ += kNoiseMemory * (excess - noise_);
        }
        refresh(now);
    } else if (mine_highest < lowest && lowest > 0 && sighting.may_raise) {
        // Nothing left would say nothing: it may be any debt.
        const double shortage = lowest - mine_highest;
        // A bucket that proves deeper was filling up all the while.
        correct(now, depth_ > depth_before ? shortage : kUpwardShare * shortage);
        leak_.too_low(shortage / per_s(), horizon_s);
        if (reading.limit == limit_) leak_.at_least_none();
        noise_ -= kNoiseMemory * noise_;
        refresh(now);
    }
    return true;
}

}  // namespace weir
