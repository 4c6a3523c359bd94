#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "provider/limit_headers.h"
#include "provider/structured_field.h"

namespace weir {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr std::int64_t kNow = 1'748'952'000 * kNsPerS;  // 2025-06-03 12:00:00

LimitReadings read(const Headers& headers) { return read_limit_headers(headers, kNow); }

void expect(const LimitReading& reading, std::int64_t limit, std::int64_t remaining,
            double reset_in_s, std::int64_t rounding = 1) {
    EXPECT_EQ(reading.limit, limit);
    EXPECT_EQ(reading.remaining, remaining);
    EXPECT_EQ(reading.reset_in_ns,
              reset_in_s < 0 ? -1 : static_cast<TimeNs>(reset_in_s * 1e3) * kNsPerMs);
    EXPECT_EQ(reading.rounding, rounding);
}

// The shape of a 429 that was seen in June 2025.
TEST(LimitHeaders, Anthropic) {
    const LimitReadings r = read({
        {"anthropic-ratelimit-requests-limit", "4000"},
        {"Anthropic-RateLimit-Requests-Remaining", "3999"},
        {"anthropic-ratelimit-requests-reset", "2025-06-03T12:00:01Z"},
        {"anthropic-ratelimit-input-tokens-limit", "200000"},
        {"anthropic-ratelimit-input-tokens-remaining", "0"},
        {"anthropic-ratelimit-input-tokens-reset", "2025-06-03T14:01:03.5+02:00"},
        {"anthropic-ratelimit-output-tokens-limit", "80000"},
        {"anthropic-ratelimit-output-tokens-remaining", "79000"},
        {"anthropic-ratelimit-output-tokens-reset", "2025-06-03T11:59:00Z"},
        {"anthropic-ratelimit-tokens-limit", "280000"},
        {"anthropic-ratelimit-tokens-remaining", "80000"},
        {"anthropic-ratelimit-tokens-reset", "2025-06-03T12:00:00Z"},
    });
    expect(r[LimitKind::requests], 4000, 3999, 1);
    expect(r[LimitKind::input_tokens], 200'000, 0, 63.5, 1000);
    expect(r[LimitKind::output_tokens], 80'000, 79'000, 0, 1000);  // a time that is over: full
    expect(r[LimitKind::tokens], 280'000, 80'000, 0, 1000);
    EXPECT_FALSE(r[LimitKind::day_tokens].present());
    EXPECT_EQ(r.ignored, 0u);
}

TEST(LimitHeaders, AFigureThatIsNoThousandIsExact) {
    const LimitReadings r = read({{"anthropic-ratelimit-input-tokens-remaining", "12345"},
                                  {"anthropic-ratelimit-requests-remaining", "1000"}});
    expect(r[LimitKind::input_tokens], -1, 12'345, -1, 1);
    expect(r[LimitKind::requests], -1, 1000, -1, 1);
}

TEST(LimitHeaders, ADaysTokens) {
    for (const char* name :
         {"anthropic-ratelimit-tokens-day-", "anthropic-ratelimit-tokens-per-day-",
          "anthropic-ratelimit-daily-tokens-"}) {
        const LimitReadings r = read({{name + std::string("limit"), "5000000"},
                                      {name + std::string("remaining"), "1000000"},
                                      {"anthropic-ratelimit-requests-day-limit", "1000"}});
        expect(r[LimitKind::day_tokens], 5'000'000, 1'000'000, -1, 1000);
        EXPECT_FALSE(r[LimitKind::tokens].present());
        EXPECT_FALSE(r[LimitKind::requests].present());
        EXPECT_EQ(r.ignored, 0u);
    }
}

TEST(LimitHeaders, OtherPoolsAreLeftOut) {
    const LimitReadings r = read({
        {"anthropic-priority-input-tokens-limit", "10"},
        {"anthropic-priority-input-tokens-remaining", "0"},
        {"anthropic-priority-output-tokens-limit", "10"},
        {"anthropic-ratelimit-unified-status", "allowed"},
        {"anthropic-ratelimit-unified-5h-reset", "1748959200"},
        {"anthropic-ratelimit-input-tokens-limit", "200000"},
        {"anthropic-ratelimit-input-tokens-remaining", "100000"},
    });
    expect(r[LimitKind::input_tokens], 200'000, 100'000, -1, 1000);
    EXPECT_FALSE(r[LimitKind::output_tokens].present());
    EXPECT_EQ(r.ignored, 0u);
}

TEST(LimitHeaders, AFastRequestHasItsOwn) {
    const LimitReadings r = read({
        {"anthropic-ratelimit-requests-limit", "4000"},
        {"anthropic-ratelimit-input-tokens-limit", "200000"},
        {"anthropic-ratelimit-input-tokens-remaining", "0"},
        {"anthropic-ratelimit-tokens-limit", "280000"},
        {"anthropic-ratelimit-tokens-remaining", "0"},
        {"anthropic-ratelimit-output-tokens-remaining", "0"},
        {"anthropic-fast-input-tokens-limit", "50000"},
        {"anthropic-fast-input-tokens-remaining", "49000"},
    });
    expect(r[LimitKind::input_tokens], 50'000, 49'000, -1, 1000);
    EXPECT_FALSE(r[LimitKind::tokens].present());
    EXPECT_FALSE(r[LimitKind::output_tokens].present());
    expect(r[LimitKind::requests], 4000, -1, -1);
}

TEST(LimitHeaders, PriorityTierHasAPoolBesideTheStandardLimits) {
    const LimitReadings r = read({
        {"anthropic-ratelimit-input-tokens-limit", "200000"},
        {"anthropic-ratelimit-input-tokens-remaining", "150000"},
        {"anthropic-priority-input-tokens-limit", "10000"},
        {"anthropic-priority-input-tokens-remaining", "9000"},
        {"anthropic-priority-input-tokens-reset", "2025-06-03T12:00:07Z"},
        {"anthropic-priority-output-tokens-limit", "4000"},
        {"anthropic-priority-output-tokens-remaining", "none"},
    });
    expect(r[LimitKind::input_tokens], 200'000, 150'000, -1, 1000);
    expect(r.priority.input, 10'000, 9'000, 7, 1000);
    expect(r.priority.output, 4'000, -1, -1);
    EXPECT_EQ(r.ignored, 1u);
    EXPECT_FALSE(read({{"anthropic-ratelimit-input-tokens-limit", "9"}}).priority.input.present());
}

TEST(LimitHeaders, XRateLimit) {
    const std::pair<const char*, double> resets[] = {
        {"1s", 1},
        {"6m0s", 360},
        {"12ms", 0.012},
        {"2m59.56s", 179.56},
        {"30", 30},
        {"0.5", 0.5},
        {"2025-06-03T12:00:07Z", 7},
        {"1748952010", 10},  // seconds since 1970
        {"1748951000", 0},
    };
    for (const auto& [reset, seconds] : resets) {
        const LimitReadings r = read({{"x-ratelimit-limit-requests", "60"},
                                      {"x-ratelimit-remaining-requests", "59"},
                                      {"x-ratelimit-reset-requests", reset},
                                      {"x-ratelimit-limit-tokens", "150000"},
                                      {"x-ratelimit-remaining-tokens", "149000"},
                                      {"x-ratelimit-limit-project-tokens", "1"},
                                      {"x-ratelimit-limit", "7"}});
        SCOPED_TRACE(reset);
        expect(r[LimitKind::requests], 60, 59, seconds);
        expect(r[LimitKind::tokens], 150'000, 149'000, -1);
        EXPECT_EQ(r.ignored, 0u);
    }
    const LimitReadings r = read({{"x-ratelimit-limit-tokens-minute", "60000"},
                                  {"x-ratelimit-limit-tokens-day", "1000000"},
                                  {"x-ratelimit-limit-requests-day", "14400"}});
    expect(r[LimitKind::tokens], 60'000, -1, -1);
    expect(r[LimitKind::day_tokens], 1'000'000, -1, -1);
    EXPECT_FALSE(r[LimitKind::requests].present());
}

TEST(LimitHeaders, StructuredFields) {
    LimitReadings r = read(
        {{"RateLimit-Policy", R"("default";q=100;w=60)"}, {"RateLimit", R"("default";r=50;t=30)"}});
    expect(r[LimitKind::requests], 100, 50, 30);

    // Several policies in a list or in several lines, with units and windows of their own.
    r = read({{"ratelimit-policy", R"("burst";q=10;w=1, "in";q=50000;w=60;qu="input-tokens")"},
              {"ratelimit-policy", R"("out";q=600;w=3600;qu="output-tokens";pk=:c2Vj:)"},
              {"ratelimit", R"("burst";r=3;t=1,"in";r=20000, "out";r=599)"}});
    expect(r[LimitKind::requests], 600, 3, 1);
    expect(r[LimitKind::input_tokens], 50'000, 20'000, -1);
    expect(r[LimitKind::output_tokens], 10, 599, -1);
    EXPECT_EQ(r.ignored, 0u);

    // Of two that limit the same thing the one with less left.
    r = read({{"ratelimit-policy", R"("a";q=100;w=60,"b";q=1000;w=60)"},
              {"ratelimit", R"("a";r=90,"b";r=5)"}});
    expect(r[LimitKind::requests], 1000, 5, -1);

    // A day's, and what can't be had as a rate of a minute.
    r = read(
        {{"ratelimit-policy",
          R"("day";q=1000000;w=86400;qu="tokens","d";q=10;w=86400,"c";q=5;qu="concurrent-requests")"},
         {"ratelimit", R"("day";r=9,"d";r=1,"c";r=0)"}});
    expect(r[LimitKind::day_tokens], 1'000'000, 9, -1);
    EXPECT_FALSE(r[LimitKind::requests].present());
    EXPECT_EQ(r.ignored, 0u);

    // Without a policy its name must do.
    r = read({{"ratelimit", R"("default";r=7;t=2, "input_tokens";r=8)"}});
    expect(r[LimitKind::requests], -1, 7, 2);
    expect(r[LimitKind::input_tokens], -1, 8, -1);
}

TEST(LimitHeaders, MalformedStructuredFieldsAreIgnored) {
    for (const char* value : {"\"a",
                              "\"a\";",
                              "\"a\";r=",
                              "\"a\";r=1,",
                              ",\"a\";r=1",
                              "\"a\";R=1",
                              "\"a\" \"b\"",
                              "(\"a\");r=1",
                              "limit=100, remaining=50",
                              "\"a\";r=-1",
                              "\"a\";r=1.5",
                              "\"a\";r",
                              "\"a\";r=9999999999999999",
                              "\"a\";r=\"5\"",
                              "\"\";r=5",
                              "5;r=1",
                              "\"a\x01\";r=1",
                              "\"a\\",
                              ":a",
                              "?2",
                              "%",
                              "@",
                              "\"a\";r=9999999999999"}) {
        const LimitReadings r = read({{"ratelimit", value}});
        EXPECT_FALSE(r[LimitKind::requests].present()) << value;
        EXPECT_EQ(r.ignored, 1u) << value;
    }
    for (const char* value : {"\"a\";w=60", "\"a\";q=0;w=60", "\"a\";q=5;w=0", "\"a\";q=5;w=-1",
                              "\"a\";q=-5", "\"a\";q=999999999999999;w=1"}) {
        const LimitReadings r = read({{"ratelimit-policy", value}});
        EXPECT_FALSE(r[LimitKind::requests].present()) << value;
        EXPECT_EQ(r.ignored, 1u) << value;
    }
    // A rate is not larger than any limit, however short its window.
    const LimitReadings r = read({{"ratelimit-policy", "\"a\";q=999999999999;w=1"}});
    EXPECT_EQ(r[LimitKind::requests].limit, 1'000'000'000'000);
    std::string many = "\"a\";r=1";
    for (int i = 0; i < 100; ++i) many += ", \"a\";r=1";
    EXPECT_EQ(read({{"ratelimit", many}}).ignored, 1u);
}

TEST(LimitHeaders, OldDrafts) {
    const LimitReadings r = read({{"RateLimit-Limit", "100, 100;w=60"},
                                  {"RateLimit-Remaining", "50"},
                                  {"RateLimit-Reset", "30"}});
    expect(r[LimitKind::requests], 100, 50, 30);
    EXPECT_EQ(r.ignored, 0u);
}

TEST(LimitHeaders, TheBetterFamilyWins) {
    Headers headers = {{"ratelimit-limit", "1"}};
    EXPECT_EQ(read(headers)[LimitKind::requests].limit, 1);
    headers.push_back({"ratelimit-policy", "\"a\";q=2;w=60"});
    EXPECT_EQ(read(headers)[LimitKind::requests].limit, 2);
    headers.push_back({"x-ratelimit-limit-requests", "3"});
    EXPECT_EQ(read(headers)[LimitKind::requests].limit, 3);
    headers.push_back({"anthropic-ratelimit-requests-limit", "4"});
    EXPECT_EQ(read(headers)[LimitKind::requests].limit, 4);
    EXPECT_EQ(read(headers).ignored, 0u);
}

TEST(LimitHeaders, NonsenseIsIgnoredAndCounted) {
    for (const char* part : {"limit", "remaining"}) {
        for (const char* value :
             {"", "x", "-1", "1.5", "1e3", "+1", " 1", "0x10", "1,2", "99999999999999999999999",
              "1000000000001", "\xFF", "unlimited"}) {
            const LimitReadings r =
                read({{std::string("anthropic-ratelimit-requests-") + part, value}});
            EXPECT_FALSE(r[LimitKind::requests].present()) << value;
            EXPECT_EQ(r.ignored, 1u) << value;
        }
    }
    EXPECT_EQ(read({{"anthropic-ratelimit-requests-limit", "0"}}).ignored, 1u);
    EXPECT_EQ(read({{"anthropic-ratelimit-requests-limit", "1000000000000"}}).ignored, 0u);
    for (const char* value : {"", "soon", "-5", "2025-06-03", "9999-12-31T23:59:59Z",
                              "99999999999999999999", "999999999999", "9000h"}) {
        const LimitReadings r = read({{"anthropic-ratelimit-requests-reset", value},
                                      {"anthropic-ratelimit-requests-remaining", "3"}});
        expect(r[LimitKind::requests], -1, 3, -1);
        EXPECT_EQ(r.ignored, 1u) << value;
    }
}

TEST(LimitHeaders, OfADuplicateTheFirstCounts) {
    const LimitReadings r = read({{"anthropic-ratelimit-requests-limit", "10"},
                                  {"anthropic-ratelimit-requests-limit", "20"},
                                  {"anthropic-ratelimit-requests-reset", "1s"},
                                  {"anthropic-ratelimit-requests-reset", "2s"}});
    expect(r[LimitKind::requests], 10, -1, 1);
    EXPECT_EQ(r.ignored, 2u);
}

TEST(LimitHeaders, OtherHeadersAreNothing) {
    const LimitReadings r = read({{"content-type", "application/json"},
                                  {"anthropic-ratelimit-", "1"},
                                  {"anthropic-ratelimit-requests", "1"},
                                  {"anthropic-ratelimit-sparkles-limit", "1"},
                                  {"x-ratelimit-", "1"},
                                  {"ratelimit-", "1"},
                                  {std::string(500, 'a'), "1"},
                                  {"", ""}});
    EXPECT_EQ(r.ignored, 0u);
    for (const LimitReading& reading : r.of) EXPECT_FALSE(reading.present());
}

TEST(StructuredField, Items) {
    const auto list = parse_structured_list(
        R"(  "a\"b";x=1;y=tok/en;z;x=2 ,	17 , *t;b=?1;d=@5;e=%"e";f=1.5 )");
    ASSERT_TRUE(list);
    ASSERT_EQ(list->size(), 3u);
    EXPECT_EQ((*list)[0].text, "a\"b");
    EXPECT_EQ((*list)[0].parameter("x")->integer, 2);
    EXPECT_EQ((*list)[0].parameter("y")->text, "tok/en");
    EXPECT_FALSE((*list)[0].parameter("z")->integer);
    EXPECT_EQ((*list)[0].parameter("w"), nullptr);
    EXPECT_EQ((*list)[1].integer, 17);
    EXPECT_EQ((*list)[2].text, "*t");
    ASSERT_TRUE(parse_structured_list(""));
    EXPECT_TRUE(parse_structured_list("")->empty());
}

}  // namespace
}  // namespace weir
