#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace weir::fuzz {

// Whether another parser takes a text for JSON, on the two points apart where it refuses what the
// grammar allows: lone surrogates, and numbers that fit no double.
inline bool is_json_elsewhere(std::string_view text) {
    std::string paired(text);
    for (std::size_t i = 0; i + 2 < paired.size(); ++i) {
        if (paired[i] != '\\') continue;
        if (paired[i + 1] == 'u' && (paired[i + 2] | 0x20) == 'd') paired[i + 2] = '0';
        ++i;
    }
    try {
        return !nlohmann::json::parse(paired).is_discarded();
    } catch (const nlohmann::json::out_of_range&) {
        return true;
    } catch (const nlohmann::json::parse_error&) {
        return false;
    }
}

}  // namespace weir::fuzz
