#include "provider/clean_text.h"

#include <algorithm>
#include <cstdint>

#include "provider/text_scanner.h"

namespace weir {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kCutMark = "...";

// The length of the well-formed character at the front of `text`, or 0.
std::size_t character(std::string_view text) {
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

bool is_control(std::string_view one) {
    const auto first = static_cast<std::uint8_t>(one.front());
    if (one.size() == 1) return first < 0x20 || first == 0x7F;
    return first == 0xC2 && static_cast<std::uint8_t>(one[1]) < 0xA0;
}

bool in_key(char c) {
    return TextScanner::is_letter(c) || TextScanner::is_digit(c) || c == '-' || c == '_';
}

// The length of what looks like a key at the front of `text`, or 0.
std::size_t key_length(std::string_view text) {
    constexpr std::size_t shortest = 12;
    if (text.substr(0, 3) != "sk-") return 0;
    std::size_t length = 3;
    while (length < text.size() && in_key(text[length])) ++length;
    return length >= shortest ? length : 0;
}

}  // namespace

std::string clean_text(std::string_view text, std::size_t max_bytes) {
    std::string out;
    out.reserve(std::min(text.size(), max_bytes));
    char before = ' ';
    while (!text.empty()) {
        std::string_view add;
        std::size_t length = in_key(before) ? 0 : key_length(text);
        if (length != 0) {
            add = "sk-***";
        } else if (length = character(text); length == 0) {
            length = 1;
            add = kReplacement;
        } else {
            add = text.substr(0, length);
            if (is_control(add)) add = " ";
        }
        if (out.size() + add.size() > max_bytes) {
            // Make room for the mark without splitting a character.
            while (!out.empty() && (out.size() + kCutMark.size() > max_bytes ||
                                    (static_cast<std::uint8_t>(out.back()) & 0xC0) == 0x80)) {
                out.pop_back();
            }
            if (!out.empty() && (static_cast<std::uint8_t>(out.back()) & 0x80) != 0) {
                out.pop_back();
            }
            return out.append(kCutMark);
        }
        out.append(add);
        before = text[length - 1];
        text.remove_prefix(length);
    }
    return out;
}

}  // namespace weir
