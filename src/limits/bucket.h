#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"
#include "limits/gcra.h"
#include "limits/leak.h"
#include "provider/outcome.h"

namespace weir {

// Output that is on its way, where output is counted as it is produced.
struct Production {
    std::int64_t unshown = 0;  // expected of the attempts in flight and not shown by them yet
    std::int64_t silent = 0;   // the part of it whose attempts have shown nothing so far
    double silent_share =
        0.5;  // of the attempts, lately: those that showed nothing until their end
    std::uint32_t attempts = 0;    // in flight
    double per_attempt_per_s = 0;  // mean over an attempt's life; 0: not known yet

    // What may have been produced unseen, at most.
    double unseen() const { return static_cast<double>(silent) * silent_share; }
};

// One limit of so many units a minute, mirrored: a GCRA with what has been learnt about the
// provider's own. Amounts are in the limit's units, times in nanoseconds.
//
// Three things keep the mirror on the safe side. The depth is less than the provider's by what it
// may lose to being full while a request travels. The guard is a part of the level that is never
// spent: it covers rounding, late settlements and jitter, and costs burst, not throughput. The leak
// slows the refill down to what arrives here of it.
class Bucket {
public:
    // A guard and a depth in seconds of refill.
    struct Shape {
        double guard_s = 0;
        double depth_s = 0;
        bool learn_depth = true;
    };

    bool active() const { return limit_ > 0; }
    std::int64_t limit() const { return limit_; }
    double depth() const { return depth_; }
    // What it may hold at most, as far as is known.
    double full() const { return deepest_; }
    double per_s() const { return rate_.units_per_s(); }
    bool synced() const { return synced_; }
    bool learnt() const { return learnt_; }
    // Grows whenever something is learnt that changes what fits.
    std::uint32_t changes() const { return changes_; }
    double leak() const { return leak_.share(); }
    double guard() const { return rate_.units_in(guard_ns_); }

    // A first limit, or another one: the level in units stays.
    void set_limit(std::int64_t limit, bool learnt, const Shape& shape, TimeNs now);

    // ---- The way of a reservation ----

    bool ever_fits(std::int64_t units) const { return units <= limit_ || !active(); }
    TimeNs time_for(std::int64_t units) const { return rate_.time_for(units); }

    // When `need` may be taken, if nothing else is.
    TimeNs fits_at(TimeNs need) const { return gcra_.reaches(level_for(need)); }
    // When an attempt may start that takes `need` at once and produces `output` by and by.
    TimeNs fits_at(TimeNs now, TimeNs need, std::int64_t output, const Production& others) const;

    // Takes `need` at a time when it fits. What a request has waited for above a depth that is only
    // believed is its own.
    void take(TimeNs now, TimeNs need) { take_from(&gcra_, now, need); }
    // When `need` fits once `taken` has been taken.
    TimeNs fits_after(TimeNs now, TimeNs taken, TimeNs need) const {
        Gcra then = gcra_;
        take_from(&then, now, taken);
        return then.reaches(level_for(need));
    }
    // Takes without asking, into debt if need be; gives back if negative.
    void settle(TimeNs now, std::int64_t units) {
        if (units >= 0) {
            gcra_.debit(now, depth_ns_, rate_.time_for(units));
        } else {
            gcra_.credit(rate_.time_for(-units));
        }
    }

    // The level now, and the same without the corrections made so far: kept with a reservation, it
    // says later what the level was then, in the light of what has been learnt since.
    double level(TimeNs now) const { return rate_.units_in(gcra_.level(now, depth_ns_)); }
    double baseline(TimeNs now) const { return level(now) - corrections_; }

    // Sets the level so that just `need` fits now. For the first reservation: nobody has seen how
    // full the bucket is.
    void open_for(TimeNs now, TimeNs need) { gcra_.set_level(now, level_for(need)); }

    // An attempt that took `units` was let through. What refusals have built up wears off.
    void accepted(std::int64_t units);

    // ---- What the provider says (header_sync.cc) ----

    struct Sighting {
        TimeNs now = 0;
        TimeNs sent_at = 0;
        bool has_baseline = false;  // else the bucket was made after the reservation
        double baseline = 0;        // of the reservation, in this bucket
        double burst = 0;           // taken just before it, and may have come after it
        double unseen = 0;          // held by attempts that the provider may not have seen
        double unshown = 0;         // may have been produced and not shown yet
        std::int64_t own = 0;       // this reservation's units
        bool may_raise = true;      // else what remains above the mirror has another reason
    };
    // A reading of `remaining`. Returns false if it made no sense.
    bool observe(const LimitReading& reading, const Sighting& sighting);

    // The provider says that `units` did not fit, and will after `wait_ns`. `held` is debited for
    // the refused attempt and will be given back.
    void refused(TimeNs now, std::int64_t units, TimeNs wait_ns, std::int64_t held);

    // An input estimate proved wrong by so much; the provider knew it all along.
    void amend(std::int64_t by_units) { corrections_ += static_cast<double>(by_units); }

    TimeNs paused_until = 0;

private:
    static constexpr TimeNs kFlightNs = kNsPerS / 10;
    static constexpr TimeNs kEstimateShare = 20;  // a need may be this part of it larger
    static constexpr TimeNs kAheadNs = 30 * kNsPerMs;
    static constexpr TimeNs kFirstFullNs = 60 * kNsPerMs;

    // The level at which `need` may be taken; the guard is at most a part of what is left of the
    // depth. A request that is larger than the bucket is let through by a full one, and leaves it
    // in debt. Every moment that this comes late is lost refill, so it is not guarded but for what
    // the mirror may be ahead by. As long as the depth is only believed, it waits for all that it
    // needs.
    TimeNs level_for(TimeNs need) const {
        const TimeNs spare = depth_ns_ - need;
        if (!depth_known_) return need + std::min(guard_ns_, std::max(spare / 2, kFlightNs));
        const TimeNs level = need + need / kEstimateShare + kAheadNs +
                             std::min(guard_ns_, std::max<TimeNs>(spare / 4, 0));
        return std::min(level, depth_ns_ + full_ns_);
    }

    void take_from(Gcra* gcra, TimeNs now, TimeNs need) const {
        gcra->debit(now, depth_known_ ? depth_ns_ : std::max(level_for(need), depth_ns_), need);
    }

    void set_depth(double units);
    void learn_depth(double lowest, double highest, const LimitReading& reading);
    void refresh(TimeNs now);  // after a change of limit, leak or depth
    void set_guard();
    void correct(TimeNs now, double by_units);

    // What a reservation reads comes first.
    std::int64_t limit_ = 0;
    Rate rate_;
    Gcra gcra_;
    TimeNs depth_ns_ = 0;
    TimeNs guard_ns_ = 0;
    TimeNs full_ns_ = kFirstFullNs;  // so long past the mirror's depth it is surely full
    bool depth_known_ = false;       // configured, or shown by readings
    double corrections_ = 0;         // sum of all, in units

    Shape shape_;
    std::uint32_t changes_ = 0;
    Leak leak_;
    double leak_in_rate_ = 0;  // the share that rate_ was made with
    double depth_ = 0;         // the provider's, as far as seen
    double deepest_ = 0;       // what the depth is at most
    double seen_ = 0;          // the most that was there lately
    double rounding_ = 0;      // of the readings
    double noise_ = 0;         // mean size of downward corrections
    double boost_s_ = 0;       // guard that refusals have built up
    bool learnt_ = false;
    bool synced_ = false;  // a reading has been seen
};

}  // namespace weir
