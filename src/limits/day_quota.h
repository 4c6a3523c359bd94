#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"
#include "limits/gcra.h"
#include "provider/outcome.h"

namespace weir {

// A quota, of tokens or of money, that starts anew at midnight, UTC.
class DayQuota {
public:
    bool active() const { return limit_ > 0; }
    std::int64_t limit() const { return limit_; }
    bool learnt() const { return learnt_; }
    std::int64_t used() const { return used_; }
    std::int64_t day() const { return day_; }
    static std::int64_t day_of(TimeNs now, std::int64_t wall_offset_ns);
    static TimeNs end_of(std::int64_t day, std::int64_t wall_offset_ns);
    void set_limit(std::int64_t limit, bool learnt);

    bool ever_fits(std::int64_t units) const { return units <= limit_; }
    // When `units` fit: now, or after midnight.
    TimeNs fits_at(TimeNs now, std::int64_t wall_offset_ns, std::int64_t units) {
        if (now >= ends_at_ || wall_offset_ns != wall_offset_ns_) roll(now, wall_offset_ns);
        return used_ + units <= limit_ ? now : ends_at_;
    }
    void take(std::int64_t units) { used_ = std::min(used_ + units, kMaxUnits * 2); }
    // What was taken on a day that has ended is not given back to the next.
    void give_back(std::int64_t units, TimeNs taken_at, TimeNs now, std::int64_t wall_offset_ns);

    // A reading, which does not include what attempts in flight hold.
    bool observe(const LimitReading& reading, std::int64_t held);
    void refused(TimeNs now, std::int64_t wall_offset_ns);

private:
    void roll(TimeNs now, std::int64_t wall_offset_ns);

    std::int64_t limit_ = 0;
    std::int64_t used_ = 0;
    std::int64_t day_ = INT64_MIN;
    TimeNs ends_at_ = INT64_MIN;
    std::int64_t wall_offset_ns_ = 0;
    bool learnt_ = false;
};

}  // namespace weir
