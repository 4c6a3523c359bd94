#include "random_schedule.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace weir::test {
namespace {

// WEIR_SEED replays one schedule; WEIR_CORE_SCHEDULES says how many are run.
std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST(RandomSchedule, InvariantsHoldAndEveryRunRepeats) {
    const std::uint64_t first = from_environment("WEIR_SEED", 1);
    const std::uint64_t count =
        std::getenv("WEIR_SEED") != nullptr ? 1 : from_environment("WEIR_CORE_SCHEDULES", 10'000);
    std::uint64_t attempts = 0;
    std::uint64_t hedges = 0;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        const ScheduleResult result = run_random_schedule(seed);
        ASSERT_EQ(result.broken, "") << "replay with WEIR_SEED=" << seed;
        ASSERT_EQ(result.terminals, result.accepted) << "replay with WEIR_SEED=" << seed;
        ASSERT_EQ(result, run_random_schedule(seed)) << "two runs differ: WEIR_SEED=" << seed;
        attempts += result.attempts;
        hedges += result.hedges;
    }
    EXPECT_GT(attempts, count * 5) << "the schedules start too little to show anything";
    if (count > 1'000) {
        EXPECT_GT(hedges, count / 20) << "too few second attempts";
    }
}

}  // namespace
}  // namespace weir::test
