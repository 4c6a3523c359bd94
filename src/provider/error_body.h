#pragma once

#include <string>
#include <string_view>

namespace weir {

class JsonParser;

// {"type": "error", "error": {"type", "message", "details": {"error_code"}}, "request_id"}, as the
// provider answers what it refuses. Made fit for logs (clean_text.h).
struct ErrorBody {
    std::string type;
    std::string code;
    std::string message;
    std::string request_id;
};

// False if the text, which kBodyPadding readable bytes follow, is not whole JSON with an error
// object; `error` is then as it was.
bool read_error_body(JsonParser* parser, std::string_view json, ErrorBody* error);

// The same of {"type", "message", "details"} alone. Likewise false.
bool read_flat_error(JsonParser* parser, std::string_view json, ErrorBody* error);

}  // namespace weir
