#include "provider/utf8.h"

#include <cstdint>
#include <cstring>

namespace weir {
namespace {

// Drops the ASCII at the front of `text`, as far as it goes in whole words.
void skip_ascii_words(std::string_view* text) {
    constexpr std::uint64_t high_bits = 0x8080'8080'8080'8080;
    std::uint64_t word = 0;
    while (text->size() >= sizeof word) {
        std::memcpy(&word, text->data(), sizeof word);
        if ((word & high_bits) != 0) return;
        text->remove_prefix(sizeof word);
    }
}

}  // namespace

std::size_t utf8_character(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const std::uint8_t first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return 0;
    }
    // Overlong forms, surrogates, and what lies beyond the last character.
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) > 0x9F) return 0;
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return length;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        skip_ascii_words(&text);
        // What follows the first character beyond ASCII often is beyond it too.
        for (int i = 0; i < 8 && !text.empty(); ++i) {
            const std::size_t length = utf8_character(text);
            if (length == 0) return false;
            text.remove_prefix(length);
        }
    }
    return true;
}

}  // namespace weir
