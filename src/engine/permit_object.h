#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "weir/weir.h"

// The right to one attempt; the object of a WEIR_EVENT_PERMIT. Immutable once it is given out.
struct weir_permit {
    std::uint32_t magic;
    std::uint64_t ticket = 0;
    std::array<std::int64_t, 5> numbers{-1, -1, -1, -1, -1};  // by WEIR_PERMIT_ number
    std::array<std::string, 5> strings;                       // by WEIR_PERMIT_ text

    std::int64_t number(std::uint32_t which) const {
        return which < numbers.size() ? numbers[which] : -1;
    }
    const char* string(std::uint32_t which) const {
        return which < strings.size() ? strings[which].c_str() : "";
    }
};

namespace weir {

inline constexpr std::uint32_t kPermitMagic = 0x57506D74;

}  // namespace weir
