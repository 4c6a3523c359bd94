#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "model/answer.h"
#include "model/calendar.h"
#include "model/config_json.h"
#include "model/error_body.h"
#include "model/headers.h"
#include "model/messages_request.h"
#include "model/report_json.h"

namespace weir::model {
namespace {

using Json = nlohmann::json;

TEST(ModelText, DatesAndDurations) {
    EXPECT_EQ(rfc3339(1'769'847'300), "2026-01-31T08:15:00Z");
    EXPECT_EQ(http_date(1'769'847'300), "Sat, 31 Jan 2026 08:15:00 GMT");
    EXPECT_EQ(unix_seconds_up(1'000'000'001), 2);
    EXPECT_EQ(go_duration(0), "0s");
    EXPECT_EQ(go_duration(12 * kNsPerMs), "12ms");
    EXPECT_EQ(go_duration(360 * kNsPerS), "6m0s");
    EXPECT_EQ(go_duration(179'560 * kNsPerMs), "2m59.56s");
    EXPECT_EQ(go_duration(3'600 * kNsPerS), "1h0m0s");
}

std::string header(const Headers& headers, std::string_view name) {
    for (const auto& [one, value] : headers) {
        if (one == name) return value;
    }
    return "(none)";
}

Decision decision_with_readings() {
    Decision decision;
    decision.status = 429;
    decision.account = decision.model_class = 0;
    decision.readings[index_of(LimitKind::requests)] = {60, 59, kNsPerS / 2};
    decision.readings[index_of(LimitKind::input_tokens)] = {200'000, 0, 63 * kNsPerS};
    decision.readings[index_of(LimitKind::output_tokens)] = {80'000, 80'000, 0};
    return decision;
}

TEST(ModelText, LimitHeadersInEveryFamily) {
    Config config = simple_config({});
    config.unix_at_zero_ns = 1'769'847'300 * kNsPerS;
    const Decision decision = decision_with_readings();
    const auto headers_in = [&](HeaderFamily family) {
        config.headers = family;
        Headers headers;
        append_limit_headers(config, decision, 0, &headers);
        return headers;
    };
    Headers headers = headers_in(HeaderFamily::anthropic);
    EXPECT_EQ(headers.size(), 12U);
    EXPECT_EQ(header(headers, "anthropic-ratelimit-input-tokens-remaining"), "0");
    EXPECT_EQ(header(headers, "anthropic-ratelimit-input-tokens-reset"), "2026-01-31T08:16:03Z");
    EXPECT_EQ(header(headers, "anthropic-ratelimit-tokens-limit"), "280000");
    EXPECT_EQ(header(headers, "anthropic-ratelimit-tokens-remaining"), "80000");
    headers = headers_in(HeaderFamily::x_ratelimit_date);
    EXPECT_EQ(header(headers, "x-ratelimit-reset-requests"), "2026-01-31T08:15:01Z");
    headers = headers_in(HeaderFamily::x_ratelimit_duration);
    EXPECT_EQ(header(headers, "x-ratelimit-reset-tokens"), "1m3s");
    EXPECT_EQ(header(headers, "x-ratelimit-remaining-requests"), "59");
    headers = headers_in(HeaderFamily::ietf);
    EXPECT_EQ(header(headers, "ratelimit"),
              "\"requests\";r=59;t=1, \"input_tokens\";r=0;t=63, \"output_tokens\";r=80000;t=0");
    EXPECT_TRUE(headers_in(HeaderFamily::none).empty());
}

TEST(ModelText, RetryAfterInEveryStyle) {
    Config config = simple_config({});
    config.unix_at_zero_ns = 1'769'847'300 * kNsPerS;
    Decision decision = decision_with_readings();
    decision.wait_ns = 4'500 * kNsPerMs;
    decision.retry_after_ns = 5 * kNsPerS;
    const auto headers_in = [&](RetryAfterStyle style) {
        decision.retry_after_style = style;
        Headers headers;
        append_retry_headers(config, decision, 0, &headers);
        return headers;
    };
    EXPECT_EQ(header(headers_in(RetryAfterStyle::right), "retry-after"), "5");
    EXPECT_EQ(header(headers_in(RetryAfterStyle::http_date), "retry-after"),
              "Sat, 31 Jan 2026 08:15:05 GMT");
    EXPECT_EQ(header(headers_in(RetryAfterStyle::milliseconds), "retry-after-ms"), "5000");
    EXPECT_EQ(header(headers_in(RetryAfterStyle::negative), "retry-after"), "-5");
    EXPECT_TRUE(headers_in(RetryAfterStyle::missing).empty());
    config.should_retry_header = true;
    EXPECT_EQ(header(headers_in(RetryAfterStyle::right), "x-should-retry"), "true");
    decision.reason = RefusalReason::spend_cap;
    EXPECT_EQ(header(headers_in(RetryAfterStyle::right), "x-should-retry"), "false");
}

TEST(ModelText, ErrorsLookLikeTheProviders) {
    const Config config = simple_config({});
    Decision decision = decision_with_readings();
    decision.error = ErrorType::rate_limit;
    decision.reason = RefusalReason::limit;
    decision.refused_by = LimitKind::input_tokens;
    Json body = Json::parse(error_response(config, decision, "req_1").body);
    EXPECT_EQ(body["type"], "error");
    EXPECT_EQ(body["error"]["type"], "rate_limit_error");
    EXPECT_EQ(body["request_id"], "req_1");
    EXPECT_NE(body["error"]["message"].get<std::string>().find("200000 input tokens per minute"),
              std::string::npos);
    EXPECT_FALSE(body["error"].contains("details"));
    decision.reason = RefusalReason::spend_cap;
    body = Json::parse(error_response(config, decision, "req_1").body);
    EXPECT_EQ(body["error"]["details"]["error_code"], "enforced_spend_limit_reached");
    decision.status = 502;
    EXPECT_EQ(error_response(config, decision, "req_1").content_type, "text/html");
}

TEST(ModelText, RequestsAreReadAndCounted) {
    MessagesRequest request;
    std::string problem;
    ASSERT_TRUE(parse_messages_request(
        R"({"model":"m","max_tokens":9,"stream":true,"system":"123456","metadata":{"user_id":"u7"},
            "messages":[{"role":"user","content":"one"},{"role":"assistant","content":"two"},
            {"role":"user","content":[{"type":"text","text":"three"},{"type":"image"}]}]})",
        true, &request, &problem));
    EXPECT_EQ(request.model, "m");
    EXPECT_EQ(request.max_tokens, 9);
    EXPECT_TRUE(request.stream);
    EXPECT_EQ(request.marker, "u7");
    EXPECT_EQ(request.question, "three");
    EXPECT_EQ(request.input_tokens, 3 + 3 * 4 + 1500 + 5);  // 17 bytes of text at 3.6
}

TEST(ModelText, BadRequestsAreRefusedWithAReason) {
    const char* bad[] = {
        "",
        "[]",
        "{",
        "\xff",
        R"({"model":"m","max_tokens":1})",
        R"({"max_tokens":1,"messages":[{"role":"user","content":""}]})",
        R"({"model":7,"max_tokens":1,"messages":[{"role":"user","content":""}]})",
        R"({"model":"m","messages":[{"role":"user","content":""}]})",
        R"({"model":"m","max_tokens":0,"messages":[{"role":"user","content":""}]})",
        R"({"model":"m","max_tokens":1.5,"messages":[{"role":"user","content":""}]})",
        R"({"model":"m","max_tokens":1,"messages":[]})",
        R"({"model":"m","max_tokens":1,"messages":[{"role":"system","content":""}]})",
        R"({"model":"m","max_tokens":1,"messages":[{"role":"user"}]})",
        R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":7}]})",
        R"({"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"text"}]}]})",
        R"({"model":"m","max_tokens":1,"stream":1,"messages":[{"role":"user","content":""}]})",
    };
    for (const char* body : bad) {
        MessagesRequest request;
        std::string problem;
        EXPECT_FALSE(parse_messages_request(body, true, &request, &problem)) << body;
        EXPECT_FALSE(problem.empty()) << body;
    }
}

// The data of the events of a stream, in order.
std::vector<Json> data_of(const std::string& stream) {
    std::vector<Json> events;
    std::size_t at = 0;
    while ((at = stream.find("data: ", at)) != std::string::npos) {
        events.push_back(Json::parse(stream.substr(at + 6, stream.find('\n', at) - at - 6)));
        at += 6;
    }
    return events;
}

TEST(ModelText, AStreamCarriesTheSameTextAsAWholeAnswer) {
    MessagesRequest request;
    request.model = "m";
    request.question =
        "Was ist ein Wehr? \xc3\xa4\xc3\xb6\xc3\xbc\xe2\x82\xac\xf0\x9f\x8c\x8a und mehr und mehr";
    request.input_tokens = 11;
    Decision decision;
    decision.id = 1;
    decision.output_tokens = decision.produced_tokens = 50;
    const Answer answer(request, decision);
    const Json whole = Json::parse(answer.message());
    const auto text = whole["content"][0]["text"].get<std::string>();
    EXPECT_EQ(text.size(), 200U);
    EXPECT_EQ(text.substr(0, 18), "#" + hex_of(hash_of(request.question)) + " ");
    EXPECT_EQ(whole["usage"]["output_tokens"], 50);
    EXPECT_EQ(whole["stop_reason"], "end_turn");

    std::string streamed;
    for (int token = 0; token < 50; ++token) {
        for (const Json& event : data_of(answer.delta(token, token + 1))) {
            streamed += event["delta"]["text"].get<std::string>();
        }
    }
    EXPECT_EQ(streamed, text);
    EXPECT_EQ(data_of(answer.start())[0]["message"]["usage"]["input_tokens"], 11);
    EXPECT_EQ(data_of(answer.end(true))[1]["usage"]["output_tokens"], 50);
    EXPECT_EQ(data_of(answer.end(true)).back()["type"], "message_stop");
    EXPECT_EQ(data_of(answer.end(false)).back()["type"], "message_delta");
}

TEST(ModelText, AConfigurationIsReadAndUnknownNamesAreRefused) {
    Config config = simple_config({});
    read_config(R"({"seed":7,"headers":"ietf","retry_after":"too_long",
        "classes":[{"name":"sonnet","models":["claude-sonnet-4*"],"depth_s":5,
                    "limits":{"requests_per_minute":600},"output_accounting":"reserved",
                    "output_tokens":{"mean":400,"sigma":1},"tokens_per_s":80,
                    "ramp":{"start_per_minute":1000,"growth_per_minute":500,
                            "growth_factor":1.5,"step_s":2}}],
        "accounts":[{"name":"a","keys":["k1",{"secret":"k2","revoked_at_s":1.5}],
                     "limits":{"sonnet":{"requests_per_minute":60}}}],
        "cotenants":[{"share":0.3,"on_s":2,"off_s":6}],
        "changes":[{"at_s":10,"class":"sonnet","factor":0.5}],
        "faults":[{"kind":"overloaded","probability":0.04,"account":"a","from_s":2}]})",
                &config);
    EXPECT_EQ(config.seed, 7U);
    EXPECT_EQ(config.headers, HeaderFamily::ietf);
    EXPECT_EQ(config.retry_after, RetryAfterStyle::too_long);
    ASSERT_EQ(config.classes.size(), 1U);
    EXPECT_EQ(config.classes[0].enforcement.output, OutputAccounting::reserved);
    EXPECT_EQ(config.classes[0].enforcement.ramp.growth_per_minute, 500);
    EXPECT_EQ(config.classes[0].enforcement.ramp.growth_factor, 1.5);
    EXPECT_EQ(config.classes[0].enforcement.ramp.step_s, 2);
    EXPECT_DOUBLE_EQ(config.classes[0].generation.output_tokens.mean(), 400);
    ASSERT_EQ(config.keys.size(), 2U);
    EXPECT_EQ(config.keys[1].revoked_at, 1'500 * kNsPerMs);
    EXPECT_EQ(config.accounts[0].overrides[0].limits.requests_per_minute, 60);
    EXPECT_EQ(config.changes[0].model_class, 0);
    EXPECT_EQ(config.faults[0].from, 2 * kNsPerS);
    for (const char* bad : {"{\"sead\":1}", "[]", "{", "{\"seed\":\"x\"}", "{\"headers\":\"y\"}",
                            "{\"faults\":[{\"probability\":1}]}",
                            "{\"faults\":[{\"kind\":\"overloaded\",\"account\":\"nobody\"}]}"}) {
        EXPECT_THROW(read_config(bad, &config), ConfigError) << bad;
    }
    const FaultRule rule = read_fault("kind=stall,lasts_s=2.5,every=3", config);
    EXPECT_EQ(rule.lasts_ns, 2'500 * kNsPerMs);
    EXPECT_EQ(rule.every, 3U);
    EXPECT_EQ(read_limits("rpm=1,itpm=2,otpm=3,tpd=4"), (Limits{1, 2, 3, 4}));
}

TEST(ModelText, AFasterWorldHasTheSameBuckets) {
    Config config = simple_config({60, 6000, 0, 1000});
    config.faults.push_back({FaultKind::stall, 1, 0, 0, 100, kNever});
    speed_up(10, &config);
    EXPECT_EQ(config.classes[0].limits, (Limits{600, 60'000, 0, 1000}));
    EXPECT_EQ(config.faults[0].from, 10);
    EXPECT_EQ(config.faults[0].until, kNever);
    Model model(config);
    EXPECT_DOUBLE_EQ(model.level(0, 0, LimitKind::requests, 0), 60);
}

TEST(ModelText, TheReportShowsWhatWasSeen) {
    Model model(simple_config({2, 0, 0, 0}));
    Request request;
    request.max_tokens = 10;
    request.output_tokens = 5;
    request.marker = 77;
    for (int i = 0; i < 3; ++i) model.arrive(request, i);
    const Json report = Json::parse(report_json(&model, nullptr, 10 * kNsPerS));
    EXPECT_EQ(report["total"]["requests"], 3);
    EXPECT_EQ(report["total"]["accepted"], 2);
    EXPECT_EQ(report["total"]["refused"]["requests"], 1);
    EXPECT_EQ(report["total"]["wait_stated_s"], 30);
    EXPECT_EQ(report["total"]["output_tokens"], 10);
    EXPECT_EQ(report["total"]["peak_running"], 2);
    EXPECT_EQ(report["markers"]["distinct"], 1);
    EXPECT_EQ(report["markers"]["most_executions_of_one"], 2);
    EXPECT_EQ(report["sets"][0]["buckets"]["requests"]["limit"], 2);
}

}  // namespace
}  // namespace weir::model
