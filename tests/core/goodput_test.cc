// The short form of the goodput table: every situation with its marks, each run twice.

#include "goodput.h"

#include <gtest/gtest.h>

namespace weir::test {
namespace {

constexpr TimeNs kMeasured = 20 * kNsPerMinute;

class Goodput : public testing::TestWithParam<std::size_t> {
protected:
    static Situation situation() { return goodput_situations()[GetParam()]; }
};

TEST_P(Goodput, MeetsItsMarksAndRepeats) {
    const Situation row = situation();
    SCOPED_TRACE(row.name);
    constexpr int kSeeds = 2;
    double goodput = 0;
    double waste = 0;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        const Score score = run_goodput(row, Contender::weir, seed, kMeasured);
        EXPECT_EQ(score, run_goodput(row, Contender::weir, seed, kMeasured));
        goodput += score.goodput / kSeeds;
        waste += score.waste / kSeeds;
    }
    // A third of the hour has three times the share of what happens once.
    EXPECT_GE(goodput, row.goodput_at_least - 0.01);
    EXPECT_LE(waste, row.waste_at_most * 3);
}

INSTANTIATE_TEST_SUITE_P(Table, Goodput,
                         testing::Range<std::size_t>(0, goodput_situations().size()));

// What a small job loses at its start and its end, with answers whole or streamed, and with limits
// configured or learnt.
TEST(Job, FourHundredRequestsAgainstAShallowBucket) {
    const model::Limits all_limits[] = {{600, 4'000'000, 800'000, 0}, {600, 400'000, 80'000, 0}};
    for (const model::Limits& limits : all_limits) {
        for (const bool stream : {true, false}) {
            for (const bool configured : {true, false}) {
                Situation row = goodput_situations()[0];
                row.world.model.classes[0].limits = limits;
                row.world.model.classes[0].enforcement.depth_s = 5;
                row.world.model.classes[0].generation.tokens_per_s = {6000, 0};
                row.world.stream = stream;
                row.world.output = {250, 0.7};
                row.world.max_tokens = 1024;
                row.world.least_delay_ns = 0;
                row.world.most_delay_ns = 2 * kNsPerMs;
                row.limits.classes[0].limits = {};
                if (configured) {
                    row.limits.classes[0].limits = {
                        .requests_per_minute = limits.requests_per_minute,
                        .input_tokens_per_minute = limits.input_tokens_per_minute,
                        .output_tokens_per_minute = limits.output_tokens_per_minute,
                        .tokens_per_day = 0};
                }
                for (std::uint64_t seed = 1; seed <= 5; ++seed) {
                    const JobScore job = run_job(row, 400, seed);
                    EXPECT_EQ(job.accepted, 400u);
                    EXPECT_GE(job.goodput(), 0.97) << stream << configured << seed;
                    EXPECT_LE(job.refused, 8u) << stream << configured << seed;
                }
            }
        }
    }
}

// The baselines stay what they are known to be, else the comparison says nothing.
TEST(Baselines, HammerOrCrawl) {
    const Situation row = goodput_situations()[2];  // known limits, output binds
    const Score hammering = run_goodput(row, Contender::workers_200, 1, kMeasured);
    EXPECT_GT(hammering.waste, 1.0);
    const Score crawling = run_goodput(row, Contender::debit_bucket, 1, kMeasured);
    EXPECT_LT(crawling.goodput, 0.3);
    const Score few = run_goodput(row, Contender::workers_10, 1, kMeasured);
    EXPECT_LT(few.goodput, 0.6);
}

}  // namespace
}  // namespace weir::test
