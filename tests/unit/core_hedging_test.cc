#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "core/core.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr TimeNs kNow = 1'000 * kNsPerS;
constexpr TimeNs kAfter = 2 * kNsPerS;
using Kinds = std::vector<Action::Kind>;

BodyRef body(bool stream) {
    RequestHead head;
    head.stream = stream;
    return BodyRef(BodyBlock::make("{}", head, {}));
}

Outcome outcome(OutcomeClass cls, TimeNs retry_after = -1) {
    Outcome made;
    made.cls = cls;
    made.retry_after_ns = retry_after;
    return made;
}

class HedgingTest : public testing::Test {
protected:
    static CoreSettings settings(std::size_t accounts = 2) {
        CoreSettings settings;
        settings.retry.hedge_after_ns = kAfter;
        settings.accounts.accounts.resize(accounts);
        for (std::size_t i = 0; i < accounts; ++i) {
            settings.limits.accounts.push_back({.name = std::to_string(i), .limits = {}});
        }
        settings.limits.classes.push_back({.name = "any", .models = {"*"}, .limits = {}});
        settings.limits.classes[0].limits.requests_per_minute = 6000;
        settings.limits.classes[0].limits.input_tokens_per_minute = 600'000;
        return settings;
    }
    RequestIndex submit(Core* core, bool stream = true, TimeNs deadline = kNever) {
        const RequestIndex index = slab.take();
        Request& request = slab.at(index);
        request.submitted_at = now;
        request.deadline_at = deadline;
        request.input_tokens = 500;
        request.output_tokens = 100;
        request.tenant = 7;
        request.prices = prices;
        request.body = body(stream);
        core->submit(index, now, &actions);
        advance(core, now);
        return index;
    }
    Kinds advance(Core* core, TimeNs at) {
        now = at;
        core->advance(now, &actions);
        return kinds();
    }
    Kinds kinds() const {
        Kinds all;
        for (const Action& action : actions) all.push_back(action.kind);
        return all;
    }
    // Two attempts at one request, the first and the one beside it.
    void begin_both(Core* core, TimeNs deadline = kNever) {
        hedged = submit(core, true, deadline);
        ASSERT_EQ(actions.size(), 1u);
        first = actions[0];
        actions.clear();
        advance(core, now + kAfter + 5 * kNsPerMs);
        ASSERT_EQ(actions.size(), 1u);
        second = actions[0];
        ASSERT_EQ(second.kind, Action::Kind::start);
        ASSERT_EQ(second.request, first.request);
        ASSERT_NE(second.account, first.account);
        ASSERT_EQ(core->counts().in_flight, 2u);
        actions.clear();
    }
    void end(Core* core, const Action& attempt, const Outcome& came_to) {
        core->on_end(attempt.attempt, came_to, std::make_unique<ErrorDetail>(), now, &actions);
    }
    double held(Core* core) const {
        std::vector<Limiter::BucketView> views;
        core->limiter().view(now, &views);
        double held = 0;
        for (const Limiter::BucketView& view : views) held += view.held;
        return held;
    }
    void expect_nothing_left(const Core& core) {
        EXPECT_EQ(core.counts().in_flight, 0u);
        EXPECT_EQ(held(const_cast<Core*>(&core)), 0);
        EXPECT_EQ(core.next_timer(), kNever);
    }

    RequestSlab slab;
    std::vector<Action> actions;
    TimeNs now = kNow;
    PricesId prices = kNoPrices;
    RequestIndex hedged = kNoRequest;
    Action first{};
    Action second{};
};

TEST_F(HedgingTest, TheFirstToHaveContentIsHeard) {
    for (const bool second_wins : {false, true}) {
        Core core(settings(), &slab, 1);
        begin_both(&core);
        const Action& winner = second_wins ? second : first;
        const Action& loser = second_wins ? first : second;
        EXPECT_TRUE(core.on_content(winner.attempt, now, &actions));
        ASSERT_EQ(kinds(), (Kinds{Action::Kind::abort}));
        EXPECT_EQ(actions[0].attempt, loser.attempt);
        EXPECT_FALSE(core.on_content(loser.attempt, now, &actions));
        end(&core, loser, outcome(OutcomeClass::success));  // it was on its way
        EXPECT_EQ(actions.size(), 1u);
        actions.clear();
        end(&core, winner, outcome(OutcomeClass::success));
        ASSERT_EQ(kinds(), (Kinds{Action::Kind::succeed}));
        EXPECT_EQ(actions[0].attempt, winner.attempt);
        EXPECT_EQ(core.counts().hedges, 1u);
        EXPECT_EQ(core.counts().hedges_won, second_wins ? 1u : 0u);
        expect_nothing_left(core);
        actions.clear();
    }
}

TEST_F(HedgingTest, WhatTheSlowerOneHasDoneIsSpentToo) {
    CoreSettings paid = settings();
    paid.limits.prices.rows.push_back({.models = {"*"}, .prices = {.input = 3, .output = 15}});
    LimitSettings::DayBudget budget;
    budget.name = "tenant.x";
    budget.tenant = 7;
    budget.spend_per_day = 1'000'000'000;
    paid.limits.day_budgets = {budget};
    prices = 0;
    Core core(paid, &slab, 1);
    begin_both(&core);
    EXPECT_TRUE(core.on_content(second.attempt, now, &actions));
    Outcome answer = outcome(OutcomeClass::success);
    answer.usage.input_tokens = 480;
    answer.usage.output_tokens = 90;
    end(&core, second, answer);
    // Of what was given up nothing is known, and what was expected of it counts.
    ASSERT_EQ(core.limiter().day_use().size(), 1u);
    EXPECT_EQ(core.limiter().day_use()[0].tokens, (480 + 90) + (500 + 100));
    EXPECT_EQ(core.limiter().day_use()[0].spend, 3 * (480 + 500) + 15 * (90 + 100));
    expect_nothing_left(core);
}

TEST_F(HedgingTest, IsForStreamsThatAreSlowAtAnotherAccount) {
    CoreSettings off = settings();
    off.retry.hedge_after_ns = 0;
    CoreSettings once = settings();
    once.retry.max_attempts = 1;
    CoreSettings alone = settings();
    alone.limits.classes[0].limits.requests_per_minute = 0;
    alone.queue.tenant_max_in_flight = 1;
    for (const CoreSettings& each : {off, once, alone, settings(1)}) {
        Core core(each, &slab, 1);
        submit(&core);
        actions.clear();
        EXPECT_TRUE(advance(&core, now + 2 * kAfter).empty());
    }
    {
        Core core(settings(), &slab, 1);
        submit(&core, false);
        actions.clear();
        EXPECT_TRUE(advance(&core, now + 2 * kAfter).empty()) << "it is no stream";
    }
    {
        Core core(settings(), &slab, 1);
        submit(&core);
        const AttemptId attempt = actions[0].attempt;
        core.on_content(attempt, now, &actions);
        actions.clear();
        EXPECT_TRUE(advance(&core, now + 2 * kAfter).empty()) << "it is not slow";
    }
}

// What waits is too large for what is left of the budgets, and a second attempt is not.
TEST_F(HedgingTest, TakesNothingFromWhatWaits) {
    for (const bool waits : {false, true}) {
        Core core(settings(), &slab, 1);
        for (int i = 0; i < 2; ++i) {  // both accounts are known from here on
            submit(&core);
            core.on_head(actions.back().attempt, true, {}, now);
            core.on_content(actions.back().attempt, now, &actions);
            end(&core, Action(actions[actions.size() - 1]), outcome(OutcomeClass::success));
            now += 10 * kNsPerS;
        }
        actions.clear();
        const RequestIndex slow = submit(&core);
        ASSERT_EQ(kinds(), (Kinds{Action::Kind::start}));
        actions.clear();
        if (waits) {
            const RequestIndex large = slab.take();
            slab.at(large).input_tokens = 500'000;
            slab.at(large).priority = 3;
            core.submit(large, now, &actions);
        }
        EXPECT_EQ(advance(&core, now + kAfter + 5 * kNsPerMs).size(), waits ? 0u : 1u);
        EXPECT_EQ(slab.at(slow).attempts, waits ? 1u : 2u);
        actions.clear();
    }
}

TEST_F(HedgingTest, APermitHasNoSecondAttempt) {
    Core core(settings(), &slab, 1);
    const RequestIndex request = slab.take();
    slab.at(request).body = body(true);
    slab.at(request).lease_ms = 60'000;
    core.submit(request, now, &actions);
    advance(&core, now);
    actions.clear();
    EXPECT_TRUE(advance(&core, now + 2 * kAfter).empty());
}

TEST_F(HedgingTest, WhatOneSaysOfAWaitIsKeptWhileTheOtherGoesOn) {
    for (const bool first_fails_first : {false, true}) {
        Core core(settings(), &slab, 1);
        begin_both(&core);
        const Action& early = first_fails_first ? first : second;
        const Action& late = first_fails_first ? second : first;
        end(&core, early, outcome(OutcomeClass::overloaded, 60 * kNsPerS));
        EXPECT_TRUE(actions.empty());
        const TimeNs until = now + 60 * kNsPerS;
        EXPECT_TRUE(advance(&core, now + kNsPerS).empty());
        end(&core, late, outcome(OutcomeClass::overloaded, 2 * kNsPerS));
        EXPECT_TRUE(advance(&core, until - kNsPerS).empty());
        EXPECT_EQ(advance(&core, until + kNsPerS), (Kinds{Action::Kind::start}));
        EXPECT_EQ(slab.at(hedged).attempts, 3u);
        actions.clear();
        EXPECT_TRUE(advance(&core, now + 2 * kAfter).empty()) << "once for each request";
    }
}

TEST_F(HedgingTest, ALimitThatOneMeetsPausesItsAccount) {
    Core core(settings(), &slab, 1);
    begin_both(&core);
    Outcome refused = outcome(OutcomeClass::rate_limited, 60 * kNsPerS);
    refused.refused = LimitKind::requests;
    end(&core, first, refused);
    EXPECT_TRUE(actions.empty());
    EXPECT_EQ(core.counts().refused, 1u);
    std::vector<Limiter::BucketView> views;
    core.limiter().view(now, &views);
    for (const Limiter::BucketView& view : views) {
        if (view.kind != LimitKind::requests) continue;
        EXPECT_EQ(view.paused_until >= now + 60 * kNsPerS, view.account == first.account);
    }
    end(&core, second, outcome(OutcomeClass::success));
    EXPECT_EQ(kinds(), (Kinds{Action::Kind::succeed}));
}

TEST_F(HedgingTest, WhatMustNotBeRepeatedIsNot) {
    CoreSettings strict = settings();
    strict.retry.after_timeout = false;
    Core core(strict, &slab, 1);
    begin_both(&core);
    Outcome maybe = outcome(OutcomeClass::timeout);
    maybe.maybe_executed = true;
    end(&core, first, maybe);
    EXPECT_TRUE(actions.empty());
    end(&core, second, outcome(OutcomeClass::overloaded));
    ASSERT_EQ(kinds(), (Kinds{Action::Kind::fail}));
    EXPECT_EQ(actions[0].status, WEIR_ERR_ATTEMPT_TIMEOUT);
    EXPECT_TRUE(slab.at(hedged).maybe_executed);
    expect_nothing_left(core);
}

TEST_F(HedgingTest, AWaitBeyondTheDeadlineEndsIt) {
    Core core(settings(), &slab, 1);
    begin_both(&core, kNow + 30 * kNsPerS);
    end(&core, first, outcome(OutcomeClass::overloaded, 60 * kNsPerS));
    end(&core, second, outcome(OutcomeClass::overloaded));
    ASSERT_EQ(kinds(), (Kinds{Action::Kind::fail}));
    EXPECT_EQ(actions[0].status, WEIR_ERR_OVERLOADED);
    expect_nothing_left(core);
}

TEST_F(HedgingTest, BothEndWithTheirRequest) {
    for (const int how : {0, 1, 2}) {
        Core core(settings(), &slab, 1);
        begin_both(&core, now + 30 * kNsPerS);
        const std::uint64_t ticket = slab.at(hedged).ticket.load();
        if (how == 0) core.cancel(ticket, now, &actions);
        if (how == 1) core.close(now, &actions);
        if (how == 2) advance(&core, now + 40 * kNsPerS);
        EXPECT_EQ(kinds(), (Kinds{Action::Kind::abort, Action::Kind::abort, Action::Kind::fail}));
        expect_nothing_left(core);
        actions.clear();
    }
}

TEST_F(HedgingTest, EachHasItsLease) {
    CoreSettings leased = settings();
    leased.lease_ns = 10 * kNsPerS;
    Core core(leased, &slab, 1);
    begin_both(&core);
    EXPECT_EQ(advance(&core, kNow + 10 * kNsPerS + 5 * kNsPerMs), (Kinds{Action::Kind::abort}));
    EXPECT_EQ(actions[0].attempt, first.attempt);
    EXPECT_EQ(core.counts().in_flight, 1u);
    actions.clear();
    EXPECT_EQ(advance(&core, kNow + 10 * kNsPerS + kAfter + 20 * kNsPerMs),
              (Kinds{Action::Kind::abort}));
    EXPECT_EQ(actions[0].attempt, second.attempt);
    EXPECT_EQ(core.counts().leases_ended, 2u);
    EXPECT_EQ(slab.at(hedged).state, Request::State::backing_off);
}

// What an engine counts in a byte, and what it does not.
TEST_F(HedgingTest, RefusalsAndAttemptsBeyondAByteAreCounted) {
    for (const std::uint16_t most : {std::uint16_t{255}, std::uint16_t{300}, std::uint16_t{1000}}) {
        CoreSettings patient = settings(1);
        patient.retry.max_refusals = most;
        patient.retry.max_attempts = 100;
        patient.retry.budget_capacity = 0;
        patient.retry.cap_ns = patient.retry.base_ns = kNsPerMs;
        Core core(patient, &slab, 1);
        const RequestIndex request = submit(&core);
        std::uint32_t attempts = 0;
        while (core.counts().failed == 0 && attempts < 2'000) {
            ++attempts;
            ASSERT_EQ(kinds(), (Kinds{Action::Kind::start}));
            const Action action = actions[0];
            actions.clear();
            // 99 failures of its own, each before a refusal, so that the endpoint is not out.
            const bool own = attempts < 198 && attempts % 2 == 1;
            const OutcomeClass cls = own ? OutcomeClass::timeout : OutcomeClass::rate_limited;
            end(&core, action, outcome(cls, own ? -1 : 0));
            while (actions.empty()) advance(&core, core.next_timer());
        }
        EXPECT_EQ(kinds(), (Kinds{Action::Kind::fail}));
        EXPECT_EQ(actions[0].status, WEIR_ERR_RATE_LIMITED);
        EXPECT_EQ(attempts, 99u + most);
        EXPECT_EQ(slab.at(request).attempts, 99u + most);
        EXPECT_EQ(slab.at(request).refusals, most);
        actions.clear();
    }
}

}  // namespace
}  // namespace weir
