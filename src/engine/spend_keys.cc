#include "engine/spend_keys.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <string_view>

#include "base/name_hash.h"
#include "engine/failure.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr std::size_t kMaxBudgets = 10'000;
constexpr double kMicrosPerDollar = 1e6;

std::int64_t tokens(const Config& config, const std::string& key) {
    const std::string_view text = config.value(key, "");
    std::int64_t count = 0;
    std::from_chars(text.data(), text.data() + text.size(), count);
    return count;
}

// The key's range keeps it from being less than a millionth.
std::int64_t micros(const Config& config, const std::string& key) {
    const std::string_view text = config.value(key, "");
    double dollars = 0;
    std::from_chars(text.data(), text.data() + text.size(), dollars);
    return static_cast<std::int64_t>(std::llround(dollars * kMicrosPerDollar));
}

}  // namespace

std::string key_of(const LimitSettings::DayBudget& budget, bool money) {
    if (budget.name.empty()) return "spend.per_day";
    return budget.name + (money ? ".spend_per_day" : ".tokens_per_day");
}

void add_day_budgets(const Config& config, LimitSettings* settings) {
    const auto add = [&](LimitSettings::DayBudget budget, bool always) {
        if (!budget.name.empty()) {
            budget.tokens_per_day = tokens(config, key_of(budget, false));
        }
        const std::string key = key_of(budget, true);
        budget.spend_per_day = micros(config, key);
        if (budget.spend_per_day > 0 && settings->prices.rows.empty()) {
            throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config,
                          fmt::format("{}: there are no prices in prices.table", key));
        }
        if (always || budget.tokens_per_day > 0 || budget.spend_per_day > 0) {
            settings->day_budgets.push_back(std::move(budget));
        }
    };
    add({}, true);
    for (std::size_t i = 0; i < settings->accounts.size(); ++i) {
        LimitSettings::DayBudget budget;
        budget.name = "account." + settings->accounts[i].name;
        budget.account = static_cast<std::uint16_t>(i);
        add(std::move(budget), true);
    }
    for (const std::string& name : config.names("tenant.")) {
        LimitSettings::DayBudget budget;
        budget.name = "tenant." + name;
        budget.tenant = name_hash(name);
        add(std::move(budget), false);
    }
    if (settings->day_budgets.size() > kMaxBudgets) {
        throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config,
                      fmt::format("tenant.: there are more than {} budgets", kMaxBudgets));
    }
}

}  // namespace weir
