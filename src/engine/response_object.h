#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "weir/weir.h"

// What came with an answer; the object of a WEIR_EVENT_DONE. Immutable once it is in an event.
struct weir_response {
    std::uint32_t magic;
    std::int32_t http_status = 0;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::array<std::int64_t, 12> numbers{};  // by WEIR_NUMBER_
    std::array<std::string, 7> strings;      // by WEIR_STRING_

    std::int64_t number(std::uint32_t which) const {
        return which > 0 && which < numbers.size() ? numbers[which] : -1;
    }
    const char* string(std::uint32_t which) const {
        return which > 0 && which < strings.size() ? strings[which].c_str() : "";
    }
};

namespace weir {

inline constexpr std::uint32_t kResponseMagic = 0x57526573;

}  // namespace weir
