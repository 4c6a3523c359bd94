#include "limits/prices.h"

#include <algorithm>
#include <cmath>

#include "limits/gcra.h"

namespace weir {

namespace {

double tokens(std::int64_t count) { return static_cast<double>(sane_units(count)); }

// Sums of prices like 0.1 are off by less than this; it must not become a millionth.
constexpr double kNoise = 1e-6;

std::int64_t rounded_up(double micros) {
    return static_cast<std::int64_t>(
        std::ceil(std::clamp(micros - kNoise, 0.0, static_cast<double>(kMaxUnits))));
}

}  // namespace

int match_length(std::string_view pattern, std::string_view model) {
    const bool prefix = pattern.ends_with('*');
    if (prefix) pattern.remove_suffix(1);
    const bool matches = prefix ? model.starts_with(pattern) : model == pattern;
    if (!matches) return -1;
    // A whole id is a better match than the same text as a prefix.
    return static_cast<int>(std::min<std::size_t>(pattern.size(), 1u << 20)) * 2 + (prefix ? 0 : 1);
}

PricesId PriceTable::find(std::string_view model, bool fast) const {
    const Row* row = best_row(rows, model);
    if (row == nullptr || (fast && !row->has_fast)) return kNoPrices;
    return static_cast<PricesId>(2 * (row - rows.data()) + (fast ? 1 : 0));
}

const TokenPrices* PriceTable::prices(PricesId id, std::int64_t prompt_tokens) const {
    const std::size_t index = id / 2u;
    if (index >= rows.size()) return nullptr;
    const Row& row = rows[index];
    if (id % 2 != 0) return &row.fast;
    return row.above_tokens > 0 && prompt_tokens > row.above_tokens ? &row.above : &row.prices;
}

std::int64_t PriceTable::cost_of(PricesId id, const Usage& usage, double factor) const {
    if (usage.input_tokens < 0 || usage.output_tokens < 0) return -1;
    const std::int64_t writes = sane_units(usage.cache_write_tokens);
    const std::int64_t reads = sane_units(usage.cache_read_tokens);
    const TokenPrices* p = prices(id, sane_units(usage.input_tokens) + writes + reads);
    if (p == nullptr) return -1;
    const std::int64_t long_lived = std::min(sane_units(usage.cache_write_1h_tokens), writes);
    return rounded_up(factor *
                      (p->input * tokens(usage.input_tokens) +
                       p->cache_write_5m * tokens(writes - long_lived) +
                       p->cache_write_1h * tokens(long_lived) + p->cache_read * tokens(reads) +
                       p->output * tokens(usage.output_tokens)));
}

std::int64_t PriceTable::cost_of(PricesId id, std::int64_t input, std::int64_t output,
                                 bool writes_cache) const {
    const TokenPrices* p = prices(id, input);
    if (p == nullptr) return 0;
    const double per_input = writes_cache ? std::max(p->input, p->cache_write_5m) : p->input;
    return rounded_up(per_input * tokens(input) + p->output * tokens(output));
}

}  // namespace weir
