#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir {

// Headers that callers add to those of weir, as lines "name: value" with the name in lower case.

// The name in lower case. Throws Failure where it is no header's name, or weir sets that header
// itself; `prefix` is what stands before the name in the message ("header.").
std::string checked_header_name(std::string_view prefix, std::string_view name);

// Throws Failure where the value is not printable ASCII, or too long.
void check_header_value(std::string_view prefix, std::string_view name, std::string_view value);

// Joins the names of betas, each once, to a value of the header anthropic-beta.
void add_betas(std::string_view names, std::string* header_value);

// All lines of `base`, and of `more`. The second's value counts where both have a name; the betas
// of both count.
std::vector<std::string> merged_headers(const std::vector<std::string>& base,
                                        const std::vector<std::string>& more);

}  // namespace weir
