#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace weir {

enum class JsonScalar : std::uint8_t { string, number, boolean };

// Reads a JSON object of nested objects and calls `set` for each scalar with its dotted path and
// its text. Throws Failure for what is not JSON, with the place; for arrays and null; and for a key
// that is there twice.
void read_config_json(
    std::string_view json,
    const std::function<void(std::string_view key, JsonScalar kind, std::string_view value)>& set);

}  // namespace weir
