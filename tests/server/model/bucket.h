#pragma once

#include <cstdint>

#include "base/time.h"

namespace weir::model {

// A token bucket in continuous time. It refills at a constant rate, and is drained by a constant
// rate (what running generations produce, and a co-tenant) until somebody changes that rate: so its
// level at any later time is exact, and costs the same however much happened meanwhile.
class Bucket {
public:
    // `limit` a period of `period_s`; the bucket holds `depth`. A limit of 0 is no limit.
    void configure(double limit, double period_s, double depth, double fill);
    // All of it comes back at once, at `first_at` and every `period_ns` after that.
    void renew_every(TimeNs period_ns, TimeNs first_at);
    // The limit changed. What is above the new depth is gone.
    void change(double limit, double period_s, double depth, TimeNs now);

    bool limited() const { return limit_ > 0; }
    double limit() const { return limit_; }
    double depth() const { return depth_; }

    // Brings the level to `now`. The other calls speak of the time that was last given here.
    void refresh(TimeNs now);
    double level() const { return level_; }
    void set_level(double level) { level_ = level; }

    void take(double amount);
    void give(double amount);
    void add_drain(std::int64_t microtokens_per_s) { drain_ += microtokens_per_s; }
    void set_cotenant(double per_s) { cotenant_per_s_ = per_s; }

    // How long until refill alone brings the level to `amount`; kNever if it never does.
    TimeNs wait_for(double amount) const;
    TimeNs full_in() const { return wait_for(depth_); }

    double lowest() const { return lowest_; }          // ever
    double overflowed() const { return overflowed_; }  // refill that came while it was full
    double cotenant_took() const { return cotenant_took_; }

private:
    void run(double seconds);
    void run_with_cotenant(double seconds, double own_rate);
    void rise(double amount);

    double limit_ = 0;
    double refill_per_s_ = 0;
    double depth_ = 0;
    double level_ = 0;
    double cotenant_per_s_ = 0;
    std::int64_t drain_ = 0;  // an integer, so that what was added can be taken off exactly
    TimeNs at_ = 0;
    TimeNs renew_period_ = 0;
    TimeNs renews_at_ = kNever;
    double lowest_ = 0;
    double overflowed_ = 0;
    double cotenant_took_ = 0;
};

}  // namespace weir::model
