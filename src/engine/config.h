#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "engine/config_table.h"

namespace weir {

// The configuration as it was set: dotted keys with checked text values. What throws, throws
// Failure with the key's name in it, and changes nothing.
class Config {
public:
    // An empty value takes a key back that has no default, unless it is a secret.
    void set(std::string_view key, std::string_view value);

    // Every key of a JSON document, whose objects nest at the dots; all or nothing. Numbers and
    // booleans are for keys of these types; strings are read as set() reads them.
    void set_json(std::string_view json);

    // The value, set or default. Refuses secrets, and the keys of families that are not set.
    std::string get(std::string_view key) const;

    // What is set, as a JSON document that set_json() reads but for the secrets, which are covered.
    std::string json() const;

    // For the settings: the value of a key of the table, secrets too; `fallback` if it is not set.
    std::string_view value(std::string_view key) const;
    std::string_view value(std::string_view key, std::string_view fallback) const;
    bool is_set(std::string_view key) const { return values_.find(key) != values_.end(); }

    // The names that stand in the place of the first wildcard of keys that begin with `prefix`:
    // names("account.") are the accounts.
    std::set<std::string, std::less<>> names(std::string_view prefix) const;

private:
    std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace weir
