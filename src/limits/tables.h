#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "limits/limit_settings.h"
#include "limits/prices.h"

namespace weir {

// What the provider publishes and changes: which models share their limits, and what each tier
// allows. Data, with where it is from and of when; the built-in tables may be replaced by a file of
// the same form (src/limits/data).
struct LimitTable {
    struct Class {
        std::string name;
        std::vector<std::string> models;
        bool cache_reads_count = false;
        std::map<std::string, BucketLimits, std::less<>> tiers;
    };
    // What a tier allows beside the classes.
    struct Tier {
        BatchLimits batch;
        std::int64_t token_counts_per_minute = 0;
    };
    std::string source;
    std::string date;
    std::map<std::string, Tier, std::less<>> apart;  // by tier
    std::vector<Class> classes;

    // The class of that name, or of a model; NULL if there is none.
    const Class* find(std::string_view name) const;
    const Class* class_of(std::string_view model) const;
    // What a tier allows for a class; false if the table does not say.
    bool tier(std::string_view class_name, std::string_view tier_name, BucketLimits* limits) const;
    // The tiers that there are, in the order of the alphabet.
    std::vector<std::string> tiers() const;
};

// What a table's text says. On failure `problem` says where and what is wrong with it, and the
// table stays as it was. Throws std::bad_alloc.
bool parse_limit_table(std::string_view json, LimitTable* table, std::string* problem);
bool parse_price_table(std::string_view json, PriceTable* table, std::string* problem);

std::string_view built_in_limit_table();
std::string_view built_in_price_table();

}  // namespace weir
