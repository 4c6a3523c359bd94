#include "limits/day_quota.h"

#include <algorithm>

namespace weir {

namespace {

constexpr TimeNs kNsPerDay = 86'400 * kNsPerS;

}  // namespace

std::int64_t DayQuota::day_of(TimeNs now, std::int64_t wall_offset_ns) {
    const TimeNs wall =
        std::clamp(now, -kEndless, kEndless) + std::clamp(wall_offset_ns, -kEndless, kEndless);
    return wall / kNsPerDay - (wall % kNsPerDay < 0 ? 1 : 0);
}

TimeNs DayQuota::end_of(std::int64_t day, std::int64_t wall_offset_ns) {
    return (day + 1) * kNsPerDay - std::clamp(wall_offset_ns, -kEndless, kEndless);
}

void DayQuota::set_limit(std::int64_t limit, bool learnt) {
    limit_ = std::clamp<std::int64_t>(limit, 1, kMaxUnits);
    learnt_ = learnt;
}

void DayQuota::roll(TimeNs now, std::int64_t wall_offset_ns) {
    const std::int64_t day = day_of(now, wall_offset_ns);
    wall_offset_ns_ = wall_offset_ns;
    ends_at_ = end_of(day, wall_offset_ns);
    if (day == day_) return;
    day_ = day;
    used_ = 0;
}

void DayQuota::give_back(std::int64_t units, TimeNs taken_at, TimeNs now,
                         std::int64_t wall_offset_ns) {
    roll(now, wall_offset_ns);
    if (day_of(taken_at, wall_offset_ns) == day_) {
        used_ = std::clamp<std::int64_t>(used_ - units, 0, kMaxUnits * 2);
    }
}

bool DayQuota::observe(const LimitReading& reading, std::int64_t held) {
    if (!active() || reading.remaining < 0) return false;
    const std::int64_t remaining = std::min(reading.remaining, limit_);
    const std::int64_t stated = limit_ - remaining + held;
    // Somebody else may use the quota too, so more is believed at once; less only by and by,
    // because the reading is late.
    used_ = stated > used_ ? stated : used_ - (used_ - stated) / 4;
    return true;
}

void DayQuota::refused(TimeNs now, std::int64_t wall_offset_ns) {
    roll(now, wall_offset_ns);
    used_ = std::max(used_, limit_);
}

}  // namespace weir
