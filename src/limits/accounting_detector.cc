#include "limits/accounting_detector.h"

#include <algorithm>
#include <cmath>

namespace weir {

namespace {

constexpr TimeNs kPatience = 10 * kNsPerS;
constexpr TimeNs kApart = 150 * kNsPerMs;
constexpr std::uint64_t kLargestCrowd = 16;
// How old a reading may be.
constexpr double kLagS = 0.2;

}  // namespace

std::uint64_t AccountingDetector::crowd(std::uint64_t sequence,
                                        std::uint64_t latest_sequence) const {
    if (latest_sequence - sequence + kLargestCrowd >= kTimes) return kLargestCrowd;
    const TimeNs at = times_[sequence % kTimes];
    std::uint64_t near = 0;
    for (std::uint64_t i = sequence - 1; i > 0 && near < kLargestCrowd; --i, ++near) {
        if (at - times_[i % kTimes] >= kApart) break;
    }
    for (std::uint64_t i = sequence + 1; i <= latest_sequence && near < kLargestCrowd;
         ++i, ++near) {
        if (times_[i % kTimes] - at >= kApart) break;
    }
    return near;
}

void AccountingDetector::note(const Moment& moment, std::uint64_t latest_sequence) {
    if (noted_.sequence != 0 && moment.at - noted_.at < kPatience) return;
    const std::uint64_t near = crowd(moment.sequence, latest_sequence);
    if (near >= kLargestCrowd) return;
    noted_ = moment;
    noted_.crowd = near;
}

OutputAccounting AccountingDetector::confirm(double per_s, double full, double rounding) {
    const Moment moment = noted_;
    drop();
    // Before the first reading the bucket is taken to have been full and untouched. If it was not,
    // neither assumption fits; if one does, that settles it.
    const bool first = !has_last_;
    const Moment from = first ? Moment{.sequence = 0,
                                       .at = moment.at,
                                       .remaining = full,
                                       .produced = 0,
                                       .reserved = 0,
                                       .promised = 0}
                              : last_;
    if (moment.at < from.at) return OutputAccounting::automatic;
    // What is compared with is kept for a while where little was promised, since the two
    // assumptions differ by what has been promised since.
    if (first || moment.at - last_.at > kPatience || moment.outstanding() < last_.outstanding()) {
        last_ = moment;
        has_last_ = true;
    }

    const double refill = per_s * static_cast<double>(moment.at - from.at) / 1e9;
    // Nothing left may be any debt: of what was before that nothing is known, and any debt that was
    // to be expected agrees with it.
    if (from.remaining <= rounding) return OutputAccounting::automatic;
    const double least = moment.remaining <= rounding ? 0 : -1e18;
    const auto expect = [&](std::int64_t gone) {
        return std::clamp(from.remaining + refill - static_cast<double>(gone), least, full);
    };
    const double if_produced = expect(moment.produced - from.produced);
    const double if_reserved = expect(moment.reserved - from.reserved);
    if (std::abs(if_produced - if_reserved) <= 4 * rounding) return OutputAccounting::automatic;
    const double stated = (first ? 1 : 2) * rounding + kLagS * per_s;
    // A full bucket is stated by when it is full, in whole seconds.
    const double less = first ? per_s : 0;
    // Reservations that were made close together may have overtaken each other, and a settlement
    // that was under way counted for the provider and not yet for us.
    const double crowd = static_cast<double>(moment.crowd + (first ? 0 : from.crowd));
    const double order = crowd > 0 || !first ? (1.5 * crowd + 1) : 0;
    const double disorder = order * static_cast<double>(moment.promised);
    const bool fits_reserved = moment.remaining <= if_reserved + disorder + stated &&
                               moment.remaining >= if_reserved - disorder - stated - less;
    // What the attempts in flight had produced of what is expected of them is not known.
    const double unshown = static_cast<double>(moment.unshown);
    const bool fits_produced = moment.remaining <= if_produced + stated &&
                               moment.remaining >= if_produced - unshown - stated - less;
    if (fits_reserved == fits_produced) return OutputAccounting::automatic;
    if (fits_reserved) {
        votes_ = first ? kEnough : std::min(std::max(votes_, 0) + 1, kEnough);
    } else {
        votes_ = first ? -kEnough : std::max(std::min(votes_, 0) - 1, -kEnough);
    }
    if (std::abs(votes_) == kEnough) decided_ = true;
    if (votes_ == kEnough) return OutputAccounting::reserved;
    if (votes_ == -kEnough) return OutputAccounting::produced;
    return OutputAccounting::automatic;
}

}  // namespace weir
