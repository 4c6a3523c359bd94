#include "limits/day_budget.h"

#include <algorithm>

#include "limits/day_quota.h"
#include "limits/gcra.h"

namespace weir {

namespace {

// The end of another attempt is told anyway; this is for what is not.
constexpr TimeNs kLookAgain = kNsPerS;

std::int64_t sum(std::int64_t a, std::int64_t b) {
    return std::clamp<std::int64_t>(a + b, 0, 2 * kMaxUnits);
}

// Room for `need`, by what is used and what else is held.
DayBudget::Answer::Kind look(std::int64_t limit, std::int64_t used, std::int64_t held,
                             std::int64_t need) {
    using Kind = DayBudget::Answer::Kind;
    if (limit == 0 || used + held + need <= limit) return Kind::fits;
    if (need > limit) return Kind::never;
    return used + need <= limit ? Kind::held : Kind::spent;
}

}  // namespace

DayBudget::DayBudget(const Amount& limit)
    : limit_{sane_units(limit.tokens), sane_units(limit.spend)} {}

DayBudget::Answer DayBudget::check(const Amount& expected, TimeNs now,
                                   std::int64_t wall_offset_ns) {
    roll(now, wall_offset_ns);
    Answer answer;
    answer.kind = look(limit_.tokens, used_.tokens, held_.tokens, sane_units(expected.tokens));
    const Answer::Kind money =
        look(limit_.spend, used_.spend, held_.spend, sane_units(expected.spend));
    if (money > answer.kind) {
        answer.kind = money;
        answer.money = true;
    }
    if (answer.kind == Answer::Kind::held) answer.at = std::min(now + kLookAgain, ends_at_);
    if (answer.kind == Answer::Kind::spent) answer.at = ends_at_;
    return answer;
}

void DayBudget::take(const Amount& most) {
    held_ = {sum(held_.tokens, sane_units(most.tokens)), sum(held_.spend, sane_units(most.spend))};
}

void DayBudget::settle(const Amount& most, const Amount& used, TimeNs taken_at, TimeNs now,
                       std::int64_t wall_offset_ns) {
    held_ = {sum(held_.tokens, -sane_units(most.tokens)),
             sum(held_.spend, -sane_units(most.spend))};
    roll(now, wall_offset_ns);
    // What began on a day belongs to that day.
    if (DayQuota::day_of(taken_at, wall_offset_ns) == day_) add(used, now, wall_offset_ns);
}

void DayBudget::add(const Amount& used, TimeNs now, std::int64_t wall_offset_ns) {
    roll(now, wall_offset_ns);
    used_ = {sum(used_.tokens, sane_units(used.tokens)), sum(used_.spend, sane_units(used.spend))};
}

void DayBudget::begin_day(TimeNs now, std::int64_t wall_offset_ns) {
    wall_offset_ns_ = wall_offset_ns;
    const std::int64_t day = DayQuota::day_of(now, wall_offset_ns);
    ends_at_ = DayQuota::end_of(day, wall_offset_ns);
    if (day == day_) return;
    day_ = day;
    used_ = {};
}

}  // namespace weir
