#include <gtest/gtest.h>

#include "limits/tables.h"

namespace weir {
namespace {

TEST(LimitTable, TheBuiltInOneSaysWhereItIsFromAndWhatTiersAllow) {
    LimitTable table;
    std::string problem;
    ASSERT_TRUE(parse_limit_table(built_in_limit_table(), &table, &problem)) << problem;
    EXPECT_FALSE(table.source.empty());
    EXPECT_EQ(table.date.size(), 10u);
    BucketLimits limits;
    ASSERT_TRUE(table.tier("claude-sonnet-4", "build", &limits));
    EXPECT_EQ(limits.requests_per_minute, 5'000);
    EXPECT_EQ(limits.input_tokens_per_minute, 5'000'000);
    EXPECT_EQ(limits.output_tokens_per_minute, 1'000'000);
    EXPECT_FALSE(table.tier("claude-sonnet-4", "gold", &limits));
    EXPECT_FALSE(table.tier("claude-haiku-5-5", "start", &limits));
}

TEST(LimitTable, TheLongestMatchIsTheClass) {
    LimitTable table;
    std::string problem;
    ASSERT_TRUE(parse_limit_table(built_in_limit_table(), &table, &problem)) << problem;
    const auto name_of = [&](std::string_view model) {
        const LimitTable::Class* found = table.find(model);
        return found == nullptr ? std::string() : found->name;
    };
    EXPECT_EQ(name_of("claude-opus-5"), "claude-opus-5");
    EXPECT_EQ(name_of("claude-opus-5-20260701"), "claude-opus-5");
    EXPECT_EQ(name_of("claude-opus-5-5"), "claude-opus-5-5");
    EXPECT_EQ(name_of("claude-sonnet-4-5-20250929"), "claude-sonnet-4");
    EXPECT_EQ(name_of("claude-3-5-haiku-latest"), "claude-haiku-3-5");
    EXPECT_EQ(name_of("gpt-4"), "");
}

TEST(PriceTable, LongPromptsHavePricesOfTheirOwnWhereTheTableSaysSo) {
    PriceTable table;
    std::string problem;
    ASSERT_TRUE(parse_price_table(built_in_price_table(), &table, &problem)) << problem;
    EXPECT_EQ(table.batch_factor, 0.5);
    const TokenPrices* prices = table.find("claude-haiku-5-5", 100'000);
    ASSERT_NE(prices, nullptr);
    EXPECT_EQ(prices->output, 0.5);
    prices = table.find("claude-haiku-5-5", 100'001);
    ASSERT_NE(prices, nullptr);
    EXPECT_EQ(prices->output, 2.5);
    prices = table.find("claude-fable-5-1", 1);
    ASSERT_NE(prices, nullptr);
    EXPECT_EQ(prices->cache_read, 0.25);
    EXPECT_EQ(table.find("gpt-4", 1), nullptr);
}

TEST(Tables, BadOnesAreRefusedAndChangeNothing) {
    const char* const bad[] = {
        "",
        "[]",
        "{}",
        R"({"classes": 1})",
        R"({"classes": [{"models": ["a"]}]})",
        R"({"classes": [{"name": "a"}]})",
        R"({"classes": [{"name": "a", "models": [1]}]})",
        R"({"classes": [{"name": "a", "models": ["a"], "tiers": {"t": {"requests_per_minute": -1}}}]})",
        R"({"classes": [{"name": "a", "models": ["a"], "tiers": {"t": {"in_flight": 1e30}}}]})",
        R"({"classes": [{"name": "a", "models": ["a"], "cache_reads_count": "yes"}]})",
        R"({"classes": [null]})",
    };
    for (const char* const text : bad) {
        LimitTable table;
        table.date = "kept";
        std::string problem;
        EXPECT_FALSE(parse_limit_table(text, &table, &problem)) << text;
        EXPECT_FALSE(problem.empty()) << text;
        EXPECT_EQ(table.date, "kept");
        PriceTable prices;
        EXPECT_FALSE(parse_price_table(text, &prices, &problem)) << text;
    }
    PriceTable prices;
    std::string problem;
    EXPECT_FALSE(
        parse_price_table(R"({"prices": [{"models": ["a"], "input": -1}]})", &prices, &problem));
}

}  // namespace
}  // namespace weir
