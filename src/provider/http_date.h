#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir {

// Reads an HTTP date (RFC 9110, 5.6.7) in any of its three forms: "Sun, 06 Nov 1994 08:49:37 GMT",
// "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994". The second has no century: it is
// read as the one that lies no more than 50 years ahead of `now_unix_ns`.
std::optional<std::int64_t> parse_http_date(std::string_view text, std::int64_t now_unix_ns);

}  // namespace weir
