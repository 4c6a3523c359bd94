#include "provider/duration.h"

#include <algorithm>
#include <cstdint>

#include "provider/text_scanner.h"

namespace weir {
namespace {

// A decimal number in billionths, its whole part cut at what no wait needs.
struct Decimal {
    std::int64_t whole = 0;
    std::int64_t billionths = 0;
};

constexpr std::int64_t kMostWhole = 1'000'000'000'000;

std::optional<Decimal> decimal(TextScanner& in) {
    const std::string_view whole = in.take_while(TextScanner::is_digit);
    if (whole.empty()) return std::nullopt;
    Decimal value;
    for (const char c : whole) value.whole = std::min(value.whole * 10 + (c - '0'), kMostWhole);
    if (in.literal('.')) {
        const std::string_view part = in.take_while(TextScanner::is_digit);
        if (part.empty()) return std::nullopt;
        for (std::size_t i = 0; i < 9; ++i) {
            value.billionths = value.billionths * 10 + (i < part.size() ? part[i] - '0' : 0);
        }
    }
    return value;
}

TimeNs in_unit(const Decimal& value, TimeNs unit_ns) {
    if (value.whole >= kMaxWaitNs / unit_ns) return kMaxWaitNs;
    // The unit is a whole number of microseconds, and an hour's billionths of them fit.
    const TimeNs part = value.billionths * (unit_ns / kNsPerUs) / (kNsPerS / kNsPerUs);
    return value.whole * unit_ns + part;
}

std::optional<TimeNs> plain(std::string_view text, TimeNs unit_ns) {
    TextScanner in(text);
    const auto value = decimal(in);
    if (!value || !in.done()) return std::nullopt;
    return in_unit(*value, unit_ns);
}

std::optional<TimeNs> unit(TextScanner& in) {
    if (in.literal("ms")) return kNsPerMs;
    if (in.literal('s')) return kNsPerS;
    if (in.literal('m')) return 60 * kNsPerS;
    if (in.literal('h')) return 3600 * kNsPerS;
    return std::nullopt;
}

}  // namespace

std::optional<TimeNs> parse_seconds(std::string_view text) { return plain(text, kNsPerS); }

std::optional<TimeNs> parse_milliseconds(std::string_view text) { return plain(text, kNsPerMs); }

std::optional<TimeNs> parse_duration(std::string_view text) {
    if (const auto seconds = parse_seconds(text)) return seconds;
    TextScanner in(text);
    TimeNs total = 0;
    do {
        const auto value = decimal(in);
        if (!value) return std::nullopt;
        const auto unit_ns = unit(in);
        if (!unit_ns) return std::nullopt;
        total = std::min(total + in_unit(*value, *unit_ns), kMaxWaitNs);
    } while (!in.done());
    return total;
}

}  // namespace weir
