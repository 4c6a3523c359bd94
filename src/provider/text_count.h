#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

// What kinds of characters a text is made of, as far as they differ in tokens.
struct TextCounts {
    std::uint64_t letters = 0;  // a-z, A-Z and the space
    std::uint64_t other_ascii = 0;
    std::uint64_t wide_chars = 0;  // outside ASCII

    void add(const TextCounts& other) {
        letters += other.letters;
        other_ascii += other.other_ascii;
        wide_chars += other.wide_chars;
    }
};

// Counts a JSON string as it stands between its quotes, in valid UTF-8; an escape sequence counts
// as the character that it means. False if it holds an escape sequence that JSON does not have.
bool count_text(std::string_view raw, TextCounts* counts);

}  // namespace weir
