#include "schedule.h"

namespace weir::test {

// Budgets of a day: everybody's, the first account's, and those of two tenants of three.
void Schedule::add_day_budgets(LimitSettings* limits) {
    limits->prices.rows.push_back({.models = {"*"}, .prices = {.input = 1, .output = 2}});
    limits->refuse_over_spend = random_.below(3) == 0;
    for (std::uint64_t i = 0; i < 4; ++i) {
        if (random_.below(3) != 0) continue;
        LimitSettings::DayBudget budget;
        if (i == 1) budget.account = 0;
        if (i > 1) budget.tenant = i - 1;
        if (random_.below(2) == 0) {
            budget.spend_per_day = static_cast<std::int64_t>(2'000 + random_.below(100'000));
        }
        if (random_.below(2) == 0) {
            budget.tokens_per_day = static_cast<std::int64_t>(2'000 + random_.below(100'000));
        }
        limits->day_budgets.push_back(budget);
    }
}

// What begins has room in the budgets that it draws on.
void Schedule::check_day_budgets(const Action& action) {
    const std::vector<DayBudget>& budgets = core_.limiter().day_budgets();
    for (std::size_t i = 0; i < budgets.size(); ++i) {
        const LimitSettings::DayBudget& row = settings_.limits.day_budgets[i];
        if (row.account != LimitSettings::Scope::kAny && row.account != action.account) continue;
        if (row.tenant != 0 && row.tenant != slab_.at(action.request).tenant) continue;
        const DayBudget& budget = budgets[i];
        const auto over = [](std::int64_t limit, std::int64_t used, std::int64_t held) {
            return limit > 0 && used + held > limit;
        };
        if (over(budget.limit().tokens, budget.used().tokens, budget.held().tokens) ||
            over(budget.limit().spend, budget.used().spend, budget.held().spend)) {
            broken("an attempt began that a day's budget had no room for");
        }
    }
}

}  // namespace weir::test
