#include "limits/accounting_detector.h"

#include <algorithm>
#include <cmath>

namespace weir {

namespace {

constexpr TimeNs kPatience = 10 * kNsPerS;
constexpr TimeNs kApart = 150 * kNsPerMs;
constexpr std::uint64_t kLargestCrowd = 16;
constexpr double kUnderWay = 4;
constexpr double kNear = 0.35;

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
    const double gap = std::abs(if_produced - if_reserved);
    // A settlement that was under way counts for the provider and not yet for us, and attempts that
    // were made close together may have overtaken each other.
    const double doubtful =
        std::max(kUnderWay, 2.0 + 2.0 * static_cast<double>(moment.crowd + from.crowd));
    const double under_way =
        first && moment.crowd == 0 ? 0 : doubtful * static_cast<double>(moment.promised);
    if (gap <= std::max(4 * rounding, under_way)) return OutputAccounting::automatic;

    if (std::abs(moment.remaining - if_reserved) < kNear * gap) {
        votes_ = first ? kEnough : std::min(std::max(votes_, 0) + 1, kEnough);
    } else if (std::abs(moment.remaining - if_produced) < kNear * gap) {
        votes_ = first ? -kEnough : std::max(std::min(votes_, 0) - 1, -kEnough);
    }
    if (std::abs(votes_) == kEnough) decided_ = true;
    if (votes_ == kEnough) return OutputAccounting::reserved;
    if (votes_ == -kEnough) return OutputAccounting::produced;
    return OutputAccounting::automatic;
}

}  // namespace weir
