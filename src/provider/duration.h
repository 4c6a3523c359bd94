#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"

namespace weir {

// A stated wait is never longer than this: longer ones become it.
inline constexpr TimeNs kMaxWaitNs = TimeNs{366} * 86'400 * kNsPerS;

// A decimal number of seconds: "20", "0.5".
std::optional<TimeNs> parse_seconds(std::string_view text);

// A decimal number of milliseconds.
std::optional<TimeNs> parse_milliseconds(std::string_view text);

// A duration as Go writes it ("6m0s", "2m59.56s", "12ms"), or a plain number of seconds.
std::optional<TimeNs> parse_duration(std::string_view text);

}  // namespace weir
