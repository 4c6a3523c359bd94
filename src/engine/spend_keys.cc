#include "engine/spend_keys.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
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

// Minutes are enough: days end on one.
std::string utc_time(std::int64_t unix_ns) {
    const std::chrono::sys_time<std::chrono::nanoseconds> time{std::chrono::nanoseconds(unix_ns)};
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const auto minutes = std::chrono::round<std::chrono::minutes>(time - day).count();
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02} UTC", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       minutes / 60, minutes % 60);
}

}  // namespace

std::string key_of(const LimitSettings::DayBudget& budget, bool money) {
    if (budget.name.empty()) return "spend.per_day";
    return budget.name + (money ? ".spend_per_day" : ".tokens_per_day");
}

std::string spent_message(const LimitSettings::DayBudget& budget, bool money,
                          std::int64_t frees_at_unix) {
    const std::string limit =
        money ? fmt::format("{:.2f} dollars",
                            static_cast<double>(budget.spend_per_day) / kMicrosPerDollar)
              : fmt::format("{} tokens", budget.tokens_per_day);
    if (frees_at_unix < 0) {
        return fmt::format("{}: the request alone is expected to take more than the {} of a day",
                           key_of(budget, money), limit);
    }
    return fmt::format(
        "{}: what is left of the day's {} is not enough for the request; the next "
        "day begins at {}",
        key_of(budget, money), limit, utc_time(frees_at_unix));
}

void write_day_budgets(const Limiter& limiter, const LimitSettings& settings, TimeNs now,
                       JsonWriter* json) {
    json->open('[');
    for (std::size_t i = 0; i < limiter.day_budgets().size(); ++i) {
        const DayBudget& budget = limiter.day_budgets()[i];
        const LimitSettings::DayBudget& row = settings.day_budgets[i];
        const bool over = budget.ends_at() <= now;  // and nothing has asked since
        const DayBudget::Amount used = over ? DayBudget::Amount() : budget.used();
        json->open('{').member("scope", row.name.empty() ? std::string_view("all") : row.name);
        json->member("tokens", used.tokens).member("max_tokens", budget.limit().tokens);
        json->member("held_tokens", budget.held().tokens);
        json->member("spend_micros", used.spend).member("max_spend_micros", budget.limit().spend);
        json->member("held_micros", budget.held().spend);
        json->member("ends_in_ms", over ? 0 : (budget.ends_at() - now) / kNsPerMs).close('}');
    }
    json->close(']');
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
        budget.tenant = name_hash_64(name);
        add(std::move(budget), false);
    }
    if (settings->day_budgets.size() > kMaxBudgets) {
        throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config,
                      fmt::format("tenant.: there are more than {} budgets", kMaxBudgets));
    }
}

}  // namespace weir
