#include <gtest/gtest.h>

#include "retry/adaptive_concurrency.h"

namespace weir {
namespace {

constexpr AdaptiveSettings kOn{.on = true, .floor = 2, .ceiling = 100};

TEST(AdaptiveConcurrency, IsNoBoundWhileItIsOff) {
    AdaptiveConcurrency off;
    off.refused(1, 2);
    EXPECT_TRUE(off.may_start(1'000'000));
}

TEST(AdaptiveConcurrency, DoublesEachRoundTripUntilTheFirstRefusal) {
    AdaptiveConcurrency limit(kOn);
    const std::uint32_t first = limit.limit();
    for (std::uint32_t i = 0; i < first; ++i) limit.succeeded(first);
    EXPECT_EQ(limit.limit(), 2 * first);
    limit.refused(10, 20);
    const std::uint32_t shrunk = limit.limit();
    EXPECT_LT(shrunk, 2 * first);
    for (std::uint32_t i = 0; i < shrunk; ++i) limit.succeeded(shrunk);
    EXPECT_LE(limit.limit(), shrunk + 1);
    for (std::uint32_t i = 0; i <= 2 * shrunk; ++i) limit.succeeded(shrunk + 2);
    EXPECT_GE(limit.limit(), shrunk + 1);
}

TEST(AdaptiveConcurrency, ShrinksOnceARoundTrip) {
    AdaptiveConcurrency limit(kOn);
    for (int i = 0; i < 40; ++i) limit.succeeded(100);
    limit.refused(10, 20);
    const std::uint32_t once = limit.limit();
    for (int i = 0; i < 10; ++i) limit.refused(11 + i % 9, 21 + i);
    EXPECT_EQ(limit.limit(), once) << "those were sent before it shrank";
    limit.refused(21, 40);
    EXPECT_LT(limit.limit(), once);
}

TEST(AdaptiveConcurrency, GrowsOnlyWhileItIsUsed) {
    AdaptiveConcurrency limit(kOn);
    const std::uint32_t first = limit.limit();
    for (int i = 0; i < 1'000; ++i) limit.succeeded(first / 2 - 1);
    EXPECT_EQ(limit.limit(), first);
}

TEST(AdaptiveConcurrency, StaysBetweenFloorAndCeiling) {
    AdaptiveConcurrency limit(kOn);
    for (int i = 0; i < 1'000; ++i) limit.succeeded(1'000);
    EXPECT_EQ(limit.limit(), 100u);
    for (int i = 0; i < 100; ++i) limit.refused(10 * i + 5, 10 * i + 5);
    EXPECT_EQ(limit.limit(), 2u);
}

TEST(AdaptiveConcurrency, ShrinksWhenTheFirstTokenTakesTwiceItsTime) {
    AdaptiveConcurrency limit(kOn);
    for (int i = 0; i < 20; ++i) limit.succeeded(100);
    const std::uint32_t before = limit.limit();
    TimeNs now = kNsPerS;
    const auto tokens = [&](int count, TimeNs took) {
        for (int i = 0; i < count; ++i) {
            now += kNsPerMs;
            limit.first_token(now - took, now);
        }
    };
    tokens(200, 10);
    tokens(20, 17);
    EXPECT_EQ(limit.limit(), before) << "less than twice is within what varies";
    tokens(20, 60);
    EXPECT_LT(limit.limit(), before);
    EXPECT_NEAR(static_cast<double>(limit.usual_first_token()), 12, 4);
}

TEST(AdaptiveConcurrency, GetsUsedToAnEndpointThatHasBecomeSlower) {
    AdaptiveConcurrency limit(kOn);
    for (int i = 0; i < 60; ++i) limit.succeeded(100);
    TimeNs now = kNsPerS;
    for (int i = 0; i < 2'000; ++i) {
        const TimeNs took = i < 200 ? kNsPerS : 4 * kNsPerS;
        now += kNsPerS / 2;
        limit.first_token(now - took, now);
        limit.succeeded(limit.limit());
    }
    EXPECT_GT(limit.limit(), 30u);
    EXPECT_GT(limit.usual_first_token(), 3 * kNsPerS / 2);
}

}  // namespace
}  // namespace weir
