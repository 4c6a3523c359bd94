// Permits beside requests, over the real core in virtual time: the same work comes to its attempts
// at the same times, through the same limits, queue and retry rules, and is counted alike.

#include <gtest/gtest.h>

#include <tuple>
#include <vector>

#include "queue_world.h"

namespace weir::test {
namespace {

struct History {
    // When, whose, with which account; and when it ended, and how.
    std::vector<std::tuple<TimeNs, std::uint64_t, std::uint16_t>> starts;
    std::vector<std::tuple<TimeNs, std::uint64_t, std::int32_t>> ends;
    Core::Counts counts;
};

History history_of(std::uint32_t lease_ms, std::uint64_t seed) {
    CoreSettings settings =
        one_class({.requests_per_minute = 600, .input_tokens_per_minute = 100'000}, 3);
    settings.limits.accounts.push_back({.name = "other", .limits = {}});
    settings.limits.accounts[1].limits.push_back({0, {.requests_per_minute = 200}});
    settings.accounts.accounts.resize(2);
    settings.queue.tenant_weights = {{1, 3}};
    settings.queue.ageing_ns = 20 * kNsPerS;
    settings.queue.tenant_bounds = {{2, 3}};
    settings.max_in_flight = 20;
    QueueWorld world(settings, seed);
    History history;
    world.on_start = [&](RequestIndex i) {
        history.starts.emplace_back(world.now(), world.request(i).user_data, world.account());
    };
    world.on_finish = [&](RequestIndex i, std::int32_t status) {
        history.ends.emplace_back(world.now(), world.request(i).user_data, status);
    };
    world.takes = [&](const Request&) {
        return static_cast<TimeNs>(kNsPerS / 10 + world.random.below(2 * kNsPerS));
    };
    world.outcome = [&](const Request&, Outcome* outcome) {
        switch (world.random.below(30)) {
            case 0:
                outcome->cls = OutcomeClass::overloaded;
                break;
            case 1:
                outcome->cls = OutcomeClass::rate_limited;
                outcome->retry_after_ns = 2 * kNsPerS;
                break;
            case 2:
                outcome->cls = OutcomeClass::timeout;
                outcome->maybe_executed = true;
                break;
            case 3:
                outcome->cls = OutcomeClass::bad_request;
                break;
            default:
                break;
        }
    };
    for (std::uint64_t i = 0; i < 1'500; ++i) {
        world.submit({.tenant = world.random.below(3),
                      .priority = static_cast<std::uint8_t>(world.random.below(kPriorities)),
                      .input_tokens = static_cast<std::uint32_t>(10 + world.random.below(600)),
                      .output_tokens = static_cast<std::uint32_t>(1 + world.random.below(50)),
                      .user_data = i,
                      .lease_ms = lease_ms});
        world.run_until(world.now() + static_cast<TimeNs>(world.random.below(kNsPerS / 5)));
    }
    world.run_until(world.now() + 600 * kNsPerS);
    history.counts = world.core().counts();
    return history;
}

TEST(Permits, GoAsRequestsDo) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        SCOPED_TRACE(seed);
        const History requests = history_of(0, seed);
        const History permits = history_of(600'000, seed);
        EXPECT_EQ(permits.starts, requests.starts);
        EXPECT_EQ(permits.ends, requests.ends);
        EXPECT_EQ(permits.ends.size(), 1'500u);
        EXPECT_EQ(permits.counts.attempts, requests.counts.attempts);
        EXPECT_EQ(permits.counts.retries, requests.counts.retries);
        EXPECT_EQ(permits.counts.refused, requests.counts.refused);
        EXPECT_EQ(permits.counts.succeeded, requests.counts.succeeded);
        EXPECT_EQ(permits.counts.failed, requests.counts.failed);
        EXPECT_GT(requests.counts.retries, 50u);
        EXPECT_GT(requests.counts.failed, 10u);
        EXPECT_EQ(permits.counts.permits, permits.counts.attempts);
        EXPECT_EQ(requests.counts.permits, 0u);
    }
}

}  // namespace
}  // namespace weir::test
