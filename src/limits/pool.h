#pragma once

#include <array>
#include <cstdint>

#include "base/time.h"
#include "limits/accounting_detector.h"
#include "limits/bucket.h"
#include "limits/cost.h"
#include "limits/day_quota.h"
#include "limits/limit_settings.h"
#include "limits/ramp.h"
#include "limits/rate_search.h"
#include "limits/slow_start.h"
#include "provider/outcome.h"

namespace weir {

// The limits of one scope, for instance an account's for a model class: the set that an attempt
// passes together. All calls of a turn have the same `now`.
class Pool {
public:
    // What was settled on when the engine was opened.
    struct Rules {
        double burst_s = 0;   // configured depth; 0: learnt
        bool pinned = false;  // configured limits win over headers
        OutputAccounting accounting = OutputAccounting::automatic;
        bool refuse_over_spend = false;
        bool stated_by_headers = true;  // else what is configured is all there is
    };
    Pool(const BucketLimits& configured, const Rules& rules);

    // What an attempt takes from each bucket when it starts, and the time that this takes to
    // refill: filled in by check(), used by take().
    struct Needs {
        std::array<std::int64_t, kMinuteKinds> units;
        std::array<TimeNs, kMinuteKinds> times;
    };
    // Whether and when an attempt fits. Takes nothing.
    Verdict check(const Cost& cost, TimeNs now, std::int64_t wall_offset_ns, Needs* needs);
    // No attempt of `cost` fits before this once those needs are taken; it may be later.
    TimeNs fits_after(const Needs& taken, const Cost& cost, TimeNs now) const;
    // Takes it. Only after check() granted it at the same `now`.
    void take(const Cost& cost, const Needs& needs, TimeNs now, Hold* hold);

    // A stream has shown `shown` tokens, after `shown_before`.
    void progress(const Cost& cost, const Hold& hold, std::int64_t shown_before, std::int64_t shown,
                  TimeNs now);

    // The provider has counted so much more input than was expected, right from the start.
    void settle_input(std::int64_t more, const Hold& hold, TimeNs now);

    struct Settlement {
        Cost cost;
        std::int64_t shown = 0;
        std::int64_t known_input = -1;  // settled already
        std::int64_t input = -1;        // really used; -1: not known
        std::int64_t output = -1;
        std::int64_t whole_input = -1;  // what the cache gave included
        std::int64_t spend = -1;
        bool executed = true;  // else only the request itself counts
        bool request_counts = true;
        bool success = false;
        TimeNs reserved_at = 0;
    };
    void settle(const Settlement& settlement, const Hold& hold, TimeNs now,
                std::int64_t wall_offset_ns);

    // The head of a response to the attempt. Returns how many readings made no sense.
    struct Sighted {
        Cost cost;
        TimeNs reserved_at = 0;
    };
    std::uint32_t observe(const LimitReadings& readings, const Sighted& attempt, const Hold& hold,
                          TimeNs now);

    // Grows with every change to what fits that readings have made.
    std::uint64_t changes() const {
        std::uint64_t sum = changes_;
        for (const Bucket& each : buckets_) sum += each.changes();
        return sum;
    }

    // The attempt was refused. Returns until when the pool pauses.
    TimeNs refuse(const Outcome& outcome, const Sighted& attempt, const Hold& hold, TimeNs now,
                  std::int64_t wall_offset_ns);

    // From now on it starts slowly after a pause, and if it was not used before.
    void start_slowly(const SlowStart::Rules& rules, TimeNs now) {
        slow_start_.arm(rules, sequence_ == 0 ? -kEndless : now);
    }
    // What its start had come to, for a later run: the ramp after a refusal says it, if there is
    // one.
    SlowStart::Reached start_reached() const {
        SlowStart::Reached reached = slow_start_.reached();
        if (ramp_.active()) reached.share = std::min(reached.share, slow_start_.share_in_use());
        return reached;
    }
    void go_on_from(const SlowStart::Reached& reached) {
        if (slow_start_.armed() && sequence_ == 0) slow_start_.go_on_from(reached);
    }
    const SlowStart& slow_start() const { return slow_start_; }
    const Ramp& ramp() const { return ramp_; }
    // A search for the rate is slow enough by itself.
    bool held_back_by_start() const { return slow_start_.armed() && !search_.active(); }

    const Bucket& bucket(LimitKind kind) const { return buckets_[static_cast<std::size_t>(kind)]; }
    const DayQuota& day() const { return day_; }
    const DayQuota& spend() const { return spend_; }
    // Puts back what was used of a day before a restart.
    void restore_day(std::int64_t tokens, std::int64_t spend, TimeNs now,
                     std::int64_t wall_offset_ns);
    OutputAccounting accounting() const {
        return reserves_ ? OutputAccounting::reserved : OutputAccounting::produced;
    }
    // The same without doubt: configured so, or seen to be so.
    bool surely_reserves() const {
        return reserves_ &&
               (rules_.accounting == OutputAccounting::reserved || detector_.decided());
    }
    // Nothing starts before this, since the provider has refused something.
    TimeNs paused_until() const { return paused_until_; }
    // The largest amount that may ever pass at once; -1 if that is not limited.
    std::int64_t largest(LimitKind kind) const;
    // Of a bucket: what attempts in flight hold, and what is left beside that.
    double held(LimitKind kind) const;
    double room(LimitKind kind, TimeNs now) const;

private:
    Bucket& bucket(LimitKind kind) { return buckets_[static_cast<std::size_t>(kind)]; }
    Bucket::Shape shape(LimitKind kind) const;
    void start_paced(const Cost& cost, TimeNs now);
    TimeNs dominant(const Cost& cost, const Needs& needs) const;
    void give_up_reserving(TimeNs now);
    void switch_accounting(bool reserves, TimeNs now);
    void check_spend(const Cost& cost, TimeNs now, std::int64_t wall_offset_ns, Verdict* verdict);
    void settle_day(const Settlement& settlement, const Hold& hold, TimeNs now,
                    std::int64_t wall_offset_ns);
    void settle_output(const Settlement& settlement, const Hold& hold, TimeNs now);
    void begin_search(TimeNs now);
    void apply_search(TimeNs now);
    void leave_flight(const Settlement& settlement);

    std::uint32_t observe_limit(LimitKind kind, const LimitReading& reading, const Hold& hold,
                                TimeNs now);
    std::uint32_t observe_remaining(LimitKind kind, const LimitReading& reading,
                                    const Sighted& attempt, const Hold& hold, TimeNs now);
    bool accounting_known() const {
        return rules_.accounting != OutputAccounting::automatic || detector_.decided();
    }
    void note_accounting(const LimitReading& reading, const Sighted& attempt, const Hold& hold);
    void confirm_accounting(TimeNs now);
    TimeNs accelerated(const Outcome& outcome, const Sighted& attempt, const Hold& hold,
                       TimeNs now);
    LimitKind most_likely(TimeNs now) const;
    std::int64_t own_units(LimitKind kind, const Cost& cost) const;

    std::array<Bucket, kMinuteKinds> buckets_;
    DayQuota day_;
    DayQuota spend_;
    Rules rules_;

    std::uint64_t changes_ = 0;  // beside those of the buckets
    TimeNs paused_until_ = 0;
    LimitKind paused_by_ = LimitKind::unknown;
    TimeNs paused_at_ = 0;  // when the last refusal came
    int refusals_ = 0;      // in a row

    // Before anything is known of the limits, attempts go out one by one.
    bool open_ = false;
    TimeNs probe_at_ = 0;

    RateSearch search_;  // while nothing else is known
    Ramp ramp_;
    SlowStart slow_start_;
    std::int64_t most_in_flight_ = 0;  // 0: not limited

    std::uint64_t sequence_ = 0;        // of the last reservation
    std::uint64_t limits_seen_in_ = 0;  // the latest reservation whose headers stated limits

    TimeNs burst_began_at_ = 0;
    std::array<double, kMinuteKinds> burst_{};  // taken since

    // Of the attempts in flight.
    Production production_;
    std::int64_t input_in_flight_ = 0;
    std::int64_t promised_ = 0;  // what they reserve, where the provider reserves
    std::int64_t shown_ = 0;

    // Speed of production: decaying sums over attempts.
    double produced_sum_ = 0;
    double seconds_sum_ = 0;

    bool reserves_ = false;
    int careful_answers_ = 0;  // while it is not known how output is counted
    AccountingDetector detector_;
    double detector_rounding_ = 0;
};

}  // namespace weir
