#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

// A name as a number: FNV-1a. Two names share one with a chance of 2^-32; what is named by it must
// be able to bear that.
constexpr std::uint32_t name_hash(std::string_view name) {
    std::uint32_t hash = 2'166'136'261u;
    for (const char c : name) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 16'777'619u;
    }
    return hash;
}

// The same with 64 bits, for what is named often and must not be mixed up: among a million names
// two share a number with a chance of 3 in 10^8.
constexpr std::uint64_t name_hash_64(std::string_view name) {
    std::uint64_t hash = 14'695'981'039'346'656'037u;
    for (const char c : name) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 1'099'511'628'211u;
    }
    return hash;
}

}  // namespace weir
