#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "batch_crash_world.h"

namespace weir::test {
namespace {

std::uint64_t seeds() {
    const char* text = std::getenv("WEIR_BATCH_SEEDS");
    return text == nullptr ? 10'000 : std::strtoull(text, nullptr, 10);
}

TEST(BatchCrash, NothingIsLostSubmittedTwiceOrDeliveredTwice) {
    CrashResult sum;
    for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
        CrashSettings settings;
        settings.requests = 5 + seed % 60;
        const CrashResult result = run_crash_schedule(seed, settings);
        ASSERT_EQ(result.broken, "") << "seed " << seed;
        sum.events += result.events;
        sum.crashes += result.crashes;
        sum.batches += result.batches;
        sum.answers += result.answers;
        sum.answered_again += result.answered_again;
        sum.reconciled += result.reconciled;
        sum.found += result.found;
        sum.sent_again += result.sent_again;
    }
    std::printf(
        "%llu schedules: %llu events, %llu crashes, %llu batches, %llu answers (%llu again), "
        "%llu creations in doubt, %llu of them found, %llu sent again\n",
        static_cast<unsigned long long>(seeds()), static_cast<unsigned long long>(sum.events),
        static_cast<unsigned long long>(sum.crashes), static_cast<unsigned long long>(sum.batches),
        static_cast<unsigned long long>(sum.answers),
        static_cast<unsigned long long>(sum.answered_again),
        static_cast<unsigned long long>(sum.reconciled), static_cast<unsigned long long>(sum.found),
        static_cast<unsigned long long>(sum.sent_again));
}

TEST(BatchCrash, ASeedReplays) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        EXPECT_EQ(run_crash_schedule(seed, CrashSettings()),
                  run_crash_schedule(seed, CrashSettings()));
    }
}

}  // namespace
}  // namespace weir::test
