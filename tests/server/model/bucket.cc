#include "model/bucket.h"

#include <algorithm>
#include <cmath>

namespace weir::model {

namespace {

constexpr double kNsPerSecond = 1e9;

double seconds_of(TimeNs ns) { return static_cast<double>(ns) / kNsPerSecond; }

// A level is a sum of many small steps; a request is not refused for a rounding error.
constexpr double kSlack = 1e-6;

}  // namespace

void Bucket::configure(double limit, double period_s, double depth, double fill) {
    limit_ = limit;
    refill_per_s_ = limit / period_s;
    depth_ = depth;
    level_ = depth * fill;
    lowest_ = level_;
}

void Bucket::renew_every(TimeNs period_ns, TimeNs first_at) {
    refill_per_s_ = 0;
    renew_period_ = period_ns;
    renews_at_ = first_at;
}

void Bucket::change(double limit, double period_s, double depth, TimeNs now) {
    refresh(now);
    const double used = depth_ - level_;
    limit_ = limit;
    if (renew_period_ == 0) {
        refill_per_s_ = limit / period_s;
        level_ = std::min(level_, depth);
    } else {
        level_ = depth - used;  // what was used of a day's limit stays used
    }
    depth_ = depth;
}

void Bucket::refresh(TimeNs now) {
    if (now <= at_) return;
    while (now >= renews_at_) {
        run(seconds_of(renews_at_ - at_));
        at_ = renews_at_;
        level_ = depth_;
        renews_at_ = later(renews_at_, renew_period_);
    }
    run(seconds_of(now - at_));
    at_ = now;
    lowest_ = std::min(lowest_, level_);
}

void Bucket::run(double seconds) {
    const double own_rate = refill_per_s_ - static_cast<double>(drain_) * 1e-6;
    if (cotenant_per_s_ > 0) {
        run_with_cotenant(seconds, own_rate);
    } else {
        rise(own_rate * seconds);
    }
}

// The co-tenant is subject to the same limit: it takes only what is above zero.
void Bucket::run_with_cotenant(double seconds, double own_rate) {
    if (level_ < 0) {
        if (own_rate * seconds <= -level_) {
            level_ += own_rate * seconds;
            return;
        }
        seconds -= -level_ / own_rate;
        level_ = 0;
    }
    const double rate = own_rate - cotenant_per_s_;
    const double until_empty = rate < 0 ? level_ / -rate : seconds;
    const double freely = std::min(seconds, until_empty);
    cotenant_took_ += cotenant_per_s_ * freely;
    rise(rate * freely);
    const double at_zero = seconds - freely;
    if (at_zero <= 0) return;
    if (own_rate >= 0) {
        cotenant_took_ += own_rate * at_zero;
        level_ = 0;
    } else {
        level_ = own_rate * at_zero;
    }
}

void Bucket::rise(double amount) {
    level_ += amount;
    if (level_ > depth_) {
        overflowed_ += level_ - depth_;
        level_ = depth_;
    }
}

void Bucket::take(double amount) {
    level_ -= amount;
    lowest_ = std::min(lowest_, level_);
}

void Bucket::give(double amount) { level_ = std::min(depth_, level_ + amount); }

TimeNs Bucket::wait_for(double amount) const {
    const double missing = amount - level_;
    if (missing <= kSlack) return 0;
    if (renew_period_ > 0) return amount <= depth_ ? renews_at_ - at_ : kNever;
    if (refill_per_s_ <= 0 || amount > depth_ + kSlack) return kNever;
    const double ns = std::ceil(missing / refill_per_s_ * kNsPerSecond);
    return ns >= static_cast<double>(kNever) ? kNever : static_cast<TimeNs>(ns);
}

}  // namespace weir::model
