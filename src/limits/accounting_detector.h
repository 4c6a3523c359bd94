#pragma once

#include <cstdint>

#include "base/time.h"
#include "limits/limit_settings.h"

namespace weir {

// Finds out how a provider counts output, from what remained at two moments: between them either
// what was produced has gone, or what was reserved less what was settled. Only where the two differ
// by more than the readings can be wrong does a comparison count.
class AccountingDetector {
public:
    // Sums of what has gone so far under either assumption. A reservation keeps them.
    std::int64_t produced() const { return produced_; }
    std::int64_t reserved() const { return reserved_; }
    void add_produced(std::int64_t tokens) { produced_ += tokens; }
    void add_reserved(std::int64_t tokens) { reserved_ += tokens; }

    struct Moment {
        TimeNs at = 0;  // when the reservation was made
        double remaining = 0;
        std::int64_t produced = 0;
        std::int64_t reserved = 0;
    };
    // A reading of a bucket that refills `per_s` and holds up to `full`, within `rounding` of the
    // truth. Returns the kind that is now believed, or automatic while nothing is.
    OutputAccounting observe(const Moment& moment, double per_s, double full, double rounding);

private:
    static constexpr int kEnough = 2;

    std::int64_t produced_ = 0;
    std::int64_t reserved_ = 0;
    Moment last_;
    bool has_last_ = false;
    int votes_ = 0;  // for reserved, less those for produced
};

}  // namespace weir
