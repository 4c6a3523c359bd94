#pragma once

#include <cstddef>
#include <string_view>

namespace weir {

// Walks over JSON that is known to be valid, byte by byte.
class JsonSkipper {
public:
    explicit JsonSkipper(std::string_view text) : text_(text) {}

    std::size_t at() const { return at_; }
    bool done() const { return at_ >= text_.size(); }
    char here() const { return done() ? '\0' : text_[at_]; }
    void step() { ++at_; }
    void skip_space() {
        while (!done() && is_space(text_[at_])) ++at_;
    }
    void skip_string() {
        for (++at_; !done() && text_[at_] != '"'; ++at_) {
            if (text_[at_] == '\\') ++at_;
        }
        ++at_;
    }
    void skip_value() {
        std::size_t depth = 0;
        do {
            const char c = here();
            if (c == '"') {
                skip_string();
                if (depth == 0) return;
                continue;
            }
            if (depth == 0 && (c == ',' || c == '}')) return;
            if (c == '{' || c == '[') ++depth;
            if (c == '}' || c == ']') --depth;
            step();
            // A number, or one of the words, goes on until what follows it.
            if (depth == 0 && (c == '}' || c == ']')) return;
        } while (!done() && (depth > 0 || (here() != ',' && here() != '}')));
    }

private:
    static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

    std::string_view text_;
    std::size_t at_ = 0;
};

// Calls f(name, begin, value, end) for each member of an object: its name as it is written, and
// where it, its value and the end of that are.
template <class F>
void each_member(std::string_view object, F&& f) {
    JsonSkipper skipper(object);
    skipper.skip_space();
    skipper.step();
    for (skipper.skip_space(); skipper.here() == '"'; skipper.skip_space()) {
        const std::size_t begin = skipper.at();
        skipper.skip_string();
        const std::string_view name = object.substr(begin + 1, skipper.at() - begin - 2);
        skipper.skip_space();
        skipper.step();  // the colon
        skipper.skip_space();
        const std::size_t value = skipper.at();
        skipper.skip_value();
        f(name, begin, value, skipper.at());
        skipper.skip_space();
        if (skipper.here() == ',') skipper.step();
    }
}

}  // namespace weir
