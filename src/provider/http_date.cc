#include "provider/http_date.h"

#include <array>

#include "provider/civil_time.h"
#include "provider/text_scanner.h"

namespace weir {
namespace {

std::optional<int> month(TextScanner& in) {
    constexpr std::array<std::string_view, 12> names{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (in.literal(names[i])) return static_cast<int>(i) + 1;
    }
    return std::nullopt;
}

bool time_of_day(TextScanner& in, CivilTime* out) {
    const auto hour = in.digits(2);
    if (!hour || !in.literal(':')) return false;
    const auto minute = in.digits(2);
    if (!minute || !in.literal(':')) return false;
    const auto second = in.digits(2);
    if (!second) return false;
    out->hour = *hour;
    out->minute = *minute;
    out->second = *second;
    return true;
}

// What follows the comma of the two forms that have one.
bool dated(TextScanner& in, std::int64_t now_unix_ns, CivilTime* out) {
    if (!in.literal(' ')) return false;
    const auto day = in.digits(2);
    const bool dashes = in.peek() == '-';
    const char separator = dashes ? '-' : ' ';
    if (!day || !in.literal(separator)) return false;
    const auto month_number = month(in);
    if (!month_number || !in.literal(separator)) return false;
    const auto year = in.digits(dashes ? 2 : 4);
    if (!year || !in.literal(' ') || !time_of_day(in, out) || !in.literal(" GMT")) return false;
    out->day = *day;
    out->month = *month_number;
    out->year = *year;
    if (dashes) {
        const int this_year = year_of(now_unix_ns < 0 ? 0 : now_unix_ns);
        out->year += this_year - this_year % 100;
        if (out->year > this_year + 50) out->year -= 100;
    }
    return true;
}

bool asctime(TextScanner& in, CivilTime* out) {
    const auto month_number = month(in);
    if (!month_number || !in.literal(' ')) return false;
    const auto day = in.literal(' ') ? in.digits(1) : in.digits(2);
    if (!day || !in.literal(' ') || !time_of_day(in, out) || !in.literal(' ')) return false;
    const auto year = in.digits(4);
    if (!year) return false;
    out->month = *month_number;
    out->day = *day;
    out->year = *year;
    return true;
}

}  // namespace

std::optional<std::int64_t> parse_http_date(std::string_view text, std::int64_t now_unix_ns) {
    TextScanner in(text);
    const std::string_view weekday = in.take_while(TextScanner::is_letter);
    if (weekday.size() < 3) return std::nullopt;
    CivilTime time;
    const bool read =
        in.literal(',') ? dated(in, now_unix_ns, &time) : in.literal(' ') && asctime(in, &time);
    if (!read || !in.done()) return std::nullopt;
    return to_unix_ns(time);
}

}  // namespace weir
