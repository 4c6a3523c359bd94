#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

#include "base/time.h"

namespace weir {

__extension__ using Uint128 = unsigned __int128;

// Times and units beyond these are as good as endless; sums of two of them do not overflow.
inline constexpr TimeNs kEndless = TimeNs{1} << 61;
inline constexpr std::int64_t kMaxUnits = std::int64_t{1} << 40;

constexpr std::int64_t sane_units(std::int64_t units) {
    return std::clamp<std::int64_t>(units, 0, kMaxUnits);
}

// How fast a bucket refills: the time that one unit takes, in binary fixed point with as many
// fractional bits as fit, rounded up, so that 7,000,000 tokens a minute are 8571.428571 ns each and
// a mirror is never faster than what it mirrors.
class Rate {
public:
    Rate() = default;

    // `units` in `period_ns`, both at least 1 and the period at most a minute, slowed down by
    // `speed` (1: as stated).
    Rate(std::int64_t units, TimeNs period_ns, double speed = 1.0) {
        const auto count =
            static_cast<std::uint64_t>(std::clamp<std::int64_t>(units, 1, kMaxUnits));
        const auto period = static_cast<Uint128>(std::clamp<TimeNs>(period_ns, 1, kNsPerMinute));
        // A minute has 36 bits; seven are left for the slowest speed.
        const int shift = 19 + static_cast<int>(std::bit_width(count));
        time_per_unit_ = static_cast<std::uint64_t>(((period << shift) + count - 1) / count);
        if (speed != 1.0) {
            const auto slowness = static_cast<Uint128>(kOne / std::clamp(speed, 0.01, 100.0));
            time_per_unit_ = static_cast<std::uint64_t>((time_per_unit_ * slowness) >> 32);
        }
        // With the units moved up by so much, the whole nanoseconds are the product's upper half.
        up_ = 64 - shift;
        most_units_ = std::min(kMaxUnits, static_cast<std::int64_t>(count) << 18);
        units_per_ns_ = std::ldexp(1.0, shift) / static_cast<double>(time_per_unit_);
    }

    // The time that so many units take to refill, rounded up to a nanosecond; endless for more than
    // months of refill.
    TimeNs time_for(std::int64_t units) const {
        if (units <= 0) return 0;
        if (units > most_units_) return kEndless;
        const auto moved = static_cast<std::uint64_t>(units) << up_;
        const Uint128 time = static_cast<Uint128>(moved) * time_per_unit_;
        const auto fraction = static_cast<std::uint64_t>(time);
        return static_cast<TimeNs>(static_cast<std::uint64_t>(time >> 64) + (fraction != 0));
    }
    TimeNs time_for(double units) const {
        const double time = units / units_per_ns_;
        const auto endless = static_cast<double>(kEndless);
        return static_cast<TimeNs>(std::clamp(time, -endless, endless));
    }

    double units_in(TimeNs time) const { return static_cast<double>(time) * units_per_ns_; }
    double units_per_s() const { return units_per_ns_ * static_cast<double>(kNsPerS); }

private:
    static constexpr double kOne = 4294967296.0;

    std::uint64_t time_per_unit_ = 0;
    std::int64_t most_units_ = 0;
    int up_ = 0;
    double units_per_ns_ = 1.0;
};

// A continuously refilling bucket as one point in time (GCRA): when it was, or will be, empty.
// The level is the time since then, at most the depth; a point in the future is debt. GCRA's
// theoretical arrival time is this plus the depth; kept this way round, the depth may change
// without the level changing with it.
class Gcra {
public:
    TimeNs level(TimeNs now, TimeNs depth) const {
        return std::min(std::clamp(now - empty_at_, -kEndless, kEndless), depth);
    }
    // The first moment at which the level is `need`.
    TimeNs reaches(TimeNs need) const { return empty_at_ + need; }

    void debit(TimeNs now, TimeNs depth, TimeNs need) {
        empty_at_ = std::clamp(std::max(empty_at_, now - depth) + need, -kEndless, kEndless);
    }
    // What is above the depth spills when the next debit looks.
    void credit(TimeNs back) { empty_at_ = std::clamp(empty_at_ - back, -kEndless, kEndless); }
    void set_level(TimeNs now, TimeNs level) {
        empty_at_ = std::clamp(now - level, -kEndless, kEndless);
    }

private:
    TimeNs empty_at_ = 0;
};

}  // namespace weir
