#include "engine/json_writer.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace weir {
namespace {

// The length of the UTF-8 sequence that `text` begins with, or 0 if it is none.
std::size_t sequence_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return 0;
    }
    // Overlong forms, surrogates, and what is beyond the last character.
    const unsigned char second = byte(1);
    const bool wrong = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                       (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
    return wrong ? 0 : length;
}

}  // namespace

void JsonWriter::new_line() {
    if (!indented_) return;
    text_ += '\n';
    text_.append(2 * depth_, ' ');
}

void JsonWriter::before_value() {
    if (after_key_) {
        after_key_ = false;
        return;
    }
    if (!empty_) text_ += ',';
    if (depth_ > 0) new_line();
    empty_ = false;
}

JsonWriter& JsonWriter::open(char bracket) {
    before_value();
    text_ += bracket;
    ++depth_;
    empty_ = true;
    return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
    --depth_;
    if (!empty_) new_line();
    text_ += bracket;
    empty_ = false;
    return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
    before_value();
    quote(name);
    text_ += indented_ ? ": " : ":";
    after_key_ = true;
    return *this;
}

JsonWriter& JsonWriter::value(std::string_view text) {
    before_value();
    quote(text);
    return *this;
}

JsonWriter& JsonWriter::value(double number) {
    return literal(std::isfinite(number) ? fmt::format("{}", number) : "null");
}

JsonWriter& JsonWriter::literal_of(std::int64_t number) {
    return literal(fmt::format("{}", number));
}

JsonWriter& JsonWriter::literal_of(std::uint64_t number) {
    return literal(fmt::format("{}", number));
}

JsonWriter& JsonWriter::literal(std::string_view json) {
    before_value();
    text_ += json;
    return *this;
}

// What is not UTF-8 becomes U+FFFD, so that the document always is.
void JsonWriter::quote(std::string_view text) {
    text_ += '"';
    while (!text.empty()) {
        const std::size_t length = sequence_length(text);
        const char c = text.front();
        if (length == 0) {
            text_ += "\xEF\xBF\xBD";
        } else if (c == '"' || c == '\\') {
            text_ += '\\';
            text_ += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            fmt::format_to(std::back_inserter(text_), "\\u{:04x}", static_cast<unsigned>(c));
        } else {
            text_ += text.substr(0, length);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    text_ += '"';
}

}  // namespace weir
