#include <gtest/gtest.h>

#include "retry/breaker.h"
#include "retry/retry_budget.h"

namespace weir {
namespace {

constexpr TimeNs kNow = 1'000 * kNsPerS;

class BreakerTest : public ::testing::Test {
protected:
    void fail(TimeNs now, bool trial = false) { breaker_.failed(trial, now, settings_, &random_); }
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
        breaker_.succeeded();
    }
    EXPECT_EQ(breaker_.state(), Breaker::State::closed);
    EXPECT_TRUE(breaker_.may_start(kNow));
    EXPECT_FALSE(breaker_.started());
}

TEST_F(BreakerTest, OpensAfterFailuresInARowAndLetsOneTrialThrough) {
    open();
    EXPECT_EQ(breaker_.state(), Breaker::State::open);
    EXPECT_FALSE(breaker_.may_start(kNow));
    const TimeNs at = breaker_.may_start_at();
    EXPECT_GT(at, kNow);
    EXPECT_LE(at, kNow + kNsPerS);
    EXPECT_TRUE(breaker_.may_start(at));
    EXPECT_TRUE(breaker_.started());
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
        ASSERT_TRUE(breaker_.started());
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

TEST_F(BreakerTest, OpensStepByStepAfterASuccess) {
    open();
    TimeNs now = breaker_.may_start_at();
    std::uint32_t allowed = 1;
    while (breaker_.state() != Breaker::State::closed) {
        std::uint32_t started = 0;
        while (breaker_.may_start(now) && started < 1'000) {
            breaker_.started();
            ++started;
        }
        EXPECT_LE(started, 2 * allowed);
        allowed = started;
        for (std::uint32_t i = 0; i < started; ++i) {
            breaker_.ended(true);
            breaker_.succeeded();
        }
        now += kNsPerS;
    }
    EXPECT_GE(allowed, 32u);
}

TEST_F(BreakerTest, ASingleFailureOnTheWayBackDoesNotReopen) {
    open();
    breaker_.succeeded();
    fail(kNow, true);
    EXPECT_EQ(breaker_.state(), Breaker::State::half_open);
    fail(kNow, true);
    fail(kNow, true);
    EXPECT_EQ(breaker_.state(), Breaker::State::open);
}

TEST(RetryBudget, IsFundedBySuccesses) {
    RetryBudget budget;
    int paid = 0;
    while (budget.withdraw(kNow)) ++paid;
    EXPECT_EQ(paid, 100);
    for (int i = 0; i < 50; ++i) budget.succeeded();
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(budget.withdraw(kNow));
    EXPECT_FALSE(budget.withdraw(kNow));
}

TEST(RetryBudget, ATrickleLetsTheLastRequestsThrough) {
    RetryBudget budget;
    while (budget.withdraw(kNow)) {
    }
    EXPECT_FALSE(budget.withdraw(kNow + 9 * kNsPerS));
    EXPECT_TRUE(budget.withdraw(kNow + 11 * kNsPerS));
}

}  // namespace
}  // namespace weir
