#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

// A member of a Structured Field List (RFC 9651): an item with its parameters. Of values no more is
// kept than the RateLimit fields need: integers, and the text of strings and tokens.
struct StructuredItem {
    struct Parameter {
        std::string_view key;
        std::optional<std::int64_t> integer;
        std::string text;
    };
    std::optional<std::int64_t> integer;
    std::string text;
    std::vector<Parameter> parameters;

    const Parameter* parameter(std::string_view key) const;
};

// Reads a List of up to 64 items; nothing if it is longer, malformed or holds an inner list. Its
// views are of `text`.
std::optional<std::vector<StructuredItem>> parse_structured_list(std::string_view text);

}  // namespace weir
