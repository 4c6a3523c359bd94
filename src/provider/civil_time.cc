#include "provider/civil_time.h"

#include <array>
#include <limits>

namespace weir {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::int64_t kSecondsPerDay = 86'400;

bool leap_year(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int days_in_month(int year, int month) {
    constexpr std::array<int, 12> days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && leap_year(year) ? 29 : days[static_cast<std::size_t>(month - 1)];
}

// Days since 1970 in the Gregorian calendar. The year is taken to begin in March, which puts the
// leap day at its end.
std::int64_t days_since_1970(int year, int month, int day) {
    const std::int64_t y = month <= 2 ? year - 1 : year;
    const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
    const std::int64_t year_of_era = y - era * 400;
    const std::int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719'468;
}

}  // namespace

std::optional<std::int64_t> to_unix_ns(const CivilTime& time) {
    if (time.year < 0 || time.year > 9999 || time.month < 1 || time.month > 12 || time.day < 1 ||
        time.day > days_in_month(time.year, time.month) || time.hour < 0 || time.hour > 23 ||
        time.minute < 0 || time.minute > 59 || time.second < 0 || time.second > 60 ||
        time.nanosecond < 0 || time.nanosecond >= kNsPerSecond || time.offset_minutes < -1439 ||
        time.offset_minutes > 1439) {
        return std::nullopt;
    }
    const std::int64_t seconds = days_since_1970(time.year, time.month, time.day) * kSecondsPerDay +
                                 time.hour * 3600 + (time.minute - time.offset_minutes) * 60 +
                                 time.second;
    if (seconds < 0) return 0;
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    if (seconds >= most / kNsPerSecond) return most;
    return seconds * kNsPerSecond + time.nanosecond;
}

int year_of(std::int64_t unix_ns) {
    // The inverse of days_since_1970, for the year alone.
    const std::int64_t days = unix_ns / kNsPerSecond / kSecondsPerDay + 719'468;
    const std::int64_t era = days / 146'097;
    const std::int64_t day_of_era = days - era * 146'097;
    const std::int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
    const std::int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const bool january_or_february = day_of_year >= 306;
    return static_cast<int>(year_of_era + era * 400 + (january_or_february ? 1 : 0));
}

}  // namespace weir
