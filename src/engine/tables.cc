#include "engine/tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/failure.h"
#include "engine/file_text.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr std::size_t kMaxFile = std::size_t{4} << 20;

[[noreturn]] void refuse(std::string message) {
    throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config, std::move(message));
}

template <class Table>
Table read_table(const Config& config, std::string_view key, std::string_view built_in,
                 bool (*parse)(std::string_view, Table*, std::string*)) {
    Table table;
    std::string problem;
    if (!config.is_set(key)) {
        parse(built_in, &table, &problem);
        return table;
    }
    const std::string path(config.value(key));
    const std::string text = read_file(key, path, kMaxFile, "a table");
    if (!parse(text, &table, &problem)) {
        refuse(
            fmt::format("{}: {}: {}; correct the file, or leave the key out for the built-in "
                        "table",
                        key, path, problem));
    }
    return table;
}

}  // namespace

LimitTable limit_table(const Config& config) {
    return read_table(config, "limits.table", built_in_limit_table(), parse_limit_table);
}

PriceTable price_table(const Config& config) {
    return read_table(config, "prices.table", built_in_price_table(), parse_price_table);
}

namespace {

// "" if the account has none.
std::string_view tier_of(const Config& config, const LimitTable& table, std::string_view account) {
    const std::string key = fmt::format("account.{}.tier", account);
    const std::string_view tier = config.value(key, "");
    if (tier.empty()) return tier;
    const std::vector<std::string> tiers = table.tiers();
    if (std::find(tiers.begin(), tiers.end(), tier) == tiers.end()) {
        refuse(fmt::format("{}: \"{}\" is not a tier of the limit table; {} {}", key,
                           shown_text(tier, 80), tiers.empty() ? "it has none" : "there are",
                           fmt::join(tiers, ", ")));
    }
    return tier;
}

}  // namespace

BucketLimits tier_limits(const Config& config, const LimitTable& table, std::string_view account,
                         std::string_view class_name) {
    BucketLimits limits;
    const std::string_view tier = tier_of(config, table, account);
    if (!tier.empty()) table.tier(class_name, tier, &limits);
    return limits;
}

LimitTable::Tier tier_apart(const Config& config, const LimitTable& table,
                            std::string_view account) {
    const auto found = table.apart.find(tier_of(config, table, account));
    return found == table.apart.end() ? LimitTable::Tier() : found->second;
}

}  // namespace weir
