#include "engine/config.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/config_json.h"
#include "engine/failure.h"
#include "weir/weir.h"

namespace weir {
namespace {

std::string shown(std::string_view key) {
    std::string text(key.substr(0, 100));
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
    }
    return text;
}

const KeyRow& row_of(std::string_view key) {
    if (const KeyRow* row = find_row(key)) return *row;
    const std::string near = nearest_key(key);
    const std::string hint = near.empty() ? "" : fmt::format(" (did you mean {}?)", near);
    throw Failure(WEIR_ERR_UNKNOWN_KEY, ErrorSource::config,
                  fmt::format("{}: there is no such key{}", shown(key), hint));
}

nlohmann::ordered_json json_value(const KeyRow& row, const std::string& value) {
    switch (row.type) {
        case KeyType::integer: {
            std::int64_t number = 0;
            std::from_chars(value.data(), value.data() + value.size(), number);
            return number;
        }
        case KeyType::number: {
            double number = 0;
            std::from_chars(value.data(), value.data() + value.size(), number);
            return number;
        }
        case KeyType::boolean:
            return value == "true";
        case KeyType::secret:
            return std::string(kHiddenSecret);
        case KeyType::text:
        case KeyType::choice:
            break;
    }
    return value;
}

}  // namespace

void Config::set(std::string_view key, std::string_view value) {
    const KeyRow& row = row_of(key);
    const bool takes_back = row.default_value[0] == '\0';
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
        const bool right = kind == JsonScalar::string ||
                           (kind == JsonScalar::number && number) ||
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
    nlohmann::ordered_json document = nlohmann::ordered_json::object();
    for (const auto& [key, value] : values_) {
        nlohmann::ordered_json* at = &document;
        std::string_view rest = key;
        for (std::size_t dot = rest.find('.'); dot != std::string_view::npos;
             dot = rest.find('.')) {
            at = &(*at)[std::string(rest.substr(0, dot))];
            rest.remove_prefix(dot + 1);
        }
        (*at)[std::string(rest)] = json_value(row_of(key), value);
    }
    return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
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
