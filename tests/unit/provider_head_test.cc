#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "provider/duration.h"
#include "provider/response_head.h"

namespace weir {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr std::int64_t kNow = 784'111'777 * kNsPerS;  // Sun, 06 Nov 1994 08:49:37 GMT

TEST(ResponseHead, RetryAfter) {
    const std::pair<const char*, TimeNs> cases[] = {
        {"20", 20 * kNsPerS},
        {"0", -1},
        {"1.5", 1500 * kNsPerMs},
        {"86400", 86'400 * kNsPerS},
        {"-5", -1},
        {"99999999999999999999", kMaxWaitNs},
        {"Sun, 06 Nov 1994 08:49:57 GMT", 20 * kNsPerS},
        {"Sunday, 06-Nov-94 08:50:37 GMT", 60 * kNsPerS},
        {"Sun Nov  6 09:49:37 1994", 3600 * kNsPerS},
        {"Sun, 06 Nov 1994 08:49:36 GMT", -1},
        {"Fri, 31 Dec 9999 23:59:59 GMT", kMaxWaitNs},
        {"", -1},
        {"soon", -1},
        {"1s", -1},
        {"-", -1},
        {"0x10", -1},
        {"1e9", -1},
        {"NaN", -1},
    };
    for (const auto& [value, wait_ns] : cases) {
        EXPECT_EQ(read_response_head({{"Retry-After", value}}, kNow).retry_after_ns, wait_ns)
            << value;
    }
    EXPECT_EQ(read_response_head({}, kNow).retry_after_ns, -1);
}

TEST(ResponseHead, ADateIsReadAgainstTheResponsesOwn) {
    // The local clock is an hour ahead of the server's.
    const Headers headers = {{"Date", "Sun, 06 Nov 1994 07:49:37 GMT"},
                             {"Retry-After", "Sun, 06 Nov 1994 07:49:47 GMT"},
                             {"anthropic-ratelimit-requests-remaining", "1"},
                             {"anthropic-ratelimit-requests-reset", "1994-11-06T07:49:40Z"}};
    const ResponseHead head = read_response_head(headers, kNow);
    EXPECT_EQ(head.retry_after_ns, 10 * kNsPerS);
    EXPECT_EQ(head.limits[LimitKind::requests].reset_in_ns, 3 * kNsPerS);
    const ResponseHead bad_date = read_response_head(
        {{"Date", "today"}, {"Retry-After", "Sun, 06 Nov 1994 08:49:47 GMT"}}, kNow);
    EXPECT_EQ(bad_date.retry_after_ns, 10 * kNsPerS);
}

TEST(ResponseHead, Milliseconds) {
    EXPECT_EQ(read_response_head({{"retry-after-ms", "1500"}}, kNow).retry_after_ns,
              1500 * kNsPerMs);
    // The finer figure, wherever it stands; nonsense in it leaves the other one.
    EXPECT_EQ(
        read_response_head({{"retry-after-ms", "1500"}, {"retry-after", "2"}}, kNow).retry_after_ns,
        1500 * kNsPerMs);
    EXPECT_EQ(
        read_response_head({{"retry-after", "2"}, {"retry-after-ms", "x"}}, kNow).retry_after_ns,
        2 * kNsPerS);
    EXPECT_EQ(read_response_head(
                  {{"retry-after", "2"}, {"retry-after", "30"}, {"retry-after", "1"}}, kNow)
                  .retry_after_ns,
              30 * kNsPerS);
}

TEST(ResponseHead, ShouldRetry) {
    EXPECT_EQ(read_response_head({}, kNow).should_retry, -1);
    EXPECT_EQ(read_response_head({{"x-should-retry", "true"}}, kNow).should_retry, 1);
    EXPECT_EQ(read_response_head({{"X-Should-Retry", "False"}}, kNow).should_retry, 0);
    EXPECT_EQ(read_response_head({{"x-should-retry", "maybe"}}, kNow).should_retry, -1);
    EXPECT_EQ(read_response_head({{"x-should-retry", "1"}}, kNow).should_retry, -1);
}

TEST(ResponseHead, RequestId) {
    EXPECT_EQ(read_response_head({{"x-request-id", "b"}, {"Request-Id", "req_1"}}, kNow).request_id,
              "req_1");
    EXPECT_EQ(read_response_head({{"x-request-id", "b"}}, kNow).request_id, "b");
    EXPECT_EQ(read_response_head({{"request-id", std::string(1000, 'x')}}, kNow).request_id.size(),
              128u);
    EXPECT_EQ(read_response_head({{"request-id", "a\x1b[0m"}}, kNow).request_id, "a [0m");
}

TEST(ResponseHead, MediaType) {
    EXPECT_EQ(
        read_response_head({{"Content-Type", "Text/Event-Stream; charset=utf-8"}}, kNow).media_type,
        "text/event-stream");
    EXPECT_EQ(read_response_head({{"Content-Type", "application/json ;x"}}, kNow).media_type,
              "application/json");
    EXPECT_EQ(read_response_head({}, kNow).media_type, "");
}

}  // namespace
}  // namespace weir
