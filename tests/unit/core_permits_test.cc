#include <gtest/gtest.h>

#include <vector>

#include "core/core.h"
#include "weir/weir.h"

namespace weir {
namespace {

// A core with one account and one model class, which is asked for permits at one moment until there
// is no more room.
class CorePermitsTest : public ::testing::Test {
protected:
    CorePermitsTest() : core_(settings(), &slab_, 1) {}

    static CoreSettings settings() {
        CoreSettings settings;
        settings.max_in_flight = 1'000;
        LimitSettings::Class model_class;
        model_class.name = "class";
        model_class.models = {"class"};
        model_class.limits.requests_per_minute = 600;
        settings.limits.classes.push_back(model_class);
        settings.limits.accounts.push_back({.name = "account", .limits = {}});
        settings.accounts.accounts.push_back({.name = "account"});
        settings.retry.max_attempts = 1;
        return settings;
    }

    // WEIR_OK with the attempt in attempts_, or why not.
    std::int32_t try_acquire(std::uint32_t lease_ms = 60'000) {
        const RequestIndex index = slab_.take();
        Request& request = slab_.at(index);
        request.submitted_at = now_;
        request.lease_ms = lease_ms;
        request.input_tokens = 10;
        request.output_tokens = 10;
        const Core::Grant grant = core_.try_acquire(index, now_);
        if (grant.status == WEIR_OK) {
            attempts_.push_back(grant.permit.attempt);
        } else {
            slab_.give_back(index);
            ask_again_at_ = grant.ask_again_at;
        }
        return grant.status;
    }
    void use_up() {
        while (try_acquire() == WEIR_OK) {
        }
        ASSERT_FALSE(attempts_.empty());
    }
    void end_last(OutcomeClass cls, bool maybe_executed) {
        Outcome outcome;
        outcome.cls = cls;
        outcome.maybe_executed = maybe_executed;
        core_.on_end(attempts_.back(), outcome, nullptr, now_, &actions_);
        attempts_.pop_back();
    }

    RequestSlab slab_;
    Core core_;
    TimeNs now_ = 1'000 * kNsPerS;
    TimeNs ask_again_at_ = 0;
    std::vector<AttemptId> attempts_;
    std::vector<Action> actions_;
};

TEST_F(CorePermitsTest, WhatWasNotUsedIsGivenBack) {
    use_up();
    EXPECT_EQ(try_acquire(), WEIR_ERR_NOT_NOW);
    end_last(OutcomeClass::aborted, false);
    ASSERT_FALSE(actions_.empty());
    EXPECT_EQ(actions_.back().kind, Action::Kind::fail);
    EXPECT_EQ(actions_.back().status, WEIR_ERR_CANCELLED);
    EXPECT_EQ(try_acquire(), WEIR_OK);
}

TEST_F(CorePermitsTest, WhatMayHaveBeenUsedIsNot) {
    use_up();
    end_last(OutcomeClass::aborted, true);
    EXPECT_EQ(try_acquire(), WEIR_ERR_NOT_NOW);
}

TEST_F(CorePermitsTest, ThereIsRoomWhenItWasSaidThereWouldBe) {
    use_up();
    ASSERT_GT(ask_again_at_, now_);
    ASSERT_LT(ask_again_at_, now_ + kNsPerS);
    now_ = ask_again_at_;
    EXPECT_EQ(try_acquire(), WEIR_OK);
}

TEST_F(CorePermitsTest, APermitThatIsNeverReportedEndsWithItsLease) {
    ASSERT_EQ(try_acquire(100), WEIR_OK);
    now_ += 99 * kNsPerMs;
    core_.advance(now_, &actions_);
    EXPECT_TRUE(actions_.empty());
    now_ += 3 * kNsPerMs;
    core_.advance(now_, &actions_);
    ASSERT_EQ(actions_.size(), 2u);
    EXPECT_EQ(actions_[0].kind, Action::Kind::abort);
    EXPECT_EQ(actions_[0].attempt, attempts_.back());
    EXPECT_EQ(actions_[1].kind, Action::Kind::fail);
    EXPECT_EQ(actions_[1].status, WEIR_ERR_ATTEMPT_TIMEOUT);
    EXPECT_TRUE(slab_.at(actions_[1].request).maybe_executed);
    EXPECT_EQ(core_.counts().permits, 1u);
    EXPECT_EQ(core_.counts().permits_expired, 1u);
    EXPECT_EQ(core_.counts().in_flight, 0u);
}

TEST_F(CorePermitsTest, APermitThatIsNeverReportedIsSettledAsItsEstimate) {
    CoreSettings with_budget = settings();
    with_budget.limits.classes[0].limits.input_tokens_per_minute = 60'000;
    with_budget.limits.classes[0].limits.output_tokens_per_minute = 60'000;
    with_budget.limits.output_accounting = OutputAccounting::produced;
    LimitSettings::DayBudget budget;
    budget.tokens_per_day = 1'000'000;
    with_budget.limits.day_budgets = {budget};
    for (const bool reported : {false, true}) {
        Core core(with_budget, &slab_, 1);
        const RequestIndex index = slab_.take();
        Request& request = slab_.at(index);
        request.submitted_at = now_;
        request.lease_ms = 100;
        request.input_tokens = 90;
        request.output_tokens = 10;
        const Core::Grant grant = core.try_acquire(index, now_);
        ASSERT_EQ(grant.status, WEIR_OK);
        const TimeNs then = now_ + 200 * kNsPerMs;
        const auto left = [&](LimitKind kind) {
            std::vector<Limiter::BucketView> views;
            core.limiter().view(then, &views);
            for (const Limiter::BucketView& view : views) {
                if (view.kind == kind) return view.level;
            }
            return 0.0;
        };
        const double input = left(LimitKind::input_tokens);
        const double output = left(LimitKind::output_tokens);
        if (reported) {
            Outcome outcome;
            outcome.usage.input_tokens = 40;
            outcome.usage.output_tokens = 2;
            core.on_end(grant.permit.attempt, outcome, nullptr, then, &actions_);
        } else {
            core.advance(then, &actions_);
            EXPECT_EQ(core.counts().permits_expired, 1u);
        }
        EXPECT_NEAR(left(LimitKind::input_tokens), input + (reported ? 50 : 0), 1);
        EXPECT_NEAR(left(LimitKind::output_tokens), output + (reported ? 8 : 0), 1);
        EXPECT_EQ(core.limiter().day_use().at(0).tokens, reported ? 42 : 100);
        actions_.clear();
    }
}

TEST_F(CorePermitsTest, APermitThatWaitsGoesFirst) {
    use_up();
    const RequestIndex index = slab_.take();
    slab_.at(index).submitted_at = now_;
    slab_.at(index).lease_ms = 1'000;
    slab_.at(index).input_tokens = 10;
    core_.submit(index, now_, &actions_);
    core_.advance(now_, &actions_);
    EXPECT_TRUE(actions_.empty());
    now_ += kNsPerS;
    EXPECT_EQ(try_acquire(), WEIR_ERR_NOT_NOW);
    EXPECT_GT(ask_again_at_, now_);
    core_.advance(now_, &actions_);
    ASSERT_EQ(actions_.size(), 1u);
    EXPECT_EQ(actions_[0].kind, Action::Kind::permit);
    EXPECT_EQ(actions_[0].request, index);
    EXPECT_EQ(try_acquire(), WEIR_OK);
}

}  // namespace
}  // namespace weir
