#include "provider/rfc3339.h"

#include "provider/civil_time.h"
#include "provider/text_scanner.h"

namespace weir {
namespace {

bool date(TextScanner& in, CivilTime* out) {
    const auto year = in.digits(4);
    if (!year || !in.literal('-')) return false;
    const auto month = in.digits(2);
    if (!month || !in.literal('-')) return false;
    const auto day = in.digits(2);
    if (!day) return false;
    out->year = *year;
    out->month = *month;
    out->day = *day;
    return true;
}

bool hours_and_minutes(TextScanner& in, int* hour, int* minute) {
    const auto h = in.digits(2);
    if (!h || !in.literal(':')) return false;
    const auto m = in.digits(2);
    if (!m) return false;
    *hour = *h;
    *minute = *m;
    return *h <= 23 && *m <= 59;
}

bool fraction(TextScanner& in, int* nanosecond) {
    const std::string_view digits = in.take_while(TextScanner::is_digit);
    if (digits.empty()) return false;
    int value = 0;
    for (std::size_t i = 0; i < 9; ++i) {
        value = value * 10 + (i < digits.size() ? digits[i] - '0' : 0);
    }
    *nanosecond = value;
    return true;
}

bool offset(TextScanner& in, int* minutes) {
    if (in.literal('Z') || in.literal('z')) return true;
    const bool west = in.literal('-');
    if (!west && !in.literal('+')) return false;
    int hour = 0;
    int minute = 0;
    if (!hours_and_minutes(in, &hour, &minute)) return false;
    *minutes = (west ? -1 : 1) * (hour * 60 + minute);
    return true;
}

}  // namespace

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
    TextScanner in(text);
    CivilTime time;
    if (!date(in, &time)) return std::nullopt;
    if (!in.literal('T') && !in.literal('t') && !in.literal(' ')) return std::nullopt;
    if (!hours_and_minutes(in, &time.hour, &time.minute) || !in.literal(':')) return std::nullopt;
    const auto second = in.digits(2);
    if (!second) return std::nullopt;
    time.second = *second;
    if (in.literal('.') && !fraction(in, &time.nanosecond)) return std::nullopt;
    if (!offset(in, &time.offset_minutes) || !in.done()) return std::nullopt;
    return to_unix_ns(time);
}

}  // namespace weir
