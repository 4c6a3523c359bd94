#include "retry/adaptive_concurrency.h"

#include <algorithm>

namespace weir {

namespace {

constexpr double kFirstLimit = 8;
constexpr double kKeptAfterRefusal = 0.7;
constexpr double kLeastKept = 0.5;
constexpr double kTolerance = 2.0;

// The means are plain ones until they have so many samples.
constexpr double kUsualSamples = 600;
constexpr double kRecentSamples = 10;
// Below this many samples there is no usual time.
constexpr std::uint64_t kEnoughSamples = 20;
// An endpoint that has become much faster is not measured by its slow past.
constexpr double kForgotten = 0.95;

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
    usual_ns_ += (took - usual_ns_) / std::min(count, kUsualSamples);
    if (usual_ns_ > kTolerance * recent_ns_) usual_ns_ *= kForgotten;
    if (samples_ < kEnoughSamples || sent_at <= shrunk_at_) return;
    const double gradient = kTolerance * usual_ns_ / recent_ns_;
    if (gradient >= 1) return;
    shrink(std::max(gradient, kLeastKept), now);
}

void AdaptiveConcurrency::shrink(double share, TimeNs now) {
    slow_start_ = false;
    shrunk_at_ = now;
    limit_ = std::max(limit_ * share, static_cast<double>(settings_.floor));
}

}  // namespace weir
