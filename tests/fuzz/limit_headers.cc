// Response headers, one a line: "name: value".

#include "provider/limit_headers.h"

#include <cmath>

#include "fuzz_input.h"
#include "limits/limiter.h"
#include "provider/duration.h"
#include "provider/response_head.h"

namespace {

using weir::kNsPerS;
using weir::TimeNs;

constexpr TimeNs kStart = 1'000 * kNsPerS;

// A limiter that believes what the headers say goes on: its figures are figures, and whatever fits
// at all may start at a time that can be waited for.
void drive(const weir::ResponseHead& head, bool configured) {
    weir::LimitSettings settings;
    settings.classes.resize(1);
    settings.accounts.resize(1);
    if (configured) {
        settings.classes[0].limits.requests_per_minute = 600;
        settings.classes[0].limits.input_tokens_per_minute = 100'000;
        settings.classes[0].limits.output_tokens_per_minute = 20'000;
        settings.classes[0].limits.tokens_per_day = 1'000'000;
    }
    weir::Limiter limiter(settings);
    limiter.set_wall_offset(20'000 * 86'400 * kNsPerS);
    const weir::BudgetId budget = limiter.budget(0, 0);
    const weir::Cost cost{.input_tokens = 100, .output_tokens = 50, .max_output_tokens = 200};
    TimeNs now = kStart;
    for (int i = 0; i < 4; ++i) {
        weir::Reservation reservation;
        weir::Verdict verdict = limiter.reserve(budget, cost, now, &reservation);
        if (verdict.kind == weir::Verdict::Kind::never) return;
        if (verdict.kind == weir::Verdict::Kind::not_before) {
            // At most what is waited for: the day's end, retry-after, or a refill of what it takes
            // at one unit a minute.
            FUZZ_CHECK(verdict.at > now && verdict.at - now <= weir::kMaxWaitNs * 2);
            now = verdict.at;
            verdict = limiter.reserve(budget, cost, now, &reservation);
        }
        limiter.estimate(budget, cost, now);
        if (verdict.kind != weir::Verdict::Kind::granted) continue;
        limiter.observe(reservation, head.limits, now + kNsPerS / 10);
        weir::Outcome outcome;
        outcome.cls = i == 2 ? weir::OutcomeClass::rate_limited : weir::OutcomeClass::success;
        outcome.retry_after_ns = head.retry_after_ns;
        outcome.usage.input_tokens = i == 2 ? -1 : 100;
        outcome.usage.output_tokens = i == 2 ? -1 : 60;
        now += kNsPerS / 5;
        if (i == 2) limiter.refuse(reservation, outcome, now);
        limiter.settle(reservation, outcome, now);
        std::vector<weir::Limiter::BucketView> views;
        limiter.view(now, &views);
        for (const weir::Limiter::BucketView& view : views) {
            FUZZ_CHECK(std::isfinite(view.level) && view.level >= 0);
            FUZZ_CHECK(view.limit >= 1 && view.limit <= static_cast<double>(weir::kMaxUnits));
            FUZZ_CHECK(view.level <= view.limit + 1 && view.held >= 0);
        }
        FUZZ_CHECK(limiter.headroom(budget, now) >= 0 && limiter.headroom(budget, now) <= 1);
        FUZZ_CHECK(limiter.dominant_cost(budget, cost) > 0);
    }
    FUZZ_CHECK(limiter.ignored_readings() >= head.limits.ignored);
}

}  // namespace

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
    drive(head, false);
    drive(head, true);
    return 0;
}
