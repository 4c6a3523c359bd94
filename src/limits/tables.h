#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "limits/limit_settings.h"

namespace weir {

// What the provider publishes and changes: which models share their limits, what each tier allows,
// and what tokens cost. Data, with where it is from and of when; the built-in tables may be
// replaced by a file of the same form (src/limits/data).

// Whether `model` is a pattern's: an id, or a prefix that ends in '*'. Returns how long the match
// is, or -1; the longest match is the best.
int match_length(std::string_view pattern, std::string_view model);

struct LimitTable {
    struct Class {
        std::string name;
        std::vector<std::string> models;
        bool cache_reads_count = false;
        std::map<std::string, BucketLimits, std::less<>> tiers;
    };
    std::string source;
    std::string date;
    std::vector<Class> classes;

    // The class of a model, or NULL.
    const Class* find(std::string_view model) const;
    // What a tier allows for a class; false if the table does not say.
    bool tier(std::string_view class_name, std::string_view tier_name, BucketLimits* limits) const;
};

struct PriceTable {
    struct Row {
        std::vector<std::string> models;
        TokenPrices prices;
        std::int64_t above_tokens = 0;  // a prompt longer than this costs `above`; 0: none does
        TokenPrices above;
    };
    std::string source;
    std::string date;
    double batch_factor = 1;
    std::vector<Row> rows;

    // What a model's tokens cost with a prompt of this length, its cached parts included; NULL if
    // the table does not say.
    const TokenPrices* find(std::string_view model, std::int64_t prompt_tokens) const;
};

// What a table's text says. On failure `problem` says what is wrong with it.
bool parse_limit_table(std::string_view json, LimitTable* table, std::string* problem);
bool parse_price_table(std::string_view json, PriceTable* table, std::string* problem);

std::string_view built_in_limit_table();
std::string_view built_in_price_table();

}  // namespace weir
