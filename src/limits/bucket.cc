#include "limits/bucket.h"

#include <algorithm>
#include <cmath>

namespace weir {

namespace {

constexpr double kMostGuardS = 3.0;
constexpr double kNoiseToGuard = 2.5;

}  // namespace

void Bucket::set_limit(std::int64_t limit, bool learnt, const Shape& shape, TimeNs now) {
    limit = std::clamp<std::int64_t>(limit, 1, kMaxUnits);
    const bool first = !active();
    const double level_before = first ? 0 : level(now);
    const double depth_s =
        first ? shape.depth_s
              : depth_ * static_cast<double>(kNsPerMinute / kNsPerS) / static_cast<double>(limit_);
    shape_ = shape;
    learnt_ = learnt;
    limit_ = limit;
    leak_.clear();
    // A changed limit keeps the depth's length in time.
    set_depth(depth_s * static_cast<double>(limit) / 60.0);
    refresh(now);
    gcra_.set_level(now, rate_.time_for(level_before));
}

void Bucket::set_depth(double units) {
    depth_ = std::clamp(units, 1.0, static_cast<double>(std::max<std::int64_t>(limit_, 1)));
}

void Bucket::refresh(TimeNs now) {
    const double before = rate_.units_in(gcra_.level(now, kEndless));
    const Rate stated(limit_, kNsPerMinute);
    rate_ = Rate(limit_, kNsPerMinute, leak_.speed());
    gcra_.set_level(now, rate_.time_for(before));

    const double per_s = stated.units_per_s();
    depth_ns_ = std::max<TimeNs>(rate_.time_for(depth_) - kFlightNs, 0);
    const double base = std::max(shape_.guard_s * per_s, 2 * rounding_);
    const double learnt_guard = std::min(kNoiseToGuard * noise_, kMostGuardS * per_s);
    guard_ns_ = rate_.time_for(std::max(base, learnt_guard));
    // A depth that is only believed never makes a request impossible: it may wait for more.
    largest_ = shape_.learn_depth ? limit_ : static_cast<std::int64_t>(depth_);
}

void Bucket::correct(TimeNs now, double by_units) {
    gcra_.set_level(now, gcra_.level(now, depth_ns_) + rate_.time_for(by_units));
    corrections_ += by_units;
}

void Bucket::learn_noise(double units) { noise_ += 0.1 * (units - noise_); }

void Bucket::refused(TimeNs now, std::int64_t units, TimeNs wait_ns, double held_back) {
    // Had it fitted, its level would have been `units`; it will after the wait.
    const double at_provider = std::min(static_cast<double>(units) - rate_.units_in(wait_ns), 0.0);
    const double excess = level(now) - (at_provider - held_back);
    if (excess > 0) {
        correct(now, -excess);
        learn_noise(std::min(excess, rate_.units_per_s()));
    }
    // Without readings a refusal is all that there is to learn the depth from.
    if (!synced_ && shape_.learn_depth)
        set_depth(std::max(depth_ * 0.7, static_cast<double>(units)));
    refresh(now);
}

}  // namespace weir
