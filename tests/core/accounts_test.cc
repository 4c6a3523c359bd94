// Which account a request goes to, and what the accounts and model classes have to do with each
// other, over the real core in virtual time.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "queue_world.h"

namespace weir::test {
namespace {

// Two accounts of one class with so many requests a minute, and no bursts.
CoreSettings two_accounts(AccountChoice choice, std::int64_t first, std::int64_t second) {
    CoreSettings settings = one_class({.requests_per_minute = first}, 1);
    settings.limits.accounts.push_back({.name = "other", .limits = {}});
    settings.limits.accounts[1].limits.push_back({0, {.requests_per_minute = second}});
    settings.accounts.accounts.resize(2);
    settings.accounts.choice = choice;
    return settings;
}

// Of requests that come one in `gap`, in the mean, the share of the first account.
double share_of_first(const CoreSettings& settings, TimeNs gap, std::uint64_t seed) {
    QueueWorld world(settings, seed);
    std::array<int, 2> started{};
    world.on_start = [&](RequestIndex) { ++started.at(world.account()); };
    for (int i = 0; i < 3'000; ++i) {
        world.submit({});
        world.run_until(world.now() + static_cast<TimeNs>(
                                          world.random.below(static_cast<std::uint64_t>(2 * gap))));
    }
    return started[0] / static_cast<double>(started[0] + started[1]);
}

TEST(AccountChoice, IsWhatIsConfigured) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        SCOPED_TRACE(seed);
        using Choice = AccountChoice;
        constexpr TimeNs kSeldom = kNsPerS / 8;
        constexpr TimeNs kOften = kNsPerS / 26;
        // Relative to its limit: of the one that has twice as much, twice as many.
        EXPECT_NEAR(share_of_first(two_accounts(Choice::most_budget, 1'200, 600), kOften, seed),
                    2.0 / 3, 0.03);
        EXPECT_NEAR(share_of_first(two_accounts(Choice::most_budget, 900, 900), kOften, seed), 0.5,
                    0.03);
        EXPECT_NEAR(share_of_first(two_accounts(Choice::round_robin, 1'200, 600), kSeldom, seed),
                    0.5, 0.03);
        CoreSettings weighted = two_accounts(Choice::weighted, 1'800, 1'800);
        weighted.accounts.accounts[0].weight = 3;
        EXPECT_NEAR(share_of_first(weighted, kSeldom, seed), 0.75, 0.02);
    }
}

// Like requests go to the same account as long as that has room, and elsewhere when it has none.
TEST(AccountChoice, StickyKeepsLikeRequestsTogether) {
    QueueWorld world(two_accounts(AccountChoice::sticky, 1'200, 1'200), 1);
    std::map<std::uint32_t, std::set<std::uint16_t>> accounts_of;
    std::set<std::uint16_t> used;
    world.on_start = [&](RequestIndex i) {
        accounts_of[world.request(i).affinity].insert(world.account());
        used.insert(world.account());
    };
    for (int i = 0; i < 1'000; ++i) {
        world.submit({.affinity = static_cast<std::uint32_t>(1'000 + world.random.below(20))});
        world.run_until(world.now() + kNsPerS / 5);
    }
    for (const auto& [affinity, accounts] : accounts_of) EXPECT_EQ(accounts.size(), 1u);
    EXPECT_EQ(used.size(), 2u);
    accounts_of.clear();
    for (int i = 0; i < 200; ++i) world.submit({.affinity = 7});
    world.run_until(world.now() + 6 * kNsPerS);
    EXPECT_EQ(accounts_of[7].size(), 2u) << "its account alone could not have done it";
    EXPECT_EQ(world.core().queued(), 0u);
}

// A request that fits one account alone waits for that, and what is behind it uses the other's
// budget to the full meanwhile.
TEST(HeadOfLine, AnAccountIsNotHeldUpByWhatWaitsForAnother) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CoreSettings settings = one_class({.input_tokens_per_minute = 600'000}, 10);
        settings.limits.accounts.push_back({.name = "small", .limits = {}});
        settings.limits.accounts[1].limits.push_back({0, {.input_tokens_per_minute = 60'000}});
        settings.accounts.accounts.resize(2);
        settings.queue.ageing_ns = 0;
        QueueWorld world(settings, seed);
        double small_tokens = 0;
        double large_tokens = 0;
        const auto submit_small = [&] {
            world.submit(
                {.input_tokens = static_cast<std::uint32_t>(500 + world.random.below(1'000))});
        };
        const auto submit_large = [&] { world.submit({.priority = 1, .input_tokens = 80'000}); };
        world.on_start = [&](RequestIndex i) {
            const std::uint32_t tokens = world.request(i).input_tokens;
            if (tokens > 50'000) {
                EXPECT_EQ(world.account(), 0) << "seed " << seed;
                submit_large();
            } else {
                submit_small();
            }
            (world.account() == 1 ? small_tokens : large_tokens) += tokens;
        };
        for (int i = 0; i < 3; ++i) submit_large();
        for (int i = 0; i < 50; ++i) submit_small();
        world.run_until(world.now() + 60 * kNsPerS);  // the buckets' first fill is used up
        small_tokens = large_tokens = 0;
        world.run_until(world.now() + 300 * kNsPerS);
        EXPECT_GT(small_tokens, 0.95 * 5 * 60'000) << "seed " << seed;
        EXPECT_GT(large_tokens, 0.95 * 5 * 600'000) << "seed " << seed;
    }
}

// A class that is out of budget for a long time, with urgent requests, and one that has plenty.
TEST(HeadOfLine, AModelClassIsNotHeldUpByAnother) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CoreSettings settings = one_class({.requests_per_minute = 6}, 1);
        settings.limits.classes.push_back({.name = "wide", .models = {"wide"}, .limits = {}});
        settings.limits.classes[1].limits.requests_per_minute = 60'000;
        QueueWorld world(settings, seed);
        TimeNs longest = 0;
        int started = 0;
        world.on_start = [&](RequestIndex i) {
            if (world.request(i).model_class == 0) return;
            longest = std::max(longest, world.now() - world.request(i).submitted_at);
            ++started;
        };
        for (int i = 0; i < 100; ++i) world.submit({.priority = 0});
        for (int i = 0; i < 1'000; ++i) {
            world.run_until(world.now() + static_cast<TimeNs>(world.random.below(kNsPerS / 50)));
            world.submit({.priority = 3, .model_class = 1});
        }
        world.run_until(world.now() + kNsPerS);
        EXPECT_EQ(started, 1'000) << "seed " << seed;
        EXPECT_LE(longest, kNsPerS / 20) << "seed " << seed;
    }
}

// Seven of ten attempts of the one class fail, and use up what its retries are paid from; those of
// the other are paid as ever.
TEST(RetryBudget, IsEachEndpointsOwn) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CoreSettings settings = one_class({.requests_per_minute = 6'000}, 1);
        settings.limits.classes.push_back({.name = "well", .models = {"well"}, .limits = {}});
        settings.limits.classes[1].limits.requests_per_minute = 6'000;
        settings.retry.max_attempts = 100;
        settings.retry.base_ns = 100 * kNsPerMs;
        settings.retry.cap_ns = 60 * kNsPerS;
        settings.retry.budget_capacity = 20;
        QueueWorld world(settings, seed);
        std::map<std::uint64_t, TimeNs> failed_at;  // by user_data
        std::array<TimeNs, 2> longest{};
        world.takes = [](const Request&) { return kNsPerS / 10; };
        world.on_start = [&](RequestIndex i) {
            const Request& request = world.request(i);
            const auto found = failed_at.find(request.user_data);
            if (found == failed_at.end()) return;
            TimeNs& most = longest.at(request.model_class);
            most = std::max(most, world.now() - found->second);
            failed_at.erase(found);
        };
        world.outcome = [&](const Request& request, Outcome* outcome) {
            if (world.random.below(100) >= (request.model_class == 0 ? 70u : 2u)) return;
            outcome->cls = OutcomeClass::server_error;
            failed_at[request.user_data] = world.now() + kNsPerS / 10;
        };
        for (std::uint64_t i = 0; i < 1'000; ++i) {
            world.submit({.model_class = static_cast<std::uint16_t>(i % 2), .user_data = i});
            world.run_until(world.now() + kNsPerS / 5);
        }
        EXPECT_GE(longest[0], 60 * kNsPerS) << "seed " << seed;
        EXPECT_GT(longest[1], 0) << "seed " << seed;
        EXPECT_LE(longest[1], 2 * kNsPerS) << "seed " << seed;
    }
}

}  // namespace
}  // namespace weir::test
