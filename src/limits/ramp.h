#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "base/time.h"
#include "limits/gcra.h"

namespace weir {

// Growth that the provider accepts. Beside its limits a provider refuses a usage that rises too
// fast ("acceleration"), without saying what would have been slow enough. The first such refusal
// starts a ramp: input is held to a little less than what was let through before it, and grows from
// there, the faster the longer nothing is refused. A further refusal lowers the pace, and makes its
// growth slower if it was that which was too fast. When nothing was refused for long it is over.
class Ramp {
public:
    bool active() const { return pace_per_s_ > 0; }
    double pace_per_s() const { return pace_per_s_; }

    // What it lets go in time.
    struct Outlook {
        double pace_per_s = 0;  // 0: no ramp
        double room = 0;
        double growth_per_s = 0;

        // The pace grows as long as it is made use of, and refusals take most of it back; at the
        // soonest it grows as fast as it ever does.
        double within(double seconds, bool surely) const {
            constexpr double kLongestS = 1e6;
            const double growth = surely ? kMostGrowth : kGrowthLeft * growth_per_s;
            const double grown = std::expm1(growth * std::min(seconds, kLongestS));
            return (surely ? pace_per_s : room) + pace_per_s * grown / growth;
        }
    };
    Outlook outlook(TimeNs now) const {
        if (!active()) return {};
        const TimeNs level = gcra_.level(now, kDepth);
        return {.pace_per_s = pace_per_s_,
                .room = static_cast<double>(level) / 1e9 * pace_per_s_,
                .growth_per_s = growth_per_s_};
    }

    // Input was let through.
    void used(std::int64_t tokens, TimeNs now) {
        if (now - window_began_at_ >= kWindow) {
            const bool adjacent = now - window_began_at_ < 2 * kWindow;
            last_window_ = adjacent ? window_ : 0;
            window_ = 0;
            window_began_at_ = now;
        }
        window_ += tokens;
        if (active()) grow(now);
    }

    // An attempt of so much was refused. Nothing goes before `resumes_at`, and then not at once
    // what could have gone till then.
    void refused(std::int64_t tokens, TimeNs sent_at, TimeNs now, TimeNs resumes_at) {
        not_used(tokens);
        if (active() && sent_at <= refused_at_) {
            // It was on its way when the pace was lowered, by a use of which it was thought a part.
            lower(use_per_s(now));
            gcra_.set_level(resumes_at, 0);
            return;
        }
        // One that follows another closely says that the pace is too high as it is.
        const bool has_grown = active() && now - refused_at_ >= kSettled;
        if (has_grown) growth_per_s_ = std::max(growth_per_s_ / 2, kLeastGrowth);
        const double use = use_per_s(now);
        lower(active() ? std::min(use, pace_per_s_) : use);
        refused_at_ = now;
        grown_at_ = now;
        gcra_.set_level(resumes_at, 0);
    }

    // When `tokens` of input may go.
    TimeNs fits_at(std::int64_t tokens) const { return gcra_.reaches(time_for(tokens)); }
    void take(std::int64_t tokens, TimeNs now) { gcra_.debit(now, kDepth, time_for(tokens)); }

private:
    static constexpr TimeNs kWindow = 30 * kNsPerS;
    static constexpr double kDown = 0.8;
    static constexpr double kLeastPace = 100;
    static constexpr double kFirstGrowth = 0.01;
    static constexpr double kLeastGrowth = 0.001;
    static constexpr double kMostGrowth = 0.02;
    static constexpr double kGrowthDoublesInS = 45;
    static constexpr TimeNs kSettled = 20 * kNsPerS;
    // A pace that is not made use of says nothing about a higher one.
    static constexpr double kUsed = 0.5;
    static constexpr double kOverAfterS = 1800;
    static constexpr TimeNs kDepth = kNsPerS;
    static constexpr double kGrowthLeft = 0.25;

    TimeNs time_for(std::int64_t tokens) const {
        const double ns = static_cast<double>(tokens) / pace_per_s_ * 1e9;
        return static_cast<TimeNs>(std::min(ns, static_cast<double>(kEndless)));
    }

    void not_used(std::int64_t tokens) {
        const std::int64_t here = std::min(tokens, window_);
        window_ -= here;
        last_window_ -= std::min(tokens - here, last_window_);
    }
    void lower(double use) {
        const double pace = std::max(use * kDown, kLeastPace);
        pace_per_s_ = active() ? std::min(pace_per_s_, pace) : pace;
    }

    // Over this window and the last one.
    double use_per_s(TimeNs now) const {
        const TimeNs before = last_window_ > 0 ? kWindow : 0;
        const TimeNs span = std::max(now - window_began_at_ + before, kNsPerS);
        return static_cast<double>(window_ + last_window_) * 1e9 / static_cast<double>(span);
    }

    void grow(TimeNs now) {
        const double seconds =
            std::clamp(static_cast<double>(now - grown_at_) / 1e9, 0.0, kGrowthDoublesInS);
        grown_at_ = now;
        if (use_per_s(now) >= kUsed * pace_per_s_) {
            growth_per_s_ =
                std::min(growth_per_s_ * std::exp2(seconds / kGrowthDoublesInS), kMostGrowth);
            pace_per_s_ *= 1 + growth_per_s_ * seconds;
        }
        const double quiet_s = static_cast<double>(now - refused_at_) / 1e9;
        if (quiet_s > kOverAfterS) *this = Ramp();
    }

    double pace_per_s_ = 0;  // 0: no ramp
    double growth_per_s_ = kFirstGrowth;
    TimeNs window_began_at_ = 0;
    std::int64_t window_ = 0;       // used since then
    std::int64_t last_window_ = 0;  // and in the one before
    TimeNs grown_at_ = 0;
    TimeNs refused_at_ = 0;
    Gcra gcra_;
};

}  // namespace weir
