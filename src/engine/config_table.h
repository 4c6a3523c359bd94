#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weir {

enum class KeyType : std::uint8_t { integer, number, boolean, text, choice, secret };

const char* key_type_name(KeyType type);

// One configuration key, or a family of them: a segment in angle brackets stands for any name.
// This table is the only description of the configuration: checks, weir_config_describe and
// CONFIGURATION.md all come from it.
struct KeyRow {
    const char* name;
    KeyType type;
    const char* default_value;  // "": none
    const char* range;          // numbers: "1..100"; choices: "thread|caller"; else "" or a hint
    const char* line;
};

std::span<const KeyRow> config_table();

// The range of a secret that is the value of a header: it may have spaces inside.
inline constexpr char kHeaderValueRange[] = "value of a header";

// What stands in the place of a secret wherever a configuration is shown.
inline constexpr std::string_view kHiddenSecret = "***";

// The row that `key` is one of, or NULL.
const KeyRow* find_row(std::string_view key);

// Whether the text may stand in the place of a name in a key: 1 to 64 letters, digits, _ and -.
bool is_name(std::string_view text);

// Whether the row is a family: account.<name>.key.
bool is_family(const KeyRow& row);

// The key that `key` may have been meant to be; "" if nothing is near.
std::string nearest_key(std::string_view key);

// What a message may show of a text: its beginning, without control characters.
std::string shown_text(std::string_view text, std::size_t most);

// The value as it is kept: numbers in their shortest form, booleans as true or false. Throws
// Failure with the key's name, and the value unless it is secret.
std::string checked_value(const KeyRow& row, std::string_view key, std::string_view value);

}  // namespace weir
