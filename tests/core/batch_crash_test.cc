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

CrashResult run_all(bool with_file) {
    CrashResult sum;
    for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
        CrashSettings settings;
        settings.requests = 5 + seed % 60;
        settings.with_file = with_file;
        const CrashResult result = run_crash_schedule(seed, settings);
        EXPECT_EQ(result.broken, "") << "seed " << seed;
        if (!result.broken.empty()) return sum;
        sum.events += result.events;
        sum.crashes += result.crashes;
        sum.batches += result.batches;
        sum.answers += result.answers;
        sum.answered_again += result.answered_again;
        sum.late += result.late;
        sum.written_in_crashes += result.written_in_crashes;
        sum.reconciled += result.reconciled;
        sum.found += result.found;
        sum.sent_again += result.sent_again;
        sum.refused += result.refused;
        sum.unknown += result.unknown;
    }
    const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
    std::printf(
        "%llu schedules: %llu events, %llu crashes, %llu batches, %llu answers (%llu again), "
        "%llu late results, %llu creations in doubt, %llu of them found, %llu sent again\n",
        number(seeds()), number(sum.events), number(sum.crashes), number(sum.batches),
        number(sum.answers), number(sum.answered_again), number(sum.late), number(sum.reconciled),
        number(sum.found), number(sum.sent_again));
    EXPECT_GT(sum.crashes, seeds());
    EXPECT_GT(sum.late, seeds() / 10);
    EXPECT_GT(sum.found, seeds() / 10);
    EXPECT_GT(sum.sent_again, seeds() / 10);
    EXPECT_GT(sum.refused, seeds() / 10);
    EXPECT_GT(sum.unknown, 0u);
    return sum;
}

TEST(BatchCrash, NothingIsLostSubmittedTwiceOrDeliveredTwice) { run_all(false); }

// The same, with the journal's own file on a disk that keeps of what was not synced what it likes,
// and tears one write.
TEST(BatchCrash, NothingIsOnADiskThatTearsItsLastWrite) {
    const CrashResult sum = run_all(true);
    std::printf("%llu crashes came after the commit of the transaction that they were in\n",
                static_cast<unsigned long long>(sum.written_in_crashes));
    EXPECT_GT(sum.written_in_crashes, 0u);
    EXPECT_LT(sum.written_in_crashes, sum.crashes);
}

TEST(BatchCrash, ASeedReplays) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        CrashSettings settings;
        settings.with_file = seed % 2 == 0;
        EXPECT_EQ(run_crash_schedule(seed, settings), run_crash_schedule(seed, settings));
    }
}

}  // namespace
}  // namespace weir::test
