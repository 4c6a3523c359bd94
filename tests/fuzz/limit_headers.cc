// Response headers, one a line: "name: value".

#include "provider/limit_headers.h"

#include "fuzz_input.h"
#include "provider/duration.h"
#include "provider/response_head.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text = weir::fuzz::text_of(data, size);
    std::vector<std::pair<std::string, std::string>> headers;
    while (!text.empty()) {
        std::string_view value = weir::fuzz::take_until(&text, '\n');
        const std::string_view name = weir::fuzz::take_until(&value, ':');
        if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
        headers.emplace_back(name, value);
    }
    const weir::ResponseHead head =
        weir::read_response_head(headers, std::int64_t{1'795'375'624} * weir::kNsPerS);
    FUZZ_CHECK(head.retry_after_ns >= -1 && head.retry_after_ns <= weir::kMaxWaitNs);
    FUZZ_CHECK(head.request_id.size() <= 128);
    for (const weir::LimitReading& reading : head.limits.of) {
        constexpr std::int64_t most = 1'000'000'000'000;
        FUZZ_CHECK(reading.limit == -1 || (reading.limit > 0 && reading.limit <= most));
        FUZZ_CHECK(reading.remaining >= -1 && reading.remaining <= most);
        FUZZ_CHECK(reading.reset_in_ns >= -1 && reading.reset_in_ns < weir::kMaxWaitNs);
        FUZZ_CHECK(reading.rounding == 1 || reading.rounding == 1000);
    }
    return 0;
}
