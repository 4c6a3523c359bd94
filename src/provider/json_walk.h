#pragma once

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include "provider/clean_text.h"
#include "provider/json_parser.h"
#include "provider/json_text.h"

namespace weir {

struct JsonParser::State {
    simdjson::ondemand::parser parser;
};

}  // namespace weir

// A strict way through a JSON document on top of simdjson's on-demand interface. That interface
// does not look at what it skips; here every value is visited exactly once, by one of these
// functions, and each of them checks what it visits. Numbers of any size are JSON.
//
// All of them return false when the document is not JSON; there is no going on after that.
namespace weir::json {

using Value = simdjson::ondemand::value;

// How deep values may be nested, which bounds the stack.
inline constexpr int kMaxDepth = 200;

inline std::string_view without_trailing_space(std::string_view text) {
    while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\t' ||
                             text.back() == '\r')) {
        text.remove_suffix(1);
    }
    return text;
}

inline bool begins_with(Value& value, char c) {
    const std::string_view token = value.raw_json_token();
    return !token.empty() && token.front() == c;
}
inline bool is_string(Value& value) { return begins_with(value, '"'); }
inline bool is_object(Value& value) { return begins_with(value, '{'); }
inline bool is_array(Value& value) { return begins_with(value, '['); }
inline bool is_other_scalar(Value& value) {
    return !is_string(value) && !is_object(value) && !is_array(value);
}

// The characters between the quotes of a string, its escape sequences not looked at.
inline bool read_unchecked_string(Value& value, std::string_view* raw) {
    const std::string_view token = without_trailing_space(value.raw_json_token());
    simdjson::ondemand::raw_json_string consumed;
    if (token.size() < 2 || token.back() != '"' || value.get_raw_json_string().get(consumed)) {
        return false;
    }
    *raw = token.substr(1, token.size() - 2);
    return true;
}

inline bool read_string(Value& value, std::string_view* raw) {
    return read_unchecked_string(value, raw) && escapes_are_valid(*raw);
}

// A number, true, false or null, as it stands in the text.
inline bool read_other_scalar(Value& value, std::string_view* token) {
    *token = without_trailing_space(value.raw_json_token());
    return *token == "true" || *token == "false" || *token == "null" || is_json_number(*token);
}

// The characters between the quotes of a key. Its closing quote exists: stage 1 has checked that
// strings end.
inline std::string_view key_text(const simdjson::ondemand::raw_json_string& key) {
    const char* const begin = key.raw();
    const char* end = begin;
    while (*end != '"') end += *end == '\\' ? 2 : 1;
    return {begin, static_cast<std::size_t>(end - begin)};
}

// Calls f(key, value) for each field; the key is as it stands in the text. f visits the value, and
// returns false to give up.
template <class F>
bool each_field(simdjson::ondemand::object object, F&& f) {
    for (auto result : object) {
        simdjson::ondemand::field field;
        if (std::move(result).get(field)) return false;
        const std::string_view key = key_text(field.key());
        if (!escapes_are_valid(key) || !f(key, field.value())) return false;
    }
    return true;
}

template <class F>
bool each_field(Value& value, F&& f) {
    simdjson::ondemand::object object;
    return !value.get_object().get(object) && each_field(object, f);
}

// Calls f(value) for each element, as each_field does.
template <class F>
bool each_element(Value& value, F&& f) {
    simdjson::ondemand::array array;
    if (value.get_array().get(array)) return false;
    for (auto result : array) {
        Value element;
        if (std::move(result).get(element) || !f(element)) return false;
    }
    return true;
}

// Visits a value of any kind and all that it holds.
inline bool check(Value& value, int depth) {
    if (depth > kMaxDepth) return false;
    if (is_object(value)) {
        return each_field(value,
                          [depth](std::string_view, Value& v) { return check(v, depth + 1); });
    }
    if (is_array(value)) {
        return each_element(value, [depth](Value& v) { return check(v, depth + 1); });
    }
    std::string_view raw;
    return is_string(value) ? read_string(value, &raw) : read_other_scalar(value, &raw);
}

// A string that may be shown, made fit for that (clean_text.h); what is none is checked and left
// out.
inline bool read_text(Value& value, std::size_t max_bytes, std::string* out, int depth) {
    if (!is_string(value)) return check(value, depth);
    std::string_view raw;
    if (!read_string(value, &raw)) return false;
    constexpr std::size_t beyond = 8;  // enough for the cut to be seen
    *out = clean_text(unescape(raw, max_bytes + beyond), max_bytes);
    return true;
}

// Calls f(key, value) for each field of a document that is to be an object and nothing else.
// simdjson reads up to SIMDJSON_PADDING bytes past the end of `padded`. When the document is not
// JSON `near` becomes the offset of a byte close to the fault, or 0. Throws std::bad_alloc.
template <class F>
simdjson::error_code each_root_field(JsonParser* parser, std::string_view padded, F&& f,
                                     std::size_t* near = nullptr) {
    simdjson::ondemand::document document;
    simdjson::error_code error =
        parser->state()
            ->parser
            .iterate(padded.data(), padded.size(), padded.size() + simdjson::SIMDJSON_PADDING)
            .get(document);
    if (error == simdjson::MEMALLOC) throw std::bad_alloc();
    simdjson::ondemand::object object;
    if (!error) error = document.get_object().get(object);
    if (error) return error;
    const bool read = each_field(object, f);
    // There is no location only where everything was consumed.
    const char* location = nullptr;
    error = document.current_location().get(location);
    if (read && error == simdjson::OUT_OF_BOUNDS) return simdjson::SUCCESS;
    if (near && !error) {
        *near = static_cast<std::size_t>(location - padded.data());
    }
    return simdjson::TAPE_ERROR;
}

}  // namespace weir::json
