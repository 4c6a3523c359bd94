#include "provider/json_text.h"

#include <charconv>

#include "provider/text_scanner.h"

namespace weir {
namespace {

constexpr std::uint32_t kReplacement = 0xFFFD;

bool hex4(std::string_view text, std::uint32_t* value) {
    if (text.size() < 4) return false;
    const char* end = text.data() + 4;
    const auto [at, error] = std::from_chars(text.data(), end, *value, 16);
    return error == std::errc() && at == end;
}

void append_utf8(std::uint32_t c, std::string* out) {
    const auto put = [out](std::uint32_t byte) { out->push_back(static_cast<char>(byte)); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xC0 | c >> 6);
        put(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        put(0xE0 | c >> 12);
        put(0x80 | (c >> 6 & 0x3F));
        put(0x80 | (c & 0x3F));
    } else {
        put(0xF0 | c >> 18);
        put(0x80 | (c >> 12 & 0x3F));
        put(0x80 | (c >> 6 & 0x3F));
        put(0x80 | (c & 0x3F));
    }
}

bool is_surrogate(std::uint32_t unit) { return unit >= 0xD800 && unit <= 0xDFFF; }

std::size_t read_unicode_escape(std::string_view raw, std::uint32_t* character) {
    std::uint32_t first = 0;
    if (!hex4(raw.substr(2), &first)) return 0;
    *character = first;
    if (!is_surrogate(first)) return 6;
    *character = kReplacement;
    std::uint32_t second = 0;
    if (first > 0xDBFF || raw.substr(6, 2) != "\\u" || !hex4(raw.substr(8), &second) ||
        second < 0xDC00 || second > 0xDFFF) {
        return 6;
    }
    *character = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    return 12;
}

}  // namespace

std::size_t read_escape(std::string_view raw, std::uint32_t* character) {
    if (raw.size() < 2) return 0;
    switch (raw[1]) {
        case '"':
        case '\\':
        case '/':
            *character = static_cast<std::uint8_t>(raw[1]);
            return 2;
        case 'b':
            *character = '\b';
            return 2;
        case 'f':
            *character = '\f';
            return 2;
        case 'n':
            *character = '\n';
            return 2;
        case 'r':
            *character = '\r';
            return 2;
        case 't':
            *character = '\t';
            return 2;
        case 'u':
            return read_unicode_escape(raw, character);
        default:
            return 0;
    }
}

bool escapes_are_valid(std::string_view raw) {
    std::size_t at = 0;
    while ((at = raw.find('\\', at)) != std::string_view::npos) {
        std::uint32_t character = 0;
        const std::size_t length = read_escape(raw.substr(at), &character);
        if (length == 0) return false;
        at += length;
    }
    return true;
}

std::size_t find_lone_surrogate(std::string_view json) {
    std::size_t at = 0;
    while ((at = json.find('\\', at)) != std::string_view::npos) {
        const std::string_view escape = json.substr(at);
        std::uint32_t character = 0;
        const std::size_t length = read_escape(escape, &character);
        std::uint32_t unit = 0;
        const bool lone = length == 6 && hex4(escape.substr(2), &unit) && is_surrogate(unit);
        if (lone) return at;
        at += length == 0 ? 1 : length;
    }
    return std::string_view::npos;
}

std::string unescape(std::string_view raw, std::size_t max_bytes) {
    std::string out;
    while (!raw.empty() && out.size() < max_bytes) {
        if (raw.front() != '\\') {
            const std::size_t plain = raw.substr(0, max_bytes - out.size()).find('\\');
            const std::string_view run =
                raw.substr(0, plain == raw.npos ? max_bytes - out.size() : plain);
            out.append(run);
            raw.remove_prefix(run.size());
            continue;
        }
        std::uint32_t character = 0;
        const std::size_t length = read_escape(raw, &character);
        if (length == 0) break;
        append_utf8(character, &out);
        raw.remove_prefix(length);
    }
    return out;
}

bool is_json_number(std::string_view token) {
    TextScanner in(token);
    in.literal('-');
    if (!in.literal('0') && in.take_while(TextScanner::is_digit).empty()) return false;
    if (in.literal('.') && in.take_while(TextScanner::is_digit).empty()) return false;
    if (in.literal('e') || in.literal('E')) {
        if (!in.literal('+')) in.literal('-');
        if (in.take_while(TextScanner::is_digit).empty()) return false;
    }
    return in.done();
}

std::optional<std::int64_t> json_integer(std::string_view token) {
    if (!is_json_number(token)) return std::nullopt;
    std::int64_t value = 0;
    const char* end = token.data() + token.size();
    const auto [at, error] = std::from_chars(token.data(), end, value);
    if (error != std::errc() || at != end) return std::nullopt;
    return value;
}

}  // namespace weir
