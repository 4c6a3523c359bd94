// Further scopes, bounds on what is in flight, estimates and ramps.

#include <gtest/gtest.h>

#include "limits/limiter.h"
#include "limits/ramp.h"

namespace weir {
namespace {

constexpr TimeNs kS = kNsPerS;
constexpr std::uint16_t kAny = LimitSettings::Scope::kAny;

LimitSettings two_classes() {
    LimitSettings settings;
    for (const char* const name : {"first", "second"}) {
        LimitSettings::Class each;
        each.name = name;
        each.limits.requests_per_minute = 6'000;
        settings.classes.push_back(each);
    }
    settings.accounts.emplace_back();
    return settings;
}

Outcome succeeded() {
    Outcome outcome;
    outcome.usage.input_tokens = 10;
    outcome.usage.output_tokens = 10;
    return outcome;
}

int granted_in(Limiter& limiter, BudgetId id, TimeNs from, TimeNs until) {
    int granted = 0;
    for (TimeNs now = from; now < until;) {
        Reservation reservation;
        const Verdict verdict = limiter.reserve(id, {10, 10, 10}, now, &reservation);
        if (verdict.kind == Verdict::Kind::granted) {
            ++granted;
            limiter.settle(reservation, succeeded(), now);
        } else {
            now = verdict.at;
        }
    }
    return granted;
}

TEST(Scopes, AnAttemptPassesAllThatItMatches) {
    LimitSettings settings = two_classes();
    settings.scopes.emplace_back();
    settings.scopes[0].name = "whole account";
    settings.scopes[0].account = 0;
    settings.scopes[0].limits.requests_per_minute = 600;
    settings.scopes.emplace_back();
    settings.scopes[1].name = "key";
    settings.scopes[1].key = 7;
    settings.scopes[1].limits.requests_per_minute = 60;
    Limiter limiter(settings);
    const BudgetId first = limiter.budget(0, 0);
    const BudgetId second = limiter.budget(0, 1);
    const BudgetId keyed = limiter.budget(0, 0, kAny, 7);
    EXPECT_NE(first, keyed);
    EXPECT_EQ(limiter.budget(0, 0, kAny, 7), keyed);
    EXPECT_EQ(limiter.budget(0, 0), first);
    EXPECT_NEAR(granted_in(limiter, keyed, 0, 20 * kS), 20, 3);
    // Both classes draw on the account's one bucket.
    const int alone = granted_in(limiter, first, 30 * kS, 50 * kS);
    EXPECT_NEAR(granted_in(limiter, second, 50 * kS, 60 * kS), 100, 5);
    EXPECT_NEAR(alone, 250, 60);  // what had filled up meanwhile, and 200
}

TEST(Scopes, WhatOneRefusesIsTakenFromNone) {
    LimitSettings settings = two_classes();
    settings.scopes.emplace_back();
    settings.scopes[0].account = 0;
    settings.scopes[0].limits.in_flight = 1;
    Limiter limiter(settings);
    const BudgetId id = limiter.budget(0, 0);
    Reservation first;
    ASSERT_EQ(limiter.reserve(id, {10, 10, 10}, kS, &first).kind, Verdict::Kind::granted);
    std::vector<Limiter::BucketView> before;
    limiter.view(5 * kS, &before);
    Reservation second;
    EXPECT_EQ(limiter.reserve(id, {10, 10, 10}, 5 * kS, &second).kind, Verdict::Kind::not_before);
    std::vector<Limiter::BucketView> after;
    limiter.view(5 * kS, &after);
    EXPECT_EQ(before[0].level, after[0].level);
    limiter.settle(first, succeeded(), 6 * kS);
    EXPECT_EQ(limiter.reserve(id, {10, 10, 10}, 6 * kS, &second).kind, Verdict::Kind::granted);
}

TEST(Estimate, SaysWhenAndWhatBindsAndTakesNothing) {
    LimitSettings settings = two_classes();
    settings.classes[0].limits = {.requests_per_minute = 600,
                                  .input_tokens_per_minute = 6'000,
                                  .output_tokens_per_minute = 0,
                                  .tokens_per_day = 50'000,
                                  .in_flight = 0};
    Limiter limiter(settings);
    const BudgetId id = limiter.budget(0, 0);
    Reservation reservation;
    ASSERT_EQ(limiter.reserve(id, {1'000, 1, 1}, 0, &reservation).kind, Verdict::Kind::granted);
    for (int i = 0; i < 3; ++i) {
        const Verdict verdict = limiter.estimate(id, {1'000, 1, 1}, kS);
        EXPECT_EQ(verdict.kind, Verdict::Kind::not_before);
        EXPECT_EQ(verdict.binding, LimitKind::input_tokens);
        EXPECT_NEAR(static_cast<double>(verdict.at), 10e9, 2e9);
    }
    EXPECT_EQ(limiter.largest(id, LimitKind::input_tokens), 6'000);
    EXPECT_EQ(limiter.largest(id, LimitKind::day_tokens), 50'000);
    EXPECT_EQ(limiter.largest(id, LimitKind::output_tokens), -1);
    EXPECT_EQ(limiter.estimate(id, {6'001, 1, 1}, kS).kind, Verdict::Kind::never);
}

TEST(Spend, WaitsForMidnightOrIsRefused) {
    for (const bool refuse : {false, true}) {
        LimitSettings settings = two_classes();
        settings.prices.rows.push_back(
            {.models = {"*"}, .prices = {.input = 3, .cache_write_5m = 3.75, .output = 15}});
        settings.scopes.emplace_back();
        settings.scopes[0].account = 0;
        settings.scopes[0].name = "everything";
        settings.scopes[0].limits.spend_per_day = 10'000;  // a cent
        settings.refuse_over_spend = refuse;
        Limiter limiter(settings);
        limiter.set_wall_offset(20'000 * 86'400 * kS - 100 * kS);
        const BudgetId id = limiter.budget(0, 0);
        Reservation reservation;
        const auto cost = [](std::int64_t output) {
            return Cost{.input_tokens = 1'000,
                        .output_tokens = output,
                        .max_output_tokens = output,
                        .prices = 0};
        };
        // 3,000 and 6,000 millionths expected; 3,000 and 3,000 used.
        ASSERT_EQ(limiter.reserve(id, cost(400), kS, &reservation).kind, Verdict::Kind::granted);
        Outcome outcome;
        outcome.usage.input_tokens = 1'000;
        outcome.usage.output_tokens = 200;
        limiter.settle(reservation, outcome, 2 * kS);
        ASSERT_EQ(limiter.day_use().size(), 1u);
        EXPECT_EQ(limiter.day_use()[0].spend, 6'000);

        Verdict verdict = limiter.estimate(id, cost(400), 3 * kS);
        EXPECT_TRUE(verdict.spend);
        if (refuse) {
            EXPECT_EQ(verdict.kind, Verdict::Kind::never);
        } else {
            EXPECT_EQ(verdict.kind, Verdict::Kind::not_before);
            EXPECT_EQ(verdict.at, 100 * kS);
        }
        verdict = limiter.reserve(id, cost(60), 3 * kS, &reservation);
        EXPECT_EQ(verdict.kind, Verdict::Kind::granted);
    }
}

TEST(DayUse, SurvivesARestartOnTheSameDayOnly) {
    LimitSettings settings = two_classes();
    settings.classes[0].limits.tokens_per_day = 1'000;
    const std::int64_t offset = 20'000 * 86'400 * kS;
    std::vector<Limiter::DayUse> kept;
    {
        Limiter limiter(settings);
        limiter.set_wall_offset(offset);
        Reservation reservation;
        ASSERT_EQ(limiter.reserve(limiter.budget(0, 0), {600, 100, 100}, kS, &reservation).kind,
                  Verdict::Kind::granted);
        kept = limiter.day_use();
    }
    ASSERT_EQ(kept.size(), 1u);
    EXPECT_EQ(kept[0].tokens, 700);
    for (const int days_later : {0, 1}) {
        Limiter limiter(settings);
        limiter.set_wall_offset(offset + days_later * 86'400 * kS);
        const BudgetId id = limiter.budget(0, 0);
        limiter.restore(kept[0], kS);
        Reservation reservation;
        EXPECT_EQ(limiter.reserve(id, {600, 100, 100}, kS, &reservation).kind,
                  days_later == 0 ? Verdict::Kind::not_before : Verdict::Kind::granted);
    }
}

// A provider that lets its input grow by so much a minute, and refuses more.
TEST(Ramp, FollowsWhatTheProviderAccepts) {
    Ramp ramp;
    double allowed_per_s = 1'000;
    double level = 1'000;
    int refused = 0;
    double let_through = 0;
    TimeNs now = kS;
    for (; now < 20 * kNsPerMinute; now += 100 * kNsPerMs) {
        allowed_per_s += 100.0 / 600;  // 100 a second more every minute
        level = std::min(level + allowed_per_s / 10, allowed_per_s * 10);
        constexpr std::int64_t kTokens = 500;
        if (ramp.active() && ramp.fits_at(kTokens) > now) continue;
        if (level < kTokens) {
            ++refused;
            ramp.refused(0, now, now, now);
            continue;
        }
        level -= kTokens;
        let_through += kTokens;
        ramp.used(kTokens, now);
        if (ramp.active()) ramp.take(kTokens, now);
    }
    EXPECT_LT(refused, 30);
    // On average 2,000 a second were allowed.
    EXPECT_GT(let_through / (20 * 60), 1'200);
}

TEST(Ramp, WhatWasRefusedWasNotLetThrough) {
    Ramp ramp;
    for (int i = 0; i < 100; ++i) ramp.used(500, 0);
    for (TimeNs ms = 1; ms <= 90; ++ms)
        ramp.refused(500, 0, kS + ms * kNsPerMs, kS + (1000 + ms) * kNsPerMs);
    // Ten got through in the 1.09 seconds, and four fifths of that is what may follow.
    EXPECT_NEAR(ramp.pace_per_s(), 3'670, 1);
    // After the last pause, and nothing of what it would have let through before.
    EXPECT_NEAR(static_cast<double>(ramp.fits_at(1'835)) / 1e9, 2.09 + 0.5, 0.01);
}

TEST(Ramp, SuppliesKnowIt) {
    LimitSettings settings = two_classes();
    settings.classes[0].limits = {.requests_per_minute = 6'000, .input_tokens_per_minute = 600'000};
    Limiter limiter(settings);
    const BudgetId id = limiter.budget(0, 0);
    const auto input = static_cast<std::size_t>(LimitKind::input_tokens);
    const auto requests = static_cast<std::size_t>(LimitKind::requests);
    (void)granted_in(limiter, id, kS, 61 * kS);
    Supplies supplies = limiter.supplies(id, 62 * kS);
    EXPECT_FALSE(supplies.grows(input));
    Reservation reservation;
    ASSERT_EQ(limiter.reserve(id, {10, 10, 10}, 62 * kS, &reservation).kind,
              Verdict::Kind::granted);
    Outcome outcome;
    outcome.cls = OutcomeClass::acceleration;
    const TimeNs until = limiter.refuse(reservation, outcome, 62 * kS);
    supplies = limiter.supplies(id, until);
    EXPECT_NEAR(supplies.of[input].per_s, 10'000, 1);
    EXPECT_TRUE(supplies.grows(input));
    EXPECT_FALSE(supplies.grows(requests));
    // A thousand a second were used, of which four fifths may go, and more by and by.
    EXPECT_NEAR(supplies.within(10, input, 0, false), 7'850, 100);
    EXPECT_NEAR(supplies.within(10, input, 0, true), 9'600, 500);
    EXPECT_NEAR(seconds_until({{supplies}}, input, 7'850, 0, false), 10, 0.5);
}

TEST(Ramp, AnAccelerationRefusalSlowsInputDownAndNotForEver) {
    LimitSettings settings = two_classes();
    Limiter limiter(settings);
    const BudgetId id = limiter.budget(0, 0);
    const int before = granted_in(limiter, id, kS, 61 * kS);
    Reservation reservation;
    ASSERT_EQ(limiter.reserve(id, {10, 10, 10}, 62 * kS, &reservation).kind,
              Verdict::Kind::granted);
    Outcome outcome;
    outcome.cls = OutcomeClass::acceleration;
    const TimeNs until = limiter.refuse(reservation, outcome, 62 * kS);
    limiter.settle(reservation, outcome, 62 * kS);
    EXPECT_GT(until, 62 * kS);
    // A hundred a second before, and four fifths of that at first, paced from the first on.
    EXPECT_NEAR(before, 6'000, 100);
    EXPECT_NEAR(granted_in(limiter, id, until, until + kS), 80, 8);
    EXPECT_NEAR(granted_in(limiter, id, until + kS, until + 5 * kS), 320, 15);
    EXPECT_GT(granted_in(limiter, id, until + 60 * kS, until + 70 * kS), 900);
}

}  // namespace
}  // namespace weir
