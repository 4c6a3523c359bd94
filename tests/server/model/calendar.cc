#include "model/calendar.h"

#include <fmt/format.h>

#include <array>
#include <chrono>

namespace weir::model {

namespace {

struct Civil {
    std::chrono::year_month_day date;
    std::chrono::weekday weekday;
    std::chrono::hh_mm_ss<std::chrono::seconds> time;
};

Civil civil(std::int64_t unix_s) {
    using namespace std::chrono;
    const sys_seconds at{seconds{unix_s}};
    const sys_days day = floor<days>(at);
    return {year_month_day{day}, weekday{day}, hh_mm_ss<seconds>{at - day}};
}

}  // namespace

std::string rfc3339(std::int64_t unix_s) {
    const Civil at = civil(unix_s);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(at.date.year()),
                       static_cast<unsigned>(at.date.month()), static_cast<unsigned>(at.date.day()),
                       at.time.hours().count(), at.time.minutes().count(),
                       at.time.seconds().count());
}

std::string http_date(std::int64_t unix_s) {
    constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const Civil at = civil(unix_s);
    return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", days[at.weekday.c_encoding()],
                       static_cast<unsigned>(at.date.day()),
                       months[static_cast<unsigned>(at.date.month()) - 1],
                       static_cast<int>(at.date.year()), at.time.hours().count(),
                       at.time.minutes().count(), at.time.seconds().count());
}

std::string go_duration(TimeNs ns) {
    const std::int64_t ms = (ns + kNsPerMs - 1) / kNsPerMs;
    if (ms < 1000) return ms == 0 ? "0s" : fmt::format("{}ms", ms);
    std::string text;
    const std::int64_t hours = ms / 3'600'000;
    const std::int64_t minutes = ms / 60'000 % 60;
    if (hours > 0) text += fmt::format("{}h", hours);
    if (hours > 0 || minutes > 0) text += fmt::format("{}m", minutes);
    text += fmt::format("{}", ms / 1000 % 60);
    if (const std::int64_t rest = ms % 1000; rest > 0) {
        text += fmt::format(".{:03}", rest);
        while (text.back() == '0') text.pop_back();
    }
    return text + "s";
}

std::int64_t unix_seconds_up(std::int64_t unix_ns) { return (unix_ns + kNsPerS - 1) / kNsPerS; }

}  // namespace weir::model
