#include "transport/header_line.h"

#include <charconv>

namespace weir {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

}  // namespace

std::string_view without_line_end(std::string_view line) {
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    return line;
}

int status_of_line(std::string_view line) {
    if (!line.starts_with("HTTP/")) return 0;
    const std::size_t blank = line.find(' ');
    if (blank == std::string_view::npos || line.size() < blank + 4) return 0;
    if (line.size() > blank + 4 && line[blank + 4] != ' ') return 0;
    const char* digits = line.data() + blank + 1;
    int status = 0;
    const auto [end, error] = std::from_chars(digits, digits + 3, status);
    if (error != std::errc() || end != digits + 3 || status < 100) return 0;
    return status;
}

bool split_header_line(std::string_view line, std::string_view* name, std::string_view* value) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 || is_blank(line.front())) return false;
    *name = line.substr(0, colon);
    std::string_view rest = line.substr(colon + 1);
    while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
    while (!rest.empty() && is_blank(rest.back())) rest.remove_suffix(1);
    *value = rest;
    return true;
}

}  // namespace weir
