#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "retry/breaker.h"
#include "retry/retry_budget.h"

namespace weir {
namespace {

constexpr TimeNs kNow = 1'000 * kNsPerS;

class BreakerTest : public ::testing::Test {
protected:
    void fail(TimeNs now, bool trial = false, bool answered = false) {
        breaker_.failed(answered, trial, now, settings_, &random_);
    }
    void open() {
        for (int i = 0; i < 8; ++i) fail(kNow);
    }
    RetrySettings settings_;
    Random random_{1};
    Breaker breaker_;
};

TEST_F(BreakerTest, StaysClosedWhileSuccessesComeBetween) {
    for (int i = 0; i < 100; ++i) {
        for (int failures = 0; failures < 7; ++failures) fail(kNow);
        breaker_.succeeded(false, kNow);
    }
    EXPECT_EQ(breaker_.state(), Breaker::State::closed);
    EXPECT_TRUE(breaker_.may_start(kNow));
    EXPECT_FALSE(breaker_.started(kNow));
}

TEST_F(BreakerTest, OpensAfterFailuresInARowAndLetsOneTrialThrough) {
    open();
    EXPECT_EQ(breaker_.state(), Breaker::State::open);
    EXPECT_FALSE(breaker_.may_start(kNow));
    const TimeNs at = breaker_.may_start_at();
    EXPECT_GT(at, kNow);
    EXPECT_LE(at, kNow + kNsPerS);
    EXPECT_TRUE(breaker_.may_start(at));
    EXPECT_TRUE(breaker_.started(at));
    EXPECT_FALSE(breaker_.may_start(at)) << "one at a time";
    EXPECT_EQ(breaker_.may_start_at(), kNever);
}

TEST_F(BreakerTest, TrialsGoFurtherAndFurtherApart) {
    open();
    TimeNs pause = 0;
    TimeNs now = kNow;
    for (int i = 0; i < 5; ++i) {
        const TimeNs at = breaker_.may_start_at();
        EXPECT_GT(at - now, pause);
        pause = at - now;
        now = at;
        ASSERT_TRUE(breaker_.started(now));
        breaker_.ended(true);
        fail(now, true);
    }
}

TEST_F(BreakerTest, StragglersDoNotPutTheTrialOff) {
    open();
    const TimeNs at = breaker_.may_start_at();
    for (int i = 0; i < 50; ++i) fail(kNow + i);
    EXPECT_EQ(breaker_.may_start_at(), at);
}

TEST_F(BreakerTest, TrialsAreNeverFarApart) {
    open();
    TimeNs now = kNow;
    for (int i = 0; i < 100; ++i) {
        const TimeNs at = breaker_.may_start_at();
        EXPECT_LE(at - now, 15 * kNsPerS);
        now = at;
        breaker_.started(now);
        breaker_.ended(true);
        fail(now, true);
    }
}

// Everybody wants to start at once; an answer's head comes after a second.
TEST_F(BreakerTest, OpensStepByStepFromTheUsualRate) {
    constexpr TimeNs kUsualGap = 100 * kNsPerMs;
    TimeNs now = kNow;
    for (int i = 0; i < 300; ++i) breaker_.started(now += kUsualGap);
    while (breaker_.state() != Breaker::State::open) fail(now);
    now = breaker_.may_start_at();
    ASSERT_TRUE(breaker_.started(now));
    std::deque<TimeNs> answers{now + kNsPerS};
    std::vector<int> starts(20);
    const TimeNs began_at = now + kNsPerS;
    for (; now < began_at + 20 * kNsPerS; now += kNsPerMs) {
        for (; !answers.empty() && answers.front() <= now; answers.pop_front()) {
            breaker_.answered(now);
            breaker_.ended(true);
            breaker_.succeeded(true, now);
        }
        while (breaker_.may_start(now)) {
            ASSERT_TRUE(breaker_.started(now)) << "closed while others wait";
            answers.push_back(now + kNsPerS);
            ++starts[static_cast<std::size_t>((now - began_at) / kNsPerS)];
        }
    }
    EXPECT_LE(starts[0], 2) << "in flight together";
    EXPECT_LE(starts[1], 4);
    for (std::size_t s = 6; s < 10; ++s) EXPECT_NEAR(starts[s], 16, 2) << s;
    for (std::size_t s = 11; s < 20; ++s) EXPECT_NEAR(starts[s], 32, 3) << s;
}

TEST_F(BreakerTest, ClosesWhenNobodyWaitsForThePace) {
    open();
    breaker_.answered(kNow);
    TimeNs now = kNow;
    int starts = 0;
    for (; breaker_.state() != Breaker::State::closed; ++starts) {
        ASSERT_LT(starts, 100);
        now += 5 * kNsPerS;
        ASSERT_TRUE(breaker_.may_start(now));
        const bool trial = breaker_.started(now);
        breaker_.answered(now);
        breaker_.ended(trial);
        breaker_.succeeded(true, now);
    }
    EXPECT_GE(starts, 60);
}

// What began before the endpoint was out comes to its good end meanwhile.
TEST_F(BreakerTest, OldAnswersDoNotHideThatItIsOut) {
    for (int i = 0; i < 8; ++i) {
        breaker_.succeeded(true, kNow);
        fail(kNow);
    }
    EXPECT_EQ(breaker_.state(), Breaker::State::open);
}

// Heads that come say nothing of streams that break.
TEST_F(BreakerTest, AnswersThatBreakAreFailuresToo) {
    for (int i = 0; i < 8; ++i) {
        breaker_.answered(kNow);
        fail(kNow, false, true);
    }
    EXPECT_EQ(breaker_.state(), Breaker::State::open);
}

TEST_F(BreakerTest, AFewFailuresOnTheWayBackDoNotReopen) {
    open();
    breaker_.succeeded(false, kNow);
    for (int i = 0; i < 7; ++i) fail(kNow, true);
    EXPECT_EQ(breaker_.state(), Breaker::State::half_open);
    fail(kNow, true);
    EXPECT_EQ(breaker_.state(), Breaker::State::open);
}

TEST(RetryBudget, IsFundedBySuccesses) {
    RetryBudget budget{RetrySettings()};
    int paid = 0;
    while (budget.withdraw(kNow)) ++paid;
    EXPECT_EQ(paid, 100);
    for (int i = 0; i < 50; ++i) budget.succeeded();
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(budget.withdraw(kNow));
    EXPECT_FALSE(budget.withdraw(kNow));
}

TEST(RetryBudget, IsWhatIsConfigured) {
    RetrySettings settings;
    settings.budget_capacity = 6;
    settings.budget_cost = 3;
    settings.budget_per_success = 2;
    RetryBudget budget(settings);
    EXPECT_TRUE(budget.withdraw(kNow));
    EXPECT_TRUE(budget.withdraw(kNow));
    EXPECT_FALSE(budget.withdraw(kNow));
    budget.succeeded();
    EXPECT_FALSE(budget.withdraw(kNow));
    budget.succeeded();
    EXPECT_TRUE(budget.withdraw(kNow));
    settings.budget_capacity = 0;
    RetryBudget none(settings);
    for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(none.withdraw(kNow)) << "there is no budget";
}

TEST(RetryBudget, ATrickleLetsTheLastRequestsThrough) {
    RetryBudget budget{RetrySettings()};
    while (budget.withdraw(kNow)) {
    }
    EXPECT_FALSE(budget.withdraw(kNow + 9 * kNsPerS));
    EXPECT_TRUE(budget.withdraw(kNow + 11 * kNsPerS));
}

}  // namespace
}  // namespace weir
