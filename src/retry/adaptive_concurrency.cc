#include "retry/adaptive_concurrency.h"

#include <algorithm>

namespace weir {

namespace {

constexpr double kFirstLimit = 8;
constexpr double kKeptAfterRefusal = 0.7;
constexpr double kLeastKept = 0.5;
constexpr double kTolerance = 2.0;

constexpr double kRecentSamples = 20;
// The usual time is the recent one as it mostly is. It follows it down fast, and up so slowly that
// an overload that grows with the limit is not taken for what is usual.
constexpr double kSamplesDown = 50;
constexpr double kSamplesUp = 5000;
// Where the limit has shrunk and the time does not come down, it was not the limit.
constexpr double kRaisedByShrinking = 1.02;

}  // namespace

AdaptiveConcurrency::AdaptiveConcurrency(const AdaptiveSettings& settings)
    : settings_(settings),
      limit_(std::clamp(kFirstLimit, static_cast<double>(settings.floor),
                        static_cast<double>(settings.ceiling))) {}

void AdaptiveConcurrency::succeeded(std::uint32_t in_flight) {
    // Less than half of the limit in use says nothing about what lies above it.
    if (!on() || 2.0 * in_flight < limit_) return;
    limit_ += slow_start_ ? 1 : 1 / limit_;
    limit_ = std::min(limit_, static_cast<double>(settings_.ceiling));
}

void AdaptiveConcurrency::refused(TimeNs sent_at, TimeNs now) {
    if (!on() || sent_at <= shrunk_at_) return;
    shrink(kKeptAfterRefusal, now);
}

void AdaptiveConcurrency::first_token(TimeNs sent_at, TimeNs now) {
    if (!on()) return;
    const auto took = static_cast<double>(std::max<TimeNs>(now - sent_at, 1));
    ++samples_;
    const auto count = static_cast<double>(samples_);
    recent_ns_ += (took - recent_ns_) / std::min(count, kRecentSamples);
    if (count <= kRecentSamples) {
        usual_ns_ = recent_ns_;
    } else if (recent_ns_ < usual_ns_) {
        usual_ns_ += (recent_ns_ - usual_ns_) / kSamplesDown;
    } else {
        usual_ns_ += (std::min(recent_ns_, kTolerance * usual_ns_) - usual_ns_) / kSamplesUp;
    }
    if (sent_at <= shrunk_at_) return;
    const double gradient = kTolerance * usual_ns_ / recent_ns_;
    if (gradient >= 1) return;
    usual_ns_ *= kRaisedByShrinking;
    shrink(std::max(gradient, kLeastKept), now);
}

void AdaptiveConcurrency::shrink(double share, TimeNs now) {
    slow_start_ = false;
    shrunk_at_ = now;
    limit_ = std::max(limit_ * share, static_cast<double>(settings_.floor));
}

}  // namespace weir
