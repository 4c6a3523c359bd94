// The start of an account and class that is new or was idle, and who starts so.

#include <gtest/gtest.h>

#include "limits/limiter.h"
#include "limits/slow_start.h"

namespace weir {
namespace {

constexpr TimeNs kS = kNsPerS;
constexpr TimeNs kMs = kNsPerMs;

// A tenth at first, and all of it after two minutes and 2.2 seconds.
constexpr SlowStart::Rules kRules{
    .idle_ns = 300 * kS, .doubling_ns = 36'788 * kMs, .first_share = 0.1};

// How many requests of `cost` go from `from` until `until`.
int gone(SlowStart* start, TimeNs cost, TimeNs from, TimeNs until) {
    int count = 0;
    for (TimeNs now = from; now < until;) {
        if (start->active(now) && start->fits_at() > now) {
            now = start->fits_at();
            continue;
        }
        start->take(cost, now);
        ++count;
        if (!start->active(now)) now += cost;  // the refill is the bound then
    }
    return count;
}

TEST(SlowStart, LetsAShareGoThatDoubles) {
    SlowStart start;
    start.arm(kRules, -kEndless);
    constexpr TimeNs kCost = 100 * kMs;
    // The integral of 0.1 * 2^(t/D) over the first, the second and the third D is 0.1 * D / ln 2
    // times 1, 2 and 4: 5.31 s, 10.6 s and 21.2 s of refill.
    EXPECT_NEAR(gone(&start, kCost, 0, kRules.doubling_ns), 53, 2);
    EXPECT_NEAR(gone(&start, kCost, kRules.doubling_ns, 2 * kRules.doubling_ns), 106, 2);
    EXPECT_NEAR(gone(&start, kCost, 2 * kRules.doubling_ns, 3 * kRules.doubling_ns), 212, 2);
    // Above the whole it goes on for two doublings.
    EXPECT_TRUE(start.active(5 * kRules.doubling_ns));
    EXPECT_FALSE(start.active(6 * kRules.doubling_ns));
}

TEST(SlowStart, BeginsAgainAfterAPauseAndNotBefore) {
    SlowStart start;
    start.arm(kRules, -kEndless);
    const TimeNs over = 6 * kRules.doubling_ns;
    (void)gone(&start, 100 * kMs, 0, over);
    start.take(kS, over + 299 * kS);
    EXPECT_FALSE(start.active(over + 299 * kS));
    start.take(kS, over + 599 * kS);
    EXPECT_TRUE(start.active(over + 599 * kS));
    // A second of refill takes nearly ten at a tenth of it.
    EXPECT_NEAR(static_cast<double>(start.fits_at() - (over + 599 * kS)) / 1e9, 9.2, 0.2);
}

TEST(SlowStart, OneRequestAndAPauseAreNoGrowth) {
    SlowStart start;
    start.arm(kRules, -kEndless);
    start.take(100 * kMs, 0);
    // Long enough for the share to be the whole, had there been use.
    start.take(kS, 200 * kS);
    ASSERT_TRUE(start.active(200 * kS));
    // At a fifth, a second of refill takes less than five.
    EXPECT_NEAR(static_cast<double>(start.fits_at() - 200 * kS) / 1e9, 4.7, 0.2);
}

TEST(SlowStart, IsSlowerTheNextTimeIfRefusedEvenSo) {
    SlowStart start;
    start.arm(kRules, -kEndless);
    start.take(100 * kMs, 0);
    start.refused(kS);
    EXPECT_FALSE(start.active(kS));
    start.refused(2 * kS);  // of the same start, or later: it is over
    (void)gone(&start, 100 * kMs, 400 * kS, 400 * kS + 2 * kRules.doubling_ns);
    // Twice as long in all.
    EXPECT_TRUE(start.active(400 * kS + 10 * kRules.doubling_ns));
    EXPECT_FALSE(start.active(400 * kS + 12 * kRules.doubling_ns));
}

TEST(SlowStart, WhatIsLargerThanAllNeverWaitsLongerThanTheStart) {
    SlowStart start;
    start.arm(kRules, -kEndless);
    start.take(kEndless, 0);
    start.take(kEndless, kS);
    EXPECT_LE(start.fits_at(), 6 * kRules.doubling_ns);
}

LimitSettings two_accounts(RampMode mode) {
    LimitSettings settings;
    settings.classes.push_back({.name = "one", .models = {"*"}, .limits = {600, 0, 0, 0}});
    settings.classes.push_back({.name = "two", .models = {"*"}, .limits = {600, 0, 0, 0}});
    settings.classes.push_back(
        {.name = "counts", .models = {}, .limits = {600, 0, 0, 0}, .apart = true});
    settings.accounts.push_back({.name = "main", .limits = {}});
    settings.accounts.push_back({.name = "other", .limits = {}});
    settings.ramp = mode;
    settings.slow_start = kRules;
    return settings;
}

Outcome answer(OutcomeClass cls) {
    Outcome outcome;
    outcome.cls = cls;
    outcome.maybe_executed = cls == OutcomeClass::success;
    return outcome;
}

int granted_in(Limiter* limiter, BudgetId id, TimeNs from, TimeNs until, int tokens = 10) {
    int granted = 0;
    for (TimeNs now = from; now < until;) {
        Reservation reservation;
        const Verdict verdict = limiter->reserve(id, {tokens, 10, 10}, now, &reservation);
        if (verdict.kind == Verdict::Kind::granted) {
            ++granted;
            limiter->settle(reservation, answer(OutcomeClass::success), now);
        } else {
            now = verdict.at;
        }
    }
    return granted;
}

void refuse_growth(Limiter* limiter, BudgetId id, TimeNs now) {
    Reservation reservation;
    ASSERT_EQ(limiter->reserve(id, {10, 10, 10}, now, &reservation).kind, Verdict::Kind::granted);
    (void)limiter->refuse(reservation, answer(OutcomeClass::acceleration), now);
    limiter->settle(reservation, answer(OutcomeClass::acceleration), now);
}

TEST(SlowStart, EveryAccountAndClassWhereItIsOn) {
    Limiter limiter(two_accounts(RampMode::on));
    // Ten a second; a tenth of that, and a little growth.
    EXPECT_NEAR(granted_in(&limiter, limiter.budget(0, 0), 0, 10 * kS), 12, 2);
    EXPECT_NEAR(granted_in(&limiter, limiter.budget(0, 1), 0, 10 * kS), 12, 2);
    EXPECT_NEAR(granted_in(&limiter, limiter.budget(1, 0), 0, 10 * kS), 12, 2);
    // Calls that count tokens are another matter.
    EXPECT_GT(granted_in(&limiter, limiter.budget(0, 2), 0, 10 * kS), 90);
}

TEST(SlowStart, ARefusalWhileItLastsMakesTheNextSlower) {
    const auto in_second_start = [](bool refused) {
        Limiter limiter(two_accounts(RampMode::on));
        const BudgetId id = limiter.budget(0, 0);
        (void)granted_in(&limiter, id, 0, 20 * kS);
        if (refused) refuse_growth(&limiter, id, 21 * kS);
        const TimeNs again = 3600 * kS;
        return granted_in(&limiter, id, again, again + 2 * kRules.doubling_ns);
    };
    // A tenth of ten a second over D / ln 2 seconds, times 2^2 - 1 or twice 2^1 - 1.
    EXPECT_NEAR(in_second_start(false), 159, 5);
    EXPECT_NEAR(in_second_start(true), 106, 5);
}

TEST(SlowStart, NobodyWhereItIsOff) {
    Limiter limiter(two_accounts(RampMode::off));
    const BudgetId id = limiter.budget(0, 0);
    refuse_growth(&limiter, id, 0);
    EXPECT_GT(granted_in(&limiter, id, 3600 * kS, 3610 * kS), 90);
}

constexpr std::int64_t kOffset = 20'000 * 86'400 * kS;  // of the clock on the wall

TEST(SlowStart, WhatIsLearntIsKeptOverARestart) {
    for (const RampMode mode : {RampMode::off, RampMode::automatic, RampMode::on}) {
        std::vector<Limiter::DayUse> kept;
        {
            Limiter limiter(two_accounts(mode));
            limiter.set_wall_offset(kOffset);
            EXPECT_TRUE(limiter.day_use().empty());
            const std::uint64_t version = limiter.day_use_version();
            const BudgetId id = limiter.budget(0, 0);
            refuse_growth(&limiter, id, 11 * kS);
            EXPECT_GT(limiter.day_use_version(), version);
            kept = limiter.day_use();
        }
        std::vector<std::string> scopes;
        for (const Limiter::DayUse& use : kept) {
            scopes.push_back(use.scope);
            EXPECT_EQ(use.day, 20'000);
        }
        std::vector<std::string> expected;
        if (mode == RampMode::automatic) expected.push_back("account.main.ramp");
        if (mode != RampMode::off) expected.push_back("account.main.ramp.one");
        EXPECT_EQ(scopes, expected);
        if (mode != RampMode::automatic) continue;
        // Days later too, and by the next run again.
        Limiter limiter(two_accounts(mode));
        limiter.set_wall_offset(kOffset + 5 * 86'400 * kS);
        const BudgetId refused = limiter.budget(0, 0);
        const BudgetId other = limiter.budget(1, 0);
        for (const Limiter::DayUse& use : kept) limiter.restore(use, kS);
        EXPECT_NEAR(granted_in(&limiter, refused, 2 * kS, 12 * kS), 12, 2);
        EXPECT_NEAR(granted_in(&limiter, limiter.budget(0, 1), 2 * kS, 12 * kS), 12, 2);
        EXPECT_GT(granted_in(&limiter, other, 2 * kS, 12 * kS), 90);
        for (const Limiter::DayUse& use : limiter.day_use()) EXPECT_EQ(use.day, 20'005);
    }
}

// What a run lets go in ten seconds that follows one of `seconds`, after `pause_s`; its own clock
// begins at another point.
int granted_after_restart(RampMode mode, TimeNs seconds, TimeNs pause_s, int tokens = 10) {
    std::vector<Limiter::DayUse> kept;
    {
        Limiter limiter(two_accounts(mode));
        limiter.set_wall_offset(kOffset);
        const BudgetId id = limiter.budget(0, 0);
        if (mode == RampMode::automatic) refuse_growth(&limiter, id, kS);
        (void)granted_in(&limiter, id, 2 * kS, (2 + seconds) * kS, tokens);
        kept = limiter.day_use();
    }
    Limiter limiter(two_accounts(mode));
    const TimeNs now = 5 * kS;
    limiter.set_wall_offset(kOffset + (2 + seconds + pause_s) * kS - now);
    const BudgetId id = limiter.budget(0, 0);
    for (const Limiter::DayUse& use : kept) limiter.restore(use, now);
    return granted_in(&limiter, id, now, now + 10 * kS);
}

TEST(SlowStart, ARestartGoesOnFromTheShareThatWasReached) {
    const RampMode on = RampMode::on;
    // Of 100 that the limits let go in ten seconds: a share that grows from 0.1, from 0.2, from
    // 0.4, and all. After a pause of no more than a doubling it has gone on to grow.
    EXPECT_NEAR(granted_after_restart(on, 37, 1), 23, 3);
    EXPECT_NEAR(granted_after_restart(on, 74, 1), 45, 5);
    EXPECT_GT(granted_after_restart(on, 300, 1), 90);
    // It is used in full until it was idle for long.
    EXPECT_GT(granted_after_restart(on, 300, 290), 90);
    EXPECT_NEAR(granted_after_restart(on, 300, 301), 12, 2);
    EXPECT_NEAR(granted_after_restart(on, 37, 301), 12, 2);
    // A clock that was put back by a day.
    EXPECT_NEAR(granted_after_restart(on, 37, -86'400), 23, 3);
}

TEST(SlowStart, ARestartGoesOnFromThePaceOfTheRampAfterARefusal) {
    // Of requests with 50 tokens the ramp lets two a second through after the refusal, four a
    // minute later and all ten before long. A run after it lets through what that was, and grows.
    EXPECT_NEAR(granted_after_restart(RampMode::automatic, 60, 1, 50), 40, 8);
    EXPECT_GT(granted_after_restart(RampMode::automatic, 600, 1, 50), 90);
    EXPECT_NEAR(granted_after_restart(RampMode::automatic, 60, 301, 50), 12, 2);
}

TEST(SlowStart, TheSlowerDoublingIsKeptOverARestart) {
    std::vector<Limiter::DayUse> kept;
    {
        Limiter limiter(two_accounts(RampMode::automatic));
        limiter.set_wall_offset(kOffset);
        const BudgetId id = limiter.budget(0, 0);
        refuse_growth(&limiter, id, kS);
        (void)granted_in(&limiter, id, 3600 * kS, 3620 * kS);
        refuse_growth(&limiter, id, 3621 * kS);  // though it had begun slowly
        kept = limiter.day_use();
    }
    for (const bool all : {true, false}) {
        Limiter limiter(two_accounts(RampMode::automatic));
        limiter.set_wall_offset(kOffset + 86'400 * kS);
        const BudgetId id = limiter.budget(0, 0);
        for (Limiter::DayUse use : kept) {
            if (!all) use.tokens = 0;
            limiter.restore(use, 0);
        }
        // A tenth of ten a second over D / ln 2 seconds, times 2^2 - 1 or twice 2^1 - 1.
        EXPECT_NEAR(granted_in(&limiter, id, kS, kS + 2 * kRules.doubling_ns), all ? 106 : 159, 6);
    }
}

TEST(SlowStart, RefusalsNeverMakeALongDoublingShorter) {
    SlowStart::Rules rules = kRules;
    rules.doubling_ns = 3600 * kS;
    SlowStart start;
    start.arm(rules, -kEndless);
    start.take(kS, 0);
    start.refused(kS);
    EXPECT_EQ(start.rules().doubling_ns, 3600 * kS);
}

TEST(SlowStart, OnlyTheRefusedAccountWhereItIsAutomatic) {
    Limiter limiter(two_accounts(RampMode::automatic));
    const BudgetId refused = limiter.budget(0, 0);
    const BudgetId other = limiter.budget(1, 0);
    EXPECT_GT(granted_in(&limiter, refused, 0, 10 * kS), 90);
    refuse_growth(&limiter, refused, 11 * kS);
    EXPECT_NEAR(granted_in(&limiter, refused, 3600 * kS, 3610 * kS), 12, 2);
    // Another class of the account, which is new.
    EXPECT_NEAR(granted_in(&limiter, limiter.budget(0, 1), 3600 * kS, 3610 * kS), 12, 2);
    EXPECT_GT(granted_in(&limiter, other, 3600 * kS, 3610 * kS), 90);
}

}  // namespace
}  // namespace weir
