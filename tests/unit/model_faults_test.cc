#include <gtest/gtest.h>

#include "model/model.h"

namespace weir::model {
namespace {

Config config_with(const FaultRule& rule) {
    Config config = simple_config({6000, 6'000'000, 6'000'000, 0});
    config.classes[0].generation = {{100, 0}, {1, 0}, {50, 0}};
    config.faults.push_back(rule);
    return config;
}

Request streamed(std::uint64_t marker = 0) {
    Request request;
    request.input_tokens = 10;
    request.max_tokens = 1000;
    request.stream = true;
    request.marker = marker;
    return request;
}

TEST(ModelFaults, RulesStrikeEveryNthTheFirstAndInAWindow) {
    FaultRule rule;
    rule.kind = FaultKind::overloaded;
    rule.every = 3;
    Model every(config_with(rule));
    rule.every = 0;
    rule.first = 2;
    Model first(config_with(rule));
    rule.first = 0;
    rule.from = 4;
    rule.until = 6;
    Model window(config_with(rule));
    std::string struck;
    for (TimeNs now = 1; now <= 6; ++now) {
        for (Model* model : {&every, &first, &window}) {
            struck += model->arrive(streamed(), now).status == 529 ? 'x' : '.';
        }
        struck += ' ';
    }
    EXPECT_EQ(struck, ".x. .x. x.. ..x ..x x.. ");
}

TEST(ModelFaults, ProbabilityIsKept) {
    FaultRule rule;
    rule.kind = FaultKind::server_error;
    rule.probability = 0.04;
    Config config = config_with(rule);
    config.classes[0].limits = {};
    Model model(config);
    for (int i = 0; i < 100'000; ++i) model.arrive(streamed(), i);
    const ClassCounts& counts = model.counts(0, 0);
    EXPECT_NEAR(static_cast<double>(counts.faults[index_of(rule.kind)]), 4000, 200);
    EXPECT_EQ(counts.accepted + counts.faults[index_of(rule.kind)], counts.requests);
}

TEST(ModelFaults, AFaultInsteadOfAdmissionChargesNothing) {
    FaultRule rule;
    rule.kind = FaultKind::refuse_output_tokens;
    rule.retry_after_ns = 7 * kNsPerS;
    Model model(config_with(rule));
    const Decision decision = model.arrive(streamed(5), 0);
    EXPECT_EQ(decision.status, 429);
    EXPECT_EQ(decision.refused_by, LimitKind::output_tokens);
    EXPECT_EQ(decision.retry_after_ns, 7 * kNsPerS);
    EXPECT_DOUBLE_EQ(model.level(0, 0, LimitKind::requests, 0), 6000);
    EXPECT_EQ(model.counts().markers.at(5).executed, 0U);
    EXPECT_EQ(model.counts().markers.at(5).arrived, 1U);
}

TEST(ModelFaults, StatusesAreThoseOfTheProvider) {
    const std::pair<FaultKind, int> expected[] = {
        {FaultKind::refuse_acceleration, 429}, {FaultKind::spend_cap, 429},
        {FaultKind::usage_limit, 400},         {FaultKind::bad_key, 401},
        {FaultKind::forbidden, 403},           {FaultKind::server_error, 500},
        {FaultKind::bad_gateway, 502},         {FaultKind::unavailable, 503},
        {FaultKind::gateway_timeout, 504},     {FaultKind::overloaded, 529}};
    for (const auto& [kind, status] : expected) {
        FaultRule rule;
        rule.kind = kind;
        Model model(config_with(rule));
        const Decision decision = model.arrive(streamed(), 0);
        EXPECT_EQ(decision.status, status) << fault_kind_name(kind);
        EXPECT_EQ(decision.retry_after_ns, -1);
        EXPECT_FALSE(decision.accepted());
    }
}

TEST(ModelFaults, AStreamIsCutWhereTheFaultStrikesAndChargedUpToThere) {
    for (const FaultKind kind : {FaultKind::stream_error_late, FaultKind::reset_mid_body,
                                 FaultKind::truncated_body, FaultKind::stream_without_stop}) {
        FaultRule rule;
        rule.kind = kind;
        rule.at = 0.3;
        Model model(config_with(rule));
        const Decision decision = model.arrive(streamed(9), 0);
        ASSERT_TRUE(decision.accepted());
        EXPECT_EQ(decision.output_tokens, 100);
        EXPECT_EQ(decision.produced_tokens, 30);
        EXPECT_EQ(decision.answer_ends_at, kNsPerS + 30 * kNsPerS / 50);
        model.advance(10 * kNsPerS);
        EXPECT_EQ(model.counts(0, 0).output_tokens, 30);
        EXPECT_EQ(model.counts().markers.at(9).executed, 1U);
        EXPECT_EQ(model.counts().markers.at(9).answered, 0U);
    }
}

TEST(ModelFaults, FaultsOfStreamsLeaveOtherRequestsAlone) {
    FaultRule rule;
    rule.kind = FaultKind::stream_error_early;
    Model model(config_with(rule));
    Request whole = streamed();
    whole.stream = false;
    EXPECT_EQ(model.arrive(whole, 0).fault, FaultKind::none);
    const Decision early = model.arrive(streamed(), 0);
    EXPECT_EQ(early.fault, FaultKind::stream_error_early);
    EXPECT_EQ(early.produced_tokens, 0);
    EXPECT_EQ(early.answer_ends_at, early.first_token_at);
}

TEST(ModelFaults, AStallHoldsUpTheAnswerButNotTheProduction) {
    FaultRule rule;
    rule.kind = FaultKind::stall;
    rule.lasts_ns = 40 * kNsPerS;
    Model model(config_with(rule));
    const Decision decision = model.arrive(streamed(3), 0);
    EXPECT_EQ(decision.production_ends_at, 3 * kNsPerS);
    EXPECT_EQ(decision.answer_ends_at, 43 * kNsPerS);
    model.advance(43 * kNsPerS);
    EXPECT_EQ(model.counts().markers.at(3).answered, 1U);
}

TEST(ModelFaults, RetryAfterIsWrittenInManyWays) {
    const std::pair<RetryAfterStyle, TimeNs> expected[] = {
        {RetryAfterStyle::right, 13 * kNsPerS},
        {RetryAfterStyle::http_date, 13 * kNsPerS},
        {RetryAfterStyle::too_short, 3 * kNsPerS},
        {RetryAfterStyle::too_long, 130 * kNsPerS},
        {RetryAfterStyle::milliseconds, 12'500'000'000},
        {RetryAfterStyle::missing, -1},
        {RetryAfterStyle::negative, -1},
        {RetryAfterStyle::nonsense, -1}};
    for (const auto& [style, stated_ns] : expected) {
        FaultRule rule;
        rule.kind = FaultKind::retry_after;
        rule.style = style;
        Model model(config_with(rule));
        model.set_level(0, 0, LimitKind::requests, -1249, 0);  // 12.5 s of refill below 1
        const Decision decision = model.arrive(streamed(), 0);
        EXPECT_EQ(decision.wait_ns, 12'500'000'000);
        EXPECT_EQ(decision.retry_after_ns, stated_ns) << retry_after_style_name(style);
    }
}

TEST(ModelFaults, AKeyCanBeRevokedAndComeBack) {
    Config config = simple_config({});
    config.keys[0].revoked_at = 5 * kNsPerS;
    Model model(config);
    EXPECT_EQ(model.arrive(streamed(), 4 * kNsPerS).status, 200);
    EXPECT_EQ(model.arrive(streamed(), 5 * kNsPerS).status, 401);
    model.restore_key(0, 6 * kNsPerS);
    EXPECT_EQ(model.arrive(streamed(), 6 * kNsPerS).status, 200);
    Request unknown = streamed();
    unknown.key = model.find_key("no such key");
    EXPECT_EQ(model.arrive(unknown, 7 * kNsPerS).status, 401);
    unknown.key = 0;
    unknown.model_class = model.find_class("x");
    EXPECT_EQ(unknown.model_class, 0);
    unknown.model_class = -1;
    EXPECT_EQ(model.arrive(unknown, 7 * kNsPerS).status, 404);
    EXPECT_EQ(model.counts().revoked_key, 1U);
    EXPECT_EQ(model.counts().unknown_key, 1U);
    EXPECT_EQ(model.counts().unknown_model, 1U);
}

}  // namespace
}  // namespace weir::model
