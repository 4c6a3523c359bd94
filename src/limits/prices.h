#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "provider/outcome.h"

namespace weir {

// Dollars per million tokens, which is also millionths of a dollar per token.
struct TokenPrices {
    double input = 0;
    double cache_write_5m = 0;
    double cache_write_1h = 0;
    double cache_read = 0;
    double output = 0;
};

// Names the prices of a request in a price table.
using PricesId = std::uint16_t;
inline constexpr PricesId kNoPrices = 0xFFFF;

// What tokens cost: data (src/limits/data/prices.json), with where it is from and of when.
struct PriceTable {
    struct Row {
        std::vector<std::string> models;  // ids, or prefixes that end in '*'
        TokenPrices prices;
        std::int64_t above_tokens = 0;  // a prompt longer than this costs `above`; 0: none does
        TokenPrices above = {};
        bool has_fast = false;
        TokenPrices fast = {};  // in fast mode
    };
    std::string source;
    std::string date;
    double batch_factor = 1;
    std::vector<Row> rows;

    // The prices of a model's requests; kNoPrices if the table does not say.
    PricesId find(std::string_view model, bool fast) const;
    // Those for a prompt of this length, its cached parts included; NULL for kNoPrices.
    const TokenPrices* prices(PricesId id, std::int64_t prompt_tokens) const;

    // What the usage costs in millionths of a dollar, rounded up; -1 if that is not known. `factor`
    // is batch_factor for what a batch has answered.
    std::int64_t cost_of(PricesId id, const Usage& usage, double factor = 1) const;
    // The same for what is expected of a request that reads and writes no cache; at most so much if
    // `writes_cache`, where the prompt may be written to it.
    std::int64_t cost_of(PricesId id, std::int64_t input, std::int64_t output,
                         bool writes_cache) const;
};

// Whether `model` is a pattern's: an id, or a prefix that ends in '*'. Returns how long the match
// is, or -1; the longest match is the best.
int match_length(std::string_view pattern, std::string_view model);

// The row whose models match best, or NULL. A row has `models`.
template <class Row>
const Row* best_row(const std::vector<Row>& rows, std::string_view model) {
    const Row* best = nullptr;
    int best_length = -1;
    for (const Row& row : rows) {
        for (const std::string& pattern : row.models) {
            const int length = match_length(pattern, model);
            if (length <= best_length) continue;
            best = &row;
            best_length = length;
        }
    }
    return best;
}

}  // namespace weir
