#include "provider/error_body.h"

#include "provider/json_walk.h"

namespace weir {
namespace {

constexpr std::size_t kMaxName = 128;
constexpr std::size_t kMaxMessage = 2048;

bool read_details(json::Value& value, ErrorBody* error, int depth) {
    if (!json::is_object(value)) return json::check(value, depth);
    return json::each_field(value, [&](std::string_view key, json::Value& v) {
        return key == "error_code" ? json::read_text(v, kMaxName, &error->code, depth + 1)
                                   : json::check(v, depth + 1);
    });
}

bool read_field(std::string_view key, json::Value& value, ErrorBody* error, int depth) {
    if (key == "type") return json::read_text(value, kMaxName, &error->type, depth);
    if (key == "message") return json::read_text(value, kMaxMessage, &error->message, depth);
    // Gateways that speak another provider's dialect have the code here.
    if (key == "code") return json::read_text(value, kMaxName, &error->code, depth);
    if (key == "details") return read_details(value, error, depth);
    return json::check(value, depth);
}

bool read_error(json::Value& value, ErrorBody* error, int depth) {
    return json::each_field(value, [&](std::string_view key, json::Value& v) {
        return read_field(key, v, error, depth + 1);
    });
}

}  // namespace

bool read_error_body(JsonParser* parser, std::string_view json, ErrorBody* error) {
    ErrorBody body;
    bool has_error = false;
    const bool whole =
        !json::each_root_field(parser, json, [&](std::string_view key, json::Value& value) {
            if (key == "error" && json::is_object(value)) {
                has_error = true;
                return read_error(value, &body, 1);
            }
            if (key == "request_id") return json::read_text(value, kMaxName, &body.request_id, 1);
            return json::check(value, 1);
        });
    if (!whole || !has_error) return false;
    *error = std::move(body);
    return true;
}

bool read_flat_error(JsonParser* parser, std::string_view json, ErrorBody* error) {
    ErrorBody body;
    const bool whole = !json::each_root_field(
        parser, json,
        [&](std::string_view key, json::Value& value) { return read_field(key, value, &body, 1); });
    if (!whole || (body.type.empty() && body.message.empty())) return false;
    *error = std::move(body);
    return true;
}

}  // namespace weir
