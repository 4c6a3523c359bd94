#include "engine/limit_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <string>

#include "engine/config_values.h"
#include "engine/failure.h"
#include "engine/model_classes.h"
#include "engine/spend_keys.h"
#include "engine/tables.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr std::size_t kMaxClasses = 1000;
// Not a model class: the calls that count tokens.
constexpr std::string_view kTokenCount = "token_count";
// The least that the provider gives to anybody, as of August 2026.
constexpr std::int64_t kTokenCountsPerMinute = 2000;

}  // namespace

void read_limits(const Config& config, const std::string& prefix, BucketLimits* limits) {
    const auto read = [&](const char* name, std::int64_t* limit) {
        const std::string_view text = config.value(fmt::format("{}.{}", prefix, name), "");
        if (!text.empty()) std::from_chars(text.data(), text.data() + text.size(), *limit);
    };
    read("requests_per_minute", &limits->requests_per_minute);
    read("input_tokens_per_minute", &limits->input_tokens_per_minute);
    read("output_tokens_per_minute", &limits->output_tokens_per_minute);
    read("tokens_per_day", &limits->tokens_per_day);
}

namespace {

// Every class that the configuration speaks of, and those of the table.
std::set<std::string, std::less<>> class_names(const Config& config, const LimitTable& table) {
    std::set<std::string, std::less<>> names;
    for (const LimitTable::Class& row : table.classes) names.insert(row.name);
    names.merge(config.names("class."));
    names.merge(config.names("limit."));
    for (const std::string& account : config.names("account.")) {
        names.merge(config.names(fmt::format("account.{}.limit.", account)));
        for (const char* const part : {"workspace", "keys"}) {
            const std::string prefix = fmt::format("account.{}.{}.", account, part);
            for (const std::string& name : config.names(prefix)) {
                names.merge(config.names(fmt::format("{}{}.limit.", prefix, name)));
            }
        }
    }
    names.erase(std::string(kTokenCount));
    if (names.size() > kMaxClasses) {
        throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config,
                      fmt::format("class.: there are more than {} classes", kMaxClasses));
    }
    return names;
}

LimitSettings::Class make_class(const Config& config, const LimitTable& table,
                                const std::string& name) {
    LimitSettings::Class result;
    result.name = name;
    result.models = {name + "*"};
    if (const LimitTable::Class* row = table.find(name)) {
        result.models = row->models;
        result.cache_reads_count = row->cache_reads_count;
    }
    const std::string models_key = fmt::format("class.{}.models", name);
    if (config.is_set(models_key) && !split_models(config.value(models_key), &result.models)) {
        throw Failure(
            WEIR_ERR_INVALID_VALUE, ErrorSource::config,
            models_key + ": not a list of models, where a star may stand at a model's end");
    }
    const std::string cache_key = fmt::format("class.{}.cache_reads_count", name);
    if (config.is_set(cache_key)) result.cache_reads_count = config.value(cache_key) == "true";
    read_limits(config, "limit." + name, &result.limits);
    const std::string_view most = config.value(fmt::format("class.{}.max_in_flight", name));
    std::from_chars(most.data(), most.data() + most.size(), result.limits.in_flight);
    return result;
}

// A model that a class is configured to have is no other's: two configured claims contradict each
// other, and a claim by default gives way.
void settle_claims(const Config& config, std::vector<LimitSettings::Class>* classes) {
    const auto configured = [&](const LimitSettings::Class& c) {
        return config.is_set(fmt::format("class.{}.models", c.name));
    };
    std::map<std::string, std::string> owners;
    for (const LimitSettings::Class& c : *classes) {
        if (!configured(c)) continue;
        for (const std::string& model : c.models) {
            const auto [found, is_new] = owners.emplace(model, c.name);
            if (is_new) continue;
            throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config,
                          fmt::format("class.{}.models and class.{}.models both have {}",
                                      found->second, c.name, model));
        }
    }
    for (LimitSettings::Class& c : *classes) {
        if (configured(c)) continue;
        std::erase_if(c.models, [&](const std::string& model) { return owners.contains(model); });
    }
}

}  // namespace

const char* kind_name(LimitKind kind) {
    switch (kind) {
        case LimitKind::requests:
            return "requests";
        case LimitKind::input_tokens:
            return "input_tokens";
        case LimitKind::output_tokens:
            return "output_tokens";
        case LimitKind::tokens:
            return "tokens";
        case LimitKind::day_tokens:
            return "day_tokens";
        case LimitKind::unknown:
            break;
    }
    return "unknown";
}

namespace {

void read_slow_start(const Config& config, LimitSettings* settings) {
    const std::string_view mode = config.value("limits.ramp");
    settings->ramp = mode == "on"    ? RampMode::on
                     : mode == "off" ? RampMode::off
                                     : RampMode::automatic;
    settings->slow_start.idle_ns = milliseconds(config, "limits.ramp_idle_ms");
    settings->slow_start.doubling_ns = milliseconds(config, "limits.ramp_doubling_ms");
    settings->slow_start.first_share = number<double>(config, "limits.ramp_first_percent") / 100;
}

}  // namespace

LimitSettings limit_settings(const Config& config) {
    LimitSettings settings;
    LimitTable table = limit_table(config);
    for (const std::string& name : class_names(config, table)) {
        settings.classes.push_back(make_class(config, table, name));
    }
    settle_claims(config, &settings.classes);
    settings.token_count.requests_per_minute = kTokenCountsPerMinute;
    read_limits(config, "limit.token_count", &settings.token_count);
    for (const std::string& name : config.names("account.")) {
        LimitSettings::Account account;
        account.name = name;
        const LimitTable::Tier apart = tier_apart(config, table, name);
        account.batch = apart.batch;
        const bool counts_configured = config.is_set("limit.token_count.requests_per_minute");
        if (apart.token_counts_per_minute > 0 && !counts_configured) {
            account.token_count = settings.token_count;
            account.token_count.requests_per_minute = apart.token_counts_per_minute;
        }
        // The account's own keys win over the class's, and those over the tier.
        const std::string prefix = fmt::format("account.{}.limit.", name);
        if (config.names(prefix).contains(kTokenCount)) {
            if (account.token_count == BucketLimits()) account.token_count = settings.token_count;
            read_limits(config, prefix + std::string(kTokenCount), &account.token_count);
        }
        for (std::size_t i = 0; i < settings.classes.size(); ++i) {
            const LimitSettings::Class& c = settings.classes[i];
            BucketLimits limits = tier_limits(config, table, name, c.name);
            read_limits(config, "limit." + c.name, &limits);
            read_limits(config, prefix + c.name, &limits);
            if (limits == c.limits) continue;
            account.limits.push_back({static_cast<std::uint16_t>(i), limits});
        }
        settings.accounts.push_back(std::move(account));
    }
    settings.classes.resize(settings.classes.size() + ModelClasses::kSpare);

    const std::string_view accounting = config.value("limits.output_accounting");
    settings.output_accounting = accounting == "produced"   ? OutputAccounting::produced
                                 : accounting == "reserved" ? OutputAccounting::reserved
                                                            : OutputAccounting::automatic;
    const std::string_view burst = config.value("limits.burst_s");
    std::from_chars(burst.data(), burst.data() + burst.size(), settings.burst_s);
    settings.pinned = config.value("limits.pinned") == "true";
    read_slow_start(config, &settings);
    settings.table = {std::move(table.source), std::move(table.date)};
    settings.prices = price_table(config);
    settings.refuse_over_spend = config.value("limits.on_spent") == "refuse";
    const std::string_view offset = config.value("limits.day_offset_minutes");
    std::from_chars(offset.data(), offset.data() + offset.size(), settings.day_offset_ns);
    settings.day_offset_ns *= kNsPerMinute;
    add_day_budgets(config, &settings);
    return settings;
}

}  // namespace weir
