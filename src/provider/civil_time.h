#pragma once

#include <cstdint>
#include <optional>

namespace weir {

// A moment as calendars write it.
struct CivilTime {
    int year = 0;
    int month = 0;  // 1 to 12
    int day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;  // 60 in a leap second, which counts as the next second
    int nanosecond = 0;
    int offset_minutes = 0;  // east of Greenwich
};

// Nanoseconds since 1970, or nothing if there is no such moment. What lies outside the years that
// fit becomes the first or the last of them, so that the difference of two results never overflows.
std::optional<std::int64_t> to_unix_ns(const CivilTime& time);

// The year of a moment, which is to be zero or more.
int year_of(std::int64_t unix_ns);

}  // namespace weir
