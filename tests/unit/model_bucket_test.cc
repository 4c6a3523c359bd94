#include <gtest/gtest.h>

#include "model/bucket.h"

namespace weir::model {
namespace {

constexpr std::int64_t kMicro = 1'000'000;

Bucket sixty_a_minute(double fill = 1) {
    Bucket bucket;
    bucket.configure(60, 60, 60, fill);
    return bucket;
}

TEST(ModelBucket, RefillsContinuouslyUpToItsDepth) {
    Bucket bucket = sixty_a_minute(0);
    bucket.refresh(kNsPerS / 2);
    EXPECT_DOUBLE_EQ(bucket.level(), 0.5);
    bucket.refresh(100 * kNsPerS);
    EXPECT_DOUBLE_EQ(bucket.level(), 60);
    EXPECT_DOUBLE_EQ(bucket.overflowed(), 40);
}

TEST(ModelBucket, TimeThatFallsChangesNothing) {
    Bucket bucket = sixty_a_minute(0);
    bucket.refresh(10 * kNsPerS);
    bucket.refresh(5 * kNsPerS);
    EXPECT_DOUBLE_EQ(bucket.level(), 10);
}

TEST(ModelBucket, ADrainIsExactHoweverSeldomItIsLookedAt) {
    Bucket seldom = sixty_a_minute();
    Bucket often = sixty_a_minute();
    seldom.add_drain(3 * kMicro);
    often.add_drain(3 * kMicro);
    for (TimeNs t = 0; t <= 100 * kNsPerS; t += kNsPerS / 8) often.refresh(t);
    seldom.refresh(100 * kNsPerS);
    EXPECT_DOUBLE_EQ(seldom.level(), 60 - 200);
    EXPECT_NEAR(often.level(), seldom.level(), 1e-9);
    EXPECT_DOUBLE_EQ(seldom.lowest(), -140);
    seldom.add_drain(-3 * kMicro);
    seldom.refresh(110 * kNsPerS);
    EXPECT_DOUBLE_EQ(seldom.level(), -130);
}

TEST(ModelBucket, SaysWhenAnAmountIsThere) {
    Bucket bucket = sixty_a_minute(0);
    EXPECT_EQ(bucket.wait_for(0), 0);
    EXPECT_EQ(bucket.wait_for(1.5), 3 * kNsPerS / 2);
    EXPECT_EQ(bucket.wait_for(61), kNever);
    EXPECT_EQ(bucket.full_in(), 60 * kNsPerS);
    bucket.refresh(bucket.wait_for(7));
    EXPECT_EQ(bucket.wait_for(7), 0);
}

TEST(ModelBucket, ACotenantNeverTakesWhatIsNotThere) {
    Bucket bucket = sixty_a_minute();
    bucket.set_cotenant(4);  // empty after 20 s, then it takes the refill
    bucket.refresh(30 * kNsPerS);
    EXPECT_DOUBLE_EQ(bucket.level(), 0);
    EXPECT_DOUBLE_EQ(bucket.cotenant_took(), 80 + 10);
    bucket.take(5);
    bucket.refresh(32 * kNsPerS);
    EXPECT_DOUBLE_EQ(bucket.level(), -3);  // it takes nothing while there is debt
    bucket.refresh(40 * kNsPerS);
    EXPECT_DOUBLE_EQ(bucket.level(), 0);
    EXPECT_DOUBLE_EQ(bucket.cotenant_took(), 90 + 5);
}

TEST(ModelBucket, ACotenantAndProductionTogetherGoIntoDebtByProductionAlone) {
    Bucket bucket = sixty_a_minute(0);
    bucket.set_cotenant(0.5);
    bucket.add_drain(3 * kMicro);
    bucket.refresh(10 * kNsPerS);
    EXPECT_DOUBLE_EQ(bucket.level(), -20);
    EXPECT_DOUBLE_EQ(bucket.cotenant_took(), 0);
}

TEST(ModelBucket, ASmallerLimitCutsWhatIsThere) {
    Bucket bucket = sixty_a_minute();
    bucket.change(30, 60, 30, 0);
    EXPECT_DOUBLE_EQ(bucket.level(), 30);
    bucket.take(30);
    bucket.refresh(2 * kNsPerS);
    EXPECT_DOUBLE_EQ(bucket.level(), 1);
    bucket.change(120, 60, 120, 2 * kNsPerS);
    bucket.refresh(3 * kNsPerS);
    EXPECT_DOUBLE_EQ(bucket.level(), 3);
}

TEST(ModelBucket, ADaysLimitComesBackAtMidnight) {
    Bucket bucket;
    bucket.configure(1000, 86'400, 1000, 1);
    bucket.renew_every(86'400 * kNsPerS, 10 * kNsPerS);
    bucket.take(900);
    bucket.refresh(9 * kNsPerS);
    EXPECT_DOUBLE_EQ(bucket.level(), 100);
    EXPECT_EQ(bucket.wait_for(200), kNsPerS);
    bucket.add_drain(2 * kMicro);
    bucket.refresh(11 * kNsPerS);
    EXPECT_DOUBLE_EQ(bucket.level(), 998);
    bucket.change(2000, 86'400, 2000, 11 * kNsPerS);
    EXPECT_DOUBLE_EQ(bucket.level(), 1998);
    bucket.refresh((86'400 + 10) * kNsPerS);
    EXPECT_DOUBLE_EQ(bucket.level(), 2000);
}

}  // namespace
}  // namespace weir::model
