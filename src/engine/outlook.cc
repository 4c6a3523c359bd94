#include "engine/outlook.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/failure.h"
#include "weir/weir.h"

namespace weir {
namespace {

struct Limit {
    std::int64_t needs;
    std::int64_t holds;
    const char* what;
    const char* of;
    const char* remedy;
};

}  // namespace

void Outlook::publish(std::uint16_t model_class, const ClassOutlook& outlook) noexcept {
    constexpr auto kRelaxed = std::memory_order_relaxed;
    Row& row = rows_[model_class];
    const auto most = [](std::int64_t limit) { return limit < 0 ? INT64_MAX : limit; };
    row.input.store(most(outlook.input), kRelaxed);
    row.output.store(most(outlook.output), kRelaxed);
    row.tokens.store(most(outlook.tokens), kRelaxed);
    row.day_tokens.store(most(outlook.day_tokens), kRelaxed);
    row.reserves_output.store(outlook.reserves_output, kRelaxed);
    for (std::size_t priority = 0; priority < kPriorities; ++priority) {
        const ClassOutlook::Level& level = outlook.levels[priority];
        const auto behind = static_cast<std::uint64_t>(level.not_before_behind) >> kBehindBits;
        row.levels[priority].not_before.store(level.not_before, kRelaxed);
        row.levels[priority].tenant.store(level.tenant, kRelaxed);
        row.levels[priority].behind.store(std::min<std::uint64_t>(behind, UINT32_MAX) << 32 |
                                              static_cast<std::uint32_t>(level.tenant),
                                          kRelaxed);
    }
    row.known.store(true, std::memory_order_release);
}

// The figures may have changed since they were looked at; then nothing is refused.
void Outlook::refuse(const Row& row, std::string_view class_name, const Asked& asked,
                     const Units& units) {
    const std::int64_t both = units.input + units.output;
    const Limit limits[] = {
        {units.input, load(row.input), "input tokens", "a minute", "send less at once"},
        {units.output, load(row.output), "output tokens", "a minute", "lower max_tokens"},
        {both, load(row.tokens), "tokens", "a minute", "send less at once"},
        {both, load(row.day_tokens), "tokens", "a day", "send less at once"},
    };
    for (const Limit& limit : limits) {
        if (limit.needs <= limit.holds) continue;
        throw Failure(
            WEIR_ERR_NEVER_FITS, ErrorSource::local,
            fmt::format("the request needs {} {}, and no account's limit of {} is above "
                        "{} {}: {}, or have the limit raised",
                        limit.needs, limit.what, class_name, limit.holds, limit.of, limit.remedy));
    }
    const TimeNs not_before_at = not_before(row, asked);
    if (not_before_at <= asked.deadline_at) return;
    const TimeNs wait_ms = (not_before_at - asked.submitted_at) / kNsPerMs;
    const TimeNs left_ms = (asked.deadline_at - asked.submitted_at) / kNsPerMs;
    throw Failure(WEIR_ERR_TOO_LATE, ErrorSource::local,
                  fmt::format("the deadline is {} ms away, and the request could not start before "
                              "{} ms, after what waits for {}: give it more time or a higher "
                              "priority",
                              left_ms, wait_ms, class_name),
                  wait_ms);
}

}  // namespace weir
