#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "limits/gcra.h"

namespace weir {
namespace {

TEST(Rate, SevenMillionAMinuteIsExactToTheNanosecondOverAnHour) {
    const Rate rate(7'000'000, kNsPerMinute);
    // Rounded up at the end, once.
    EXPECT_LE(rate.time_for(std::int64_t{7'000'000}) - kNsPerMinute, 1);
    EXPECT_LE(rate.time_for(std::int64_t{7'000'000} * 60) - 60 * kNsPerMinute, 1);
    EXPECT_EQ(rate.time_for(std::int64_t{1}), 8572);  // 8571.43, rounded up
}

TEST(Rate, IsNeverFasterThanStated) {
    for (const std::int64_t units : {3LL, 7LL, 50LL, 999LL, 80'000LL, 7'000'001LL, 999'999'999LL}) {
        const Rate rate(units, kNsPerMinute);
        EXPECT_GE(rate.time_for(units), kNsPerMinute) << units;
        EXPECT_LE(rate.time_for(units), kNsPerMinute + 1 + units / 1'000'000'000) << units;
    }
}

TEST(Rate, OneAMinuteFitsToo) {
    const Rate rate(1, kNsPerMinute);
    EXPECT_EQ(rate.time_for(std::int64_t{1}), kNsPerMinute);
    EXPECT_EQ(rate.time_for(std::int64_t{1000}), 1000 * kNsPerMinute);
}

TEST(Rate, SaturatesInsteadOfOverflowing) {
    const std::int64_t extremes[] = {std::numeric_limits<std::int64_t>::max(), kMaxUnits,
                                     kMaxUnits - 1};
    for (const std::int64_t units : {std::int64_t{1}, std::int64_t{1000}, extremes[0]}) {
        for (const double speed : {1.0, 0.1, 1.25, 0.0, -1.0}) {
            const Rate rate(units, kNsPerMinute, speed);
            for (const std::int64_t cost : extremes) {
                EXPECT_GE(rate.time_for(cost), 0);
                EXPECT_LE(rate.time_for(cost), kEndless);
            }
            EXPECT_LE(rate.time_for(1e300), kEndless);
            EXPECT_GE(rate.time_for(-1e300), -kEndless);
        }
    }
    EXPECT_EQ(Rate(1, kNsPerMinute).time_for(kMaxUnits), kEndless);
    EXPECT_EQ(Rate(1, kNsPerMinute).time_for(std::int64_t{-5}), 0);
    EXPECT_EQ(Rate(0, 0).time_for(std::int64_t{0}), 0);
}

TEST(Rate, SpeedSlowsDown) {
    EXPECT_NEAR(Rate(600, kNsPerMinute, 0.7).units_per_s(), 7.0, 1e-6);
    EXPECT_NEAR(Rate(600, kNsPerMinute).units_per_s(), 10.0, 1e-6);
}

TEST(Gcra, HoldsAtMostItsDepth) {
    Gcra gcra;
    gcra.set_level(0, 0);
    EXPECT_EQ(gcra.level(5, 10), 5);
    EXPECT_EQ(gcra.level(1'000, 10), 10);
    gcra.debit(1'000, 10, 4);
    EXPECT_EQ(gcra.level(1'000, 10), 6);
    EXPECT_EQ(gcra.level(1'002, 10), 8);
}

TEST(Gcra, ACreditAboveTheDepthIsLostAtTheNextDebit) {
    Gcra gcra;
    gcra.set_level(100, 10);
    gcra.credit(50);
    EXPECT_EQ(gcra.level(100, 10), 10);
    gcra.debit(100, 10, 1);
    EXPECT_EQ(gcra.level(100, 10), 9);
}

TEST(Gcra, MayBeInDebt) {
    Gcra gcra;
    gcra.set_level(0, 0);
    gcra.debit(0, 10, 25);
    EXPECT_EQ(gcra.level(0, 10), -25);
    EXPECT_EQ(gcra.reaches(3), 28);
}

TEST(Gcra, SurvivesExtremes) {
    Gcra gcra;
    for (int i = 0; i < 100; ++i) gcra.debit(kEndless, kEndless, kEndless);
    EXPECT_LE(gcra.level(0, 10), 10);
    EXPECT_GE(gcra.level(0, 10), -kEndless);
    for (int i = 0; i < 100; ++i) gcra.credit(kEndless);
    EXPECT_EQ(gcra.level(0, 10), 10);
}

}  // namespace
}  // namespace weir
