// Tables, tiers and budgets in the configuration.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "base/name_hash.h"
#include "engine/failure.h"
#include "engine/settings.h"
#include "engine/spend_keys.h"
#include "engine_settings_frame.h"
#include "weir/weir.h"

namespace weir {
namespace {

const BucketLimits& limits_of(const LimitSettings& settings, std::size_t account,
                              std::string_view model_class) {
    for (const LimitSettings::AccountLimits& own : settings.accounts[account].limits) {
        if (settings.classes[own.model_class].name == model_class) return own.limits;
    }
    for (const LimitSettings::Class& c : settings.classes) {
        if (c.name == model_class) return c.limits;
    }
    ADD_FAILURE() << model_class << ": no such class";
    static const BucketLimits none;
    return none;
}

TEST(Tables, ATierGivesAnAccountItsLimits) {
    const LimitSettings limits =
        make_settings(
            with({{"account.a.key", "k"}, {"account.a.tier", "build"}, {"account.b.key", "k"}}))
            .core.limits;
    EXPECT_EQ(limits_of(limits, 0, "claude-sonnet-4").requests_per_minute, 5'000);
    EXPECT_EQ(limits_of(limits, 0, "claude-fable-5").output_tokens_per_minute, 300'000);
    EXPECT_EQ(limits_of(limits, 1, "claude-sonnet-4").requests_per_minute, 0);
    // The table does not say what this tier allows for this class.
    EXPECT_EQ(limits_of(limits, 0, "claude-opus-5-5").requests_per_minute, 0);
    EXPECT_FALSE(limits.table.source.empty());
    EXPECT_FALSE(limits.prices.date.empty());
}

TEST(Tables, KeysWinOverTheTierAndTheAccountsOwnOverAll) {
    const LimitSettings limits =
        make_settings(with({{"account.a.key", "k"},
                            {"account.a.tier", "start"},
                            {"account.a.limit.claude-opus-5.requests_per_minute", "7"},
                            {"account.b.key", "k"},
                            {"account.b.tier", "scale"},
                            {"limit.claude-opus-5.requests_per_minute", "100"},
                            {"limit.claude-opus-5.input_tokens_per_minute", "2000"}}))
            .core.limits;
    EXPECT_EQ(limits_of(limits, 0, "claude-opus-5").requests_per_minute, 7);
    EXPECT_EQ(limits_of(limits, 0, "claude-opus-5").input_tokens_per_minute, 2'000);
    EXPECT_EQ(limits_of(limits, 0, "claude-opus-5").output_tokens_per_minute, 400'000);
    EXPECT_EQ(limits_of(limits, 1, "claude-opus-5").requests_per_minute, 100);
    EXPECT_EQ(limits_of(limits, 1, "claude-opus-5").output_tokens_per_minute, 2'000'000);
    EXPECT_EQ(limits_of(limits, 1, "claude-opus-4").requests_per_minute, 10'000);
}

TEST(Tables, ATierSaysWhatBatchesAndTokenCountsMayTake) {
    const auto settings_with = [](std::initializer_list<std::pair<const char*, const char*>> more) {
        Config config = with({{"account.a.key", "k"},
                              {"account.a.tier", "build"},
                              {"account.b.key", "k"},
                              {"account.c.key", "k"},
                              {"account.c.tier", "scale"},
                              {"account.c.limit.token_count.requests_per_minute", "5"}});
        for (const auto& [key, value] : more) config.set(key, value);
        return make_settings(config);
    };
    const Settings settings = settings_with({});
    const BatchSettings& batch = settings.batch.machine;
    EXPECT_EQ(batch.calls_per_minute, 1'000u);
    EXPECT_EQ(batch.queue_places, 200'000u);
    ASSERT_EQ(batch.account_limits.size(), 3u);
    EXPECT_EQ(batch.account_limits[0].calls_per_minute, 2'000u);
    EXPECT_EQ(batch.account_limits[0].queue_places, 300'000u);
    EXPECT_EQ(batch.account_limits[1].calls_per_minute, 0u);
    EXPECT_EQ(batch.account_limits[1].queue_places, 0u);
    EXPECT_EQ(batch.account_limits[2].calls_per_minute, 4'000u);
    const LimitSettings& limits = settings.core.limits;
    EXPECT_EQ(limits.accounts[0].token_count.requests_per_minute, 4'000);
    EXPECT_EQ(limits.accounts[1].token_count.requests_per_minute, 0);  // as for all
    EXPECT_EQ(limits.accounts[2].token_count.requests_per_minute, 5);

    const Settings explicitly = settings_with({{"batch.calls_per_minute", "7"},
                                               {"batch.queue_places", "8"},
                                               {"limit.token_count.requests_per_minute", "9"}});
    const BatchSettings& given = explicitly.batch.machine;
    EXPECT_EQ(given.calls_per_minute, 7u);
    EXPECT_EQ(given.account_limits[0].calls_per_minute, 0u);
    EXPECT_EQ(given.account_limits[0].queue_places, 0u);
    EXPECT_EQ(explicitly.core.limits.token_count.requests_per_minute, 9);
    EXPECT_EQ(explicitly.core.limits.accounts[0].token_count.requests_per_minute, 0);
}

TEST(Tables, AnUnknownTierIsRefusedWithThoseThatThereAre) {
    const std::string problem =
        problem_of(with({{"account.a.key", "k"}, {"account.a.tier", "gold"}}));
    EXPECT_NE(problem.find("account.a.tier: \"gold\""), std::string::npos) << problem;
    EXPECT_NE(problem.find("build, scale, start"), std::string::npos) << problem;
}

TEST(Tables, AFileTakesThePlaceOfTheBuiltInTable) {
    const TemporaryFile file(R"({"source": "us", "date": "2026-11-01", "classes": [
        {"name": "mine", "models": ["claude-*"],
         "tiers": {"only": {"requests_per_minute": 9, "tokens_per_day": 1000}}}]})");
    const LimitSettings limits = make_settings(with({{"limits.table", file.path()},
                                                     {"account.a.key", "k"},
                                                     {"account.a.tier", "only"}}))
                                     .core.limits;
    ASSERT_EQ(limits.classes[0].name, "mine");
    EXPECT_EQ(limits.classes[1].name, "");  // spare
    EXPECT_EQ(limits_of(limits, 0, "mine").requests_per_minute, 9);
    EXPECT_EQ(limits_of(limits, 0, "mine").tokens_per_day, 1'000);
    EXPECT_EQ(limits.table.source, "us");
    EXPECT_EQ(limits.table.date, "2026-11-01");
    const std::string problem = problem_of(
        with({{"limits.table", file.path()}, {"account.a.key", "k"}, {"account.a.tier", "build"}}));
    EXPECT_NE(problem.find("there are only"), std::string::npos) << problem;
}

TEST(Tables, ABadFileIsRefusedWithItsNameThePlaceAndARemedy) {
    const TemporaryFile limits(R"({"classes": [{"name": "a", "models": ["a"],
                                    "tiers": {"t": {"requests_per_minute": -1}}}]})");
    std::string problem = problem_of(with({{"limits.table", limits.path()}}));
    EXPECT_NE(problem.find(limits.path()), std::string::npos) << problem;
    EXPECT_NE(problem.find("limits.table: "), std::string::npos) << problem;
    EXPECT_NE(problem.find("classes[0].tiers.t.requests_per_minute"), std::string::npos) << problem;
    EXPECT_NE(problem.find("leave the key out"), std::string::npos) << problem;
    const TemporaryFile prices(R"({"prices": [{"models": ["a"], "input": "3"}]})");
    problem = problem_of(with({{"prices.table", prices.path()}}));
    EXPECT_NE(problem.find("prices.table: "), std::string::npos) << problem;
    EXPECT_NE(problem.find("prices[0].input"), std::string::npos) << problem;
    problem = problem_of(with({{"prices.table", "/no/such/file"}}));
    EXPECT_NE(problem.find("there is no such file"), std::string::npos) << problem;
}

TEST(Budgets, AreOfEverybodyAccountsAndTenants) {
    const LimitSettings limits = make_settings(with({{"account.a.key", "k"},
                                                     {"account.a.spend_per_day", "12.50"},
                                                     {"account.b.key", "k"},
                                                     {"tenant.x.spend_per_day", "0.000001"},
                                                     {"tenant.x.tokens_per_day", "5"},
                                                     {"tenant.y.weight", "2"},
                                                     {"spend.per_day", "100"},
                                                     {"limits.on_spent", "refuse"},
                                                     {"limits.day_offset_minutes", "-90"}}))
                                     .core.limits;
    ASSERT_EQ(limits.day_budgets.size(), 4u);
    EXPECT_EQ(limits.day_budgets[0].spend_per_day, 100'000'000);
    EXPECT_EQ(key_of(limits.day_budgets[0], true), "spend.per_day");
    EXPECT_EQ(limits.day_budgets[1].spend_per_day, 12'500'000);
    EXPECT_EQ(limits.day_budgets[1].account, 0);
    EXPECT_EQ(limits.day_budgets[2].spend_per_day, 0);
    EXPECT_EQ(limits.day_budgets[3].spend_per_day, 1);
    EXPECT_EQ(limits.day_budgets[3].tokens_per_day, 5);
    EXPECT_EQ(limits.day_budgets[3].tenant, name_hash_64("x"));
    EXPECT_EQ(key_of(limits.day_budgets[3], false), "tenant.x.tokens_per_day");
    EXPECT_TRUE(limits.refuse_over_spend);
    EXPECT_EQ(limits.day_offset_ns, -90 * kNsPerMinute);
}

TEST(Budgets, NonsenseIsRefusedWithTheKeysName) {
    const std::pair<const char*, const char*> bad[] = {
        {"spend.per_day", "0"},
        {"spend.per_day", "-1"},
        {"spend.per_day", "nan"},
        {"spend.per_day", "1e300"},
        {"account.a.spend_per_day", "12,50"},
        {"account.a.tokens_per_day", "0"},
        {"account.a.tokens_per_day", "9223372036854775808"},
        {"tenant.x.spend_per_day", "$5"},
        {"limits.day_offset_minutes", "1441"},
        {"limits.on_spent", "ignore"},
        {"account.a.limit.claude-opus-5.requests_per_minute", "-5"},
        {"limit.claude-opus-5.input_tokens_per_minute", "0"},
        {"limit.claude-opus-5.input_tokens_per_minute", "99999999999999999999"},
    };
    for (const auto& [key, value] : bad) {
        Config config;
        try {
            config.set(key, value);
            ADD_FAILURE() << key << " = " << value;
        } catch (const Failure& failure) {
            EXPECT_EQ(failure.code(), WEIR_ERR_INVALID_VALUE);
            EXPECT_NE(failure.message().find(key), std::string::npos) << failure.message();
        }
        const std::string json = fmt::format("{{\"{}\": {}}}", key, value);
        EXPECT_THROW(config.set_json(json), Failure) << json;
    }
}

TEST(Budgets, AMessageNamesTheKeyAndWhenItFrees) {
    LimitSettings::DayBudget budget;
    budget.name = "tenant.acme";
    budget.spend_per_day = 12'500'000;
    budget.tokens_per_day = 1'000;
    EXPECT_EQ(spent_message(budget, true, std::int64_t{20'784} * 86'400 * kNsPerS),
              "tenant.acme.spend_per_day: what is left of the day's 12.50 dollars is not enough "
              "for the request; the next day begins at 2026-11-27 00:00 UTC");
    EXPECT_EQ(spent_message(budget, false, -1),
              "tenant.acme.tokens_per_day: the request alone is expected to take more than the "
              "1000 tokens of a day");
}

}  // namespace
}  // namespace weir
