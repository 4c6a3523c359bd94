#include "provider/response_head.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "provider/clean_text.h"
#include "provider/duration.h"
#include "provider/header_name.h"
#include "provider/http_date.h"
#include "provider/limit_headers.h"

namespace weir {
namespace {

constexpr std::size_t kMaxRequestId = 128;

bool same_word(std::string_view a, std::string_view b) {
    return a.size() == b.size() && HeaderName(a).lower() == HeaderName(b).lower();
}

// The time that a response was made at.
std::int64_t response_time(const std::vector<std::pair<std::string, std::string>>& headers,
                           std::int64_t unix_ns) {
    for (const auto& [name, value] : headers) {
        if (!same_word(name, "date")) continue;
        if (const auto time = parse_http_date(value, unix_ns)) return *time;
    }
    return std::max<std::int64_t>(unix_ns, 0);
}

// A negative wait, in either form, is none. A date beyond what is ever waited becomes the longest
// wait rather than nothing: what a server asks for is not to be undercut.
std::optional<TimeNs> retry_after(std::string_view value, std::int64_t now_unix_ns) {
    if (const auto wait = parse_seconds(value)) return wait;
    if (!value.empty() && value.front() == '-' && parse_seconds(value.substr(1))) return 0;
    const auto time = parse_http_date(value, now_unix_ns);
    if (!time) return std::nullopt;
    return std::clamp<TimeNs>(*time - now_unix_ns, 0, kMaxWaitNs);
}

std::string media_type(std::string_view value) {
    value = value.substr(0, value.find(';'));
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    return std::string(HeaderName(value).lower());
}

}  // namespace

ResponseHead read_response_head(const std::vector<std::pair<std::string, std::string>>& headers,
                                std::int64_t unix_ns) {
    const std::int64_t now_unix_ns = response_time(headers, unix_ns);
    ResponseHead head;
    TimeNs exact_wait_ns = -1;
    std::string second_id;
    for (const auto& [raw_name, value] : headers) {
        const HeaderName lowered(raw_name);
        const std::string_view name = lowered.lower();
        if (name == "retry-after") {
            // Of several the longest counts.
            const auto wait = retry_after(value, now_unix_ns);
            head.retry_after_ns = std::max(head.retry_after_ns, wait.value_or(-1));
        } else if (name == "retry-after-ms") {
            exact_wait_ns = std::max(exact_wait_ns, parse_milliseconds(value).value_or(-1));
        } else if (name == "x-should-retry") {
            if (same_word(value, "true")) head.should_retry = 1;
            if (same_word(value, "false")) head.should_retry = 0;
        } else if (name == "request-id") {
            if (head.request_id.empty()) head.request_id = clean_text(value, kMaxRequestId);
        } else if (name == "x-request-id") {
            if (second_id.empty()) second_id = clean_text(value, kMaxRequestId);
        } else if (name == "content-type") {
            head.media_type = media_type(value);
        }
    }
    if (exact_wait_ns >= 0) head.retry_after_ns = exact_wait_ns;
    // No wait, or one that is over, is no floor: the backoff with its jitter holds.
    if (head.retry_after_ns == 0) head.retry_after_ns = -1;
    if (head.request_id.empty()) head.request_id = std::move(second_id);
    head.limits = read_limit_headers(headers, now_unix_ns);
    return head;
}

}  // namespace weir
