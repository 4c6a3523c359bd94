// A provider that refuses use which grows too fast, and a start that is slow enough for it.

#include <gtest/gtest.h>

#include "goodput.h"
#include "goodput_clients.h"

namespace weir::test {
namespace {

constexpr std::uint64_t kSeeds = 20;
constexpr TimeNs kEpisode = 20 * kNsPerMinute;
constexpr TimeNs kPause = 20 * kNsPerMinute;

// Input binds, at 300,000 tokens a minute. At first an eighth of it is accepted, and three times as
// much with every minute of use.
Situation with_ramp(RampMode mode, double growth_factor = 3) {
    Situation row;
    for (const Situation& each : goodput_situations()) {
        if (each.name.find("known limits, input binds") == 0) row = each;
    }
    row.world.model.classes[0].enforcement.ramp = {.start_per_minute = 37'500,
                                                   .growth_factor = growth_factor};
    row.limits.ramp = mode;
    return row;
}

struct Episode {
    std::uint64_t accepted = 0;
    std::uint64_t too_fast = 0;
    std::uint64_t refused = 0;
};

// Endless work, a pause, and endless work again.
std::vector<Episode> play(const Situation& situation, std::uint64_t seed, int episodes) {
    World::Settings settings = situation.world;
    settings.seed = seed;
    settings.model.seed = seed * 7919 + 1;
    World world(settings);
    const std::unique_ptr<Client> client = make_weir(situation.limits, &world, seed);
    std::vector<Episode> all;
    model::ClassCounts before;
    for (int i = 0; i < episodes; ++i) {
        const TimeNs start = i * (kEpisode + kPause);
        world.run(client.get(), start);
        world.rest(false);
        client->begin(start);
        world.run(client.get(), start + kEpisode);
        world.rest(true);
        world.run(client.get(), start + kEpisode + kPause);
        const model::ClassCounts& now = world.model().counts(0, 0);
        all.push_back({.accepted = now.accepted - before.accepted,
                       .too_fast = now.refused_for_growth - before.refused_for_growth,
                       .refused = now.refused_in_all() - before.refused_in_all()});
        before = now;
    }
    return all;
}

TEST(RampAhead, OffIsRefused) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        SCOPED_TRACE(seed);
        for (const Episode& episode : play(with_ramp(RampMode::off), seed, 2))
            EXPECT_GE(episode.too_fast, 5u);
    }
}

// Without a slow start it is told so a few times at first, finds a pace that is accepted, and comes
// to the limit as soon as the provider lets it.
TEST(RampAfter, ComesToTheLimitInMinutes) {
    // By what the provider lets through grows each minute; how much a fluid could have had.
    const std::pair<double, std::uint64_t> cases[] = {{3, 3'700}, {2, 3'570}, {1.3, 3'000}};
    for (const auto& [growth_factor, possible] : cases) {
        for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
            SCOPED_TRACE(seed);
            const Episode episode = play(with_ramp(RampMode::off, growth_factor), seed, 1)[0];
            EXPECT_GE(episode.accepted, possible * 9 / 10) << growth_factor;
            EXPECT_LE(episode.too_fast, 80u) << growth_factor;
        }
    }
}

TEST(RampAhead, OnIsNotRefused) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        SCOPED_TRACE(seed);
        const std::vector<Episode> on = play(with_ramp(RampMode::on), seed, 2);
        for (std::size_t i = 0; i < 2; ++i) {
            EXPECT_EQ(on[i].too_fast, 0u);
            EXPECT_LE(on[i].refused, 1u);
            // Of the 4,000 that the limit has room for.
            EXPECT_GE(on[i].accepted, 3'600u);
        }
    }
}

TEST(RampAhead, AutoLearnsItOnce) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        SCOPED_TRACE(seed);
        const std::vector<Episode> episodes = play(with_ramp(RampMode::automatic), seed, 3);
        EXPECT_GE(episodes[0].too_fast, 5u);
        EXPECT_EQ(episodes[1].too_fast, 0u);
        EXPECT_EQ(episodes[2].too_fast, 0u);
    }
}

}  // namespace
}  // namespace weir::test
