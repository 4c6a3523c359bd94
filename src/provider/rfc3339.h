#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir {

// Reads an RFC 3339 time ("2026-11-22T19:27:04.5+01:00") as nanoseconds since 1970. Digits of a
// fraction beyond the ninth are dropped.
std::optional<std::int64_t> parse_rfc3339(std::string_view text);

}  // namespace weir
