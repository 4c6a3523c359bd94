#pragma once

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/time.h"
#include "model/config_json.h"

namespace weir::model {

using Json = nlohmann::json;

// Reads the members of an object by name, and at the end refuses those that nobody asked for.
class JsonReader {
public:
    JsonReader(const Json& object, std::string path) : object_(object), path_(std::move(path)) {
        if (!object.is_object()) throw ConfigError(path_ + ": an object is expected");
    }

    const Json* find(const char* name) {
        asked_.emplace_back(name);
        const auto found = object_.find(name);
        return found == object_.end() ? nullptr : &*found;
    }

    template <typename Value>
    void read(const char* name, Value* out) {
        const Json* found = find(name);
        if (found == nullptr) return;
        try {
            *out = found->get<Value>();
        } catch (const Json::exception&) {
            throw ConfigError(place(name) + ": a value of another kind is expected");
        }
    }

    void read_seconds(const char* name, TimeNs* out) {
        double seconds = 0;
        if (object_.contains(name)) {
            read(name, &seconds);
            *out = static_cast<TimeNs>(std::llround(seconds * static_cast<double>(kNsPerS)));
        } else {
            find(name);
        }
    }

    // One of a list of names, whose index it is.
    template <typename Enum, typename NameOf>
    void read_name(const char* name, std::size_t count, NameOf&& name_of, Enum* out) {
        std::string text;
        read(name, &text);
        if (text.empty()) return;
        for (std::size_t i = 0; i < count; ++i) {
            if (name_of(static_cast<Enum>(i)) == text) {
                *out = static_cast<Enum>(i);
                return;
            }
        }
        throw ConfigError(fmt::format("{}: there is no \"{}\"", place(name), text));
    }

    void done() const {
        for (const auto& [name, value] : object_.items()) {
            bool known = false;
            for (const std::string& one : asked_) known = known || one == name;
            if (!known) throw ConfigError(place(name) + ": no such name");
        }
    }

    std::string place(std::string_view name) const {
        return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
    }

private:
    const Json& object_;
    std::string path_;
    std::vector<std::string> asked_;
};

}  // namespace weir::model
