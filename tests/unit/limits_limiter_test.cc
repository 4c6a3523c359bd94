#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "limits/limiter.h"

namespace weir {
namespace {

constexpr TimeNs kMs = kNsPerMs;
constexpr TimeNs kS = kNsPerS;

LimitSettings one_account(const BucketLimits& limits) {
    LimitSettings settings;
    settings.classes.push_back({.name = "claude-sonnet-4", .models = {"*"}, .limits = limits});
    settings.accounts.push_back({.name = "main", .limits = {}});
    return settings;
}

LimitReadings reading(LimitKind kind, std::int64_t limit, std::int64_t remaining,
                      std::int64_t rounding = 1) {
    LimitReadings readings;
    readings[kind] = {.limit = limit, .remaining = remaining, .rounding = rounding};
    return readings;
}

Outcome succeeded(std::int64_t input, std::int64_t output) {
    Outcome outcome;
    outcome.usage.input_tokens = input;
    outcome.usage.output_tokens = output;
    outcome.maybe_executed = true;
    return outcome;
}

Outcome refused(LimitKind kind, TimeNs wait_ns) {
    Outcome outcome;
    outcome.cls = OutcomeClass::rate_limited;
    outcome.refused = kind;
    outcome.retry_after_ns = wait_ns;
    return outcome;
}

double level(const Limiter& limiter, LimitKind kind, TimeNs now) {
    std::vector<Limiter::BucketView> views;
    limiter.view(now, &views);
    for (const auto& view : views) {
        if (view.kind == kind) return view.level;
    }
    return -1;
}

// How many requests of `cost` are granted from `from` until `until`, each settled at once.
int granted_in(Limiter& limiter, BudgetId id, const Cost& cost, TimeNs from, TimeNs until) {
    int granted = 0;
    for (TimeNs now = from; now < until;) {
        Reservation reservation;
        const Verdict verdict = limiter.reserve(id, cost, now, &reservation);
        if (verdict.kind == Verdict::Kind::granted) {
            ++granted;
            limiter.settle(reservation, succeeded(cost.input_tokens, cost.output_tokens), now);
            continue;
        }
        EXPECT_EQ(verdict.kind, Verdict::Kind::not_before);
        EXPECT_GT(verdict.at, now);
        now = verdict.at;
    }
    return granted;
}

TEST(Limiter, PacesAtEachConfiguredLimit) {
    struct Case {
        BucketLimits limits;
        Cost cost;
        double per_minute;
        LimitKind binding;
    };
    const Case cases[] = {
        {{.requests_per_minute = 600}, {10, 10, 100}, 600, LimitKind::requests},
        {{.input_tokens_per_minute = 60'000}, {100, 10, 100}, 600, LimitKind::input_tokens},
        {{.output_tokens_per_minute = 8'000}, {100, 80, 100}, 100, LimitKind::output_tokens},
        {{600, 60'000, 8'000, 0}, {1, 100, 100}, 80, LimitKind::output_tokens},
    };
    for (const Case& c : cases) {
        Limiter limiter(one_account(c.limits));
        const BudgetId id = limiter.budget(0, 0);
        const int granted = granted_in(limiter, id, c.cost, 0, 60 * kNsPerMinute);
        EXPECT_NEAR(granted, c.per_minute * 60, c.per_minute / 60 * 3 + 2);
        Reservation reservation;
        const Verdict verdict = limiter.reserve(id, c.cost, 60 * kNsPerMinute - 1, &reservation);
        EXPECT_EQ(verdict.binding, c.binding);
    }
}

TEST(Limiter, ReservesInAllBucketsOrInNone) {
    Limiter limiter(one_account({.requests_per_minute = 6'000, .output_tokens_per_minute = 600}));
    const BudgetId id = limiter.budget(0, 0);
    Reservation first;
    ASSERT_EQ(limiter.reserve(id, {10, 100, 100}, 0, &first).kind, Verdict::Kind::granted);
    const double before = level(limiter, LimitKind::requests, 5 * kS);
    Reservation second;
    const Verdict verdict = limiter.reserve(id, {10, 100, 100}, 5 * kS, &second);
    EXPECT_EQ(verdict.kind, Verdict::Kind::not_before);
    EXPECT_EQ(verdict.binding, LimitKind::output_tokens);
    EXPECT_EQ(level(limiter, LimitKind::requests, 5 * kS), before);
}

TEST(Limiter, SaysNeverForWhatNoBucketHolds) {
    Limiter limiter(one_account({.input_tokens_per_minute = 1'000}));
    const BudgetId id = limiter.budget(0, 0);
    Reservation reservation;
    EXPECT_EQ(limiter.reserve(id, {1'001, 1, 1}, 0, &reservation).kind, Verdict::Kind::never);
    const Verdict verdict = limiter.reserve(id, {1'000, 1, 1}, 0, &reservation);
    EXPECT_EQ(verdict.kind, Verdict::Kind::granted);
}

TEST(Limiter, TheGuardNeverMakesAFittingRequestImpossible) {
    for (const double burst_s : {0.0, 1.0, 60.0}) {
        for (const std::int64_t limit : {1LL, 2LL, 5LL, 60LL, 1'000'000LL}) {
            LimitSettings settings =
                one_account({.requests_per_minute = limit, .input_tokens_per_minute = limit});
            settings.burst_s = burst_s;
            Limiter limiter(settings);
            const BudgetId id = limiter.budget(0, 0);
            const auto depth = burst_s > 0 ? static_cast<double>(limit) * burst_s / 60
                                           : static_cast<double>(limit);
            const auto largest = std::max<std::int64_t>(static_cast<std::int64_t>(depth), 1);
            TimeNs now = 0;
            for (int i = 0; i < 20; ++i) {
                Reservation reservation;
                Verdict verdict = limiter.reserve(id, {largest, 1, 1}, now, &reservation);
                ASSERT_NE(verdict.kind, Verdict::Kind::never) << limit << " " << burst_s;
                if (verdict.kind == Verdict::Kind::not_before) {
                    ASSERT_LE(verdict.at - now, 2 * kNsPerMinute) << limit << " " << burst_s;
                    now = verdict.at;
                    verdict = limiter.reserve(id, {largest, 1, 1}, now, &reservation);
                }
                ASSERT_EQ(verdict.kind, Verdict::Kind::granted) << limit << " " << burst_s;
            }
        }
    }
}

TEST(Limiter, SettlesBothWays) {
    Limiter limiter(one_account({.input_tokens_per_minute = 600'000}));
    const BudgetId id = limiter.budget(0, 0);
    Reservation reservation;
    ASSERT_EQ(limiter.reserve(id, {1'000, 10, 10}, 0, &reservation).kind, Verdict::Kind::granted);
    const double held = level(limiter, LimitKind::input_tokens, kS);
    limiter.settle(reservation, succeeded(400, 10), kS);
    EXPECT_NEAR(level(limiter, LimitKind::input_tokens, kS), held + 600, 1);

    ASSERT_EQ(limiter.reserve(id, {1'000, 10, 10}, kS, &reservation).kind, Verdict::Kind::granted);
    const double held_again = level(limiter, LimitKind::input_tokens, kS);
    limiter.settle(reservation, succeeded(3'000, 10), kS);
    EXPECT_NEAR(level(limiter, LimitKind::input_tokens, kS), held_again - 2'000, 1);
}

TEST(Limiter, CacheReadsCountOnlyWhereTheModelSaysSo) {
    for (const bool count : {false, true}) {
        LimitSettings settings = one_account({.input_tokens_per_minute = 600'000});
        settings.classes[0].cache_reads_count = count;
        Limiter limiter(settings);
        const BudgetId id = limiter.budget(0, 0);
        Reservation reservation;
        ASSERT_EQ(limiter.reserve(id, {1'000, 10, 10}, 0, &reservation).kind,
                  Verdict::Kind::granted);
        Outcome outcome = succeeded(100, 10);
        outcome.usage.cache_write_tokens = 200;
        outcome.usage.cache_read_tokens = 300;
        const double held = level(limiter, LimitKind::input_tokens, kS);
        limiter.settle(reservation, outcome, kS);
        EXPECT_NEAR(level(limiter, LimitKind::input_tokens, kS), held + (count ? 400 : 700), 1);
    }
}

TEST(Limiter, AStreamsProgressIsDebitedBeyondTheExpectation) {
    LimitSettings settings = one_account({.output_tokens_per_minute = 600'000});
    settings.output_accounting = OutputAccounting::produced;
    Limiter limiter(settings);
    const BudgetId id = limiter.budget(0, 0);
    Reservation reservation;
    ASSERT_EQ(limiter.reserve(id, {1, 100, 4'096}, 0, &reservation).kind, Verdict::Kind::granted);
    const double held = level(limiter, LimitKind::output_tokens, kS);
    limiter.progress(&reservation, 80, kS);
    EXPECT_NEAR(level(limiter, LimitKind::output_tokens, kS), held, 1);
    limiter.progress(&reservation, 500, kS);
    EXPECT_NEAR(level(limiter, LimitKind::output_tokens, kS), held - 400, 1);
    limiter.progress(&reservation, 300, kS);  // never falls
    limiter.settle(reservation, succeeded(1, 550), kS);
    EXPECT_NEAR(level(limiter, LimitKind::output_tokens, kS), held - 450, 1);
}

TEST(Limiter, AStreamsInputIsSettledWhenItBegins) {
    enum class End { as_counted, more, unknown, not_executed };
    for (const End end : {End::as_counted, End::more, End::unknown, End::not_executed}) {
        Limiter limiter(one_account({.input_tokens_per_minute = 600'000}));
        const BudgetId id = limiter.budget(0, 0);
        Reservation reservation;
        ASSERT_EQ(limiter.reserve(id, {1'000, 1, 1}, 0, &reservation).kind, Verdict::Kind::granted);
        const double held = level(limiter, LimitKind::input_tokens, kS);
        Usage usage;
        limiter.input_counted(&reservation, usage, kS);
        EXPECT_NEAR(level(limiter, LimitKind::input_tokens, kS), held, 1);
        usage.input_tokens = 600;
        usage.cache_write_tokens = 100;
        usage.cache_read_tokens = 5'000;
        limiter.input_counted(&reservation, usage, kS);
        EXPECT_NEAR(level(limiter, LimitKind::input_tokens, kS), held + 300, 1);
        limiter.input_counted(&reservation, usage, kS);
        EXPECT_NEAR(level(limiter, LimitKind::input_tokens, kS), held + 300, 1);

        Outcome outcome = succeeded(end == End::more ? 900 : 700, 1);
        if (end == End::unknown || end == End::not_executed) {
            outcome.usage = Usage();
            outcome.cls = OutcomeClass::server_error;
            outcome.maybe_executed = end == End::unknown;
        }
        limiter.settle(reservation, outcome, kS);
        const double back = end == End::more ? 100 : end == End::not_executed ? 1'000 : 300;
        EXPECT_NEAR(level(limiter, LimitKind::input_tokens, kS), held + back, 1);
    }
}

// What a stream used before it broke is used, as far as it is known: by the figure, or by what it
// has shown, or else as it was expected.
TEST(Limiter, PartialUsageIsSettled) {
    LimitSettings settings =
        one_account({.input_tokens_per_minute = 600'000, .output_tokens_per_minute = 600'000});
    settings.output_accounting = OutputAccounting::produced;
    struct Case {
        std::int64_t shown, input, output;  // -1: not known
        bool executed;
        double input_more, output_more;  // than was held
    };
    for (const Case& c : {Case{500, 900, 550, true, 100, -450}, Case{500, -1, -1, true, 0, -400},
                          Case{0, -1, -1, true, 0, 0}, Case{20, 1'000, 30, true, 0, 70},
                          Case{0, -1, -1, false, 1'000, 100}}) {
        Limiter limiter(settings);
        const BudgetId id = limiter.budget(0, 0);
        Reservation reservation;
        ASSERT_EQ(limiter.reserve(id, {1'000, 100, 4'096}, 0, &reservation).kind,
                  Verdict::Kind::granted);
        const double input = level(limiter, LimitKind::input_tokens, kS);
        const double output = level(limiter, LimitKind::output_tokens, kS);
        limiter.progress(&reservation, c.shown, kS);
        Outcome broken;
        broken.cls = c.executed ? OutcomeClass::stream_error : OutcomeClass::overloaded;
        broken.maybe_executed = c.executed;
        broken.usage.input_tokens = c.input;
        broken.usage.output_tokens = c.output;
        limiter.settle(reservation, broken, kS);
        EXPECT_NEAR(level(limiter, LimitKind::input_tokens, kS), input + c.input_more, 1);
        EXPECT_NEAR(level(limiter, LimitKind::output_tokens, kS), output + c.output_more, 1)
            << c.shown << ", " << c.output << ", " << c.executed;
    }
}

TEST(Limiter, ARefusalPausesForEveryoneAndReturnsPaced) {
    Limiter limiter(one_account({.requests_per_minute = 600}));
    const BudgetId id = limiter.budget(0, 0);
    std::vector<Reservation> herd;
    TimeNs now = 20 * kS;
    Reservation first;
    ASSERT_EQ(limiter.reserve(id, {1, 1, 1}, 0, &first).kind, Verdict::Kind::granted);
    for (Reservation reservation;
         limiter.reserve(id, {1, 1, 1}, now, &reservation).kind == Verdict::Kind::granted;) {
        herd.push_back(reservation);
    }
    ASSERT_GT(herd.size(), 10u);
    TimeNs until = 0;
    for (const Reservation& reservation : herd) {
        const Outcome outcome = refused(LimitKind::requests, 7 * kS);
        until = limiter.refuse(reservation, outcome, now + 100 * kMs);
        limiter.settle(reservation, outcome, now + 100 * kMs);
    }
    EXPECT_GE(until, now + 7 * kS);
    EXPECT_LE(until, now + 8 * kS);
    Reservation reservation;
    const Verdict verdict = limiter.reserve(id, {1, 1, 1}, now + kS, &reservation);
    EXPECT_EQ(verdict.kind, Verdict::Kind::not_before);
    EXPECT_EQ(verdict.binding, LimitKind::requests);
    EXPECT_GE(verdict.at, until);
    // Ten a second from there on, not a herd.
    EXPECT_LE(granted_in(limiter, id, {1, 1, 1}, until, until + kS), 12);
    EXPECT_GE(granted_in(limiter, id, {1, 1, 1}, until + kS, until + 2 * kS), 9);
}

TEST(Limiter, WithNothingConfiguredTheFirstHeadersOpenIt) {
    Limiter limiter(one_account({}));
    const BudgetId id = limiter.budget(0, 0);
    Reservation first;
    ASSERT_EQ(limiter.reserve(id, {1, 1, 1}, 0, &first).kind, Verdict::Kind::granted);
    Reservation second;
    const Verdict verdict = limiter.reserve(id, {1, 1, 1}, 100 * kMs, &second);
    EXPECT_EQ(verdict.kind, Verdict::Kind::not_before);
    EXPECT_LE(verdict.at, kS);
    limiter.observe(first, reading(LimitKind::requests, 600, 49), 150 * kMs);
    // The bucket's burst of 50, but for the guard and what a request in flight may lose.
    EXPECT_NEAR(granted_in(limiter, id, {1, 1, 1}, 150 * kMs, 151 * kMs), 47, 2);
    EXPECT_NEAR(granted_in(limiter, id, {1, 1, 1}, 151 * kMs, 10151 * kMs), 100, 1);
}

TEST(Limiter, ConfiguredLimitsStartPacedAndOpenWithTheFirstHeaders) {
    Limiter limiter(one_account({.requests_per_minute = 600}));
    const BudgetId id = limiter.budget(0, 0);
    Reservation first;
    ASSERT_EQ(limiter.reserve(id, {1, 1, 1}, 0, &first).kind, Verdict::Kind::granted);
    EXPECT_LE(granted_in(limiter, id, {1, 1, 1}, 0, 500 * kMs), 5);
    limiter.observe(first, reading(LimitKind::requests, 600, 49), 500 * kMs);
    EXPECT_NEAR(granted_in(limiter, id, {1, 1, 1}, 500 * kMs, 501 * kMs), 47, 3);
}

TEST(Limiter, HeadersWinUnlessPinned) {
    for (const bool pinned : {false, true}) {
        LimitSettings settings = one_account({.requests_per_minute = 600});
        settings.pinned = pinned;
        Limiter limiter(settings);
        const BudgetId id = limiter.budget(0, 0);
        Reservation first;
        ASSERT_EQ(limiter.reserve(id, {1, 1, 1}, 0, &first).kind, Verdict::Kind::granted);
        limiter.observe(first, reading(LimitKind::requests, 1'200, 20), kS);
        limiter.settle(first, succeeded(1, 1), kS);
        (void)granted_in(limiter, id, {1, 1, 1}, kS, 3 * kS);
        EXPECT_NEAR(granted_in(limiter, id, {1, 1, 1}, 3 * kS, 13 * kS), pinned ? 100 : 200, 3);
    }
}

TEST(Limiter, TheDayEndsAtMidnightUtc) {
    Limiter limiter(one_account({.tokens_per_day = 1'000}));
    const BudgetId id = limiter.budget(0, 0);
    // Three seconds to midnight.
    limiter.set_wall_offset(20'000 * 86'400 * kS - 3 * kS);
    Reservation first;
    ASSERT_EQ(limiter.reserve(id, {500, 400, 400}, 0, &first).kind, Verdict::Kind::granted);
    limiter.settle(first, succeeded(500, 400), kS);
    Reservation second;
    const Verdict verdict = limiter.reserve(id, {500, 400, 400}, 2 * kS, &second);
    EXPECT_EQ(verdict.kind, Verdict::Kind::not_before);
    EXPECT_EQ(verdict.binding, LimitKind::day_tokens);
    EXPECT_EQ(verdict.at, 3 * kS);
    EXPECT_EQ(limiter.reserve(id, {500, 400, 400}, 3 * kS, &second).kind, Verdict::Kind::granted);
    EXPECT_EQ(limiter.reserve(id, {900, 400, 400}, 3 * kS, &second).kind, Verdict::Kind::never);
}

TEST(Limiter, OutputReservedByMaxTokensIsDetected) {
    LimitSettings settings = one_account({});
    Limiter limiter(settings);
    const BudgetId id = limiter.budget(0, 0);
    Reservation first;
    ASSERT_EQ(limiter.reserve(id, {10, 100, 4'096}, 0, &first).kind, Verdict::Kind::granted);
    limiter.observe(first, reading(LimitKind::output_tokens, 80'000, 76'000, 500), 200 * kMs);
    Reservation second;
    ASSERT_EQ(limiter.reserve(id, {10, 100, 4'096}, 200 * kMs, &second).kind,
              Verdict::Kind::granted);
    limiter.observe(second, reading(LimitKind::output_tokens, 80'000, 72'000, 500), 400 * kMs);
    Reservation third;
    const double before = level(limiter, LimitKind::output_tokens, 400 * kMs);
    ASSERT_EQ(limiter.reserve(id, {10, 100, 4'096}, 400 * kMs, &third).kind,
              Verdict::Kind::granted);
    EXPECT_NEAR(before - level(limiter, LimitKind::output_tokens, 400 * kMs), 4'096, 2);
}

TEST(Limiter, TheCapacityOfPriorityTierIsShownAndHoldsNothingBack) {
    Limiter limiter(one_account({.input_tokens_per_minute = 60'000}));
    const BudgetId id = limiter.budget(0, 0);
    Reservation reservation;
    ASSERT_EQ(limiter.reserve(id, {100, 1, 1}, 0, &reservation).kind, Verdict::Kind::granted);
    EXPECT_TRUE(limiter.priority_view(0).empty());
    LimitReadings readings;
    readings.priority.input = {.limit = 10'000, .remaining = 0, .reset_in_ns = 30 * kS};
    EXPECT_FALSE(limiter.observe(reservation, readings, kS));
    const auto used_up = limiter.priority_view(2 * kS);
    ASSERT_EQ(used_up.size(), 1u);
    EXPECT_EQ(used_up[0].kind, LimitKind::input_tokens);
    EXPECT_EQ(used_up[0].part.limit, 10'000);
    EXPECT_EQ(used_up[0].part.remaining, 0);
    EXPECT_EQ(used_up[0].part.full_at, 31 * kS);
    EXPECT_EQ(limiter.priority_view(31 * kS)[0].part.remaining, 10'000);
    EXPECT_EQ(limiter.reserve(id, {100, 1, 1}, 2 * kS, &reservation).kind, Verdict::Kind::granted);
}

TEST(Limiter, AStatedLimitBeyondBeliefIsIgnoredAndCounted) {
    constexpr std::int64_t kTokens = 100'000'000'000;
    const std::pair<LimitKind, std::int64_t> most[] = {{LimitKind::requests, 1'000'000'000},
                                                       {LimitKind::input_tokens, kTokens},
                                                       {LimitKind::output_tokens, kTokens},
                                                       {LimitKind::tokens, kTokens}};
    for (const auto& [kind, limit] : most) {
        SCOPED_TRACE(static_cast<int>(kind));
        Limiter limiter(one_account({}));
        Reservation reservation;
        ASSERT_EQ(limiter.reserve(limiter.budget(0, 0), {10, 1, 1}, 0, &reservation).kind,
                  Verdict::Kind::granted);
        limiter.observe(reservation, reading(kind, limit + 1, limit), kS);
        std::vector<Limiter::BucketView> views;
        limiter.view(kS, &views);
        EXPECT_TRUE(views.empty());
        EXPECT_EQ(limiter.ignored_readings(), 1u);
        limiter.observe(reservation, reading(kind, limit, limit), kS);
        limiter.view(kS, &views);
        ASSERT_EQ(views.size(), 1u);
        EXPECT_EQ(views[0].limit, static_cast<double>(limit));
        EXPECT_EQ(limiter.ignored_readings(), 1u);
    }
}

TEST(Limiter, MoreRemainingThanThereIsIsIgnoredUnlessItIsRounded) {
    Limiter limiter(one_account({.input_tokens_per_minute = 1'600}));
    const BudgetId id = limiter.budget(0, 0);
    Reservation reservation;
    ASSERT_EQ(limiter.reserve(id, {100, 1, 1}, 0, &reservation).kind, Verdict::Kind::granted);
    limiter.observe(reservation, reading(LimitKind::input_tokens, 1'600, 2'000, 1'000), kS);
    EXPECT_EQ(limiter.ignored_readings(), 0u);
    const double before = level(limiter, LimitKind::input_tokens, kS);
    for (const std::int64_t remaining : {2'200, 900'000'000}) {
        EXPECT_FALSE(limiter.observe(
            reservation, reading(LimitKind::input_tokens, 1'600, remaining, 1'000), kS));
        EXPECT_EQ(level(limiter, LimitKind::input_tokens, kS), before);
    }
    EXPECT_EQ(limiter.ignored_readings(), 2u);
}

// The configuration is checked before it comes here; whatever comes even so, what fits at all
// starts within minutes, and never more than the limits have room for.
TEST(Limiter, AnyConfiguredLimitsMakeASaneBudget) {
    const std::int64_t values[] = {INT64_MIN, -1, 0, 1, 7, 1'000, 1LL << 41, INT64_MAX};
    std::mt19937_64 random(11);
    for (int i = 0; i < 3'000; ++i) {
        const auto any = [&] { return values[random() % 8]; };
        const BucketLimits limits{.requests_per_minute = any(),
                                  .input_tokens_per_minute = any(),
                                  .output_tokens_per_minute = any(),
                                  .tokens_per_day = any(),
                                  .in_flight = any(),
                                  .spend_per_day = any()};
        LimitSettings settings = one_account(limits);
        settings.burst_s = static_cast<double>(random() % 3) * 600;
        Limiter limiter(settings);
        const BudgetId id = limiter.budget(0, 0);
        int granted = 0;
        TimeNs now = kS;
        for (int n = 0; n < 20; ++n) {
            Reservation reservation;
            const Verdict verdict = limiter.reserve(id, {5, 2, 2}, now, &reservation);
            if (verdict.kind == Verdict::Kind::never) {
                const auto below = [](std::int64_t limit, std::int64_t units) {
                    return limit > 0 && limit < units;
                };
                EXPECT_TRUE(below(limits.input_tokens_per_minute, 5) ||
                            below(limits.output_tokens_per_minute, 2) ||
                            below(limits.tokens_per_day, 7));
                break;
            }
            if (verdict.kind == Verdict::Kind::not_before) {
                ASSERT_GT(verdict.at, now);
                ASSERT_LE(verdict.at, now + 2 * 86'400 * kS);
                now = verdict.at;
                continue;
            }
            ++granted;
            limiter.settle(reservation, succeeded(5, 2), now);
        }
        if (limits.requests_per_minute == 1) {
            EXPECT_LE(granted, 2 + (now - kS) / kNsPerMinute);
        }
    }
}

TEST(Limiter, NonsenseInHeadersIsIgnoredAndCounted) {
    Limiter limiter(one_account({.requests_per_minute = 600}));
    const BudgetId id = limiter.budget(0, 0);
    TimeNs now = 0;
    std::mt19937_64 random(7);
    const std::int64_t values[] = {-1, 0, 1, 5, 600, 1LL << 41, INT64_MAX, INT64_MIN};
    for (int i = 0; i < 20'000; ++i) {
        now += static_cast<TimeNs>(random() % static_cast<std::uint64_t>(kS));
        Reservation reservation;
        if (limiter.reserve(id, {100, 100, 100}, now, &reservation).kind != Verdict::Kind::granted)
            continue;
        LimitReadings readings;
        for (LimitReading& r : readings.of) {
            r.limit = values[random() % 8];
            r.remaining = values[random() % 8];
            r.reset_in_ns = values[random() % 8];
            r.rounding = values[random() % 8];
        }
        limiter.observe(reservation, readings, now);
        Outcome outcome = succeeded(values[random() % 8], values[random() % 8]);
        if (random() % 10 == 0) {
            outcome = refused(static_cast<LimitKind>(random() % 6),
                              static_cast<TimeNs>(random() % 10'000) * kMs);
            limiter.refuse(reservation, outcome, now);
        }
        limiter.settle(reservation, outcome, now);
    }
    EXPECT_GT(limiter.ignored_readings(), 0u);
}

// It goes when the limit is full, and is settled with what was counted.
TEST(Limiter, AnEstimateAloneNeverRefuses) {
    Limiter limiter(
        one_account({.input_tokens_per_minute = 50'000, .output_tokens_per_minute = 8'000}));
    const BudgetId id = limiter.budget(0, 0);
    Reservation reservation;
    Cost cost{
        .input_tokens = 150'000, .output_tokens = 100, .raw_input = 150'000, .text_only = false};
    EXPECT_NE(limiter.reserve(id, cost, kS, &reservation).kind, Verdict::Kind::never);
    cost.estimates_output = true;
    cost.output_tokens = 9'000;
    EXPECT_NE(limiter.estimate(id, cost, kS).kind, Verdict::Kind::never);
    cost.estimates_output = false;
    EXPECT_EQ(limiter.estimate(id, cost, kS).kind, Verdict::Kind::never) << "the caller's figure";
    cost.output_tokens = 100;
    cost.least_input = 50'001;
    EXPECT_EQ(limiter.estimate(id, cost, kS).kind, Verdict::Kind::never) << "it is surely more";
    cost.least_input = 0;
    cost.raw_input = 0;
    EXPECT_EQ(limiter.estimate(id, cost, kS).kind, Verdict::Kind::never) << "a count";
}

// Three documents by their ids, which the body does not show, say nothing of texts.
TEST(Limiter, WhatIsNotInTheBodyTeachesTextsNothing) {
    Limiter limiter(one_account({.input_tokens_per_minute = 50'000}));
    for (int i = 0; i < 3; ++i) limiter.learn_input(0, 100, 30'000, false);
    EXPECT_EQ(limiter.expected_input(0, 100, true), 100);
    EXPECT_GT(limiter.expected_input(0, 100, false), 700);
}

}  // namespace
}  // namespace weir
