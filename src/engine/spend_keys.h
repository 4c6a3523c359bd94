#pragma once

#include <string>

#include "engine/config.h"
#include "limits/limit_settings.h"

namespace weir {

// The budgets of a day, by the keys that give them: that of everybody, and those of accounts (by
// the index in the settings) and tenants. Everybody's and the accounts' are there without a limit
// too, to be counted. Throws Failure for money without prices.
void add_day_budgets(const Config& config, LimitSettings* settings);

// The name of the key that gives the budget its limit.
std::string key_of(const LimitSettings::DayBudget& budget, bool money);

}  // namespace weir
