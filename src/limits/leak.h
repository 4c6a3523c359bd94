#pragma once

#include <algorithm>

namespace weir {

// The part of a bucket's refill that somebody else gets: a co-tenant, another host, or nobody,
// because the limit is lower than believed. The integral of the corrections that the headers force
// on the mirror; negative when the limit is higher than believed.
class Leak {
public:
    // The mirror was `excess_s` seconds of refill too high. `horizon_s` is the time over which the
    // correction is taken to have built up: short for fresh readings, long for late ones.
    void too_high(double excess_s, double horizon_s) { move(std::min(excess_s / horizon_s, 0.1)); }
    // The mirror was too low. Ten times slower, because this error refuses nobody.
    void too_low(double shortage_s, double horizon_s) {
        move(-0.1 * std::min(shortage_s / horizon_s, 0.1));
    }
    // With each reading a little is forgotten: as far as the mirror may be wrong without a reading
    // that says so, a leak that has ended would stay for ever.
    void fade() {
        if (share_ > 0) share_ *= kKept;
    }
    // Nobody gives us more than the limit that is stated.
    void at_least_none() { share_ = std::max(share_, 0.0); }
    void clear() { share_ = 0; }

    double share() const { return share_; }
    // What is left of the refill for us.
    double speed() const { return 1.0 - share_; }

private:
    static constexpr double kKept = 0.997;

    void move(double by) { share_ = std::clamp(share_ + by, -0.25, 0.9); }

    double share_ = 0;
};

}  // namespace weir
