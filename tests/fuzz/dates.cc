// Dates, times and durations.

#include <algorithm>

#include "fuzz_input.h"
#include "provider/duration.h"
#include "provider/http_date.h"
#include "provider/rfc3339.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // The first byte moves the clock, which the century of RFC 850 dates hangs on.
    if (size == 0) return 0;
    const std::int64_t now = std::int64_t{data[0]} * 36'000'000 * weir::kNsPerS;
    const std::string_view text = weir::fuzz::text_of(data + 1, size - 1);
    for (const auto time : {weir::parse_http_date(text, now), weir::parse_rfc3339(text)}) {
        FUZZ_CHECK(!time || *time >= 0);
    }
    for (const auto wait :
         {weir::parse_seconds(text), weir::parse_milliseconds(text), weir::parse_duration(text)}) {
        FUZZ_CHECK(!wait || (*wait >= 0 && *wait <= weir::kMaxWaitNs));
    }
    return 0;
}
