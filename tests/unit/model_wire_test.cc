#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "wire/service.h"

namespace weir::model {
namespace {

constexpr std::string_view kBody =
    R"({"model":"claude-sonnet-4","max_tokens":100,"messages":[{"role":"user","content":"Why?"}]})";

Config config_with(FaultKind kind = FaultKind::none) {
    Config config = simple_config({600, 0, 0, 0});
    config.classes[0].models = {"claude-sonnet-4*"};
    config.classes[0].generation = {{100, 0}, {1, 0}, {50, 0}};
    if (kind != FaultKind::none) {
        FaultRule rule;
        rule.kind = kind;
        rule.lasts_ns = 9 * kNsPerS;
        config.faults.push_back(rule);
    }
    return config;
}

WireRequest post(std::string_view body) {
    return {"POST", "/v1/messages", "test-key", "2023-06-01", body};
}

std::string streamed_body() {
    std::string body(kBody);
    body.insert(1, R"("stream":true,)");
    return body;
}

std::string all_bytes(const Script& script) {
    std::string bytes;
    for (const Script::Step& step : script.steps) bytes += step.bytes;
    return bytes;
}

int status_of(const Script& script) { return std::stoi(script.steps.at(0).bytes.substr(9, 3)); }

std::size_t declared_length(const std::string& bytes) {
    const std::size_t at = bytes.find("content-length: ");
    return std::stoul(bytes.substr(at + 16));
}

std::string body_of(const std::string& bytes) { return bytes.substr(bytes.find("\r\n\r\n") + 4); }

TEST(ModelWire, CallersAreCheckedLikeTheProviderDoes) {
    Service service(config_with());
    WireRequest request = post(kBody);
    request.api_key = {};
    EXPECT_EQ(status_of(service.handle(request, 0)), 401);
    request.api_key = "unknown";
    EXPECT_EQ(status_of(service.handle(request, 0)), 401);
    request.api_key = "test-key";
    request.version = {};
    EXPECT_EQ(status_of(service.handle(request, 0)), 400);
    EXPECT_EQ(status_of(service.handle(post("{}"), 0)), 400);
    EXPECT_EQ(
        status_of(service.handle(
            post(R"({"model":"gpt","max_tokens":1,"messages":[{"role":"user","content":"x"}]})"),
            0)),
        404);
    request = post(kBody);
    request.target = "/v1/nothing";
    EXPECT_EQ(status_of(service.handle(request, 0)), 404);
    request.target = "/v1/messages?beta=true";
    EXPECT_EQ(status_of(service.handle(request, 0)), 200);
    request.method = "GET";
    EXPECT_EQ(status_of(service.handle(request, 0)), 405);
    const Script large = service.too_large(0);
    EXPECT_EQ(status_of(large), 413);
    EXPECT_EQ(large.end, Script::End::close);
}

TEST(ModelWire, AWholeAnswerComesWhenItsProductionEnds) {
    Service service(config_with());
    const Script script = service.handle(post(kBody), kNsPerS);
    ASSERT_EQ(script.steps.size(), 1U);
    EXPECT_EQ(script.steps[0].at, 4 * kNsPerS);
    EXPECT_NE(script.running, 0U);
    EXPECT_EQ(script.end, Script::End::keep);
    const std::string& bytes = script.steps[0].bytes;
    EXPECT_EQ(declared_length(bytes), body_of(bytes).size());
    EXPECT_NE(bytes.find("\r\nanthropic-ratelimit-requests-remaining: 599\r\n"), std::string::npos);
    EXPECT_NE(bytes.find("\r\nrequest-id: req_"), std::string::npos);
}

TEST(ModelWire, AStreamComesAsItIsProduced) {
    Service service(config_with());
    const Script script = service.handle(post(streamed_body()), 0);
    ASSERT_GT(script.steps.size(), 10U);
    EXPECT_EQ(script.steps.front().at, kNsPerS);
    EXPECT_EQ(script.steps.back().at, 3 * kNsPerS);
    const std::string bytes = all_bytes(script);
    EXPECT_LT(bytes.find("message_start"), bytes.find("content_block_delta"));
    EXPECT_NE(bytes.find("event: message_stop"), std::string::npos);
    EXPECT_EQ(bytes.substr(bytes.size() - 5), "0\r\n\r\n");
}

TEST(ModelWire, ABrokenBodyIsShorterThanItSays) {
    for (const auto& [kind, end] : {std::pair{FaultKind::truncated_body, Script::End::close},
                                    std::pair{FaultKind::reset_mid_body, Script::End::reset}}) {
        Service service(config_with(kind));
        const Script whole = service.handle(post(kBody), 0);
        EXPECT_EQ(whole.end, end);
        const std::string bytes = all_bytes(whole);
        EXPECT_GT(declared_length(bytes), body_of(bytes).size());
        EXPECT_FALSE(body_of(bytes).empty());
        const Script stream = service.handle(post(streamed_body()), 0);
        EXPECT_EQ(stream.end, end);
        EXPECT_EQ(all_bytes(stream).find("\r\n0\r\n\r\n"), std::string::npos);
    }
}

TEST(ModelWire, AResetHasNoBytes) {
    for (const FaultKind kind : {FaultKind::reset_before_read, FaultKind::reset_after_read}) {
        Service service(config_with(kind));
        const Script script = service.handle(post(kBody), 0);
        EXPECT_EQ(script.end, Script::End::reset);
        EXPECT_EQ(all_bytes(script), "");
        EXPECT_EQ(script.running != 0, kind == FaultKind::reset_after_read);
    }
}

TEST(ModelWire, GarbageIsNotAMessage) {
    Service not_json(config_with(FaultKind::garbage_not_json));
    std::string bytes = all_bytes(not_json.handle(post(kBody), 0));
    EXPECT_FALSE(nlohmann::json::accept(body_of(bytes)));
    EXPECT_EQ(declared_length(bytes), body_of(bytes).size());
    Service wrong_json(config_with(FaultKind::garbage_wrong_json));
    bytes = all_bytes(wrong_json.handle(post(kBody), 0));
    EXPECT_FALSE(nlohmann::json::parse(body_of(bytes)).contains("content"));
}

TEST(ModelWire, StallsAreSilentOrPing) {
    Service silent(config_with(FaultKind::stall));
    const Script whole = silent.handle(post(kBody), 0);
    ASSERT_EQ(whole.steps.size(), 2U);
    EXPECT_EQ(whole.steps[1].at - whole.steps[0].at, 9 * kNsPerS);
    const Script stream = silent.handle(post(streamed_body()), 0);
    TimeNs longest = 0;
    for (std::size_t i = 1; i < stream.steps.size(); ++i) {
        longest = std::max(longest, stream.steps[i].at - stream.steps[i - 1].at);
    }
    EXPECT_GE(longest, 9 * kNsPerS);
    Service pinging(config_with(FaultKind::stall_pings));
    const Script pings = pinging.handle(post(streamed_body()), 0);
    longest = 0;
    for (std::size_t i = 1; i < pings.steps.size(); ++i) {
        longest = std::max(longest, pings.steps[i].at - pings.steps[i - 1].at);
    }
    EXPECT_LE(longest, kNsPerS);
    EXPECT_EQ(pings.steps.back().at, 12 * kNsPerS);
}

TEST(ModelWire, StreamsBreakInTheirOwnWays) {
    const auto stream_with = [](FaultKind kind) {
        Service service(config_with(kind));
        return all_bytes(service.handle(post(streamed_body()), 0));
    };
    const std::string early = stream_with(FaultKind::stream_error_early);
    EXPECT_NE(early.find("event: error"), std::string::npos);
    EXPECT_EQ(early.find("content_block_delta"), std::string::npos);
    const std::string late = stream_with(FaultKind::stream_error_late);
    EXPECT_LT(late.find("content_block_delta"), late.find("event: error"));
    EXPECT_NE(late.find("event: error"), std::string::npos);
    const std::string endless = stream_with(FaultKind::stream_without_stop);
    EXPECT_EQ(endless.find("message_stop"), std::string::npos);
    EXPECT_NE(endless.find("\r\n0\r\n\r\n"), std::string::npos);
}

TEST(ModelWire, ReportChangeAndCount) {
    Service service(config_with());
    const WireRequest report{"GET", "/model/report", "", "", ""};
    EXPECT_EQ(status_of(service.handle(report, 0)), 200);
    WireRequest change{"POST", "/model/config", "", "", R"({"limits":{"requests_per_minute":1}})"};
    EXPECT_EQ(status_of(service.handle(change, 0)), 200);
    EXPECT_EQ(status_of(service.handle(post(kBody), 0)), 200);
    const Script refused = service.handle(post(kBody), 0);
    EXPECT_EQ(status_of(refused), 429);
    EXPECT_NE(refused.steps[0].bytes.find("\r\nretry-after: 60\r\n"), std::string::npos);
    change.body = R"({"revoke":"test-key"})";
    EXPECT_EQ(status_of(service.handle(change, 0)), 200);
    EXPECT_EQ(status_of(service.handle(post(kBody), 0)), 401);
    change.body = R"({"nothing":1})";
    EXPECT_EQ(status_of(service.handle(change, 0)), 400);
    WireRequest count = post(kBody);
    count.target = "/v1/messages/count_tokens";
    EXPECT_EQ(status_of(service.handle(count, 0)), 400) << "max_tokens is not taken there";
    count.body = R"({"model":"claude-sonnet-4","messages":[{"role":"user","content":"Why?"}]})";
    EXPECT_EQ(body_of(all_bytes(service.handle(count, 0))), "{\"input_tokens\":9}");
}

}  // namespace
}  // namespace weir::model
