#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

namespace weir::model {

std::string rfc3339(std::int64_t unix_s);    // 2026-01-31T08:15:00Z
std::string http_date(std::int64_t unix_s);  // Sat, 31 Jan 2026 08:15:00 GMT
std::string go_duration(TimeNs ns);          // 6m0s, 7.66s, 12ms

// Seconds since 1970, rounded up: a date never promises too early.
std::int64_t unix_seconds_up(std::int64_t unix_ns);

}  // namespace weir::model
