#include "provider/structured_field.h"

#include "provider/text_scanner.h"

namespace weir {
namespace {

constexpr std::size_t kMostItems = 64;

struct Bare {
    std::optional<std::int64_t> integer;
    std::string text;
};

void skip_spaces(TextScanner& in) {
    while (in.literal(' ')) {
    }
}

void skip_optional_whitespace(TextScanner& in) {
    while (in.literal(' ') || in.literal('\t')) {
    }
}

// An Integer has up to 15 digits; a Decimal is checked, and its value dropped.
bool number(TextScanner& in, Bare* out) {
    const bool negative = in.literal('-');
    const std::string_view digits = in.take_while(TextScanner::is_digit);
    if (digits.empty() || digits.size() > 15) return false;
    if (in.literal('.')) {
        const std::string_view fraction = in.take_while(TextScanner::is_digit);
        return !fraction.empty() && fraction.size() <= 3 && digits.size() <= 12;
    }
    std::int64_t value = 0;
    for (const char c : digits) value = value * 10 + (c - '0');
    out->integer = negative ? -value : value;
    return true;
}

bool quoted(TextScanner& in, std::string* out) {
    if (!in.literal('"')) return false;
    while (!in.literal('"')) {
        in.literal('\\');
        const char c = in.peek();
        if (c < 0x20 || c > 0x7E) return false;
        in.literal(c);
        out->push_back(c);
    }
    return true;
}

bool is_token_char(char c) {
    return TextScanner::is_letter(c) || TextScanner::is_digit(c) ||
           std::string_view("!#$%&'*+-.^_`|~:/").find(c) != std::string_view::npos;
}

bool is_base64_char(char c) {
    return TextScanner::is_letter(c) || TextScanner::is_digit(c) || c == '+' || c == '/' ||
           c == '=';
}

bool bare_item(TextScanner& in, Bare* out) {
    const char first = in.peek();
    if (first == '-' || TextScanner::is_digit(first)) return number(in, out);
    if (first == '"') return quoted(in, &out->text);
    if (TextScanner::is_letter(first) || first == '*') {
        out->text = in.take_while(is_token_char);
        return true;
    }
    if (in.literal(':')) {
        in.take_while(is_base64_char);
        return in.literal(':');
    }
    if (in.literal('?')) return in.literal('0') || in.literal('1');
    Bare ignored;
    if (in.literal('@')) return number(in, &ignored) && ignored.integer.has_value();
    return in.literal('%') && quoted(in, &ignored.text);
}

std::string_view key(TextScanner& in) {
    const char first = in.peek();
    if (!(first >= 'a' && first <= 'z') && first != '*') return {};
    return in.take_while([](char c) {
        return (c >= 'a' && c <= 'z') || TextScanner::is_digit(c) || c == '_' || c == '-' ||
               c == '.' || c == '*';
    });
}

bool item(TextScanner& in, StructuredItem* out) {
    Bare bare;
    if (!bare_item(in, &bare)) return false;
    out->integer = bare.integer;
    out->text = std::move(bare.text);
    while (in.literal(';')) {
        skip_spaces(in);
        StructuredItem::Parameter parameter;
        parameter.key = key(in);
        if (parameter.key.empty()) return false;
        if (in.literal('=')) {
            Bare value;
            if (!bare_item(in, &value)) return false;
            parameter.integer = value.integer;
            parameter.text = std::move(value.text);
        }
        out->parameters.push_back(std::move(parameter));
    }
    return true;
}

}  // namespace

const StructuredItem::Parameter* StructuredItem::parameter(std::string_view wanted) const {
    // Of a parameter that is given twice the last one counts.
    for (auto it = parameters.rbegin(); it != parameters.rend(); ++it) {
        if (it->key == wanted) return &*it;
    }
    return nullptr;
}

std::optional<std::vector<StructuredItem>> parse_structured_list(std::string_view text) {
    TextScanner in(text);
    std::vector<StructuredItem> items;
    skip_spaces(in);
    while (!in.done()) {
        StructuredItem next;
        if (items.size() == kMostItems || !item(in, &next)) return std::nullopt;
        items.push_back(std::move(next));
        skip_optional_whitespace(in);
        if (in.done()) break;
        if (!in.literal(',')) return std::nullopt;
        skip_optional_whitespace(in);
        if (in.done()) return std::nullopt;
    }
    return items;
}

}  // namespace weir
