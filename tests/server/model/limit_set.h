#pragma once

#include <array>
#include <cstdint>

#include "base/time.h"
#include "model/bucket.h"
#include "model/limits.h"
#include "model/ramp.h"

namespace weir::model {

// What a limit's headers say. -1: there is no such limit.
struct Reading {
    std::int64_t limit = -1;
    std::int64_t remaining = -1;
    TimeNs reset_in_ns = -1;  // until the bucket is full again
};
using Readings = std::array<Reading, kLimitKinds>;

// The buckets that one request must pass together: those of an account and a model class.
class LimitSet {
public:
    LimitSet(const Limits& limits, const Enforcement& enforcement, TimeNs first_midnight);

    struct Refusal {
        bool refused = false;
        bool for_growth = false;  // the ramp refused, not a bucket
        LimitKind by = LimitKind::requests;
        TimeNs wait_ns = 0;  // until this bucket would let the request pass; kNever: never
    };

    void refresh(TimeNs now);

    // All of the following speak of the time of the last refresh.

    // Takes what a request takes at its start from every bucket, or nothing from any.
    Refusal admit(std::int64_t input_tokens, std::int64_t max_tokens);
    // Generation begins to produce, or ends, at this rate.
    void add_production(std::int64_t microtokens_per_s);
    // Output that is produced in no time.
    void produce(std::int64_t tokens);
    // A generation is over: what was reserved for it and not produced comes back.
    void settle(std::int64_t max_tokens, std::int64_t produced_tokens);

    void change(const Limits& limits, TimeNs now);
    // Somebody else draws this much more of the refill, or less if negative.
    void add_cotenant(LimitKind kind, double share);
    Readings read(std::int64_t rounding) const;

    const Limits& limits() const { return limits_; }
    Bucket& bucket(LimitKind kind) { return buckets_[index_of(kind)]; }
    const Bucket& bucket(LimitKind kind) const { return buckets_[index_of(kind)]; }

private:
    struct Shape {
        double period_s;
        double depth;
    };
    Shape shape(LimitKind kind, std::int64_t limit) const;
    // What must be in the bucket before a request that takes `amount` is admitted.
    double needed(LimitKind kind, double amount) const;
    void apply_cotenant(LimitKind kind);

    Limits limits_;
    Enforcement enforcement_;
    std::array<Bucket, kLimitKinds> buckets_;
    std::array<double, kLimitKinds> cotenant_share_{};
    Ramp ramp_;
};

}  // namespace weir::model
