#pragma once

#include <cstddef>
#include <string_view>

namespace weir {

// The length of the well-formed character at the front of `text`, which is not empty, or 0.
std::size_t utf8_character(std::string_view text);

bool is_utf8(std::string_view text);

}  // namespace weir
