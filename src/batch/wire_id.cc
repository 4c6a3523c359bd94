#include "batch/wire_id.h"

#include <algorithm>
#include <charconv>

namespace weir {

namespace {

bool letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

void append_number(std::uint64_t number, std::string* out) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    out->append(digits, end);
}

// A decimal number without sign or leading zeros, the whole of `text`.
template <class Number>
bool parse_number(std::string_view text, Number* out) {
    if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, *out);
    return error == std::errc() && stop == end;
}

std::size_t digits_of(std::uint64_t number) {
    std::size_t digits = 1;
    for (; number >= 10; number /= 10) ++digits;
    return digits;
}

}  // namespace

bool valid_mark(std::string_view mark) {
    return !mark.empty() && mark.size() <= kMaxMark &&
           std::all_of(mark.begin(), mark.end(), letter_or_digit);
}

void append_wire_id(std::string_view mark, const WireId& id, std::string* out) {
    out->append(mark).push_back('-');
    append_number(id.submission, out);
    out->push_back('-');
    append_number(id.position, out);
}

std::size_t wire_id_length(std::string_view mark, const WireId& id) {
    return mark.size() + 2 + digits_of(id.submission) + digits_of(id.position);
}

bool parse_wire_id(std::string_view text, std::string_view mark, WireId* out) {
    if (text.size() > kMaxWireId || !text.starts_with(mark)) return false;
    text.remove_prefix(mark.size());
    if (text.empty() || text.front() != '-') return false;
    text.remove_prefix(1);
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) return false;
    WireId id;
    if (!parse_number(text.substr(0, dash), &id.submission)) return false;
    if (!parse_number(text.substr(dash + 1), &id.position)) return false;
    *out = id;
    return true;
}

}  // namespace weir
