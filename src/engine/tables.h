#pragma once

#include <string>
#include <string_view>

#include "engine/config.h"
#include "limits/tables.h"

namespace weir {

// The tables of limits and prices: those of limits.table and prices.table, or the built-in ones.
// Throws Failure with the key's name, the file and the place in it.
LimitTable limit_table(const Config& config);
PriceTable price_table(const Config& config);

// The limits that account.<name>.tier gives for a class; none where no tier is named, or where the
// table does not say. Refuses a tier that is not in the table.
BucketLimits tier_limits(const Config& config, const LimitTable& table, std::string_view account,
                         std::string_view class_name);

// The same of what its tier allows beside the classes.
LimitTable::Tier tier_apart(const Config& config, const LimitTable& table,
                            std::string_view account);

}  // namespace weir
