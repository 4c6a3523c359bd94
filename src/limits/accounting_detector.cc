#include "limits/accounting_detector.h"

#include <algorithm>
#include <cmath>

namespace weir {

OutputAccounting AccountingDetector::observe(const Moment& moment, double per_s, double full,
                                             double rounding) {
    // Before the first reading the bucket is taken to have been full and untouched.
    Moment from = last_;
    if (!has_last_) from = {.at = moment.at, .remaining = full, .produced = 0, .reserved = 0};
    if (moment.at < from.at) return OutputAccounting::automatic;
    last_ = moment;
    has_last_ = true;

    const double refill = per_s * static_cast<double>(moment.at - from.at) / 1e9;
    const auto expect = [&](std::int64_t gone) {
        return std::clamp(from.remaining + refill - static_cast<double>(gone), 0.0, full);
    };
    const double if_produced = expect(moment.produced - from.produced);
    const double if_reserved = expect(moment.reserved - from.reserved);
    const double gap = std::abs(if_produced - if_reserved);
    if (gap <= std::max(8 * rounding, 0.01 * full)) return OutputAccounting::automatic;

    if (std::abs(moment.remaining - if_reserved) < 0.25 * gap) {
        votes_ = std::min(std::max(votes_, 0) + 1, kEnough);
    } else if (std::abs(moment.remaining - if_produced) < 0.25 * gap) {
        votes_ = std::max(std::min(votes_, 0) - 1, -kEnough);
    }
    if (votes_ == kEnough) return OutputAccounting::reserved;
    if (votes_ == -kEnough) return OutputAccounting::produced;
    return OutputAccounting::automatic;
}

}  // namespace weir
