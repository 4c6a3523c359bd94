#include <gtest/gtest.h>

#include <cmath>

#include "model/model.h"

namespace weir::model {
namespace {

// One request a second, 600 input and 600 output tokens a second; buckets of a minute.
constexpr Limits kLimits{60, 36'000, 36'000, 0};

Config fixed_config(double output, double first_token_s, double tokens_per_s) {
    Config config = simple_config(kLimits);
    config.classes[0].generation = {{output, 0}, {first_token_s, 0}, {tokens_per_s, 0}};
    return config;
}

Request small() {
    Request request;
    request.input_tokens = 10;
    request.max_tokens = 1000;
    return request;
}

TEST(ModelLimits, EachBucketRefusesAndSaysHowLong) {
    Model model(fixed_config(100, 1, 50));
    Request request = small();
    request.input_tokens = 36'000;
    EXPECT_TRUE(model.arrive(request, 0).accepted());
    const Decision refused = model.arrive(small(), 0);
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.reason, RefusalReason::limit);
    EXPECT_EQ(refused.refused_by, LimitKind::input_tokens);
    EXPECT_EQ(refused.wait_ns, std::llround(1e9 * 10 / 600.0 + 0.5));
    EXPECT_EQ(refused.retry_after_ns, kNsPerS);
    EXPECT_FALSE(model.arrive(small(), refused.wait_ns - kNsPerUs).accepted());
    EXPECT_TRUE(model.arrive(small(), refused.wait_ns).accepted());
    const ClassCounts& counts = model.counts(0, 0);
    EXPECT_EQ(counts.requests, 4U);
    EXPECT_EQ(counts.accepted, 2U);
    EXPECT_EQ(counts.refused[index_of(LimitKind::input_tokens)], 2U);
    EXPECT_EQ(counts.input_tokens, 36'010);
}

TEST(ModelLimits, OfSeveralBucketsTheOneThatTakesLongestIsNamed) {
    Model model(fixed_config(100, 1, 50));
    model.set_level(0, 0, LimitKind::requests, 0, 0);
    model.set_level(0, 0, LimitKind::input_tokens, 0, 0);
    model.set_level(0, 0, LimitKind::output_tokens, -5999, 0);
    const Decision refused = model.arrive(small(), 0);
    EXPECT_EQ(refused.refused_by, LimitKind::output_tokens);
    EXPECT_EQ(refused.wait_ns, 10 * kNsPerS);
    model.set_level(0, 0, LimitKind::requests, -19, 0);
    EXPECT_EQ(model.arrive(small(), 0).refused_by, LimitKind::requests);
}

TEST(ModelLimits, ADaysTokensAreInputAndOutput) {
    Config config = fixed_config(100, 1, 50);
    config.classes[0].limits = {0, 0, 0, 1000};
    config.unix_at_zero_ns = -3600 * kNsPerS;  // an hour before midnight
    Model model(config);
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(model.arrive(small(), i * 10 * kNsPerS).status, i < 9 ? 200 : 429);
    EXPECT_DOUBLE_EQ(model.level(0, 0, LimitKind::day_tokens, 3599 * kNsPerS), 1000 - 9 * 110);
    EXPECT_EQ(model.arrive(small(), 3599 * kNsPerS).wait_ns, kNsPerS);
    EXPECT_TRUE(model.arrive(small(), 3600 * kNsPerS).accepted());
}

TEST(ModelLimits, ARefusedRequestTakesNothing) {
    Model model(fixed_config(100, 1, 50));
    model.set_level(0, 0, LimitKind::input_tokens, 5, 0);
    EXPECT_FALSE(model.arrive(small(), 0).accepted());
    EXPECT_DOUBLE_EQ(model.level(0, 0, LimitKind::requests, 0), 60);
    EXPECT_DOUBLE_EQ(model.level(0, 0, LimitKind::input_tokens, 0), 5);
}

TEST(ModelLimits, ARefusedRequestTakesARequestIfSoConfigured) {
    Config config = fixed_config(100, 1, 50);
    config.classes[0].enforcement.refused_count = true;
    Model model(config);
    model.set_level(0, 0, LimitKind::input_tokens, 5, 0);
    EXPECT_FALSE(model.arrive(small(), 0).accepted());
    EXPECT_DOUBLE_EQ(model.level(0, 0, LimitKind::requests, 0), 59);
    model.set_level(0, 0, LimitKind::requests, 0.25, 0);
    EXPECT_FALSE(model.arrive(small(), 0).accepted());
    EXPECT_DOUBLE_EQ(model.level(0, 0, LimitKind::requests, 0), 0);
}

TEST(ModelLimits, OutputIsDebitedWhileItIsProduced) {
    Model model(fixed_config(100, 1, 50));
    model.set_level(0, 0, LimitKind::output_tokens, -10'000, 0);
    EXPECT_EQ(model.arrive(small(), 0).refused_by, LimitKind::output_tokens);
    model.set_level(0, 0, LimitKind::output_tokens, 1, 0);
    const Decision decision = model.arrive(small(), 0);
    ASSERT_TRUE(decision.accepted());
    EXPECT_EQ(decision.output_tokens, 100);
    EXPECT_EQ(decision.first_token_at, kNsPerS);
    EXPECT_EQ(decision.answer_ends_at, 3 * kNsPerS);
    EXPECT_EQ(decision.produced_at(2 * kNsPerS), 50);
    const double refill = 600;
    EXPECT_DOUBLE_EQ(model.level(0, 0, LimitKind::output_tokens, kNsPerS), 1 + refill);
    EXPECT_DOUBLE_EQ(model.level(0, 0, LimitKind::output_tokens, 2 * kNsPerS), 1 + 2 * refill - 50);
    EXPECT_DOUBLE_EQ(model.level(0, 0, LimitKind::output_tokens, 9 * kNsPerS),
                     1 + 9 * refill - 100);
    EXPECT_EQ(model.counts(0, 0).output_tokens, 100);
    EXPECT_EQ(model.counts(0, 0).completed, 1U);
}

TEST(ModelLimits, ReservedOutputIsTakenAtOnceAndSettledAtTheEnd) {
    Config config = fixed_config(100, 1, 50);
    config.classes[0].enforcement.output = OutputAccounting::reserved;
    config.classes[0].limits.output_tokens_per_minute = 6000;
    config.classes[0].enforcement.depth_s = 10;  // 1000 tokens
    Model model(config);
    EXPECT_TRUE(model.arrive(small(), 0).accepted());
    EXPECT_DOUBLE_EQ(model.level(0, 0, LimitKind::output_tokens, 0), 0);
    const Decision refused = model.arrive(small(), kNsPerS);
    EXPECT_EQ(refused.refused_by, LimitKind::output_tokens);
    EXPECT_EQ(refused.wait_ns, 9 * kNsPerS);
    EXPECT_DOUBLE_EQ(model.level(0, 0, LimitKind::output_tokens, 2 * kNsPerS), 200);
    EXPECT_DOUBLE_EQ(model.level(0, 0, LimitKind::output_tokens, 3 * kNsPerS), 1000);  // full
}

TEST(ModelLimits, AnAbandonedRequestPaysForWhatItProduced) {
    Model model(fixed_config(100, 1, 50));
    const Decision decision = model.arrive(small(), 0);
    model.set_level(0, 0, LimitKind::output_tokens, 0, 0);
    model.abandon(decision.id, 2 * kNsPerS);
    model.abandon(decision.id, 2 * kNsPerS);
    EXPECT_DOUBLE_EQ(model.level(0, 0, LimitKind::output_tokens, 10 * kNsPerS), 6000 - 50);
    EXPECT_EQ(model.counts(0, 0).output_tokens, 50);
    EXPECT_EQ(model.counts(0, 0).abandoned, 1U);
    EXPECT_EQ(model.counts(0, 0).completed, 0U);
    EXPECT_EQ(model.counts().running, 0U);
}

TEST(ModelLimits, KeysOfOneAccountShareItsLimitsAndClassesDoNot) {
    Config config = fixed_config(100, 1, 50);
    config.classes.push_back(config.classes[0]);
    config.classes[0].models = {"claude-sonnet-4*"};
    config.accounts.push_back({"other", {{1, {5, 0, 0, 0}}}});
    config.keys.push_back({"second-key", 0, kNever});
    config.keys.push_back({"other-key", 1, kNever});
    Model model(config);
    EXPECT_EQ(model.find_class("claude-sonnet-4-5"), 0);
    EXPECT_EQ(model.find_class("claude-opus-5"), 1);
    Request request = small();
    for (int i = 0; i < 60; ++i) {
        request.key = i % 2;
        EXPECT_TRUE(model.arrive(request, 0).accepted());
    }
    EXPECT_EQ(model.arrive(request, 0).refused_by, LimitKind::requests);
    request.model_class = 1;
    EXPECT_TRUE(model.arrive(request, 0).accepted());
    request.key = model.find_key("other-key");
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(model.arrive(request, 0).accepted());
    EXPECT_FALSE(model.arrive(request, 0).accepted());
    EXPECT_EQ(model.counts().peak_running, 66U);
}

TEST(ModelLimits, AMinutesLimitEnforcedOverASecond) {
    Config config = fixed_config(100, 1, 50);
    config.classes[0].enforcement.depth_s = 1;
    Model model(config);
    EXPECT_TRUE(model.arrive(small(), 0).accepted());
    EXPECT_FALSE(model.arrive(small(), kNsPerS - kNsPerMs).accepted());
    EXPECT_TRUE(model.arrive(small(), kNsPerS).accepted());
    // More input than the bucket holds passes when it is full; more than a minute's limit never.
    Request large = small();
    large.input_tokens = 6000;
    EXPECT_TRUE(model.arrive(large, 2 * kNsPerS).accepted());
    EXPECT_EQ(model.arrive(large, 10 * kNsPerS).refused_by, LimitKind::input_tokens);
    EXPECT_TRUE(model.arrive(large, 12 * kNsPerS).accepted());
    large.input_tokens = 36'001;
    EXPECT_FALSE(model.arrive(large, 3600 * kNsPerS).accepted());
}

TEST(ModelLimits, LimitsChangeInFlight) {
    Config config = fixed_config(100, 1, 50);
    config.changes.push_back({10 * kNsPerS, -1, -1, 0.5, {}});
    config.changes.push_back({20 * kNsPerS, 0, 0, 2, {}});
    Model model(config);
    model.advance(10 * kNsPerS);
    EXPECT_DOUBLE_EQ(model.level(0, 0, LimitKind::requests, 15 * kNsPerS), 30);
    EXPECT_DOUBLE_EQ(model.level(0, 0, LimitKind::requests, 21 * kNsPerS), 32);
    EXPECT_EQ(model.arrive(small(), 22 * kNsPerS).readings[0].limit, 120);
}

TEST(ModelLimits, ACotenantTakesItsShareOnAverage) {
    for (const bool bursty : {false, true}) {
        Config config = fixed_config(100, 1, 50);
        Cotenant cotenant;
        cotenant.share = 0.3;
        cotenant.on_s = bursty ? 2 : 0;
        cotenant.off_s = bursty ? 6 : 0;
        config.cotenants.push_back(cotenant);
        config.classes[0].enforcement.initial_fill = 0.5;
        Model model(config);
        // Held at about half by a customer of the same mean; so neither full nor empty.
        double taken = 0;
        for (TimeNs t = 0; t <= 3600 * kNsPerS; t += kNsPerS) {
            const double over = model.level(0, 0, LimitKind::input_tokens, t) - 18'000;
            if (over <= 0) continue;
            model.set_level(0, 0, LimitKind::input_tokens, 18'000, t);
            taken += over;
        }
        EXPECT_NEAR(taken / (3600 * 600), 0.7, bursty ? 0.04 : 0.001);
    }
}

TEST(ModelLimits, ReadingsAreStampedAtAdmissionAndRounded) {
    Model model(fixed_config(100, 1, 50));
    Request request = small();
    request.input_tokens = 1400;
    const Decision decision = model.arrive(request, 0);
    const Reading& requests = decision.readings[index_of(LimitKind::requests)];
    EXPECT_EQ(requests.limit, 60);
    EXPECT_EQ(requests.remaining, 59);
    EXPECT_EQ(requests.reset_in_ns, kNsPerS);
    const Reading& input = decision.readings[index_of(LimitKind::input_tokens)];
    EXPECT_EQ(input.remaining, 35'000);
    EXPECT_EQ(decision.readings[index_of(LimitKind::output_tokens)].remaining, 36'000);
    EXPECT_EQ(decision.readings[index_of(LimitKind::day_tokens)].limit, -1);
}

TEST(ModelLimits, OutputLengthsAreHeavyTailedCutAndTheSameForTheSameMarker) {
    Config config = fixed_config(100, 0, 0);
    config.classes[0].limits = {};
    config.classes[0].generation.output_tokens = Lognormal::with_mean(400, 1.0);
    Model model(config);
    Request request = small();
    request.max_tokens = 1'000'000;
    double sum = 0;
    constexpr int kDraws = 200'000;
    for (int i = 0; i < kDraws; ++i) {
        sum += static_cast<double>(model.arrive(request, i).output_tokens);
    }
    EXPECT_NEAR(sum / kDraws, 400, 8);
    request.marker = 77;
    const std::int64_t once = model.arrive(request, kDraws).output_tokens;
    EXPECT_EQ(model.arrive(request, kDraws).output_tokens, once);
    request.max_tokens = 1;
    const Decision cut = model.arrive(request, kDraws);
    EXPECT_EQ(cut.output_tokens, 1);
    EXPECT_TRUE(cut.hit_max_tokens);
}

TEST(ModelLimits, UseThatGrowsTooFastIsRefusedBelowTheLimit) {
    Config config = fixed_config(100, 1, 50);
    config.classes[0].enforcement.ramp = {600, 300, 300};
    Model model(config);
    Request request = small();
    request.input_tokens = 600;
    EXPECT_TRUE(model.arrive(request, 0).accepted());
    const Decision refused = model.arrive(request, kNsPerS);
    EXPECT_EQ(refused.reason, RefusalReason::acceleration);
    EXPECT_EQ(refused.status, 429);
    EXPECT_EQ(refused.wait_ns, 59 * kNsPerS);
    EXPECT_TRUE(model.arrive(request, 60 * kNsPerS).accepted());
    // The second minute lets 900 tokens pass, so that 600 of them take 40 s.
    EXPECT_FALSE(model.arrive(request, 99 * kNsPerS).accepted());
    EXPECT_TRUE(model.arrive(request, 100 * kNsPerS).accepted());
    EXPECT_FALSE(model.arrive(request, 134 * kNsPerS).accepted());
    EXPECT_TRUE(model.arrive(request, 135 * kNsPerS).accepted());  // 1200 a minute from 120 s on
    // After a long pause it starts again.
    EXPECT_TRUE(model.arrive(request, 1000 * kNsPerS).accepted());
    EXPECT_FALSE(model.arrive(request, 1001 * kNsPerS).accepted());
    EXPECT_EQ(model.counts(0, 0).refused_for_growth, 4U);
}

TEST(ModelLimits, TheCeilingOfGrowthMayMultiply) {
    Config config = fixed_config(100, 1, 50);
    config.classes[0].enforcement.ramp = {
        .start_per_minute = 600, .growth_factor = 2, .step_s = 10};
    Model model(config);
    Request request = small();
    request.input_tokens = 600;
    EXPECT_TRUE(model.arrive(request, 0).accepted());
    // 100 tokens in the first ten seconds, 200 in the next, and 400 in the third.
    EXPECT_FALSE(model.arrive(request, 27 * kNsPerS).accepted());
    EXPECT_TRUE(model.arrive(request, 28 * kNsPerS).accepted());
}

// An hour of traffic twice, with everything on: the same seed must do the same.
std::uint64_t trace_of(std::uint64_t seed) {
    Config config = fixed_config(100, 1, 50);
    config.seed = seed;
    config.classes[0].generation = {{200, 1.0}, {0.5, 0.3}, {60, 0.2}};
    config.cotenants.push_back({-1, -1, 0.3, 3, 7, true, true, true, true});
    config.faults.push_back({FaultKind::overloaded, 0.05});
    config.faults.push_back({FaultKind::reset_mid_body, 0.05});
    Model model(config);
    std::uint64_t trace = 0;
    for (int i = 0; i < 3600; ++i) {
        const Decision d = model.arrive(small(), i * kNsPerS);
        trace = Random::mix(trace ^ static_cast<std::uint64_t>(d.answer_ends_at) ^
                            static_cast<std::uint64_t>(d.status) ^
                            static_cast<std::uint64_t>(d.readings[1].remaining));
    }
    return trace;
}

TEST(ModelLimits, TheSameSeedDoesTheSame) {
    EXPECT_EQ(trace_of(1), trace_of(1));
    EXPECT_NE(trace_of(1), trace_of(2));
}

}  // namespace
}  // namespace weir::model
