#include <gtest/gtest.h>

#include <string>

#include "provider/error_body.h"
#include "provider/error_class.h"
#include "provider/json_parser.h"
#include "provider/request_head.h"

namespace weir {
namespace {

bool read(const std::string& json, ErrorBody* error) {
    const std::string padded = json + std::string(kBodyPadding, '\0');
    JsonParser parser;
    return read_error_body(&parser, std::string_view(padded.data(), json.size()), error);
}

TEST(ErrorBody, Fields) {
    ErrorBody e;
    ASSERT_TRUE(read(
        R"({"type":"error","error":{"type":"rate_limit_error","message":"Slow \"down\"","details":)"
        R"({"error_code":"enforced_spend_limit_reached","other":[1]}},"request_id":"req_1"})",
        &e));
    EXPECT_EQ(e.type, "rate_limit_error");
    EXPECT_EQ(e.message, "Slow \"down\"");
    EXPECT_EQ(e.code, "enforced_spend_limit_reached");
    EXPECT_EQ(e.request_id, "req_1");
}

TEST(ErrorBody, Tolerates) {
    for (
        const char* json :
        {R"({"type":"error","error":{"type":"overloaded_error","message":"M","details":null}})",
         R"({"error":{"message":"M","type":"overloaded_error"},"request_id":null})",
         R"({"error":{"type":"overloaded_error","details":[],"message":"M","x":{"y":1}},"z":0})"}) {
        ErrorBody e;
        ASSERT_TRUE(read(json, &e)) << json;
        EXPECT_EQ(e.type, "overloaded_error");
        EXPECT_EQ(e.message, "M");
        EXPECT_EQ(e.code, "");
    }
    ErrorBody e;
    EXPECT_TRUE(read(R"({"error":{"type":7,"message":null}})", &e));
    EXPECT_EQ(e.type, "");
}

TEST(ErrorBody, Refuses) {
    for (const char* json :
         {"", "{}", "[]", R"({"error":"x"})", R"({"error":null})", R"({"error":{"type":"x"})",
          R"({"error":{"type":"x"}} x)", "<html></html>", R"({"error":{"type":"\x"}})"}) {
        ErrorBody e;
        e.type = "kept";
        EXPECT_FALSE(read(json, &e)) << json;
        EXPECT_EQ(e.type, "kept");
    }
}

TEST(ErrorBody, IsFitForLogs) {
    ErrorBody e;
    ASSERT_TRUE(read(R"({"error":{"type":"a\u001b[1m\u0000b","message":")" +
                         std::string(100'000, 'x') + R"("}})",
                     &e));
    EXPECT_EQ(e.type, "a [1m b");
    EXPECT_EQ(e.message.size(), 2048u);
    EXPECT_EQ(e.message.substr(2045), "...");
    ASSERT_TRUE(read(R"({"error":{"message":"invalid key sk-ant-api03-secretsecret"}})", &e));
    EXPECT_EQ(e.message, "invalid key sk-***");
}

struct RefusalCase {
    int status;
    const char* type;
    const char* code;
    const char* message;
    bool retry_after;
    OutcomeClass cls;
};

TEST(ErrorClass, Refusals) {
    const char* spend = "enforced_spend_limit_reached";
    const RefusalCase cases[] = {
        {429, "rate_limit_error", "", "This request would exceed ...", true,
         OutcomeClass::rate_limited},
        {429, "rate_limit_error", "", "", false, OutcomeClass::rate_limited},
        {429, "", "", "", false, OutcomeClass::rate_limited},
        {429, "rate_limit_error", "",
         "... exceed your organization's maximum usage increase rate for input tokens per minute",
         true, OutcomeClass::acceleration},
        {429, "rate_limit_error", "", "... due to Acceleration Limit ...", false,
         OutcomeClass::acceleration},
        {429, "rate_limit_error", spend, "Limit reached", false, OutcomeClass::spend_limit},
        {429, "rate_limit_error", spend, "Limit reached", true, OutcomeClass::rate_limited},
        {429, "rate_limit_error", "other", "Limit reached", false, OutcomeClass::rate_limited},
        {400, "invalid_request_error", "",
         "You have reached your specified API usage limits. You will regain access on 2026-12-01",
         false, OutcomeClass::spend_limit},
        {400, "invalid_request_error", "",
         "You have reached your specified workspace API usage limits.", false,
         OutcomeClass::spend_limit},
        {400, "invalid_request_error", "", "max_tokens: must be positive", false,
         OutcomeClass::bad_request},
        {401, "authentication_error", "", "invalid x-api-key", false, OutcomeClass::bad_key},
        {401, "", "", "", false, OutcomeClass::bad_key},
        {402, "billing_error", "", "", false, OutcomeClass::spend_limit},
        {403, "permission_error", "", "", false, OutcomeClass::forbidden},
        {404, "not_found_error", "", "", false, OutcomeClass::bad_request},
        {405, "", "", "", false, OutcomeClass::bad_request},
        {407, "", "", "", false, OutcomeClass::bad_request},
        {408, "", "", "", false, OutcomeClass::server_error},
        {409, "conflict_error", "", "", false, OutcomeClass::server_error},
        {413, "request_too_large", "", "", false, OutcomeClass::bad_request},
        {422, "", "", "", false, OutcomeClass::bad_request},
        {499, "", "", "", false, OutcomeClass::bad_request},
        {307, "", "", "", false, OutcomeClass::bad_request},
        {500, "api_error", "", "", false, OutcomeClass::server_error},
        {500, "overloaded_error", "", "", false, OutcomeClass::overloaded},
        {502, "", "", "", false, OutcomeClass::server_error},
        {503, "", "", "", false, OutcomeClass::server_error},
        {503, "overloaded_error", "", "", false, OutcomeClass::overloaded},
        {504, "timeout_error", "", "", false, OutcomeClass::server_error},
        {520, "", "", "", false, OutcomeClass::server_error},
        {529, "overloaded_error", "", "", false, OutcomeClass::overloaded},
        {529, "", "", "", true, OutcomeClass::overloaded},
        {599, "sparkle_error", "", "", false, OutcomeClass::server_error},
        {999, "", "", "", false, OutcomeClass::server_error},
    };
    for (const RefusalCase& c : cases) {
        ErrorBody error;
        error.type = c.type;
        error.code = c.code;
        error.message = c.message;
        EXPECT_EQ(classify_refusal(c.status, error, c.retry_after), c.cls)
            << c.status << " " << c.type << " " << c.message;
    }
}

TEST(ErrorClass, ASpendLimitSaysWhoseItIsAndWhenItEnds) {
    const auto resumes = [](const char* message) {
        ErrorBody error;
        error.message = message;
        return access_resumes_at(error);
    };
    constexpr std::int64_t kDecember = 1'796'083'200;  // 2026-12-01
    EXPECT_EQ(resumes("You have reached your specified API usage limits. You will regain access on "
                      "2026-12-01 at 00:00 UTC."),
              kDecember * 1'000'000'000);
    EXPECT_EQ(resumes("You will regain access on 2026-12-01 at 01:30 UTC."),
              (kDecember + 5'400) * 1'000'000'000);
    EXPECT_EQ(resumes("You will regain access on 2026-12-01"), kDecember * 1'000'000'000);
    for (const char* none : {"", "You will regain access on ", "You will regain access on Monday.",
                             "You will regain access on 2026-12-01 at 1", "2026-12-01 at 00:00"}) {
        EXPECT_EQ(resumes(none), 0) << none;
    }
    ErrorBody error;
    error.message = "You have reached your specified API usage limits.";
    EXPECT_FALSE(is_of_workspace(error));
    error.message = "You have reached your specified workspace API usage limits.";
    EXPECT_TRUE(is_of_workspace(error));
}

TEST(ErrorClass, StreamErrors) {
    const std::pair<const char*, OutcomeClass> cases[] = {
        {"overloaded_error", OutcomeClass::stream_error},
        {"api_error", OutcomeClass::stream_error},
        {"timeout_error", OutcomeClass::stream_error},
        {"rate_limit_error", OutcomeClass::stream_error},
        {"sparkle_error", OutcomeClass::stream_error},
        {"", OutcomeClass::stream_error},
        {"invalid_request_error", OutcomeClass::bad_request},
        {"authentication_error", OutcomeClass::bad_key},
        {"permission_error", OutcomeClass::forbidden},
        {"billing_error", OutcomeClass::spend_limit},
    };
    for (const auto& [type, cls] : cases) {
        ErrorBody error;
        error.type = type;
        EXPECT_EQ(classify_stream_error(error), cls) << type;
    }
}

TEST(RefusedLimit, ByItsWords) {
    const std::pair<const char*, LimitKind> cases[] = {
        {"This request would exceed your organization's rate limit of 30,000 input tokens per "
         "minute",
         LimitKind::input_tokens},
        {"This request would exceed the rate limit of 8,000 output tokens per minute",
         LimitKind::output_tokens},
        {"This request would exceed your rate limit of 50 requests per minute",
         LimitKind::requests},
        {"Number of requests has exceeded your per-minute rate limit", LimitKind::requests},
        {"Number of request tokens has exceeded your per-minute rate limit", LimitKind::tokens},
        {"Number of request tokens has exceeded your daily rate limit", LimitKind::day_tokens},
        {"would exceed your limit of 1,000,000 tokens per day", LimitKind::day_tokens},
        {"maximum usage increase rate for input tokens per minute", LimitKind::input_tokens},
        {"Number of concurrent connections has exceeded your rate limit", LimitKind::unknown},
        {"This request would exceed your rate limit", LimitKind::unknown},
        {"", LimitKind::unknown},
    };
    for (const auto& [message, kind] : cases) {
        EXPECT_EQ(refused_limit(LimitReadings{}, message), kind) << message;
    }
}

TEST(RefusedLimit, HeadersComeFirst) {
    LimitReadings readings;
    readings[LimitKind::requests].remaining = 10;
    readings[LimitKind::output_tokens].remaining = 0;
    EXPECT_EQ(refused_limit(readings, "limit of 30,000 input tokens"), LimitKind::output_tokens);
    readings[LimitKind::input_tokens].remaining = 0;
    EXPECT_EQ(refused_limit(readings, "limit of 8,000 output tokens"), LimitKind::output_tokens);
    EXPECT_EQ(refused_limit(readings, "limit of 50 requests per minute"), LimitKind::input_tokens);
    LimitReadings total;
    total[LimitKind::tokens].remaining = 0;
    total[LimitKind::requests].remaining = 0;
    EXPECT_EQ(refused_limit(total, ""), LimitKind::requests);
}

TEST(ErrorClass, CodesSayMoreThanTypes) {
    struct Case {
        int status;
        const char* type;
        const char* code;
        OutcomeClass cls;
    };
    const Case cases[] = {
        {429, "rate_limit_error", "contract_spend_limit_reached", OutcomeClass::spend_limit},
        {429, "rate_limit_error", "ramp_limit_exceeded", OutcomeClass::acceleration},
        {429, "insufficient_quota", "", OutcomeClass::spend_limit},
        {429, "", "insufficient_quota", OutcomeClass::spend_limit},
        {400, "invalid_request_error", "organization_on_hold", OutcomeClass::on_hold},
        {400, "invalid_request_error", "cmek_key_disabled", OutcomeClass::on_hold},
        {400, "invalid_request_error", "workspace_human_review_disabled", OutcomeClass::on_hold},
        {402, "billing_error", "linked_organization_spend_limit_reached",
         OutcomeClass::payer_limit},
        {402, "billing_error", "linked_organization_billing_unavailable",
         OutcomeClass::payer_limit},
        {402, "billing_error", "", OutcomeClass::spend_limit},
        {400, "invalid_request_error", "image_dimensions_too_large", OutcomeClass::bad_request},
        {429, "rate_limit_error", "of_tomorrow", OutcomeClass::rate_limited},
        {503, "api_error", "cmek_key_unreachable", OutcomeClass::server_error},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(classify_refusal(c.status, {c.type, c.code, "words", ""}, true), c.cls) << c.code;
    }
    EXPECT_EQ(
        classify_refusal(
            429, {"rate_limit_error", "", "Extra usage is required for long context requests.", ""},
            false),
        OutcomeClass::bad_request);
    EXPECT_TRUE(is_of_organization({"", "organization_on_hold", "", ""}));
    EXPECT_FALSE(is_of_organization({"", "cmek_key_disabled", "", ""}));
}

}  // namespace
}  // namespace weir
