#include "provider/clean_text.h"

#include <algorithm>
#include <cstdint>

#include "provider/text_scanner.h"
#include "provider/utf8.h"

namespace weir {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kCutMark = "...";

bool is_control(std::string_view one) {
    const auto first = static_cast<std::uint8_t>(one.front());
    if (one.size() == 1) return first < 0x20 || first == 0x7F;
    return first == 0xC2 && static_cast<std::uint8_t>(one[1]) < 0xA0;
}

// Whether it is clean as it stands, as nearly all text is: ASCII, and nothing like a key in it.
bool is_plain(std::string_view text) {
    unsigned odd = 0;
    for (const char c : text) {
        const auto byte = static_cast<std::uint8_t>(c);
        odd |= static_cast<unsigned>(byte < 0x20) | static_cast<unsigned>(byte >= 0x7F);
    }
    return odd == 0 && text.find("sk-") == std::string_view::npos;
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
    if (text.size() <= max_bytes && is_plain(text)) return std::string(text);
    std::string out;
    out.reserve(std::min(text.size(), max_bytes));
    char before = ' ';
    while (!text.empty()) {
        std::string_view add;
        std::size_t length = in_key(before) ? 0 : key_length(text);
        if (length != 0) {
            add = "sk-***";
        } else if (length = utf8_character(text); length == 0) {
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
