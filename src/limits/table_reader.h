#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "provider/json_walk.h"

namespace weir {

// Reads a table's JSON strictly, and remembers where it met the first thing that was wrong: every
// function returns false then, and there is no going on.
class TableReader {
public:
    using Value = json::Value;

    explicit TableReader(std::string* problem) : problem_(problem) { problem_->clear(); }

    // The whole text: an object whose fields are read by f(name, value).
    template <class F>
    bool document(std::string_view text, F&& f) {
        JsonParser parser;
        std::string padded(text);
        padded.append(simdjson::SIMDJSON_PADDING, ' ');
        std::size_t near = 0;
        std::vector<std::string> seen;
        const simdjson::error_code error = json::each_root_field(
            &parser, std::string_view(padded).substr(0, text.size()),
            [&](std::string_view name, Value& value) { return field(name, value, &seen, f); },
            &near);
        if (!problem_->empty()) return false;
        if (!error) return true;
        const auto end = padded.begin() + static_cast<std::ptrdiff_t>(near);
        *problem_ = fmt::format("line {}: this is not a JSON object",
                                std::count(padded.begin(), end, '\n') + 1);
        return false;
    }

    template <class F>
    bool object(Value& value, F&& f) {
        if (!json::is_object(value)) return wrong("this is not an object");
        std::vector<std::string> seen;
        return json::each_field(
            value, [&](std::string_view name, Value& v) { return field(name, v, &seen, f); });
    }

    // Reads each element by f(value).
    template <class F>
    bool array(Value& value, F&& f) {
        if (!json::is_array(value)) return wrong("this is not an array");
        std::size_t index = 0;
        return json::each_element(value, [&](Value& element) {
            const Place place(this, fmt::format("[{}]", index++));
            return f(element);
        });
    }

    bool text(Value& value, std::string* out) {
        constexpr std::size_t kMost = 1000;
        if (!json::is_string(value)) return wrong("this is not a string");
        if (!json::read_text(value, kMost, out, 0)) return false;
        return !out->empty() || wrong("this is empty");
    }

    bool boolean(Value& value, bool* out) {
        std::string_view token;
        if (!json::is_other_scalar(value) || !json::read_other_scalar(value, &token) ||
            (token != "true" && token != "false")) {
            return wrong("this is not true or false");
        }
        *out = token == "true";
        return true;
    }

    bool number(Value& value, double most, double* out) {
        if (read_number(value, out) && *out >= 0 && *out <= most) return true;
        return wrong(fmt::format("this is not a number from 0 to {}", most));
    }

    // A whole number of at least 1.
    bool count(Value& value, std::int64_t most, std::int64_t* out) {
        double read = 0;
        const bool good = read_number(value, &read) && read >= 1 &&
                          read <= static_cast<double>(most) &&
                          read == static_cast<double>(static_cast<std::int64_t>(read));
        if (!good) return wrong(fmt::format("this is not a whole number from 1 to {}", most));
        *out = static_cast<std::int64_t>(read);
        return true;
    }

    // The object's field is not one of `known`.
    bool unknown(std::string_view known) {
        return wrong(fmt::format("there is no such field; there are {}", known));
    }

    bool wrong(std::string_view what) {
        if (problem_->empty()) {
            *problem_ = fmt::format("{}{}{}", place_, place_.empty() ? "" : ": ", what);
        }
        return false;
    }

private:
    // Where the reading is, as in classes[3].tiers.build.
    class Place {
    public:
        Place(TableReader* reader, std::string_view part)
            : reader_(reader), size_(reader->place_.size()) {
            constexpr std::size_t kShown = 64;
            const std::string shown = clean_text(part, kShown);
            if (!reader->place_.empty() && shown.front() != '[') reader->place_ += '.';
            reader->place_ += shown;
        }
        ~Place() { reader_->place_.resize(size_); }
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;

    private:
        TableReader* reader_;
        std::size_t size_;
    };

    template <class F>
    bool field(std::string_view name, Value& value, std::vector<std::string>* seen, F& f) {
        const Place place(this, name.empty() ? "\"\"" : name);
        if (std::find(seen->begin(), seen->end(), name) != seen->end()) {
            return wrong("this field is there twice");
        }
        seen->emplace_back(name);
        return f(name, value);
    }

    bool read_number(Value& value, double* out) {
        std::string_view token;
        if (!json::is_other_scalar(value) || !json::read_other_scalar(value, &token)) return false;
        const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), *out);
        return error == std::errc() && end == token.data() + token.size();
    }

    std::string* problem_;
    std::string place_;
};

}  // namespace weir
