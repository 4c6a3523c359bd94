// What is learnt: output lengths, input ratios, how output is counted, limits that nobody states,
// depths and leaks.

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "limits/accounting_detector.h"
#include "limits/bucket.h"
#include "limits/day_quota.h"
#include "limits/input_estimate.h"
#include "limits/output_histogram.h"
#include "limits/rate_search.h"

namespace weir {
namespace {

constexpr TimeNs kS = kNsPerS;

TEST(InputEstimate, CountsDocumentsByPages) {
    RequestHead head;
    head.ascii_letters = 420;
    const double text = raw_input_estimate(head);
    head.documents = 1;
    head.document_bytes = 40'000;
    EXPECT_DOUBLE_EQ(raw_input_estimate(head), text + 2000);
    head.document_bytes = 600'000;
    EXPECT_DOUBLE_EQ(raw_input_estimate(head), text + 12'000);
    head.document_bytes = 4'000'000'000u;
    EXPECT_DOUBLE_EQ(raw_input_estimate(head), text + 1'200'000) << "600 pages at most";
}

TEST(InputEstimate, CountsImagesByTheirPixels) {
    RequestHead head;
    const double text = raw_input_estimate(head);
    head.images = 3;
    head.sized_images = 2;
    head.image_tokens = 700;
    EXPECT_DOUBLE_EQ(raw_input_estimate(head), text + 700 + 1500);
}

TEST(OutputHistogram, BeforeAnyAnswerThePriorSpeaks) {
    const OutputHistogram histogram;
    EXPECT_EQ(histogram.expected(4'096, 600), 600);
    EXPECT_EQ(histogram.expected(100, 600), 100);
}

TEST(OutputHistogram, FindsTheMeanAndTheQuantilesOfALognormal) {
    std::mt19937_64 random(1);
    std::lognormal_distribution<double> lengths(5.5, 1.0);
    OutputHistogram histogram;
    for (int i = 0; i < 20'000; ++i) histogram.add(std::llround(lengths(random)), false);
    EXPECT_NEAR(histogram.expected(200'000, 600), std::exp(6.0), 40);
    EXPECT_NEAR(static_cast<double>(histogram.quantile(0.5, 200'000)), std::exp(5.5), 30);
    EXPECT_NEAR(static_cast<double>(histogram.quantile(0.95, 200'000)), std::exp(5.5 + 1.645), 300);
}

TEST(OutputHistogram, AnswersThatWereCutCountAsLonger) {
    std::mt19937_64 random(1);
    std::exponential_distribution<double> lengths(1.0 / 400);
    OutputHistogram histogram;
    for (int i = 0; i < 20'000; ++i) {
        const auto length = std::llround(lengths(random)) + 1;
        histogram.add(std::min<std::int64_t>(length, 500), length > 500);
    }
    const double cut = 400 * (1 - std::exp(-500.0 / 400));
    EXPECT_NEAR(histogram.expected(500, 600), cut, 15);
    EXPECT_GT(histogram.expected(4'096, 600), cut + 50);
    EXPECT_EQ(histogram.quantile(0.99, 500), 500);
}

TEST(OutputHistogram, FollowsAChange) {
    OutputHistogram histogram;
    for (int i = 0; i < 5'000; ++i) histogram.add(1'000, false);
    for (int i = 0; i < 5'000; ++i) histogram.add(100, false);
    EXPECT_NEAR(histogram.expected(4'096, 600), 100, 30);
}

TEST(OutputHistogram, TakesAnyNumber) {
    OutputHistogram histogram;
    for (const std::int64_t tokens : {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, INT64_MAX}) {
        histogram.add(tokens, false);
        histogram.add(tokens, true);
    }
    EXPECT_GE(histogram.expected(INT64_MAX, 600), 0);
    EXPECT_GE(histogram.expected(INT64_MIN, 600), 0);
    EXPECT_TRUE(std::isfinite(histogram.expected(INT64_MAX, 600)));
}

TEST(InputCorrection, LearnsTheRatioAndItsSpread) {
    std::mt19937_64 random(1);
    std::lognormal_distribution<double> noise(std::log(1.3), 0.08);
    InputCorrection correction;
    for (int i = 0; i < 400; ++i) correction.learn(1'000, std::llround(1'000 * noise(random)));
    EXPECT_NEAR(correction.factor(), 1.3, 0.02);
    EXPECT_NEAR(correction.spread(), 0.08, 0.02);
}

TEST(InputCorrection, IsBounded) {
    InputCorrection correction;
    for (int i = 0; i < 100; ++i) correction.learn(1, INT64_MAX);
    EXPECT_LE(correction.factor(), 10);
    InputCorrection other;
    other.learn(0, 100);
    other.learn(100, 0);
    EXPECT_EQ(other.factor(), 1);
}

TEST(AccountingDetector, AFullBucketAndOneAttemptDecideAtOnce) {
    for (const bool reserves : {false, true}) {
        AccountingDetector detector;
        detector.reserved_at(1, kS);
        detector.add_reserved(4'096);
        detector.note({.sequence = 1,
                       .at = kS,
                       .remaining = reserves ? 76'000.0 : 80'000.0,
                       .produced = 0,
                       .reserved = 4'096,
                       .promised = 4'096},
                      1);
        ASSERT_TRUE(detector.waits_for(1));
        EXPECT_EQ(detector.confirm(1333, 80'000, 500),
                  reserves ? OutputAccounting::reserved : OutputAccounting::produced);
        EXPECT_TRUE(detector.decided());
    }
}

TEST(AccountingDetector, ABucketThatWasNotFullDecidesNothing) {
    AccountingDetector detector;
    detector.reserved_at(1, kS);
    detector.note({.sequence = 1,
                   .at = kS,
                   .remaining = 30'000,
                   .produced = 0,
                   .reserved = 4'096,
                   .promised = 4'096},
                  1);
    EXPECT_EQ(detector.confirm(1333, 80'000, 500), OutputAccounting::automatic);
}

// When a bucket is full again is stated in whole seconds: it may have held one second's refill
// less, and then an untouched bucket looks like one that has reserved that much.
TEST(AccountingDetector, AReservationWithinASecondsRefillDecidesNothing) {
    AccountingDetector detector;
    detector.reserved_at(1, kS);
    detector.note({.sequence = 1,
                   .at = kS,
                   .remaining = 24'000,
                   .produced = 0,
                   .reserved = 2'048,
                   .promised = 2'048},
                  1);
    EXPECT_EQ(detector.confirm(2400, 26'300, 500), OutputAccounting::automatic);
    EXPECT_FALSE(detector.decided());
}

// Ten attempts at once promise 20,480 tokens; what remains for one of them says nothing about the
// others' order. A second later, with all of them in flight, it says everything.
TEST(AccountingDetector, AttemptsThatMayHaveOvertakenEachOtherAreNoUse) {
    for (const bool later : {false, true}) {
        AccountingDetector detector;
        detector.reserved_at(1, kS);
        detector.note(
            {.sequence = 1, .at = kS, .remaining = 20'000, .reserved = 2'048, .promised = 2'048},
            1);
        ASSERT_EQ(detector.confirm(2400, 80'000, 500), OutputAccounting::automatic);
        for (std::uint64_t i = 2; i <= 11; ++i) detector.reserved_at(i, 2 * kS);
        OutputAccounting kind = OutputAccounting::automatic;
        for (int i = 0; i < 3; ++i) {
            const std::uint64_t sequence = later ? 12 + static_cast<std::uint64_t>(i) : 11;
            const TimeNs at = later ? (3 + i) * kS : 2 * kS;
            detector.reserved_at(sequence, at);
            detector.note({.sequence = sequence,
                           .at = at,
                           .remaining = later ? 24'000.0 + 2'400 * i : 22'000,
                           .reserved = 11 * 2'048,
                           .promised = 2'048},
                          sequence);
            ASSERT_TRUE(detector.waits_for(sequence));
            kind = detector.confirm(2400, 80'000, 500);
        }
        EXPECT_EQ(kind, later ? OutputAccounting::produced : OutputAccounting::automatic);
    }
}

// A provider that lets through `per_s` with a bucket of a minute, against a search that sends at
// its own pace.
TEST(RateSearch, FindsALimitByRefusals) {
    for (const double per_s : {0.5, 3.3, 40.0}) {
        RateSearch search;
        search.begin(0);
        double level = 60 * per_s;
        TimeNs now = 0;
        TimeNs last = 0;
        double accepted = 0;
        double refused = 0;
        constexpr TimeNs kFrom = 20 * kNsPerMinute;
        constexpr TimeNs kTo = 80 * kNsPerMinute;
        while (now < kTo) {
            level = std::min(level + per_s * static_cast<double>(now - last) / 1e9, 60 * per_s);
            last = now;
            TimeNs wait = static_cast<TimeNs>(1e9 / search.pace_per_s());
            if (level >= 1) {
                level -= 1;
                search.accepted(now);
                accepted += now >= kFrom ? 1 : 0;
            } else {
                wait = search.refused(now, now);
                refused += now >= kFrom ? 1 : 0;
            }
            now += wait;
        }
        EXPECT_NEAR(accepted / 3600, per_s, per_s * 0.03) << per_s;
        EXPECT_LT(refused / accepted, 0.01) << per_s;
    }
}

TEST(RateSearch, ThoseUnderWayBelongToOneRefusal) {
    RateSearch search;
    search.begin(0);
    for (int i = 1; i <= 30; ++i) search.accepted(i * kS);
    const double before = search.pace_per_s();
    search.refused(30 * kS, 31 * kS);
    const double once = search.pace_per_s();
    EXPECT_LT(once, before);
    for (int i = 0; i < 20; ++i) search.refused(30 * kS + i, 31 * kS + i);
    EXPECT_EQ(search.pace_per_s(), once);
}

Bucket bucket_of(std::int64_t limit, double depth_s, bool learn_depth) {
    Bucket bucket;
    bucket.set_limit(limit, false, {.guard_s = 0.1, .depth_s = depth_s, .learn_depth = learn_depth},
                     0);
    return bucket;
}

TEST(Bucket, NeverHoldsMoreThanItsDepthNorThanItsLimit) {
    std::mt19937_64 random(3);
    for (int round = 0; round < 200; ++round) {
        const auto limit = static_cast<std::int64_t>(1 + random() % 1'000'000);
        Bucket bucket = bucket_of(limit, 1 + static_cast<double>(random() % 60), round % 2 == 0);
        TimeNs now = 0;
        for (int step = 0; step < 200; ++step) {
            now += static_cast<TimeNs>(random() % (2 * kS));
            const auto units =
                static_cast<std::int64_t>(random() % static_cast<unsigned long>(limit));
            switch (random() % 5) {
                case 0:
                    bucket.take(now, bucket.time_for(units));
                    break;
                case 1:
                    bucket.settle(now, units - limit / 2);
                    break;
                case 2: {
                    LimitReading reading;
                    reading.remaining = units;
                    reading.reset_in_ns = static_cast<TimeNs>(random() % (60 * kS));
                    bucket.observe(reading, {.now = now, .sent_at = now});
                    break;
                }
                case 3:
                    bucket.refused(now, units, static_cast<TimeNs>(random() % kS), 0);
                    break;
                default:
                    bucket.accepted(units);
            }
            ASSERT_LE(bucket.level(now), bucket.depth() * 1.0001);
            ASSERT_LE(bucket.depth(), std::max(static_cast<double>(limit), 1.0));
            ASSERT_GE(bucket.leak(), -0.25);
            ASSERT_LE(bucket.leak(), 0.9);
        }
    }
}

TEST(Bucket, LearnsItsDepthFromWhatRemainsAndWhenItIsFull) {
    Bucket bucket = bucket_of(60'000, 10, true);  // 1000 a second
    LimitReading reading;
    reading.remaining = 500;
    reading.reset_in_ns = kS / 2;
    TimeNs now = kS;
    bucket.observe(reading, {.now = now, .sent_at = now});
    EXPECT_NEAR(bucket.depth(), 1'000, 1);
    // More than that remains: it is deeper.
    reading.remaining = 7'000;
    reading.reset_in_ns = -1;
    now += 10 * kS;
    bucket.observe(reading, {.now = now, .sent_at = now});
    EXPECT_GE(bucket.depth(), 7'000);
}

TEST(Bucket, WhatIsLargerWaitsUntilItIsSurelyFull) {
    Bucket bucket;
    bucket.set_limit(60'000, false, {.guard_s = 1.5, .depth_s = 1, .learn_depth = false}, 0);
    const auto wait = [&] { return bucket.fits_at(bucket.time_for(2'000)) - bucket.fits_at(0); };
    const TimeNs before = wait();
    // What fits is refused for another reason.
    bucket.refused(kS, 500, kS, 0);
    EXPECT_EQ(wait(), before);
    bucket.refused(2 * kS, 2'000, kS, 0);
    EXPECT_EQ(wait(), before + kS / 100);
    // What fits says nothing of when it is full.
    for (int i = 0; i < 100; ++i) bucket.accepted(500);
    EXPECT_EQ(wait(), before + kS / 100);
    for (int i = 0; i < 100; ++i) bucket.accepted(2'000);
    EXPECT_EQ(wait(), before);
    for (int i = 0; i < 100; ++i) bucket.refused(3 * kS, 2'000, kS, 0);
    EXPECT_LE(wait(), before + kS / 2);
}

TEST(Bucket, AConfiguredDepthIsWhatItHoldsAtMost) {
    Bucket bucket;
    bucket.set_limit(60'000, false, {.guard_s = 1.5, .depth_s = 2, .learn_depth = false}, 0);
    EXPECT_EQ(bucket.depth(), 2'000);
    EXPECT_EQ(bucket.full(), 2'000);
}

TEST(Bucket, WhatIsOnItsWayNeverMakesRoom) {
    Bucket bucket;
    bucket.set_limit(60'000, false, {.guard_s = 1.5, .depth_s = 1, .learn_depth = false}, 0);
    Production others{.attempts = 4, .per_attempt_per_s = 50};
    TimeNs before = 0;
    for (others.unshown = 0; others.unshown < 2'000; others.unshown += 50) {
        const TimeNs at = bucket.fits_at(0, 0, 100, others);
        EXPECT_GE(at, before) << others.unshown;
        before = at;
    }
    // Four that produce a fifth of the refill never fill it.
    EXPECT_LT(before, kS / 2);
}

TEST(Bucket, NobodyGivesMoreThanTheLimitThatIsStated) {
    for (const bool stated : {false, true}) {
        Bucket bucket = bucket_of(60'000, 60, false);
        LimitReading reading;
        if (stated) reading.limit = 60'000;
        for (TimeNs now = kS; now < 30 * kS; now += kS) {
            // It refills by half more.
            reading.remaining = 1'001 + now / kS * 1'500;
            bucket.observe(reading, {.now = now, .sent_at = now});
        }
        EXPECT_EQ(bucket.leak() < 0, !stated) << bucket.leak();
    }
}

TEST(Bucket, FindsALeakAndForgetsIt) {
    Bucket bucket = bucket_of(60'000, 60, false);
    double provider = 30'000;
    TimeNs now = 0;
    const auto run = [&](double refill_per_s, int readings) {
        for (int i = 0; i < readings; ++i) {
            now += kS / 2;
            provider = std::min(provider + refill_per_s / 2, 60'000.0);
            const auto take = static_cast<std::int64_t>(bucket.level(now) > 2'000 ? 500 : 0);
            bucket.take(now, bucket.time_for(take));
            provider = std::max(provider - static_cast<double>(take), 0.0);
            LimitReading reading;
            reading.remaining = static_cast<std::int64_t>(provider);
            bucket.observe(reading, {.now = now,
                                     .sent_at = now,
                                     .has_baseline = true,
                                     .baseline = bucket.baseline(now)});
        }
    };
    run(700, 400);
    EXPECT_NEAR(bucket.leak(), 0.3, 0.08);
    run(1'000, 4'000);
    EXPECT_LT(bucket.leak(), 0.1);
}

TEST(Bucket, ForgetsALeakThatNoReadingShows) {
    Bucket bucket = bucket_of(60'000, 60, false);
    TimeNs now = 30 * kS;
    const auto read = [&](double below) {
        now += kS;
        LimitReading reading;
        reading.remaining = static_cast<std::int64_t>(bucket.level(now) - below);
        bucket.observe(
            reading,
            {.now = now, .sent_at = now, .has_baseline = true, .baseline = bucket.baseline(now)});
    };
    for (int i = 0; i < 10; ++i) {
        bucket.take(now, bucket.time_for(1'000));
        read(500);
    }
    const double leak = bucket.leak();
    ASSERT_GT(leak, 0.2);
    // What agrees corrects nothing; the rate follows all the same.
    for (int i = 0; i < 2'000; ++i) read(0);
    EXPECT_LT(bucket.leak(), leak / 10);
    EXPECT_NEAR(bucket.per_s(), 1'000 * (1 - bucket.leak()), 3);
}

TEST(Bucket, RefusalsBuildUpTheGuardAndAnswersWearItOff) {
    Bucket bucket = bucket_of(60'000, 60, false);
    const double before = bucket.guard();
    for (int i = 0; i < 4; ++i) bucket.refused(i * kS, 100, kS, 0);
    EXPECT_GT(bucket.guard(), before + 1'000);
    for (int i = 0; i < 30'000; ++i) bucket.accepted(100);
    EXPECT_NEAR(bucket.guard(), before, 1);
}

TEST(DayQuota, RollsOverAtMidnightAndKeepsWhatBelongsToTheDay) {
    DayQuota quota;
    quota.set_limit(1'000, false);
    const std::int64_t offset = -5 * kS;  // midnight at 5 s
    EXPECT_EQ(quota.fits_at(kS, offset, 1'000), kS);
    quota.take(900);
    EXPECT_EQ(quota.fits_at(2 * kS, offset, 200), 5 * kS);
    quota.give_back(300, kS, 3 * kS, offset);
    EXPECT_EQ(quota.fits_at(3 * kS, offset, 200), 3 * kS);
    EXPECT_EQ(quota.fits_at(5 * kS, offset, 1'000), 5 * kS);
    quota.give_back(500, kS, 6 * kS, offset);  // of the day before
    EXPECT_EQ(quota.used(), 0);
}

TEST(DayQuota, BelievesMoreUseAtOnceAndLessByAndBy) {
    DayQuota quota;
    quota.set_limit(1'000, true);
    (void)quota.fits_at(kS, 0, 1);
    LimitReading reading;
    reading.remaining = 200;
    EXPECT_TRUE(quota.observe(reading, 50));
    EXPECT_EQ(quota.used(), 850);
    reading.remaining = 600;
    EXPECT_TRUE(quota.observe(reading, 50));
    EXPECT_GT(quota.used(), 450);
    EXPECT_LT(quota.used(), 850);
    reading.remaining = -1;
    EXPECT_FALSE(quota.observe(reading, 0));
}

TEST(DayQuota, SurvivesAnyClock) {
    for (const std::int64_t offset : {INT64_MIN, INT64_MAX, std::int64_t{0}}) {
        DayQuota quota;
        quota.set_limit(100, false);
        for (const TimeNs now : {TimeNs{0}, kNever, TimeNs{-1}}) {
            (void)quota.fits_at(now, offset, 50);
            quota.take(50);
            quota.give_back(50, now, now, offset);
        }
        EXPECT_GE(quota.used(), 0);
    }
}

}  // namespace
}  // namespace weir
