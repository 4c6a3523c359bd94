#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "weir/weir.h"

// The right to one attempt; the object of a WEIR_EVENT_PERMIT. Immutable once it is given out. Its
// texts are in one piece, because a permit that is wanted at once is to be had fast.
struct weir_permit {
    std::uint32_t magic;
    std::uint64_t ticket = 0;
    std::array<std::int64_t, 5> numbers{-1, -1, -1, -1, -1};  // by WEIR_PERMIT_ number
    std::array<std::uint32_t, 5> offsets{};                   // by WEIR_PERMIT_ text
    std::string texts = {};

    std::int64_t number(std::uint32_t which) const {
        return which < numbers.size() ? numbers[which] : -1;
    }
    const char* string(std::uint32_t which) const {
        return which > 0 && which < offsets.size() ? texts.c_str() + offsets[which] : "";
    }

    // Each with its WEIR_PERMIT_ text. Throws std::bad_alloc.
    void set_texts(std::initializer_list<std::pair<std::uint32_t, std::string_view>> all) {
        std::size_t size = 0;
        for (const auto& [which, text] : all) size += text.size() + 1;
        texts.reserve(size);
        for (const auto& [which, text] : all) {
            offsets[which] = static_cast<std::uint32_t>(texts.size());
            texts.append(text).push_back('\0');
        }
    }
};

namespace weir {

inline constexpr std::uint32_t kPermitMagic = 0x57506D74;

}  // namespace weir
