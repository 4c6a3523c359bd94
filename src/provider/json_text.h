#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

// Scalars of JSON, as they stand in the text.

// Reads the escape sequence at the front of `raw`, which begins with a backslash: its length, and
// the character that it means. A surrogate pair is one sequence; a lone surrogate, which JSON's
// grammar allows, means U+FFFD. 0 if it is not an escape sequence of JSON.
std::size_t read_escape(std::string_view raw, std::uint32_t* character);

// Whether all escape sequences between a string's quotes are JSON's.
bool escapes_are_valid(std::string_view raw);

// Where in a JSON text an escaped surrogate stands without its other half, which many a reader
// takes for an error; npos if nowhere.
std::size_t find_lone_surrogate(std::string_view json);

// The text that stands between a string's quotes with valid escape sequences; of a long one no more
// than its first `max_bytes` or a little above.
std::string unescape(std::string_view raw, std::size_t max_bytes);

bool is_json_number(std::string_view token);

// A number without fraction or exponent that fits.
std::optional<std::int64_t> json_integer(std::string_view token);

}  // namespace weir
