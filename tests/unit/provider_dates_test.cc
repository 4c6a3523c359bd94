#include <gtest/gtest.h>

#include <limits>

#include "provider/civil_time.h"
#include "provider/duration.h"
#include "provider/http_date.h"
#include "provider/rfc3339.h"

namespace weir {
namespace {

constexpr std::int64_t kS = 1'000'000'000;
constexpr std::int64_t kNow = 1'795'375'624 * kS;  // 2026-11-22 19:27:04

struct DateCase {
    const char* text;
    std::int64_t unix_s;  // -1: none
};

TEST(HttpDate, AllThreeForms) {
    const DateCase cases[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784'111'777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784'111'777},
        {"Sun Nov  6 08:49:37 1994", 784'111'777},
        {"Sun Nov 16 08:49:37 1994", 784'975'777},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Thu, 29 Feb 2024 23:59:60 GMT", 1'709'251'200},
        {"Wed, 31 Dec 2025 23:59:59 GMT", 1'767'225'599},
        {"Tuesday, 01-Jan-30 00:00:00 GMT", 1'893'456'000},
        {"Friday, 01-Jan-76 00:00:00 GMT", 3'345'062'400},  // 50 years ahead
        {"Saturday, 01-Jan-77 00:00:00 GMT", 220'924'800},  // 51 years ahead: the century before
    };
    for (const DateCase& c : cases) {
        const auto time = parse_http_date(c.text, kNow);
        ASSERT_TRUE(time) << c.text;
        EXPECT_EQ(*time, c.unix_s * kS) << c.text;
    }
}

TEST(HttpDate, Nonsense) {
    for (const char* text : {"",
                             "Sun",
                             "Sun,",
                             "Sun, 06 Nov 1994 08:49:37",
                             "Sun, 06 Nov 1994 08:49:37 UTC",
                             "Sun, 06 Nov 1994 08:49:37 GMT ",
                             "Sun, 6 Nov 1994 08:49:37 GMT",
                             "Sun, 06 nov 1994 08:49:37 GMT",
                             "Sun, 31 Feb 1994 08:49:37 GMT",
                             "Wed, 29 Feb 2023 00:00:00 GMT",
                             "Sun, 06 Nov 1994 24:00:00 GMT",
                             "Sun, 06 Nov 1994 08:60:00 GMT",
                             "Sun, 06 Nov 1994 08:49:61 GMT",
                             "Sun, 00 Nov 1994 08:49:37 GMT",
                             "Sun, 06-Nov-1994 08:49:37 GMT",
                             "Sun, 06-Nov 94 08:49:37 GMT",
                             "Sun Nov 6 08:49:37 1994",
                             "Sun Nov  6 08:49:37 94",
                             "06 Nov 1994 08:49:37 GMT",
                             "1994-11-06T08:49:37Z",
                             "120",
                             "-1",
                             "Sun, 06 Nov 99999 08:49:37 GMT",
                             "Sun, 06 Nov -994 08:49:37 GMT"}) {
        EXPECT_FALSE(parse_http_date(text, kNow)) << text;
    }
}

TEST(HttpDate, NoYearOverflows) {
    EXPECT_EQ(*parse_http_date("Fri, 31 Dec 9999 23:59:59 GMT", kNow),
              std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(*parse_http_date("Mon, 01 Jan 0001 00:00:00 GMT", kNow), 0);
    EXPECT_TRUE(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", -1));
    EXPECT_TRUE(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT",
                                std::numeric_limits<std::int64_t>::max()));
}

TEST(Rfc3339, OffsetsAndFractions) {
    const std::pair<const char*, std::int64_t> cases[] = {
        {"2026-11-22T19:27:04Z", kNow},
        {"2026-11-22t19:27:04z", kNow},
        {"2026-11-22 19:27:04Z", kNow},
        {"2026-11-22T20:27:04+01:00", kNow},
        {"2026-11-23T01:12:04+05:45", kNow},
        {"2026-11-22T12:27:04-07:00", kNow},
        {"2026-11-22T19:27:04.5Z", kNow + kS / 2},
        {"2026-11-22T19:27:04.000001Z", kNow + 1000},
        {"2026-11-22T19:27:04.1234567899999Z", kNow + 123'456'789},
        {"2026-11-22T19:27:04.25-00:00", kNow + kS / 4},
        {"1969-12-31T23:59:59Z", 0},
        {"9999-12-31T23:59:59Z", std::numeric_limits<std::int64_t>::max()},
    };
    for (const auto& [text, unix_ns] : cases) {
        const auto time = parse_rfc3339(text);
        ASSERT_TRUE(time) << text;
        EXPECT_EQ(*time, unix_ns) << text;
    }
}

TEST(Rfc3339, Nonsense) {
    for (const char* text :
         {"", "2026", "2026-11-22", "2026-11-22T19:27Z", "2026-11-22T19:27:04",
          "2026-11-22T19:27:04.Z", "2026-11-22T19:27:04+0100", "2026-11-22T19:27:04+24:00",
          "2026-11-22T19:27:04+01:60", "2026-13-22T19:27:04Z", "2026-00-22T19:27:04Z",
          "2026-11-31T19:27:04Z", "2026-11-22T24:27:04Z", "2026-11-22T19:27:04ZZ",
          "2026-11-22X19:27:04Z", "+2026-11-22T19:27:04Z", "2026-11-2 T19:27:04Z",
          "26-11-22T19:27:04Z", "2026-11-22T19:27:04 Z"}) {
        EXPECT_FALSE(parse_rfc3339(text)) << text;
    }
}

TEST(CivilTime, YearsAreTheInverse) {
    for (int year = 1970; year <= 2261; ++year) {
        CivilTime first;
        first.year = year;
        first.month = 1;
        first.day = 1;
        CivilTime last = first;
        last.month = 12;
        last.day = 31;
        EXPECT_EQ(year_of(*to_unix_ns(first)), year);
        EXPECT_EQ(year_of(*to_unix_ns(last)), year);
    }
}

TEST(Duration, Forms) {
    const std::pair<const char*, TimeNs> cases[] = {
        {"1s", kS},
        {"6m0s", 360 * kS},
        {"12ms", 12 * kNsPerMs},
        {"2m59.56s", 179 * kS + 560 * kNsPerMs},
        {"7.66s", 7 * kS + 660 * kNsPerMs},
        {"1h2m3s4ms", 3723 * kS + 4 * kNsPerMs},
        {"1.5h", 5400 * kS},
        {"0.25ms", 250 * kNsPerUs},
        {"0s", 0},
        {"20", 20 * kS},
        {"0.5", kS / 2},
        {"0.0000000019", 1},
        {"999999999999999999999999h", kMaxWaitNs},
        {"8784h1s", kMaxWaitNs},
        {"99999999999999999999", kMaxWaitNs},
    };
    for (const auto& [text, ns] : cases) {
        const auto duration = parse_duration(text);
        ASSERT_TRUE(duration) << text;
        EXPECT_EQ(*duration, ns) << text;
    }
}

TEST(Duration, Nonsense) {
    for (const char* text : {"", "s", "-1s", "1x", "1 s", "1s ", ".5s", "1.s", "1e3s", "+1s", "1s2",
                             "ms", "1m-1s", "0x10s"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
    for (const char* text : {"", "-1", "1s", " 1", "1 ", "1e3", "inf", "nan", "1.", ".1"}) {
        EXPECT_FALSE(parse_seconds(text)) << text;
    }
    EXPECT_EQ(*parse_milliseconds("1500"), 1500 * kNsPerMs);
    EXPECT_EQ(*parse_milliseconds("0.5"), 500 * kNsPerUs);
}

}  // namespace
}  // namespace weir
