#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/random.h"
#include "base/timing_wheel.h"

namespace weir {
namespace {

constexpr TimeNs kTick = TimeNs{1} << 20;

struct Table {
    std::vector<TimerLink> links = std::vector<TimerLink>(256);
    TimerLink& timer(std::uint32_t index) { return links[index]; }
};

TEST(TimingWheel, FiresNoTimerEarlyAndEachAtMostATickLate) {
    Table table;
    TimingWheel<Table> wheel(&table);
    wheel.advance(5'000 * kNsPerS, [](std::uint32_t) { FAIL() << "nothing was armed"; });
    const TimeNs start = 5'000 * kNsPerS;
    wheel.arm(1, start + 1);
    wheel.arm(2, start + 250 * kNsPerMs);
    wheel.arm(3, start + 3'600 * kNsPerS);
    wheel.arm(4, start + 400 * 24 * 3'600 * kNsPerS);
    wheel.arm(5, kNever);
    std::map<std::uint32_t, TimeNs> fired;
    while (wheel.next() != kNever) {
        const TimeNs now = wheel.next();
        wheel.advance(now, [&](std::uint32_t index) { fired[index] = now; });
    }
    ASSERT_EQ(fired.size(), 4u);
    for (const auto& [index, at] : std::map<std::uint32_t, TimeNs>{
             {1, 1}, {2, 250 * kNsPerMs}, {3, 3'600 * kNsPerS}, {4, 400 * 24 * 3'600 * kNsPerS}}) {
        EXPECT_GE(fired[index], start + at);
        EXPECT_LE(fired[index], start + at + kTick + kTick);
    }
}

TEST(TimingWheel, ATimerOfThePastFiresAtTheNextTick) {
    Table table;
    TimingWheel<Table> wheel(&table);
    wheel.advance(kNsPerS, [](std::uint32_t) {});
    wheel.arm(0, 5);
    int fired = 0;
    wheel.advance(kNsPerS + 2 * kTick, [&](std::uint32_t) { ++fired; });
    EXPECT_EQ(fired, 1);
}

TEST(TimingWheel, ACallbackMayArmAndDisarm) {
    Table table;
    TimingWheel<Table> wheel(&table);
    wheel.arm(0, 10 * kNsPerMs);
    wheel.arm(1, 10 * kNsPerMs);
    wheel.arm(2, 10 * kNsPerMs);
    int fired = 0;
    for (TimeNs now = 0; now < 100 * kNsPerMs; now += kNsPerMs) {
        wheel.advance(now, [&](std::uint32_t index) {
            ++fired;
            for (std::uint32_t other = 0; other < 3; ++other) {
                if (other != index) wheel.disarm(other);
            }
            if (fired < 3) wheel.arm(index, now + 20 * kNsPerMs);
        });
    }
    EXPECT_EQ(fired, 3);
    EXPECT_EQ(wheel.next(), kNever);
}

// Against a sorted map, over random schedules.
TEST(TimingWheel, AgreesWithASortedMap) {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        Random random(seed);
        Table table;
        TimingWheel<Table> wheel(&table);
        std::map<std::uint32_t, TimeNs> armed;
        TimeNs now = static_cast<TimeNs>(random.below(1ull << 50));
        wheel.advance(now, [](std::uint32_t) {});
        for (int step = 0; step < 400; ++step) {
            const auto index = static_cast<std::uint32_t>(random.below(256));
            if (armed.contains(index)) {
                wheel.disarm(index);
                armed.erase(index);
            } else {
                const TimeNs at =
                    now + static_cast<TimeNs>(random.below(1ull << (20 + random.below(25))));
                wheel.arm(index, at);
                armed[index] = at;
            }
            if (random.below(3) != 0) continue;
            now += static_cast<TimeNs>(random.below(1ull << (20 + random.below(20))));
            wheel.advance(now, [&](std::uint32_t fired) {
                ASSERT_TRUE(armed.contains(fired)) << "seed " << seed;
                ASSERT_LE(armed[fired], now) << "seed " << seed;
                armed.erase(fired);
            });
            for (const auto& [waiting, at] : armed) {
                ASSERT_GT(at, now - 2 * kTick) << "timer " << waiting << " is late, seed " << seed;
                ASSERT_LE(wheel.next(), at + kTick) << "seed " << seed;
            }
        }
    }
}

}  // namespace
}  // namespace weir
