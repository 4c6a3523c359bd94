// Who goes next, over the real core in virtual time: priorities and ageing, tenants and their
// weights, what is large and what is urgent.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "queue_world.h"
#include "retry/policy.h"

namespace weir::test {
namespace {

constexpr TimeNs kTick = TimeNs{1} << 20;  // the timing wheel's

TimeNs at_share(std::vector<TimeNs> values, double share) {
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

TEST(Fairness, PrioritiesGoInOrder) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        QueueWorld world(one_class({.requests_per_minute = 600}, 1), seed);
        std::vector<int> order;
        world.on_start = [&](RequestIndex i) { order.push_back(world.request(i).priority); };
        for (int i = 0; i < 200; ++i) {
            world.submit({.tenant = world.random.below(4),
                          .priority = static_cast<std::uint8_t>(world.random.below(4))});
        }
        world.run_until(world.now() + 55 * kNsPerS);
        EXPECT_TRUE(std::is_sorted(order.begin(), order.end())) << "seed " << seed;
        EXPECT_EQ(order.size(), 200u) << "seed " << seed;
    }
}

// Critical requests take all that there is. Those of the lowest priority wait no longer than the
// ageing bound, and then for every fourth turn.
TEST(Fairness, TheLongestWaitIsBounded) {
    constexpr TimeNs kAgeing = 10 * kNsPerS;
    constexpr TimeNs kInterval = kNsPerS / 10;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CoreSettings settings = one_class({.requests_per_minute = 600}, 1);
        settings.queue.ageing_ns = kAgeing;
        QueueWorld world(settings, seed);
        const TimeNs began = world.now();
        int low_started = 0;
        world.on_start = [&](RequestIndex i) {
            if (world.request(i).priority == 0) {
                world.submit({.priority = 0});
                return;
            }
            ++low_started;
            const TimeNs wait = world.now() - world.request(i).submitted_at;
            EXPECT_LE(wait, kAgeing + 4 * (low_started + 1) * kInterval) << "seed " << seed;
            EXPECT_GE(wait, kAgeing) << "seed " << seed;
        };
        for (int i = 0; i < 30; ++i) world.submit({.tenant = world.random.below(3), .priority = 0});
        for (int i = 0; i < 40; ++i) world.submit({.tenant = world.random.below(3), .priority = 3});
        world.run_until(began + kAgeing + 41 * 4 * kInterval);
        EXPECT_EQ(low_started, 40) << "seed " << seed;
    }
}

TEST(Fairness, BackloggedEqualTenantsStayWithinTwiceTheLargestCost) {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        QueueWorld world(one_class({.input_tokens_per_minute = 600'000}, 5), seed);
        std::map<std::uint64_t, TimeNs> served;
        TimeNs largest = 0;
        const auto submit = [&](std::uint64_t tenant) {
            // Tenant 1's requests are ten times as large.
            const std::uint64_t most = tenant == 1 ? 20'000 : 2'000;
            world.submit(
                {.tenant = tenant,
                 .input_tokens = static_cast<std::uint32_t>(1 + world.random.below(most))});
        };
        world.takes = [&](const Request&) {
            return static_cast<TimeNs>(1 + world.random.below(2 * kNsPerS));
        };
        world.on_start = [&](RequestIndex i) {
            const Request& request = world.request(i);
            const TimeNs cost = world.cost(request);
            largest = std::max(largest, cost);
            served[request.tenant] += cost;
            EXPECT_LE(std::abs(served[0] - served[1]), 2 * largest) << "seed " << seed;
            submit(request.tenant);
        };
        for (int i = 0; i < 200; ++i) submit(static_cast<std::uint64_t>(i % 2));
        world.run_until(world.now() + 300 * kNsPerS);
        EXPECT_GT(served[0] + served[1], 280 * kNsPerS) << "seed " << seed;
    }
}

TEST(Fairness, WeightsOfThreeToOneGiveThreeToOne) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CoreSettings settings = one_class({.input_tokens_per_minute = 6'000'000}, 5);
        settings.queue.tenant_weights = {{1, 3}};
        QueueWorld world(settings, seed);
        std::map<std::uint64_t, TimeNs> served;
        const auto submit = [&](std::uint64_t tenant) {
            world.submit(
                {.tenant = tenant,
                 .input_tokens = static_cast<std::uint32_t>(1 + world.random.below(5'000))});
        };
        world.on_start = [&](RequestIndex i) {
            const Request& request = world.request(i);
            served[request.tenant] += world.cost(request);
            submit(request.tenant);
        };
        for (int i = 0; i < 400; ++i) submit(static_cast<std::uint64_t>(i % 2));
        world.run_until(world.now() + 300 * kNsPerS);
        EXPECT_NEAR(static_cast<double>(served[1]) / static_cast<double>(served[0]), 3.0, 0.06)
            << "seed " << seed;
    }
}

TEST(Fairness, ABulkTenantDelaysAnInteractiveOneByNoMoreThanWhatIsInFlight) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        CoreSettings settings = one_class({.requests_per_minute = 60'000}, 1);
        settings.max_in_flight = 50;
        QueueWorld world(settings, seed);
        std::uint64_t starts = 0;
        std::uint64_t may_pass = 0;
        int interactive = 0;
        world.on_start = [&](RequestIndex i) {
            if (world.request(i).tenant == 0) {
                ++starts;
                return;
            }
            ++interactive;
            EXPECT_LE(starts - world.request(i).user_data, may_pass) << "seed " << seed;
        };
        world.takes = [&](const Request&) {
            return static_cast<TimeNs>(1 + world.random.below(kNsPerS));
        };
        for (int i = 0; i < 100'000; ++i) world.submit({.tenant = 0});
        for (int i = 0; i < 40; ++i) {
            world.run_until(world.now() + kNsPerS);
            may_pass = world.in_flight();
            world.submit({.tenant = 1, .user_data = starts});
        }
        world.run_until(world.now() + 5 * kNsPerS);
        EXPECT_EQ(interactive, 40) << "seed " << seed;
    }
}

// What a bucket that a low backlog keeps empty makes unavoidable for a critical request is to wait
// for the next place that nobody of its own kind has before it.
TEST(Fairness, CriticalRequestsHardlyWaitBesideALowBacklog) {
    constexpr TimeNs kInterval = kNsPerS / 20;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CoreSettings settings = one_class({.requests_per_minute = 1'200}, 1);
        QueueWorld world(settings, seed);
        std::vector<TimeNs> waits;
        std::vector<TimeNs> unavoidable;
        TimeNs next_place = 0;
        TimeNs last_start = 0;
        world.on_start = [&](RequestIndex i) {
            last_start = world.now();
            if (world.request(i).priority == 3) {
                world.submit({.priority = 3});
            } else {
                waits.push_back(world.now() - world.request(i).submitted_at);
            }
        };
        for (int i = 0; i < 2'000; ++i) world.submit({.priority = 3});
        const TimeNs ends = world.now() + 400 * kNsPerS;
        for (TimeNs arrival = world.now() + 5 * kNsPerS; arrival < ends;) {
            world.run_until(arrival);
            next_place = std::max(next_place, last_start) + kInterval;
            while (next_place < arrival) next_place += kInterval;
            unavoidable.push_back(next_place - arrival);
            world.submit({.priority = 0});
            const double gap_s = -std::log(1 - world.random.unit()) / 10;
            arrival += static_cast<TimeNs>(gap_s * 1e9) + 1;
        }
        world.run_until(world.now() + 5 * kNsPerS);
        ASSERT_GT(waits.size(), 3'000u);
        EXPECT_LE(at_share(waits, 0.99), at_share(unavoidable, 0.99) * 3 / 2) << "seed " << seed;
    }
}

// A large request among small ones that would take all that there is, of its own tenant or of
// others: it starts when it was promised to, small ones pass meanwhile, and nothing of the limit is
// left unused.
TEST(Fairness, ALargeRequestStartsWithinItsPromise) {
    constexpr std::uint32_t kPerMinute = 600'000;
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        CoreSettings settings = one_class({.input_tokens_per_minute = kPerMinute}, 60);
        settings.queue.ageing_ns = 0;
        QueueWorld world(settings, seed);
        const std::uint64_t tenants = 1 + world.random.below(4);
        const bool over_estimated = seed % 2 == 0;
        std::map<std::uint64_t, TimeNs> promised;  // by ticket
        double tokens = 0;
        int large_started = 0;
        int passed = 0;
        const auto small = [&] {
            world.submit(
                {.tenant = world.random.below(tenants),
                 .input_tokens = static_cast<std::uint32_t>(20 + world.random.below(800))});
        };
        const auto is_large = [](const Request& request) { return request.input_tokens > 10'000; };
        if (over_estimated) {
            world.outcome = [&](const Request& request, Outcome* outcome) {
                outcome->usage.input_tokens = request.input_tokens * 9 / 10;
            };
        }
        RequestIndex waiting = kNoRequest;
        world.on_start = [&](RequestIndex i) {
            const Request& request = world.request(i);
            tokens += request.input_tokens;
            if (!is_large(request)) {
                if (waiting != kNoRequest && promised.contains(world.request(waiting).ticket)) {
                    ++passed;
                }
                return small();
            }
            ++large_started;
            waiting = kNoRequest;
            const auto promise = promised.find(request.ticket);
            if (promise == promised.end()) return;
            EXPECT_LE(world.now(), promise->second + 2 * kTick) << "seed " << seed;
        };
        for (int i = 0; i < 100; ++i) small();
        world.run_until(world.now() + 70 * kNsPerS);  // the bucket's first fill is used up
        tokens = 0;
        const TimeNs began = world.now();
        for (int i = 0; i < 5; ++i) {
            waiting = world.submit(
                {.tenant = world.random.below(tenants),
                 .input_tokens = static_cast<std::uint32_t>(40'000 + world.random.below(200'000))});
            const TimeNs until = world.now() + 60 * kNsPerS;
            while (world.now() < until) {
                world.run_until(world.now() + 10 * kNsPerMs);
                if (waiting == kNoRequest) continue;
                const TimeNs at = world.core().promised_start(waiting);
                if (at != kNever) promised.try_emplace(world.request(waiting).ticket, at);
            }
        }
        EXPECT_EQ(large_started, 5) << "seed " << seed;
        EXPECT_EQ(promised.size(), 5u) << "seed " << seed;
        EXPECT_GT(passed, 50) << "seed " << seed;
        const double possible = static_cast<double>(world.now() - began) / 60e9 * kPerMinute;
        EXPECT_GT(tokens, 0.96 * possible) << "seed " << seed;
    }
}

// Large requests that wait for so long that it is their turn, below urgent ones that take half of
// what there is: the urgent ones hardly wait, though the large one's turn takes 20 seconds of the
// budget, and the large ones get the rest.
TEST(Fairness, AnAgedLargeRequestDoesNotHoldUpUrgentOnes) {
    constexpr std::uint32_t kPerMinute = 600'000;
    constexpr std::uint32_t kLarge = 200'000;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CoreSettings settings = one_class({.input_tokens_per_minute = kPerMinute}, 60);
        settings.queue.ageing_ns = 10 * kNsPerS;
        QueueWorld world(settings, seed);
        std::vector<TimeNs> waits;
        std::vector<TimeNs> starts;  // of the large ones
        world.on_start = [&](RequestIndex i) {
            const Request& request = world.request(i);
            if (request.priority == 3) {
                starts.push_back(world.now());
                world.submit({.priority = 3, .input_tokens = kLarge});
            } else {
                waits.push_back(world.now() - request.submitted_at);
            }
        };
        for (int i = 0; i < 20; ++i) world.submit({.priority = 3, .input_tokens = kLarge});
        world.run_until(world.now() + 60 * kNsPerS);  // the bucket's first fill is used up
        starts.clear();
        const TimeNs began = world.now();
        while (world.now() < began + 600 * kNsPerS) {
            world.submit({.priority = 0, .input_tokens = 500});
            const double gap_s = -std::log(1 - world.random.unit()) / 10;
            world.run_until(world.now() + static_cast<TimeNs>(gap_s * 1e9) + 1);
        }
        ASSERT_GT(waits.size(), 5'000u);
        EXPECT_LE(at_share(waits, 0.99), 2 * kNsPerS) << "seed " << seed;
        EXPECT_LE(at_share(waits, 1.0), 5 * kNsPerS) << "seed " << seed;
        EXPECT_LE(at_share(waits, 0.5), kTick) << "seed " << seed << ": most go at once";
        EXPECT_GE(starts.size(), 13u) << "seed " << seed << ": of 15 that there is room for";
        for (std::size_t i = 1; i < starts.size(); ++i) {
            EXPECT_LE(starts[i] - starts[i - 1], 60 * kNsPerS) << "seed " << seed;
        }
    }
}

// Urgent ones that take all that there is: a large one below them starts in the end, and has a
// quarter of the budget until then.
TEST(Fairness, AnAgedLargeRequestStartsBesideAnyNumberOfUrgentOnes) {
    constexpr std::uint32_t kLarge = 100'000;  // ten seconds of the budget
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CoreSettings settings = one_class({.input_tokens_per_minute = 600'000}, 60);
        settings.queue.ageing_ns = 10 * kNsPerS;
        QueueWorld world(settings, seed);
        TimeNs started = kNever;
        world.on_start = [&](RequestIndex i) {
            if (world.request(i).priority == 3) {
                started = world.now();
            } else {
                world.submit({.priority = 0, .input_tokens = 500});
            }
        };
        for (int i = 0; i < 100; ++i) world.submit({.priority = 0, .input_tokens = 500});
        world.run_until(world.now() + 70 * kNsPerS);
        const TimeNs submitted = world.now();
        world.submit({.priority = 3, .input_tokens = kLarge});
        world.run_until(submitted + 120 * kNsPerS);
        EXPECT_LE(started, submitted + 10 * kNsPerS + 45 * kNsPerS) << "seed " << seed;
    }
}

TEST(Concurrency, ATenantAtItsBoundHoldsNobodyUp) {
    CoreSettings settings = one_class({.requests_per_minute = 60'000}, 1);
    settings.max_in_flight = 20;
    settings.queue.tenant_bounds = {{1, 5}};
    QueueWorld world(settings, 1);
    std::map<std::uint64_t, int> started;
    world.on_start = [&](RequestIndex i) { ++started[world.request(i).tenant]; };
    world.takes = [](const Request& request) {
        return request.tenant == 1 ? 100 * kNsPerS : kNsPerS / 100;
    };
    for (int i = 0; i < 10'000; ++i) world.submit({.tenant = 1, .priority = 0});
    for (int i = 0; i < 10'000; ++i) world.submit({.tenant = 2, .priority = 3});
    world.run_until(world.now() + 20 * kNsPerS);
    EXPECT_EQ(started[1], 5);
    EXPECT_EQ(started[2], 10'000);
    world.run_until(world.now() + 100 * kNsPerS);
    EXPECT_EQ(started[1], 10);
}

TEST(Concurrency, AdaptsToWhatTheProviderBears) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        constexpr std::uint64_t kBears = 24;
        CoreSettings settings = one_class({.requests_per_minute = 6'000'000}, 1);
        settings.adaptive.on = true;
        settings.retry.base_ns = 10 * kNsPerMs;
        settings.retry.max_attempts = 100;
        QueueWorld world(settings, seed);
        std::uint64_t refused = 0;
        std::uint64_t done = 0;
        bool is_refused = false;
        world.outcome = [&](const Request&, Outcome* outcome) {
            is_refused = world.in_flight() > kBears;
            if (!is_refused) return;
            outcome->cls = OutcomeClass::overloaded;
            ++refused;
        };
        world.on_finish = [&](RequestIndex, std::int32_t) {
            ++done;
            world.submit({});
        };
        world.takes = [&](const Request&) {
            if (is_refused) return kNsPerS / 20;
            return kNsPerS / 2 + static_cast<TimeNs>(world.random.below(kNsPerS / 10));
        };
        for (int i = 0; i < 300; ++i) world.submit({});
        world.run_until(world.now() + 300 * kNsPerS);
        const double possible = 300 / 0.55 * kBears;
        EXPECT_GT(static_cast<double>(done), 0.75 * possible) << "seed " << seed;
        EXPECT_LT(static_cast<double>(refused), 0.05 * static_cast<double>(done))
            << "seed " << seed;
        const std::vector<Core::ConcurrencyView> views = world.core().concurrency();
        ASSERT_EQ(views.size(), 1u);
        EXPECT_GE(views[0].limit, kBears / 2) << "seed " << seed;
        EXPECT_LE(views[0].limit, kBears + 2) << "seed " << seed;
    }
}

TEST(Concurrency, ShrinksWhereTheProviderSaysThatItIsTooMuch) {
    using Class = OutcomeClass;
    for (const auto& [cls, shrinks] :
         {std::pair(Class::rate_limited, true), std::pair(Class::acceleration, true),
          std::pair(Class::overloaded, true), std::pair(Class::timeout, true),
          std::pair(Class::server_error, false), std::pair(Class::bad_request, false)}) {
        SCOPED_TRACE(rule(cls).name);
        CoreSettings settings = one_class({.requests_per_minute = 6'000'000}, 1);
        settings.adaptive.on = true;
        QueueWorld world(settings, 1);
        bool once = false;
        world.outcome = [&, of = cls](const Request&, Outcome* outcome) {
            if (std::exchange(once, false)) outcome->cls = of;
        };
        world.on_finish = [&](RequestIndex, std::int32_t) { world.submit({}); };
        for (int i = 0; i < 300; ++i) world.submit({});
        world.run_until(world.now() + kNsPerS);
        const auto limit = [&] { return world.core().concurrency().at(0).limit; };
        std::uint32_t last = limit();
        ASSERT_GT(last, 20u);
        once = true;
        bool shrank = false;
        for (int i = 0; i < 1'000; ++i) {
            world.run_until(world.now() + kNsPerMs);
            shrank |= limit() < last;
            last = limit();
        }
        EXPECT_EQ(shrank, shrinks);
    }
}

// No refusals, but a first token that comes the later the more is in flight.
TEST(Concurrency, AdaptsToTheTimeToFirstToken) {
    constexpr std::uint64_t kBears = 30;
    CoreSettings settings = one_class({.requests_per_minute = 6'000'000}, 1);
    settings.adaptive.on = true;
    QueueWorld world(settings, 1);
    world.first_token = [&](const Request&) {
        const std::uint64_t over = world.in_flight() > kBears ? world.in_flight() - kBears : 0;
        return static_cast<TimeNs>(kNsPerS / 2 + over * kNsPerS / 5);
    };
    world.takes = [&](const Request& request) { return world.first_token(request) + kNsPerS; };
    world.on_finish = [&](RequestIndex, std::int32_t) { world.submit({}); };
    for (int i = 0; i < 400; ++i) world.submit({});
    std::uint64_t most = 0;
    double sum = 0;
    world.run_until(world.now() + 60 * kNsPerS);
    for (int i = 0; i < 1'000; ++i) {
        world.run_until(world.now() + kNsPerS / 5);
        most = std::max(most, world.in_flight());
        sum += static_cast<double>(world.in_flight());
    }
    EXPECT_LE(most, kBears + 15);
    EXPECT_GE(sum / 1'000, 0.6 * kBears);
}

}  // namespace
}  // namespace weir::test
