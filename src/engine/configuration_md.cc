// Writes CONFIGURATION.md from the table of keys: to standard output, or, with a file as its
// argument, checks that the file is what it would write.

#include <fmt/format.h>

#include <string>

#include "base/generated_text.h"
#include "engine/config_table.h"

namespace {

// A bar would end the table's cell.
std::string cell(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        if (c == '|') escaped += '\\';
        escaped += c;
    }
    return escaped;
}

std::string code(std::string_view text) {
    return text.empty() ? std::string() : fmt::format("`{}`", cell(text));
}

std::string document() {
    std::string text =
        "# Configuration\n\n"
        "Generated from the table of keys (`config_rows.cc`); `ninja configuration` writes it "
        "anew.\n\n"
        "Keys are set one by one with `weir_config_set`, or nested in a JSON document with\n"
        "`weir_config_set_json`. A name in angle brackets stands for any name of letters, digits, "
        "`_` "
        "and `-`.\nSecrets can be set, but not read back.\n";
    std::string_view group;
    for (const weir::KeyRow& row : weir::config_table()) {
        const std::string_view name(row.name);
        const std::string_view first = name.substr(0, name.find('.'));
        if (first != group) {
            group = first;
            text += fmt::format(
                "\n## {}\n\n| key | type | default | range | |\n|---|---|---|---|---|\n", group);
        }
        const bool literal =
            row.type == weir::KeyType::integer || row.type == weir::KeyType::number ||
            row.type == weir::KeyType::choice || row.type == weir::KeyType::boolean;
        text += fmt::format("| `{}` | {} | {} | {} | {} |\n", name, key_type_name(row.type),
                            code(row.default_value), literal ? code(row.range) : cell(row.range),
                            cell(row.line));
    }
    return text;
}

}  // namespace

int main(int argc, char** argv) {
    return weir::write_or_check(argc, argv, document(), "configuration");
}
