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
        const LimitTable::Class* found = table.class_of(model);
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
    const PricesId haiku = table.find("claude-haiku-5-5", false);
    ASSERT_NE(haiku, kNoPrices);
    EXPECT_EQ(table.prices(haiku, 100'000)->output, 0.5);
    EXPECT_EQ(table.prices(haiku, 100'001)->output, 2.5);
    EXPECT_EQ(table.prices(table.find("claude-fable-5-1", false), 1)->cache_read, 0.25);
    EXPECT_EQ(table.find("gpt-4", false), kNoPrices);
    EXPECT_EQ(table.prices(kNoPrices, 1), nullptr);
    // Fast mode has prices of its own, or none that are known.
    EXPECT_EQ(table.prices(table.find("claude-opus-5", true), 1)->output, 50);
    EXPECT_EQ(table.find("claude-sonnet-5", true), kNoPrices);
}

TEST(PriceTable, EveryModelOfTheLimitTablesTiersHasAPriceAndTheBatchesHalfOfIt) {
    PriceTable table;
    std::string problem;
    ASSERT_TRUE(parse_price_table(built_in_price_table(), &table, &problem)) << problem;
    const PricesId sonnet = table.find("claude-sonnet-4-5-20250929", false);
    ASSERT_NE(sonnet, kNoPrices);
    Usage usage;
    EXPECT_EQ(table.cost_of(sonnet, usage), -1);
    usage.input_tokens = 1'000;
    EXPECT_EQ(table.cost_of(sonnet, usage), -1);
    usage.output_tokens = 100;
    EXPECT_EQ(table.cost_of(sonnet, usage), 4'500);
    EXPECT_EQ(table.cost_of(sonnet, usage, table.batch_factor), 2'250);
    EXPECT_EQ(table.cost_of(kNoPrices, usage), -1);
    usage.cache_read_tokens = 10'000;
    EXPECT_EQ(table.cost_of(sonnet, usage), 7'500);
    // What is written to the cache is for five minutes unless the usage says otherwise.
    usage.cache_write_tokens = 1'000;
    EXPECT_EQ(table.cost_of(sonnet, usage), 11'250);
    usage.cache_write_1h_tokens = 1'000;
    EXPECT_EQ(table.cost_of(sonnet, usage), 13'500);
    usage.cache_write_1h_tokens = 5'000;  // contradicts the sum
    EXPECT_EQ(table.cost_of(sonnet, usage), 13'500);
    // A token of a tenth of a millionth is not free.
    usage = Usage();
    usage.input_tokens = 1;
    usage.output_tokens = 0;
    EXPECT_EQ(table.cost_of(table.find("claude-haiku-5-5", false), usage), 1);
}

TEST(PriceTable, TheWholePromptDecidesOverItsLength) {
    PriceTable table;
    std::string problem;
    ASSERT_TRUE(parse_price_table(built_in_price_table(), &table, &problem)) << problem;
    const PricesId haiku = table.find("claude-haiku-5-5", false);
    Usage usage;
    usage.input_tokens = 10'000;
    usage.cache_read_tokens = 90'000;
    usage.output_tokens = 0;
    EXPECT_EQ(table.cost_of(haiku, usage), 1'900);
    usage.cache_read_tokens = 90'001;
    EXPECT_EQ(table.cost_of(haiku, usage), 9'501);
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
        R"({"classes": []})",
        R"({"classes": [{"name": "a", "models": []}]})",
        R"({"classes": [{"name": "a", "models": ["a*b"]}]})",
        R"({"classes": [{"name": "a.b", "models": ["a"]}]})",
        R"({"classes": [{"name": "a", "models": ["a"], "name": "b"}]})",
        R"({"classes": [{"name": "a", "models": ["a"]}, {"name": "a", "models": ["b"]}]})",
        R"({"classes": [{"name": "a", "models": ["x"]}, {"name": "b", "models": ["x"]}]})",
        R"({"classes": [{"name": "a", "models": ["a"], "tiers": {"t": {"requests_per_minute": 0}}}]})",
        R"({"classes": [{"name": "a", "models": ["a"], "tiers": {"t": {"requests_per_minute": 1.5}}}]})",
        R"({"classes": [{"name": "a", "models": ["a"], "tiers": {"t": {"request_per_minute": 1}}}]})",
        R"({"classes": [{"name": "a", "models": ["a"], "tiers": {"t": {"in_flight": 1e400}}}]})",
        R"({"classes": [{"name": "a", "models": ["a"]}]} x)",
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

TEST(Tables, AProblemNamesItsPlace) {
    const auto problem_of = [](std::string_view text) {
        LimitTable table;
        std::string problem;
        parse_limit_table(text, &table, &problem);
        return problem;
    };
    EXPECT_EQ(problem_of(R"({"classes": [{"name": "a", "models": ["a"]},
                         {"name": "b", "models": ["b"], "tiers": {"x": {"in_flight": -3}}}]})"),
              "classes[1].tiers.x.in_flight: this is not a whole number from 1 to 1000000000000");
    EXPECT_EQ(problem_of("{\"classes\": [\n{\"name\": \"a\",,}]}"),
              "line 2: this is not a JSON object");
    EXPECT_EQ(problem_of(R"({"clases": []})"),
              "clases: there is no such field; there are source, date, apart and classes");
    EXPECT_EQ(problem_of(R"({"source": "here"})"), "there are no classes");
}

}  // namespace
}  // namespace weir
