// Budgets of a day over all model classes: everybody's, an account's, a tenant's.

#include <gtest/gtest.h>

#include "limits/limiter.h"

namespace weir {
namespace {

constexpr TimeNs kS = kNsPerS;
constexpr std::int64_t kDay = 86'400;
constexpr std::uint64_t kAcme = 77;

// Three millionths a token of input, fifteen a token of output.
LimitSettings priced() {
    LimitSettings settings;
    settings.classes.resize(2);
    settings.classes[0].name = "first";
    settings.classes[1].name = "second";
    for (LimitSettings::Class& each : settings.classes) each.limits.requests_per_minute = 60'000;
    settings.accounts.resize(2);
    settings.prices.rows.push_back({.models = {"*"}, .prices = {.input = 3, .output = 15}});
    return settings;
}

LimitSettings::DayBudget budget_of_acme(std::int64_t spend, std::int64_t tokens = 0) {
    LimitSettings::DayBudget budget;
    budget.name = "tenant.acme";
    budget.tenant = kAcme;
    budget.spend_per_day = spend;
    budget.tokens_per_day = tokens;
    return budget;
}

struct Bench {
    explicit Bench(const LimitSettings& settings) : limiter(settings) {
        // A hundred seconds are left of the day.
        limiter.set_wall_offset((20'000 * kDay - 100) * kS);
    }

    Cost cost(std::int64_t input, std::int64_t output, std::int64_t most, bool acme = true) {
        return {.input_tokens = input,
                .output_tokens = output,
                .max_output_tokens = most,
                .prices = 0,
                .tenant_budget = acme ? limiter.tenant_budget(kAcme) : kNoDayBudget};
    }
    Verdict reserve(const Cost& cost, TimeNs now, std::uint16_t account = 0,
                    std::uint16_t model_class = 0) {
        return limiter.reserve(limiter.budget(account, model_class), cost, now, &held);
    }
    void settle(std::int64_t input, std::int64_t output, TimeNs now) {
        Outcome outcome;
        outcome.usage.input_tokens = input;
        outcome.usage.output_tokens = output;
        limiter.settle(held, outcome, now);
    }

    Limiter limiter;
    Reservation held;
};

TEST(DayBudgets, ATenantsIsSharedByItsRequestsAndNobodyElses) {
    LimitSettings settings = priced();
    settings.day_budgets.push_back(budget_of_acme(10'000));
    Bench bench(settings);
    EXPECT_EQ(bench.limiter.tenant_budget(78), kNoDayBudget);
    EXPECT_EQ(bench.limiter.tenant_budget(0), kNoDayBudget);
    // 3,000 and 4,500; over both accounts and classes.
    ASSERT_EQ(bench.reserve(bench.cost(1'000, 300, 300), kS).kind, Verdict::Kind::granted);
    bench.settle(1'000, 300, 2 * kS);
    const Verdict verdict = bench.reserve(bench.cost(1'000, 300, 300), 3 * kS, 1, 1);
    EXPECT_EQ(verdict.kind, Verdict::Kind::not_before);
    EXPECT_EQ(verdict.at, 100 * kS);
    EXPECT_TRUE(verdict.spend);
    EXPECT_EQ(verdict.day_budget, 0);
    EXPECT_EQ(bench.reserve(bench.cost(1'000, 300, 300, false), 3 * kS).kind,
              Verdict::Kind::granted);
    bench.settle(1'000, 300, 4 * kS);
    EXPECT_EQ(bench.reserve(bench.cost(1'000, 300, 300), 100 * kS).kind, Verdict::Kind::granted);
}

TEST(DayBudgets, EverybodysAndAnAccountsCountAllClasses) {
    LimitSettings settings = priced();
    settings.day_budgets.emplace_back();
    settings.day_budgets[0].spend_per_day = 20'000;
    settings.day_budgets.emplace_back();
    settings.day_budgets[1].name = "account.a";
    settings.day_budgets[1].account = 0;
    settings.day_budgets[1].tokens_per_day = 2'000;
    Bench bench(settings);
    ASSERT_EQ(bench.reserve(bench.cost(1'000, 500, 500), kS, 0, 0).kind, Verdict::Kind::granted);
    bench.settle(1'000, 500, 2 * kS);
    Verdict verdict = bench.reserve(bench.cost(100, 500, 500), 3 * kS, 0, 1);
    EXPECT_EQ(verdict.kind, Verdict::Kind::not_before);
    EXPECT_EQ(verdict.day_budget, 1);
    EXPECT_FALSE(verdict.spend);
    // Another account goes on, until everybody's money is used up.
    ASSERT_EQ(bench.reserve(bench.cost(100, 500, 500), 3 * kS, 1, 0).kind, Verdict::Kind::granted);
    bench.settle(100, 500, 4 * kS);
    verdict = bench.reserve(bench.cost(100, 500, 500), 5 * kS, 1, 0);
    EXPECT_EQ(verdict.kind, Verdict::Kind::not_before);
    EXPECT_EQ(verdict.day_budget, 0);
}

TEST(DayBudgets, WhatRunsHoldsTheMostThatItMayCost) {
    LimitSettings settings = priced();
    settings.day_budgets.push_back(budget_of_acme(100'000));
    Bench bench(settings);
    // 10 tokens are expected, and 5,000 allowed: 75,000 and more are held.
    ASSERT_EQ(bench.reserve(bench.cost(1'000, 10, 5'000), kS).kind, Verdict::Kind::granted);
    const Reservation first = bench.held;
    Verdict verdict = bench.reserve(bench.cost(1'000, 2'000, 2'000), kS);
    EXPECT_EQ(verdict.kind, Verdict::Kind::not_before);
    EXPECT_LT(verdict.at, 5 * kS);  // not tomorrow
    Outcome outcome;
    outcome.usage.input_tokens = 1'000;
    outcome.usage.output_tokens = 10;
    bench.limiter.settle(first, outcome, 2 * kS);
    EXPECT_EQ(bench.limiter.day_budgets()[0].used().spend, 3'150);
    EXPECT_EQ(bench.limiter.day_budgets()[0].held().spend, 0);
    EXPECT_EQ(bench.reserve(bench.cost(1'000, 2'000, 2'000), 2 * kS).kind, Verdict::Kind::granted);
}

TEST(DayBudgets, WhatFailsCostsNothingUnlessItMayHaveBeenDone) {
    LimitSettings settings = priced();
    settings.day_budgets.push_back(budget_of_acme(100'000));
    Bench bench(settings);
    ASSERT_EQ(bench.reserve(bench.cost(1'000, 100, 5'000), kS).kind, Verdict::Kind::granted);
    Outcome outcome;
    outcome.cls = OutcomeClass::rate_limited;
    bench.limiter.settle(bench.held, outcome, kS);
    EXPECT_EQ(bench.limiter.day_budgets()[0].used().spend, 0);
    ASSERT_EQ(bench.reserve(bench.cost(1'000, 100, 5'000), 2 * kS).kind, Verdict::Kind::granted);
    outcome.cls = OutcomeClass::timeout;
    outcome.maybe_executed = true;
    bench.limiter.settle(bench.held, outcome, kS);
    EXPECT_EQ(bench.limiter.day_budgets()[0].used().spend, 4'500);
    EXPECT_EQ(bench.limiter.day_budgets()[0].used().tokens, 1'100);
    EXPECT_EQ(bench.limiter.day_budgets()[0].held().tokens, 0);
}

TEST(DayBudgets, RefusedWhereConfiguredAndAlwaysIfItIsMoreThanADays) {
    LimitSettings settings = priced();
    settings.day_budgets.push_back(budget_of_acme(10'000, 5'000));
    settings.refuse_over_spend = true;
    Bench bench(settings);
    Verdict verdict = bench.limiter.check_tenant(bench.cost(4'000, 10, 10), kS);
    EXPECT_EQ(verdict.kind, Verdict::Kind::never);
    EXPECT_TRUE(verdict.spend);
    EXPECT_EQ(verdict.at, kNever);
    verdict = bench.limiter.check_tenant(bench.cost(1, 5'000, 10), kS);
    EXPECT_EQ(verdict.kind, Verdict::Kind::never);
    ASSERT_EQ(bench.reserve(bench.cost(2'000, 10, 10), kS).kind, Verdict::Kind::granted);
    bench.settle(2'000, 10, kS);
    verdict = bench.limiter.check_tenant(bench.cost(2'000, 10, 10), kS);
    EXPECT_EQ(verdict.kind, Verdict::Kind::never);
    EXPECT_EQ(verdict.at, 100 * kS);
    EXPECT_EQ(bench.limiter.check_tenant(bench.cost(1'000, 10, 10), kS).kind,
              Verdict::Kind::granted);
}

TEST(DayBudgets, TheDayBeginsWhereItIsConfiguredTo) {
    LimitSettings settings = priced();
    settings.day_budgets.push_back(budget_of_acme(10'000));
    settings.day_offset_ns = 60 * kNsPerMinute;  // an hour east: the day began long ago
    Bench bench(settings);
    ASSERT_EQ(bench.reserve(bench.cost(3'000, 10, 10), kS).kind, Verdict::Kind::granted);
    bench.settle(3'000, 10, kS);
    const Verdict verdict = bench.reserve(bench.cost(3'000, 10, 10), 2 * kS);
    EXPECT_EQ(verdict.at, (kDay - 3600 + 100) * kS);
}

TEST(DayBudgets, TheirUseIsKeptByName) {
    LimitSettings settings = priced();
    settings.day_budgets.emplace_back();
    settings.day_budgets.push_back(budget_of_acme(10'000));
    Bench bench(settings);
    const std::uint64_t before = bench.limiter.day_use_version();
    ASSERT_EQ(bench.reserve(bench.cost(3'000, 10, 10), kS).kind, Verdict::Kind::granted);
    bench.settle(3'000, 10, kS);
    EXPECT_NE(bench.limiter.day_use_version(), before);
    const std::vector<Limiter::DayUse> kept = bench.limiter.day_use();
    ASSERT_EQ(kept.size(), 2u);
    EXPECT_EQ(kept[0].scope, "all");
    EXPECT_EQ(kept[1].scope, "tenant.acme");
    EXPECT_EQ(kept[1].spend, 9'150);
    // In the next run the budgets are in another order, and one has gone.
    settings.day_budgets.erase(settings.day_budgets.begin());
    Bench next(settings);
    for (const Limiter::DayUse& use : kept) next.limiter.restore(use, 2 * kS);
    EXPECT_EQ(next.limiter.day_budgets()[0].used().spend, 9'150);
    Bench next_day(settings);
    for (const Limiter::DayUse& use : kept) next_day.limiter.restore(use, 101 * kS);
    EXPECT_EQ(next_day.limiter.day_budgets()[0].used().spend, 0);
}

TEST(DayBudgets, BatchesCountToo) {
    LimitSettings settings = priced();
    settings.day_budgets.push_back(budget_of_acme(10'000));
    Bench bench(settings);
    bench.limiter.add_day_use(0, kAcme, {.tokens = 10, .spend = 9'000}, kS);
    bench.limiter.add_day_use(0, 0, {.tokens = 10, .spend = 9'000}, kS);
    bench.limiter.add_day_use(0, kAcme, {.tokens = -1, .spend = -1}, kS);
    EXPECT_EQ(bench.limiter.day_budgets()[0].used().spend, 9'000);
    EXPECT_EQ(bench.reserve(bench.cost(1'000, 10, 10), kS).kind, Verdict::Kind::not_before);
}

TEST(DayBudgets, AModelWithoutPricesCostsNothingAndIsCounted) {
    LimitSettings settings = priced();
    settings.day_budgets.push_back(budget_of_acme(10'000));
    Bench bench(settings);
    Cost cost = bench.cost(1'000'000, 10, 10);
    cost.prices = kNoPrices;
    ASSERT_EQ(bench.reserve(cost, kS).kind, Verdict::Kind::granted);
    bench.settle(1'000'000, 10, kS);
    EXPECT_EQ(bench.limiter.unpriced(), 1u);
    EXPECT_EQ(bench.limiter.day_budgets()[0].used().spend, 0);
}

}  // namespace
}  // namespace weir
