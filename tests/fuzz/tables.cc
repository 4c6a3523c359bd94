// A table of limits, or of prices, as a file may have it.

#include "limits/tables.h"

#include "fuzz_input.h"

namespace {

void check(const weir::LimitTable& table) {
    FUZZ_CHECK(!table.classes.empty());
    for (const weir::LimitTable::Class& row : table.classes) {
        FUZZ_CHECK(!row.name.empty() && row.name.size() <= 64 && !row.models.empty());
        FUZZ_CHECK(table.find(row.name) == &row);
        for (const auto& [name, limits] : row.tiers) {
            for (const std::int64_t limit :
                 {limits.requests_per_minute, limits.input_tokens_per_minute,
                  limits.output_tokens_per_minute, limits.tokens_per_day, limits.in_flight}) {
                FUZZ_CHECK(limit >= 0 && limit <= 1'000'000'000'000);
            }
        }
        (void)table.class_of(row.models.front());
    }
}

void check(const weir::PriceTable& table) {
    FUZZ_CHECK(!table.rows.empty() && table.batch_factor >= 0 && table.batch_factor <= 1);
    for (const weir::PriceTable::Row& row : table.rows) {
        FUZZ_CHECK(!row.models.empty());
        const weir::PricesId id = table.find(row.models.front(), false);
        weir::Usage usage;
        usage.input_tokens = INT64_MAX;
        usage.cache_write_tokens = INT64_MAX;
        usage.cache_write_1h_tokens = 1;
        usage.output_tokens = 3;
        const std::int64_t cost = table.cost_of(id, usage, table.batch_factor);
        FUZZ_CHECK(cost >= -1 && cost <= std::int64_t{1} << 40);
    }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = weir::fuzz::text_of(data, size);
    std::string problem;
    weir::LimitTable limits;
    const bool good = weir::parse_limit_table(text, &limits, &problem);
    FUZZ_CHECK(good == problem.empty());
    if (good) check(limits);
    weir::PriceTable prices;
    const bool priced = weir::parse_price_table(text, &prices, &problem);
    FUZZ_CHECK(priced == problem.empty());
    if (priced) check(prices);
    return 0;
}
