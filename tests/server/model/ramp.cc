#include "model/ramp.h"

#include <algorithm>
#include <cmath>

namespace weir::model {

namespace {

constexpr double kMinuteS = 60;
constexpr double kMostCeiling = 1e12;

}  // namespace

Ramp::Ramp(const RampSettings& settings)
    : settings_(settings), ceiling_(settings.start_per_minute) {
    const auto start = static_cast<double>(ceiling_);
    bucket_.configure(start, kMinuteS, start, 1);
}

void Ramp::set_ceiling(std::int64_t ceiling) {
    ceiling_ = ceiling;
    bucket_.change(static_cast<double>(ceiling), kMinuteS, static_cast<double>(ceiling), now_);
}

TimeNs Ramp::step_ns() const {
    return std::max<TimeNs>(1, std::llround(settings_.step_s * static_cast<double>(kNsPerS)));
}

void Ramp::refresh(TimeNs now) {
    if (!on()) return;
    const auto idle_ns = static_cast<TimeNs>(settings_.idle_s * static_cast<double>(kNsPerS));
    const TimeNs forgotten_at = later(last_use_, idle_ns);
    while (grows_at_ <= std::min(now, forgotten_at)) {
        now_ = grows_at_;
        const double factored = static_cast<double>(ceiling_) * settings_.growth_factor;
        set_ceiling(static_cast<std::int64_t>(std::min(factored, kMostCeiling)) +
                    settings_.growth_per_minute);
        grows_at_ += step_ns();
    }
    now_ = now;
    if (grows_at_ != kNever && now >= forgotten_at) {
        grows_at_ = kNever;
        set_ceiling(settings_.start_per_minute);
    }
    bucket_.refresh(now);
}

TimeNs Ramp::wait_for(std::int64_t input_tokens) const {
    if (!on()) return 0;
    // What is larger than the ceiling waits for the ceiling to be reached, or for a full bucket.
    return bucket_.wait_for(std::min(static_cast<double>(input_tokens), bucket_.depth()));
}

void Ramp::take(std::int64_t input_tokens) {
    if (!on()) return;
    bucket_.take(static_cast<double>(input_tokens));
    last_use_ = now_;
    if (grows_at_ == kNever) grows_at_ = later(now_, step_ns());
}

}  // namespace weir::model
