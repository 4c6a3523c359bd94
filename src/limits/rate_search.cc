#include "limits/rate_search.h"

#include <algorithm>
#include <cmath>

namespace weir {

namespace {

constexpr double kFirstPace = 1;
constexpr double kLeastPace = 1.0 / 60;
constexpr double kMostPace = 1e4;
constexpr TimeNs kLook = kNsPerS;

// Until the first refusal the pace doubles in this time.
constexpr double kDoublingS = 5;
// After it, growth by this share of the pace a second, the faster the longer nothing is refused;
// and by request at slow paces, so that a refusal is not a large part of what is let through.
constexpr double kGrowth = 0.001;
constexpr double kGrowthByRequest = 0.0004;
constexpr double kFasterAfterS = 120;
constexpr double kFasterAfterRequests = 400;
constexpr double kMostGrowth = 0.02;
// A pace that is not made use of says nothing about a higher one.
constexpr double kUsed = 0.7;

constexpr double kBelow = 0.95;  // of the measured limit
constexpr double kFirstDown = 0.5;
constexpr double kDown = 0.95;
constexpr double kMostDown = 0.7;
constexpr double kMemory = 0.8;
constexpr double kEnoughRequests = 10;
// How long the bucket is left to fill up after a refusal.
constexpr TimeNs kCushion = 3 * kNsPerS;
constexpr int kMostShortCycles = 4;

double seconds_between(TimeNs from, TimeNs to) { return static_cast<double>(to - from) / 1e9; }

}  // namespace

void RateSearch::begin(TimeNs now) {
    *this = RateSearch();
    pace_per_s_ = kFirstPace;
    grown_at_ = now;
    refused_at_ = now;
}

double RateSearch::growth_per_s(TimeNs now) const {
    if (!was_refused_) return std::log(2.0) / kDoublingS;
    const double quiet_s = seconds_between(refused_at_, now);
    const double growth = std::min(kGrowth, kGrowthByRequest * pace_per_s_);
    const double patience_s = std::max(kFasterAfterS, kFasterAfterRequests / pace_per_s_);
    return std::min(growth * std::exp2(quiet_s / patience_s), kMostGrowth);
}

bool RateSearch::accepted(TimeNs now) {
    since_refusal_ += 1;
    since_growth_ += 1;
    if (now - grown_at_ < kLook) return false;
    const double seconds = seconds_between(grown_at_, now);
    const bool used = since_growth_ >= kUsed * pace_per_s_ * seconds;
    const double growth = growth_per_s(now) * std::min(seconds, kDoublingS);
    grown_at_ = now;
    since_growth_ = 0;
    if (!used) return false;
    pace_per_s_ = std::min(pace_per_s_ * (1 + growth), kMostPace);
    return true;
}

TimeNs RateSearch::refused(TimeNs sent_at, TimeNs now) {
    const TimeNs cushion = kCushion << short_cycles_;
    if (was_refused_ && sent_at <= refused_at_) return cushion;
    const bool measures = was_refused_ && since_refusal_ >= kEnoughRequests;
    if (measures) {
        requests_ = requests_ * kMemory + since_refusal_;
        seconds_ = seconds_ * kMemory + seconds_between(refused_at_, now);
        short_cycles_ = 0;
    } else if (was_refused_) {
        // Refused again at once: there is a debt, from what was under way. It takes time, and says
        // nothing about the limit.
        short_cycles_ = std::min(short_cycles_ + 1, kMostShortCycles);
    }
    double pace = pace_per_s_ * (was_refused_ ? kDown : kFirstDown);
    if (measures) pace = std::clamp(kBelow * requests_ / seconds_, kMostDown * pace, pace);
    pace_per_s_ = std::max(pace, kLeastPace);
    was_refused_ = true;
    since_refusal_ = 0;
    since_growth_ = 0;
    refused_at_ = now;
    grown_at_ = now;
    return cushion;
}

}  // namespace weir
