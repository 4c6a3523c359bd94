#include "engine/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/config_json.h"
#include "engine/failure.h"
#include "engine/json_writer.h"
#include "weir/weir.h"

namespace weir {
namespace {

const KeyRow& row_of(std::string_view key) {
    if (const KeyRow* row = find_row(key)) return *row;
    const std::string near = nearest_key(key);
    const std::string hint = near.empty() ? "" : fmt::format(" (did you mean {}?)", near);
    throw Failure(WEIR_ERR_UNKNOWN_KEY, ErrorSource::config,
                  fmt::format("{}: there is no such key{}", shown_text(key, 100), hint));
}

// A value is kept in the form that JSON has for its type, but for strings.
void write_value(const KeyRow& row, std::string_view value, JsonWriter* json) {
    switch (row.type) {
        case KeyType::integer:
        case KeyType::number:
        case KeyType::boolean:
            json->literal(value);
            return;
        case KeyType::secret:
            json->value(kHiddenSecret);
            return;
        case KeyType::text:
        case KeyType::choice:
            break;
    }
    json->value(value);
}

// The segments that two dotted keys have in common at their beginning.
std::size_t shared_segments(std::string_view a, std::string_view b) {
    std::size_t shared = 0;
    for (std::size_t i = 0; i < a.size() && i < b.size() && a[i] == b[i]; ++i) {
        if (a[i] == '.') ++shared;
    }
    return shared;
}

std::size_t dots(std::string_view key) {
    return static_cast<std::size_t>(std::count(key.begin(), key.end(), '.'));
}

}  // namespace

void Config::set(std::string_view key, std::string_view value) {
    const KeyRow& row = row_of(key);
    const bool takes_back = row.default_value[0] == '\0' && row.type != KeyType::secret;
    if (value.empty() && takes_back) {
        if (const auto found = values_.find(key); found != values_.end()) values_.erase(found);
        return;
    }
    values_.insert_or_assign(std::string(key), checked_value(row, key, value));
}

void Config::set_json(std::string_view json) {
    Config changed = *this;
    read_config_json(json, [&](std::string_view key, JsonScalar kind, std::string_view value) {
        const KeyRow& row = row_of(key);
        const bool number = row.type == KeyType::integer || row.type == KeyType::number;
        const bool right = kind == JsonScalar::string || (kind == JsonScalar::number && number) ||
                           (kind == JsonScalar::boolean && row.type == KeyType::boolean);
        if (!right) {
            throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config,
                          fmt::format("{}: the value's JSON type is wrong; the key's type is {}",
                                      key, key_type_name(row.type)));
        }
        changed.set(key, value);
    });
    values_.swap(changed.values_);
}

std::string Config::get(std::string_view key) const {
    const KeyRow& row = row_of(key);
    if (row.type == KeyType::secret) {
        throw Failure(WEIR_ERR_UNSUPPORTED, ErrorSource::config,
                      fmt::format("{}: a secret can be set, but not read back", key));
    }
    const auto found = values_.find(key);
    if (found != values_.end()) return found->second;
    if (is_family(row)) {
        throw Failure(WEIR_ERR_NOT_FOUND, ErrorSource::config,
                      fmt::format("{}: the key is not set", key));
    }
    return row.default_value;
}

std::string Config::json() const {
    // The keys are in order, so that those of one object are neighbours.
    JsonWriter json(true);
    json.open('{');
    std::string_view last;
    std::size_t depth = 0;
    for (const auto& [key, value] : values_) {
        const std::size_t shared = shared_segments(last, key);
        for (; depth > shared; --depth) json.close('}');
        std::string_view rest = key;
        for (std::size_t i = 0; i < dots(key); ++i) {
            const std::size_t dot = rest.find('.');
            if (i >= shared) {
                json.key(rest.substr(0, dot)).open('{');
                ++depth;
            }
            rest.remove_prefix(dot + 1);
        }
        json.key(rest);
        write_value(row_of(key), value, &json);
        last = key;
    }
    for (; depth > 0; --depth) json.close('}');
    return json.close('}').take();
}

std::string_view Config::value(std::string_view key) const {
    return value(key, find_row(key)->default_value);
}

std::string_view Config::value(std::string_view key, std::string_view fallback) const {
    const auto found = values_.find(key);
    return found == values_.end() ? fallback : std::string_view(found->second);
}

std::set<std::string, std::less<>> Config::names(std::string_view prefix) const {
    std::set<std::string, std::less<>> names;
    for (auto it = values_.lower_bound(prefix); it != values_.end(); ++it) {
        std::string_view key = it->first;
        if (!key.starts_with(prefix)) break;
        key.remove_prefix(prefix.size());
        names.emplace(key.substr(0, key.find('.')));
    }
    return names;
}

}  // namespace weir
