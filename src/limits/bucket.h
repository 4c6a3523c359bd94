#pragma once

#include <cstdint>

#include "base/time.h"
#include "limits/gcra.h"
#include "limits/leak.h"
#include "provider/outcome.h"

namespace weir {

// One limit of so many units a minute, mirrored: a GCRA with what has been learnt about the
// provider's own. Amounts are in the limit's units, times in nanoseconds.
//
// Three things keep the mirror on the safe side. The depth is less than the provider's by what it
// may lose to being full while a request travels. The guard is a constant part of the level that
// is never spent: it covers rounding, late settlements and jitter, and costs burst, not throughput.
// The leak slows the refill down to what arrives here of it.
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
    bool synced() const { return synced_; }
    bool learnt() const { return learnt_; }
    double leak() const { return leak_.share(); }

    // A first limit, or another one: the level in units stays.
    void set_limit(std::int64_t limit, bool learnt, const Shape& shape, TimeNs now);

    // ---- The way of a reservation ----

    bool ever_fits(std::int64_t units) const { return units <= largest_; }
    TimeNs time_for(std::int64_t units) const { return rate_.time_for(units); }

    // When `need` may be taken, if nothing else is.
    TimeNs fits_at(TimeNs need) const { return gcra_.reaches(need + margin(need)); }

    // Takes `need` at a time when it fits; a request larger than the depth has waited for what it
    // needs, so the depth is then what it waited for.
    void take(TimeNs now, TimeNs need) {
        gcra_.debit(now, need + margin(need) > depth_ns_ ? need + margin(need) : depth_ns_, need);
    }
    // Takes without asking, into debt if need be.
    void take_anyway(TimeNs now, std::int64_t units) {
        gcra_.debit(now, depth_ns_, rate_.time_for(units));
    }
    void give_back(std::int64_t units) { gcra_.credit(rate_.time_for(units)); }

    // The level now, and the same without the corrections made so far: kept with a reservation, it
    // says later what the level was then, in the light of what has been learnt since.
    double level(TimeNs now) const { return rate_.units_in(gcra_.level(now, depth_ns_)); }
    double baseline(TimeNs now) const { return level(now) - corrections_; }

    // Holds the first reservation ever back from spending a depth that nobody has seen yet: the
    // level is set to let it through, and to refill from there.
    void open_for(TimeNs now, TimeNs need) { gcra_.set_level(now, need + margin(need)); }

    // ---- What the provider says (header_sync.cc) ----

    struct Sighting {
        TimeNs now = 0;
        TimeNs sent_at = 0;
        double baseline = 0;        // of the reservation, in this bucket
        bool has_baseline = false;  // else the bucket was made after the reservation
        double unseen = 0;          // held by attempts that the provider may not have seen
        double unproduced = 0;      // held for output that may not exist yet
        std::int64_t own = 0;       // this reservation's units
    };
    // A reading of `remaining`. Returns false if it made no sense.
    bool observe(const LimitReading& reading, const Sighting& sighting);

    // The provider says that `units` did not fit, and will after `wait_ns`. `held_back` is debited
    // here and will be given back by settlements, or does not exist yet.
    void refused(TimeNs now, std::int64_t units, TimeNs wait_ns, double held_back);

    // An input estimate proved wrong by so much; the provider knew it all along.
    void amend(std::int64_t by_units) { corrections_ += static_cast<double>(by_units); }

    TimeNs paused_until = 0;

private:
    static constexpr TimeNs kFlightNs = kNsPerS / 10;

    TimeNs margin(TimeNs need) const {
        const TimeNs room = depth_ns_ - need;
        const TimeNs most = room > kFlightNs ? room : kFlightNs;
        return guard_ns_ < most ? guard_ns_ : most;
    }

    void set_depth(double units);
    void refresh(TimeNs now);  // after a change of limit, leak, depth or noise
    void correct(TimeNs now, double by_units);
    void learn_noise(double units);

    Gcra gcra_;
    Rate rate_;
    TimeNs depth_ns_ = 0;
    TimeNs guard_ns_ = 0;
    std::int64_t largest_ = 0;
    double corrections_ = 0;  // sum of all, in units

    std::int64_t limit_ = 0;
    Shape shape_;
    Leak leak_;
    double depth_ = 0;     // the provider's, as far as seen
    double rounding_ = 0;  // of the readings
    double noise_ = 0;     // mean size of downward corrections, decaying
    bool learnt_ = false;
    bool synced_ = false;  // a reading has been seen
};

}  // namespace weir
