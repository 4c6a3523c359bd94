#include "provider/delta_text.h"

namespace weir {
namespace {

std::string_view without_space(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    return text;
}

// The characters of the string at the front, up to its closing quote.
std::string_view string_at_front(std::string_view text) {
    std::size_t at = 0;
    while ((at = text.find_first_of("\"\\", at)) != std::string_view::npos && text[at] == '\\') {
        at += 2;
    }
    return text.substr(0, at);
}

}  // namespace

void count_delta_text(std::string_view data, TextCounts* counts) {
    // A quote inside a string has a backslash before it, so that these are keys where they first
    // occur.
    for (const std::string_view key : {"\"text\"", "\"partial_json\"", "\"thinking\""}) {
        const std::size_t at = data.find(key);
        if (at == std::string_view::npos) continue;
        std::string_view rest = without_space(data.substr(at + key.size()));
        if (rest.substr(0, 1) != ":") continue;
        rest = without_space(rest.substr(1));
        if (rest.substr(0, 1) != "\"") continue;
        count_text(string_at_front(rest.substr(1)), counts);
        return;
    }
}

}  // namespace weir
