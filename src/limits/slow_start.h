#pragma once

#include <algorithm>
#include <cmath>

#include "base/time.h"
#include "limits/gcra.h"

namespace weir {

// The start of an account and model class that is new, or was idle for long. Beside its limits a
// provider refuses use that rises too fast ("acceleration"); so what may go is a share of the
// refill, which doubles in so much time. It is over when the share has been above the whole for so
// long that what the buckets hold is used up too, rather than let go all at once.
//
// A cost is the time in which the refill brings it. The share's integral over time is what has come
// in, and a request goes when all that went before it is paid for.
class SlowStart {
public:
    struct Rules {
        TimeNs idle_ns = 600 * kNsPerS;     // after so long without use it starts again
        TimeNs doubling_ns = 30 * kNsPerS;  // of the share
        double first_share = 0.03;
    };

    // As long as it may become by refusals.
    static constexpr TimeNs kLongestDoubling = 1800 * kNsPerS;

    bool armed() const { return armed_; }
    bool active(TimeNs now) const { return now < over_at_; }
    const Rules& rules() const { return rules_; }

    // From now on: what was used until `used_at` is taken to be in full swing. -kEndless: nothing.
    void arm(const Rules& rules, TimeNs used_at) {
        if (armed_) return;
        rules_ = rules;
        used_at_ = used_at;
        armed_ = true;
    }

    // How far it had come when it was used last, for a later run to go on from there: the share it
    // had grown to, or kLastShare once it was over. used_at: -kEndless if it was not used.
    static constexpr double kLastShare = 4;
    struct Reached {
        TimeNs used_at = -kEndless;
        double share = 0;
    };
    Reached reached() const {
        return {.used_at = used_at_,
                .share = active(used_at_) ? rules_.first_share * std::exp2(doublings(used_at_))
                                          : kLastShare};
    }
    // What was let through of late, as a share of the refill.
    double share_in_use() const {
        const TimeNs seen = std::max(used_at_ - seen_since_, kNsPerS);
        return in_use_ns_ / (kUseSpan * (1 - std::exp(static_cast<double>(-seen) / kUseSpan)));
    }
    // As if an earlier run's use had been its own.
    void go_on_from(const Reached& reached) {
        used_at_ = reached.used_at;
        over_at_ = -kEndless;
        if (reached.share >= kLastShare) return;
        begin(reached.used_at);
        const double share = std::max(reached.share, rules_.first_share);
        const double grown = std::log2(share / rules_.first_share);
        const auto since = static_cast<TimeNs>(grown * static_cast<double>(rules_.doubling_ns));
        began_at_ -= since;
        over_at_ -= since;
        owed_ = come_in(used_at_);
    }

    // When the next request may go.
    TimeNs fits_at() const { return std::min(paid_at(), over_at_); }

    // What would go if it were used now, and from then on.
    SlowStart as_of(TimeNs now) const {
        SlowStart then = *this;
        then.come_to(now);
        return then;
    }
    double lets_go(TimeNs now, TimeNs until) const {
        return come_in(until) - std::max(owed_, come_in(now));
    }
    TimeNs whole_at() const {
        const double doublings = -std::log2(rules_.first_share);
        return later(began_at_,
                     static_cast<TimeNs>(doublings * static_cast<double>(rules_.doubling_ns)));
    }
    TimeNs over_at() const { return over_at_; }

    void take(TimeNs cost, TimeNs now) {
        if (in_use_ns_ == 0) seen_since_ = now;
        in_use_ns_ *= std::exp(static_cast<double>(used_at_ - now) / kUseSpan);
        in_use_ns_ += static_cast<double>(cost);
        come_to(now);
        if (active(now)) owed_ = std::max(owed_, come_in(now)) + static_cast<double>(cost);
        used_at_ = now;
    }

    // It grew too fast even so. What has begun is over, since a refusal is followed by a ramp of
    // its own; the next start takes twice as long.
    void refused(TimeNs now) {
        if (!active(now)) return;
        over_at_ = -kEndless;
        const TimeNs twice = std::min(2 * rules_.doubling_ns, kLongestDoubling);
        rules_.doubling_ns = std::max(rules_.doubling_ns, twice);
    }

private:
    static constexpr double kUseSpan = 30.0 * kNsPerS;

    void come_to(TimeNs now) {
        if (now - used_at_ >= rules_.idle_ns) {
            begin(now);
        } else if (active(used_at_)) {
            // Time in which nothing was asked for is no growth that the provider has seen.
            const TimeNs unused = now - std::max(used_at_, paid_at()) - rules_.doubling_ns;
            began_at_ += std::max<TimeNs>(unused, 0);
            over_at_ += std::max<TimeNs>(unused, 0);
        }
    }

    void begin(TimeNs now) {
        began_at_ = now;
        owed_ = 0;
        used_at_ = now;
        const double doublings = std::log2(kLastShare / rules_.first_share);
        over_at_ =
            later(now, static_cast<TimeNs>(static_cast<double>(rules_.doubling_ns) * doublings));
    }

    // The share's integral since the beginning, and when it comes to what is owed.
    double scale() const {
        return rules_.first_share * static_cast<double>(rules_.doubling_ns) / std::log(2.0);
    }
    double doublings(TimeNs now) const {
        return static_cast<double>(now - began_at_) / static_cast<double>(rules_.doubling_ns);
    }
    double come_in(TimeNs now) const { return scale() * (std::exp2(doublings(now)) - 1); }
    TimeNs paid_at() const {
        const double doublings = std::log2(1 + owed_ / scale());
        return later(
            began_at_,
            static_cast<TimeNs>(std::ceil(doublings * static_cast<double>(rules_.doubling_ns))));
    }

    Rules rules_;
    bool armed_ = false;
    TimeNs used_at_ = -kEndless;
    TimeNs began_at_ = 0;
    TimeNs over_at_ = -kEndless;
    double owed_ = 0;
    double in_use_ns_ = 0;  // costs, which fade in kUseSpan
    TimeNs seen_since_ = 0;
};

}  // namespace weir
