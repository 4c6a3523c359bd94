#include "json.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <string_view>

#include "provider/json_parser.h"
#include "provider/json_skipper.h"
#include "provider/json_text.h"
#include "provider/json_walk.h"
#include "provider/message_body.h"
#include "provider/request_head.h"
#include "provider/utf8.h"

namespace {

constexpr size_t kMaxName = 256;

std::string_view view(json_value value) { return {value.at, value.length}; }

json_value made_of(std::string_view text) {
    text = weir::json::without_trailing_space(text);
    return {text.data(), text.size()};
}

bool begins_with(json_value value, char c) { return value.length > 0 && *value.at == c; }

std::string_view inside_quotes(json_value string) {
    return view(string).substr(1, string.length - 2);
}

std::string_view trimmed(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t\r\n");
    if (first == text.npos) return {};
    return weir::json::without_trailing_space(text.substr(first));
}

// Results are whole lines whatever happens: a later run goes on with --resume.
[[noreturn]] void end_without_memory() {
    static constexpr char kWords[] = "weir: out of memory: go on with --resume\n";
    constexpr int kNoInputOutput = 3;
    if (write(STDERR_FILENO, kWords, sizeof kWords - 1) < 0) _exit(kNoInputOutput + 1);
    _exit(kNoInputOutput);
}

bool is_object(std::string_view text) try {
    std::string padded;
    padded.reserve(text.size() + weir::kBodyPadding);
    padded.append(text).append(weir::kBodyPadding, '\0');
    weir::JsonParser parser(text.size());
    return weir::is_json_object(&parser, std::string_view(padded.data(), text.size()));
} catch (const std::bad_alloc&) {
    end_without_memory();
}

}  // namespace

extern "C" {

json_value json_parse(const char* text, size_t length) {
    const std::string_view whole = trimmed({text, length});
    return is_object(whole) ? made_of(whole) : json_value{nullptr, 0};
}

int json_is_valid(const char* text, size_t length) {
    return is_object("{\"\":" + std::string(text, length) + "}") ? 1 : 0;
}

int json_is_utf8(const char* text, size_t length) { return weir::is_utf8({text, length}) ? 1 : 0; }

int json_is_object(json_value value) { return begins_with(value, '{') ? 1 : 0; }
int json_is_array(json_value value) { return begins_with(value, '[') ? 1 : 0; }
int json_is_string(json_value value) { return begins_with(value, '"') ? 1 : 0; }
int json_is_true(json_value value) { return view(value) == "true" ? 1 : 0; }

json_value json_get(json_value object, const char* name) {
    json_value found{nullptr, 0};
    json_cursor cursor = json_begin(object);
    while (json_is_object(object) && json_next(&cursor)) {
        if (json_is(cursor.name, name)) found = cursor.value;
    }
    return found;
}

size_t json_text(json_value value, char* out, size_t size) {
    std::string text;
    if (json_is_string(value)) text = weir::unescape(inside_quotes(value), value.length);
    const size_t copied = std::min(text.size(), size - 1);
    std::memcpy(out, text.data(), copied);
    out[copied] = '\0';
    return text.size();
}

int json_is(json_value value, const char* text) {
    if (!json_is_string(value)) return 0;
    const std::string_view raw = inside_quotes(value);
    if (raw.find('\\') == raw.npos) return raw == text ? 1 : 0;
    return weir::unescape(raw, kMaxName) == text ? 1 : 0;
}

double json_number(json_value value) {
    if (value.length == 0 || json_is_string(value)) return 0;
    return strtod(std::string(view(value)).c_str(), nullptr);
}

long long json_integer(json_value value) { return weir::json_integer(view(value)).value_or(0); }

json_cursor json_begin(json_value object_or_array) {
    const bool walkable = json_is_object(object_or_array) || json_is_array(object_or_array);
    const char* const begin = object_or_array.at;
    if (!walkable) return {{nullptr, 0}, {nullptr, 0}, begin, begin};
    return {{nullptr, 0}, {nullptr, 0}, begin, begin + object_or_array.length};
}

// The text is known to be JSON: the skipper needs no checks.
int json_next(json_cursor* cursor) {
    const std::string_view rest(cursor->next, static_cast<size_t>(cursor->end - cursor->next));
    weir::JsonSkipper skipper(rest);
    const bool first = cursor->value.length == 0;
    if (first) skipper.step();  // the bracket
    skipper.skip_space();
    if (!first && skipper.here() == ',') skipper.step();
    skipper.skip_space();
    if (skipper.done() || skipper.here() == '}' || skipper.here() == ']') return 0;
    const bool has_name = first ? rest.front() == '{' : cursor->name.length > 0;
    if (has_name) {
        const size_t name = skipper.at();
        skipper.skip_string();
        cursor->name = made_of(rest.substr(name, skipper.at() - name));
        skipper.skip_space();
        skipper.step();  // the colon
        skipper.skip_space();
    }
    const size_t begin = skipper.at();
    size_t end = rest.find_first_of(",]} \t\r\n", begin);  // of a number, or one of the words
    if (const char c = skipper.here(); c == '"' || c == '{' || c == '[') {
        skipper.skip_value();
        end = skipper.at();
    }
    cursor->value = made_of(rest.substr(begin, end - begin));
    cursor->next = rest.data() + begin + cursor->value.length;
    return 1;
}

}  // extern "C"
