#include "engine/config_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "engine/failure.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr std::size_t kMaxKey = 300;
constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxValue = 65536;
constexpr std::string_view kUrlRange = "URL";
constexpr std::size_t kMaxSecret = 4096;
constexpr std::size_t kShownValue = 80;

// The text before `separator`, which is taken off the front of `rest` with it.
std::string_view next_part(std::string_view* rest, char separator) {
    const std::size_t at = rest->find(separator);
    const std::string_view part = rest->substr(0, at);
    *rest = at == std::string_view::npos ? std::string_view() : rest->substr(at + 1);
    return part;
}

bool is_wildcard(std::string_view segment) { return segment.starts_with('<'); }

}  // namespace

// Names of accounts and classes end up in log lines and reports.
bool is_name(std::string_view segment) {
    if (segment.empty() || segment.size() > kMaxName) return false;
    return std::all_of(segment.begin(), segment.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    });
}

namespace {

std::size_t segments_of(std::string_view key) {
    return static_cast<std::size_t>(std::count(key.begin(), key.end(), '.')) + 1;
}

bool matches(std::string_view pattern, std::string_view key) {
    if (segments_of(pattern) != segments_of(key)) return false;
    for (std::size_t n = segments_of(pattern); n > 0; --n) {
        const std::string_view want = next_part(&pattern, '.');
        const std::string_view have = next_part(&key, '.');
        if (is_wildcard(want) ? !is_name(have) : want != have) return false;
    }
    return true;
}

// The pattern with the key's own names in it, as far as the key has that many segments.
std::string filled_in(std::string_view pattern, std::string_view key) {
    std::string filled;
    for (std::size_t n = segments_of(pattern); n > 0; --n) {
        const std::string_view want = next_part(&pattern, '.');
        const std::string_view have = next_part(&key, '.');
        if (!filled.empty()) filled += '.';
        filled += is_wildcard(want) && is_name(have) ? have : want;
    }
    return filled;
}

// Levenshtein's distance.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
        }
    }
    return row[b.size()];
}

template <class T>
bool parse(std::string_view text, T* value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
    return error == std::errc() && end == text.data() + text.size();
}

[[noreturn]] void refuse(const KeyRow& row, std::string_view key, std::string_view value,
                         std::string_view want) {
    if (row.type == KeyType::secret) {
        throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config,
                      fmt::format("{}: the value must be {}", key, want));
    }
    throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config,
                  fmt::format("{}: \"{}\" is not {}", key, shown_text(value, kShownValue), want));
}

template <class T>
std::string checked_number(const KeyRow& row, std::string_view key, std::string_view value,
                           std::string_view kind) {
    const std::string_view range(row.range);
    const std::size_t dots = range.find("..");
    const std::string_view lower = range.substr(0, dots);
    const std::string_view upper = range.substr(dots + 2);
    T low{}, high{}, number{};
    parse(lower, &low);
    parse(upper, &high);
    if (!parse(value, &number) || !(number >= low && number <= high)) {
        refuse(row, key, value, fmt::format("{} from {} to {}", kind, lower, upper));
    }
    return fmt::format("{}", number);
}

std::string checked_choice(const KeyRow& row, std::string_view key, std::string_view value) {
    std::string wanted;
    for (std::string_view rest(row.range); !rest.empty();) {
        const std::string_view choice = next_part(&rest, '|');
        if (choice == value) return std::string(value);
        wanted += fmt::format("{}{}", wanted.empty() ? "" : ", ", choice);
    }
    refuse(row, key, value, fmt::format("one of {}", wanted));
}

std::string checked_boolean(const KeyRow& row, std::string_view key, std::string_view value) {
    if (value == "true" || value == "yes" || value == "on" || value == "1") return "true";
    if (value == "false" || value == "no" || value == "off" || value == "0") return "false";
    refuse(row, key, value, "true or false");
}

// What a header can carry. Three stars are what a configuration shows in a secret's place; to read
// them back as a key would send them to the provider.
std::string checked_secret(const KeyRow& row, std::string_view key, std::string_view value) {
    if (value == kHiddenSecret) refuse(row, key, value, "the secret itself, not its cover");
    if (value.empty() || value.size() > kMaxSecret) refuse(row, key, value, "1 to 4096 bytes");
    const bool may_have_spaces = std::string_view(row.range) == kHeaderValueRange;
    if (value.front() == ' ' || value.back() == ' ') refuse(row, key, value, "no space at an end");
    for (const char c : value) {
        if (c == ' ' && may_have_spaces) continue;
        if (c < 0x21 || c > 0x7E) {
            refuse(row, key, value,
                   may_have_spaces ? "printable ASCII" : "printable ASCII without spaces");
        }
    }
    return std::string(value);
}

// A first look; what may be spoken to is decided when the engine is opened.
void check_url(const KeyRow& row, std::string_view key, std::string_view value) {
    std::string_view host;
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (value.starts_with(scheme)) host = value.substr(scheme.size());
    }
    if (!host.empty() && host.find(' ') == host.npos) return;
    // Before an @ there may be a password.
    refuse(row, key, value.find('@') == value.npos ? value : "...",
           "a URL that begins with https:// or http://");
}

std::string checked_text(const KeyRow& row, std::string_view key, std::string_view value) {
    if (value.size() > kMaxValue) refuse(row, key, value, "shorter than 64 KiB");
    for (const char c : value) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
            refuse(row, key, value, "free of control characters");
        }
    }
    if (row.range == kUrlRange) check_url(row, key, value);
    return std::string(value);
}

}  // namespace

std::string shown_text(std::string_view text, std::size_t most) {
    std::string shown(text.substr(0, most));
    for (char& c : shown) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
    }
    if (text.size() > most) shown += "...";
    return shown;
}

const char* key_type_name(KeyType type) {
    switch (type) {
        case KeyType::integer:
            return "integer";
        case KeyType::number:
            return "number";
        case KeyType::boolean:
            return "boolean";
        case KeyType::choice:
            return "choice";
        case KeyType::secret:
            return "secret";
        case KeyType::text:
            break;
    }
    return "text";
}

const KeyRow* find_row(std::string_view key) {
    if (key.size() > kMaxKey) return nullptr;
    for (const KeyRow& row : config_table()) {
        if (matches(row.name, key)) return &row;
    }
    return nullptr;
}

bool is_family(const KeyRow& row) {
    return std::string_view(row.name).find('<') != std::string_view::npos;
}

std::string nearest_key(std::string_view key) {
    if (key.size() > kMaxKey) return "";
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(2, key.size() / 3);
    for (const KeyRow& row : config_table()) {
        std::string candidate = filled_in(row.name, key);
        const std::size_t d = distance(key, candidate);
        if (d >= best_distance) continue;
        best_distance = d;
        best = std::move(candidate);
    }
    return best;
}

std::string checked_value(const KeyRow& row, std::string_view key, std::string_view value) {
    switch (row.type) {
        case KeyType::integer:
            return checked_number<std::int64_t>(row, key, value, "an integer");
        case KeyType::number:
            return checked_number<double>(row, key, value, "a number");
        case KeyType::boolean:
            return checked_boolean(row, key, value);
        case KeyType::choice:
            return checked_choice(row, key, value);
        case KeyType::secret:
            return checked_secret(row, key, value);
        case KeyType::text:
            break;
    }
    return checked_text(row, key, value);
}

}  // namespace weir
