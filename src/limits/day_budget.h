#pragma once

#include <cstdint>

#include "base/time.h"

namespace weir {

// What may be used in a day, of tokens and of money, over all that a budget is for. It starts anew
// at midnight. While an attempt runs, the most that it may come to is held; so a day ends above its
// limit by no more than what one attempt took beyond its expectation.
class DayBudget {
public:
    struct Amount {
        std::int64_t tokens = 0;
        std::int64_t spend = 0;  // millionths of a dollar
    };

    // 0: not limited.
    explicit DayBudget(const Amount& limit);

    const Amount& limit() const { return limit_; }
    const Amount& used() const { return used_; }
    const Amount& held() const { return held_; }
    std::int64_t day() const { return day_; }
    TimeNs ends_at() const { return ends_at_; }
    bool limited() const { return limit_.tokens > 0 || limit_.spend > 0; }

    struct Answer {
        enum class Kind : std::uint8_t { fits, held, spent, never };
        Kind kind = Kind::fits;
        bool money = false;  // it was the money that said so
        TimeNs at = 0;       // held: when to look again; spent: when the day ends
    };
    Answer check(const Amount& expected, TimeNs now, std::int64_t wall_offset_ns);
    void take(const Amount& most);
    // The attempt of `taken_at` is over, and came to `used`.
    void settle(const Amount& most, const Amount& used, TimeNs taken_at, TimeNs now,
                std::int64_t wall_offset_ns);
    // Used without having been held.
    void add(const Amount& used, TimeNs now, std::int64_t wall_offset_ns);

private:
    void roll(TimeNs now, std::int64_t wall_offset_ns) {
        if (now >= ends_at_ || wall_offset_ns != wall_offset_ns_) begin_day(now, wall_offset_ns);
    }
    void begin_day(TimeNs now, std::int64_t wall_offset_ns);

    Amount limit_;
    Amount used_;
    Amount held_;
    std::int64_t day_ = INT64_MIN;
    TimeNs ends_at_ = INT64_MIN;
    std::int64_t wall_offset_ns_ = 0;
};

}  // namespace weir
