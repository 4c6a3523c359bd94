#include "model/headers.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/calendar.h"

namespace weir::model {

namespace {

const Reading& reading_of(const Decision& decision, LimitKind kind) {
    return decision.readings[index_of(kind)];
}

// The header that names no direction: what input and output together may take.
Reading tokens_together(const Decision& decision) {
    const Reading& input = reading_of(decision, LimitKind::input_tokens);
    const Reading& output = reading_of(decision, LimitKind::output_tokens);
    if (input.limit < 0) return output;
    if (output.limit < 0) return input;
    return {input.limit + output.limit, input.remaining + output.remaining,
            std::max(input.reset_in_ns, output.reset_in_ns)};
}

std::string date_after(const Config& config, TimeNs now, TimeNs in_ns) {
    return rfc3339(unix_seconds_up(config.unix_at_zero_ns + now + in_ns));
}

void append_anthropic(const Config& config, const char* name, const Reading& reading, TimeNs now,
                      Headers* headers) {
    if (reading.limit < 0) return;
    const std::string prefix = fmt::format("anthropic-ratelimit-{}-", name);
    headers->emplace_back(prefix + "limit", fmt::to_string(reading.limit));
    headers->emplace_back(prefix + "remaining", fmt::to_string(reading.remaining));
    headers->emplace_back(prefix + "reset", date_after(config, now, reading.reset_in_ns));
}

void append_x_ratelimit(const Config& config, const char* name, const Reading& reading, TimeNs now,
                        Headers* headers) {
    if (reading.limit < 0) return;
    const std::string reset = config.headers == HeaderFamily::x_ratelimit_date
                                  ? date_after(config, now, reading.reset_in_ns)
                                  : go_duration(reading.reset_in_ns);
    headers->emplace_back(fmt::format("x-ratelimit-limit-{}", name), fmt::to_string(reading.limit));
    headers->emplace_back(fmt::format("x-ratelimit-remaining-{}", name),
                          fmt::to_string(reading.remaining));
    headers->emplace_back(fmt::format("x-ratelimit-reset-{}", name), reset);
}

void append_ietf(const Decision& decision, Headers* headers) {
    std::string policy;
    std::string state;
    for (std::size_t i = 0; i < kLimitKinds; ++i) {
        const Reading& reading = decision.readings[i];
        if (reading.limit < 0) continue;
        const LimitKind kind = limit_kind_at(i);
        const char* separator = policy.empty() ? "" : ", ";
        policy += fmt::format("{}\"{}\";q={};w={}", separator, limit_kind_name(kind), reading.limit,
                              kind == LimitKind::day_tokens ? 86'400 : 60);
        state += fmt::format("{}\"{}\";r={};t={}", separator, limit_kind_name(kind),
                             reading.remaining, unix_seconds_up(reading.reset_in_ns));
    }
    if (policy.empty()) return;
    headers->emplace_back("ratelimit-policy", policy);
    headers->emplace_back("ratelimit", state);
}

}  // namespace

void append_limit_headers(const Config& config, const Decision& decision, TimeNs now,
                          Headers* headers) {
    const Reading& requests = reading_of(decision, LimitKind::requests);
    switch (config.headers) {
        case HeaderFamily::none:
            return;
        case HeaderFamily::anthropic:
            append_anthropic(config, "requests", requests, now, headers);
            append_anthropic(config, "input-tokens", reading_of(decision, LimitKind::input_tokens),
                             now, headers);
            append_anthropic(config, "output-tokens",
                             reading_of(decision, LimitKind::output_tokens), now, headers);
            append_anthropic(config, "tokens", tokens_together(decision), now, headers);
            return;
        case HeaderFamily::x_ratelimit_date:
        case HeaderFamily::x_ratelimit_duration:
            append_x_ratelimit(config, "requests", requests, now, headers);
            append_x_ratelimit(config, "tokens", tokens_together(decision), now, headers);
            return;
        case HeaderFamily::ietf:
            append_ietf(decision, headers);
            return;
    }
}

void append_retry_headers(const Config& config, const Decision& decision, TimeNs now,
                          Headers* headers) {
    const bool refused = decision.status == 429;
    if (config.should_retry_header && refused) {
        const bool worth_it = decision.reason != RefusalReason::spend_cap;
        headers->emplace_back("x-should-retry", worth_it ? "true" : "false");
    }
    if (decision.wait_ns < 0) return;
    switch (decision.retry_after_style) {
        case RetryAfterStyle::missing:
            return;
        case RetryAfterStyle::negative:
            headers->emplace_back("retry-after", "-5");
            return;
        case RetryAfterStyle::nonsense:
            headers->emplace_back("retry-after", "in a while");
            return;
        case RetryAfterStyle::milliseconds:
            headers->emplace_back("retry-after-ms",
                                  fmt::to_string(decision.retry_after_ns / kNsPerMs));
            return;
        case RetryAfterStyle::http_date: {
            const std::int64_t at = config.unix_at_zero_ns + now + decision.retry_after_ns;
            headers->emplace_back("retry-after", http_date(unix_seconds_up(at)));
            return;
        }
        case RetryAfterStyle::right:
        case RetryAfterStyle::too_short:
        case RetryAfterStyle::too_long:
            headers->emplace_back("retry-after", fmt::to_string(decision.retry_after_ns / kNsPerS));
            return;
    }
}

}  // namespace weir::model
