#pragma once

#include <string>

#include "engine/config.h"
#include "engine/json_writer.h"
#include "limits/limit_settings.h"
#include "limits/limiter.h"

namespace weir {

// The budgets of a day, by the keys that give them: that of everybody, and those of accounts (by
// the index in the settings) and tenants. Everybody's and the accounts' are there without a limit
// too, to be counted. Throws Failure for money without prices.
void add_day_budgets(const Config& config, LimitSettings* settings);

// The name of the key that gives the budget its limit.
std::string key_of(const LimitSettings::DayBudget& budget, bool money);

// Why a request will not be started that a budget has no room for; `frees_at_unix` is when it will
// have some, or -1 if it never will for this request.
std::string spent_message(const LimitSettings::DayBudget& budget, bool money,
                          std::int64_t frees_at_unix);

// For statistics: what each budget's day has used, of what.
void write_day_budgets(const Limiter& limiter, const LimitSettings& settings, TimeNs now,
                       JsonWriter* json);

}  // namespace weir
