#include "limits/bucket.h"

#include <algorithm>

namespace weir {

namespace {

constexpr double kMostGuardS = 4.0;
constexpr double kNoiseToGuard = 2.5;
// The guard settles where 429s are as rare as the one is to the other.
constexpr double kBoostOfRefusalS = 0.5;
// How long a bucket is to be full before what is larger goes: it settles where one in a hundred of
// those is refused. A refusal costs up to a second, which is what the provider states it in.
constexpr TimeNs kFullOfRefusalNs = 10 * kNsPerMs;
constexpr TimeNs kFullWearsOffNs = kFullOfRefusalNs / 100;
constexpr TimeNs kLeastFullNs = 20 * kNsPerMs;
constexpr TimeNs kMostFullNs = kNsPerS / 2;
constexpr double kBoostKept = 1 - 0.0003;

}  // namespace

void Bucket::set_limit(std::int64_t limit, bool learnt, const Shape& shape, TimeNs now) {
    limit = std::clamp<std::int64_t>(limit, 1, kMaxUnits);
    const bool first = !active();
    const double level_before = first ? 0 : level(now);
    // A changed limit keeps the depth's length in time.
    const double depth_s = first ? shape.depth_s : depth_ * 60 / static_cast<double>(limit_);
    shape_ = shape;
    learnt_ = learnt;
    limit_ = limit;
    seen_ = 0;
    deepest_ = static_cast<double>(limit);
    depth_known_ = !shape.learn_depth;
    leak_.clear();
    set_depth(depth_s * static_cast<double>(limit) / 60);
    if (depth_known_) deepest_ = depth_;
    refresh(now);
    gcra_.set_level(now, rate_.time_for(level_before));
}

void Bucket::set_depth(double units) {
    depth_ = std::clamp(units, 1.0, static_cast<double>(std::max<std::int64_t>(limit_, 1)));
}

void Bucket::refresh(TimeNs now) {
    ++changes_;
    const double before = rate_.units_in(gcra_.level(now, kEndless));
    rate_ = Rate(limit_, kNsPerMinute, leak_.speed());
    leak_in_rate_ = leak_.share();
    gcra_.set_level(now, rate_.time_for(before));
    depth_ns_ = std::max<TimeNs>(rate_.time_for(depth_) - kFlightNs, 0);
    set_guard();
}

void Bucket::set_guard() {
    const double stated_per_s = static_cast<double>(limit_) / 60;
    const double learnt = std::min(kNoiseToGuard * noise_ / stated_per_s + boost_s_, kMostGuardS);
    const double guard_s = std::max(shape_.guard_s, learnt);
    guard_ns_ = rate_.time_for(std::max(guard_s * stated_per_s, 2 * rounding_));
}

TimeNs Bucket::fits_at(TimeNs now, TimeNs need, std::int64_t output,
                       const Production& others) const {
    // What is certain to fit: everything that is expected of the others has room too.
    const TimeNs certain = level_for(need + rate_.time_for(others.unshown + output));
    if (others.attempts == 0) return gcra_.reaches(certain);
    // In a shallow bucket there never is, or too late: the attempts in flight are kept to as many
    // as produce what refills, more while the level is above the middle and fewer below.
    TimeNs level = certain;
    if (others.per_attempt_per_s > 0) {
        const TimeNs horizon = std::max(kNsPerS, depth_ns_ / 4);
        const double drain = others.per_attempt_per_s * (others.attempts + 1) / per_s();
        const auto offset = static_cast<TimeNs>((drain - 1) * static_cast<double>(horizon));
        const TimeNs least = std::min(guard_ns_, depth_ns_ / 4);
        const TimeNs steady = std::max(depth_ns_ / 2 + offset, least);
        level = std::min(level, need + rate_.time_for(others.unseen() / 2) + steady);
    }
    // Whether a level above the depth is enough is known again when an attempt has ended.
    const TimeNs at = gcra_.reaches(level);
    return level > depth_ns_ ? std::max(at, now + kFlightNs) : at;
}

void Bucket::correct(TimeNs now, double by_units) {
    gcra_.set_level(now, gcra_.level(now, depth_ns_) + rate_.time_for(by_units));
    corrections_ += by_units;
}

void Bucket::accepted(std::int64_t units) {
    if (static_cast<double>(units) > depth_)
        full_ns_ = std::max(full_ns_ - kFullWearsOffNs, kLeastFullNs);
    if (boost_s_ <= 0) return;
    boost_s_ = boost_s_ > 0.01 ? boost_s_ * kBoostKept : 0;
    set_guard();
}

void Bucket::refused(TimeNs now, std::int64_t units, TimeNs wait_ns, std::int64_t held) {
    // Had it fitted, its level would have been `units`; it will after the wait.
    const double at_provider = static_cast<double>(units) - rate_.units_in(wait_ns);
    const double excess = level(now) + static_cast<double>(held) - at_provider;
    if (excess > 0) correct(now, -excess);
    boost_s_ = std::min(boost_s_ + kBoostOfRefusalS, kMostGuardS);
    if (static_cast<double>(units) > depth_)
        full_ns_ = std::min(full_ns_ + kFullOfRefusalNs, kMostFullNs);
    // Without readings a refusal is all that there is to learn the depth from.
    if (!synced_ && shape_.learn_depth) {
        set_depth(std::max(depth_ * 0.7, static_cast<double>(units)));
    }
    refresh(now);
}

}  // namespace weir
