#pragma once

#include <string_view>

namespace weir {

// The lines of a response's head, as libcurl hands them over one by one with their line ends.

std::string_view without_line_end(std::string_view line);

// The status in "HTTP/1.1 200 OK" or "HTTP/2 200"; 0 if the line is not a status line.
int status_of_line(std::string_view line);

// Splits "name: value" and trims the value. False if the line is not a header.
bool split_header_line(std::string_view line, std::string_view* name, std::string_view* value);

}  // namespace weir
