#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

// Writes one JSON document, piece by piece. Unlike a tree of values it survives the want of memory
// anywhere: what throws is std::bad_alloc, and then the document is forgotten.
class JsonWriter {
public:
    explicit JsonWriter(bool indented) : indented_(indented) {}

    JsonWriter& open(char bracket);   // { or [
    JsonWriter& close(char bracket);  // } or ]
    JsonWriter& key(std::string_view name);

    JsonWriter& value(std::string_view text);
    JsonWriter& value(const char* text) { return value(std::string_view(text)); }
    JsonWriter& value(bool truth) { return literal(truth ? "true" : "false"); }
    JsonWriter& value(double number);
    template <std::integral T>
    requires(!std::same_as<T, bool>) JsonWriter& value(T number) {
        if constexpr (std::signed_integral<T>) return literal_of(std::int64_t{number});
        return literal_of(static_cast<std::uint64_t>(number));
    }
    // What is JSON already, a number for one.
    JsonWriter& literal(std::string_view json);

    template <class T>
    JsonWriter& member(std::string_view name, const T& what) {
        return key(name).value(what);
    }

    std::string take() { return std::move(text_); }

private:
    JsonWriter& literal_of(std::int64_t number);
    JsonWriter& literal_of(std::uint64_t number);
    void before_value();
    void new_line();
    void quote(std::string_view text);

    std::string text_;
    const bool indented_;
    std::size_t depth_ = 0;
    bool empty_ = true;  // the innermost bracket holds nothing yet
    bool after_key_ = false;
};

}  // namespace weir
