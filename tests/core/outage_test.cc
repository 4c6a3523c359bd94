// What a provider that is out, or half out, does to the traffic: in virtual time, with seeds.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "outage_world.h"
#include "weir/weir.h"

namespace weir::test {
namespace {

using model::FaultKind;

constexpr std::size_t kOutFrom = 60;  // seconds
constexpr std::size_t kOutUntil = 120;

TimeNs at_second(std::size_t second) { return static_cast<TimeNs>(second) * kNsPerS; }

// Half of what the limits allow: about 37 requests in flight.
OutageWorld::Settings usual(std::uint64_t seed, std::size_t accounts = 1) {
    OutageWorld::Settings settings;
    settings.seed = seed;
    settings.model = model::simple_config({600, 900'000, 240'000, 0});
    settings.model.seed = seed;
    LimitSettings::Class model_class;
    model_class.name = "any";
    model_class.models = {"*"};
    model_class.limits = {.requests_per_minute = 600,
                          .input_tokens_per_minute = 900'000,
                          .output_tokens_per_minute = 240'000,
                          .tokens_per_day = 0};
    settings.core.limits.classes.push_back(model_class);
    for (std::size_t i = 0; i < accounts; ++i) {
        const std::string name = "account" + std::to_string(i);
        settings.core.limits.accounts.push_back({.name = name, .limits = {}});
        settings.core.accounts.accounts.push_back({.name = name});
        if (i == 0) continue;
        settings.model.accounts.push_back({name, {}});
        settings.model.keys.push_back({name, static_cast<int>(i), kNever});
    }
    settings.core.max_in_flight = 512;
    return settings;
}

model::FaultRule out(FaultKind kind, TimeNs from, TimeNs until) {
    model::FaultRule rule;
    rule.kind = kind;
    rule.from = from;
    rule.until = until;
    return rule;
}

double most_in_a_second(const OutageWorld& world, std::size_t from_s, std::size_t to_s) {
    std::uint32_t most = 0;
    for (std::size_t s = from_s; s < to_s; ++s) most = std::max(most, world.sent(s, s + 1));
    return most;
}

// WEIR_SEED replays one run.
template <class Run>
void for_seeds(std::uint64_t count, Run run) {
    const char* text = std::getenv("WEIR_SEED");
    const std::uint64_t first = text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
    if (text != nullptr) count = 1;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        SCOPED_TRACE("replay with WEIR_SEED=" + std::to_string(seed));
        run(seed);
        if (testing::Test::HasFailure()) return;
    }
}

TEST(Outage, OfAMinuteLosesNothingAndEndsWithoutAHerd) {
    for_seeds(20, [](std::uint64_t seed) {
        OutageWorld::Settings settings = usual(seed);
        settings.model.faults.push_back(
            out(FaultKind::overloaded, at_second(kOutFrom), at_second(kOutUntil)));
        OutageWorld world(settings);
        world.run(at_second(600));
        EXPECT_EQ(world.outstanding(), 0u);
        EXPECT_EQ(world.failed(), 0u);
        const double offered = world.offered(kOutFrom, kOutUntil);
        EXPECT_LE(world.sent(kOutFrom, kOutUntil), 1.1 * offered);
        EXPECT_LE(world.sent(kOutFrom + 5, kOutUntil),
                  1.1 * world.offered(kOutFrom + 5, kOutUntil));
        EXPECT_LE(world.sent(kOutUntil, kOutUntil + 1), 2 * settings.requests_per_s);
        // What had waited is answered within as long again as twice the outage.
        EXPECT_LE(world.ended_by(at_second(kOutUntil)), at_second(kOutUntil + 120));
        for (std::size_t s = kOutUntil; s < kOutUntil + 10; ++s) {
            EXPECT_LE(world.sent(s, s + 1), 2 * settings.requests_per_s) << "second " << s;
        }
        EXPECT_LE(most_in_a_second(world, kOutUntil, kOutUntil + 120), 10 * settings.requests_per_s)
            << "what had waited came together";
    });
}

// Nothing ever succeeds again.
TEST(Outage, WithoutEndIsNotAmplified) {
    for (const FaultKind kind :
         {FaultKind::overloaded, FaultKind::server_error, FaultKind::reset_before_read,
          FaultKind::reset_after_read, FaultKind::garbage_not_json, FaultKind::stream_error_early,
          FaultKind::stall}) {
        SCOPED_TRACE(model::fault_kind_name(kind));
        for_seeds(5, [kind](std::uint64_t seed) {
            OutageWorld::Settings settings = usual(seed);
            settings.requests_until = at_second(600);
            settings.model.faults.push_back(out(kind, at_second(kOutFrom), kNever));
            OutageWorld world(settings);
            world.run(at_second(600));
            EXPECT_LE(world.sent(kOutFrom, 600), 1.1 * world.offered(kOutFrom, 600));
            // Once it has been noticed there is next to no load.
            EXPECT_LE(world.sent(300, 600), 0.2 * world.offered(300, 600));
        });
    }
}

TEST(Outage, OfAFewAttemptsCostsNobodyHisAnswer) {
    for (const FaultKind kind :
         {FaultKind::overloaded, FaultKind::server_error, FaultKind::reset_after_read,
          FaultKind::garbage_not_json, FaultKind::stream_error_early}) {
        SCOPED_TRACE(model::fault_kind_name(kind));
        for_seeds(5, [kind](std::uint64_t seed) {
            OutageWorld::Settings settings = usual(seed);
            settings.model.faults.push_back(out(kind, 0, kNever));
            settings.model.faults.back().probability = 0.05;
            OutageWorld world(settings);
            world.run(at_second(900));
            EXPECT_EQ(world.failed(), 0u);
            EXPECT_EQ(world.outstanding(), 0u);
            EXPECT_LE(world.sent(0, 900), 1.1 * static_cast<double>(world.offered()));
            EXPECT_EQ(world.core().counts().unpaid, 0u);
        });
    }
}

// At 60 % failure the breaker stays closed most of the time; the budget puts retries off. It saves
// none of them: a request that was accepted is not given up, and takes 1 / (1 - 0.6) = 2.5 attempts
// in the mean until it is answered. What is saved is the storm: while attempts fail, the load is
// that of first attempts and of what successes pay for, and the rest comes at the longest backoff.
TEST(Outage, OfMostAttemptsPutsRetriesOff) {
    constexpr double kFailing = 0.6;
    for_seeds(20, [](std::uint64_t seed) {
        OutageWorld::Settings settings = usual(seed);
        settings.requests_until = at_second(900);
        settings.model.faults.push_back(out(FaultKind::server_error, 0, kNever));
        settings.model.faults.back().probability = kFailing;
        settings.core.retry.budget_capacity = 10;
        OutageWorld with(settings);
        with.run(at_second(900));
        settings.core.retry.budget_capacity = 0;
        OutageWorld without(settings);
        without.run(at_second(900));
        EXPECT_GT(with.core().counts().unpaid, 0u);
        EXPECT_EQ(without.core().counts().unpaid, 0u);
        // Until what was put off comes round.
        EXPECT_LT(with.sent(0, 30), 0.9 * without.sent(0, 30));
        EXPECT_LE(with.sent(0, 30), 1.5 * with.offered(0, 30));
        EXPECT_LE(with.sent(0, 900), 1.1 / (1 - kFailing) * with.offered(0, 900));
    });
}

// ---- A second attempt beside a slow one ----

// Two accounts, and 3 % of the streams never have content.
OutageWorld::Settings stalling(std::uint64_t seed) {
    OutageWorld::Settings settings = usual(seed, 2);
    settings.model.classes[0].generation.output_tokens = {60, 0};
    settings.model.faults.push_back(out(FaultKind::stall, 0, kNever));
    settings.model.faults.back().probability = 0.03;
    return settings;
}

TEST(Hedging, CutsOffTheTailForAFewAttemptsMore) {
    for_seeds(5, [](std::uint64_t seed) {
        OutageWorld::Settings settings = stalling(seed);
        OutageWorld without(settings);
        without.run(at_second(900));
        EXPECT_EQ(without.core().counts().hedges, 0u) << "it is off by default";
        EXPECT_GE(without.first_content_s(0.99), 15) << "the stall alone is not seen before";
        for (const bool learnt : {false, true}) {
            settings.core.retry.hedge_after_ns = 2 * kNsPerS;
            settings.core.retry.hedge_after_p95 = learnt;
            OutageWorld with(settings);
            with.run(at_second(900));
            const Core::Counts& counts = with.core().counts();
            EXPECT_EQ(with.failed(), 0u);
            EXPECT_EQ(with.outstanding(), 0u);
            EXPECT_LE(with.first_content_s(0.99), 5) << (learnt ? "after p95" : "after 2 s");
            EXPECT_GT(counts.hedges, 10u);
            EXPECT_LE(counts.hedges_won, counts.hedges);
            EXPECT_GE(static_cast<double>(counts.hedges_won),
                      (learnt ? 0.3 : 0.8) * static_cast<double>(counts.hedges));
            // Of 100 streams five, and one that every beginning has.
            EXPECT_LE(static_cast<double>(counts.hedges),
                      1 + 0.05 * static_cast<double>(counts.attempts - counts.hedges));
        }
    });
}

// Every stream is slow, so that every one would be hedged.
OutageWorld::Settings all_slow(std::uint64_t seed) {
    OutageWorld::Settings settings = stalling(seed);
    settings.model.faults.clear();
    settings.core.retry.hedge_after_ns = 50 * kNsPerMs;  // before any content can have come
    return settings;
}

TEST(Hedging, IsForAShareOfTheStreams) {
    for (const double share : {0.02, 0.05, 0.2}) {
        OutageWorld::Settings settings = all_slow(1);
        settings.core.retry.hedge_share = share;
        settings.core.retry.budget_capacity = 0;
        OutageWorld world(settings);
        world.run(at_second(900));
        EXPECT_EQ(world.failed(), 0u);
        const auto streams = share * static_cast<double>(world.offered());
        EXPECT_NEAR(static_cast<double>(world.core().counts().hedges), streams, 0.1 * streams + 2);
    }
}

TEST(Hedging, StopsWhenTheRetryBudgetIsSpent) {
    OutageWorld::Settings settings = all_slow(1);
    settings.core.retry.hedge_share = 1;
    settings.core.retry.budget_capacity = 50;
    settings.core.retry.budget_per_success = 0;
    OutageWorld world(settings);
    world.run(at_second(900));
    EXPECT_EQ(world.failed(), 0u);
    // Ten of each account, and one in ten seconds of each.
    EXPECT_GE(world.core().counts().hedges, 20u);
    EXPECT_LE(world.core().counts().hedges, 20u + 2 * 32u);
}

TEST(Hedging, TakesNoRoomFromWhatWaits) {
    OutageWorld::Settings settings = all_slow(1);
    settings.core.retry.hedge_share = 1;
    settings.core.retry.budget_capacity = 0;
    settings.core.max_in_flight = 4;  // there is always somebody waiting
    settings.requests_until = at_second(60);
    OutageWorld world(settings);
    world.run(at_second(60));
    EXPECT_LE(world.core().counts().hedges, 3u) << "but at the beginning";
}

// ---- Waits that the provider states ----

model::FaultRule stated_wait(int account, TimeNs wait) {
    model::FaultRule rule = out(FaultKind::refuse_input_tokens, 0, kNever);
    rule.account = account;
    rule.retry_after_ns = wait;
    return rule;
}

TEST(StatedWait, OfHoursGoesToTheOtherAccount) {
    for (const TimeNs deadline : {TimeNs{0}, 60 * kNsPerS}) {
        for_seeds(5, [deadline](std::uint64_t seed) {
            OutageWorld::Settings settings = usual(seed, 2);
            settings.deadline_ns = deadline;
            settings.model.faults.push_back(stated_wait(0, 3 * 3'600 * kNsPerS));
            OutageWorld world(settings);
            world.run(at_second(900));
            EXPECT_EQ(world.failed(), 0u);
            EXPECT_EQ(world.outstanding(), 0u);
            EXPECT_LE(world.core().counts().refused, 4u);
        });
    }
}

TEST(StatedWait, BeyondTheDeadlineEndsTheRequestAtOnceWithItsTime) {
    for_seeds(5, [](std::uint64_t seed) {
        OutageWorld::Settings settings = usual(seed, 2);
        settings.deadline_ns = 60 * kNsPerS;
        settings.requests_until = at_second(100);
        settings.model.faults.push_back(stated_wait(-1, 3 * 3'600 * kNsPerS));
        OutageWorld world(settings);
        const TimeNs end = world.run(at_second(900));
        EXPECT_EQ(world.outstanding(), 0u);
        EXPECT_EQ(world.statuses().size(), 1u);
        EXPECT_EQ(world.statuses().count(WEIR_ERR_RATE_LIMITED), 1u);
        EXPECT_LE(end, at_second(101)) << "nobody waits for what cannot come";
        EXPECT_NEAR(static_cast<double>(world.last_stated_wait()) / kNsPerS, 3 * 3'600, 200);
        EXPECT_LE(world.core().counts().attempts, 10u) << "those behind need not ask";
    });
}

TEST(SpendLimit, OfAnAccountSendsItsWorkToTheOther) {
    for (const FaultKind kind : {FaultKind::spend_cap, FaultKind::usage_limit}) {
        SCOPED_TRACE(model::fault_kind_name(kind));
        for_seeds(5, [kind](std::uint64_t seed) {
            OutageWorld::Settings settings = usual(seed, 2);
            settings.core.accounts.accounts[0].keys.resize(3);
            settings.model.faults.push_back(out(kind, at_second(kOutFrom), kNever));
            settings.model.faults.back().account = 0;
            OutageWorld world(settings);
            world.run(at_second(900));
            EXPECT_EQ(world.failed(), 0u);
            EXPECT_EQ(world.outstanding(), 0u);
            // Those on their way; later on a key asks every ten minutes or so.
            EXPECT_LE(world.core().counts().retries, 6u);
        });
    }
}

TEST(StatedWait, WithoutADeadlineIsWaitedFor) {
    OutageWorld::Settings settings = usual(1);
    settings.requests_until = at_second(10);
    settings.model.faults.push_back(stated_wait(-1, 3 * 3'600 * kNsPerS));
    settings.model.faults.back().until = at_second(3'600);
    OutageWorld world(settings);
    world.run(at_second(3 * 3'600));
    EXPECT_EQ(world.outstanding(), world.offered());
    world.run(at_second(4 * 3'600));
    EXPECT_EQ(world.answered(), world.offered());
}

TEST(StatedWait, IsBoundedWhereThatIsConfigured) {
    OutageWorld::Settings settings = usual(1);
    settings.requests_until = at_second(10);
    settings.core.retry.max_wait_ns = 600 * kNsPerS;
    settings.model.faults.push_back(stated_wait(-1, 3 * 3'600 * kNsPerS));
    OutageWorld world(settings);
    world.run(at_second(20));
    EXPECT_EQ(world.failed(), world.offered());
    EXPECT_EQ(world.statuses().count(WEIR_ERR_RATE_LIMITED), 1u);
}

}  // namespace
}  // namespace weir::test
