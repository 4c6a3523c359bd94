#include "engine/secret.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "engine/failure.h"
#include "engine/file_text.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr std::size_t kMaxFile = 65536;
constexpr std::size_t kMostKeys = 500;          // of an account
constexpr std::string_view kPlainKey = "main";  // that of account.<name>.key

[[noreturn]] void refuse(std::string message) {
    throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config, std::move(message));
}

std::string checked(std::string_view key, std::string value) {
    while (value.ends_with('\n') || value.ends_with('\r')) value.pop_back();
    if (value.empty()) {
        throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config,
                      fmt::format("{}: there is no key in it", key));
    }
    return checked_secret(key, value);
}

std::string from_environment(std::string_view key, const std::string& name) {
    const char* variable = std::getenv(name.c_str());
    if (variable == nullptr) {
        throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config,
                      fmt::format("{}: the environment has no variable {}", key, name));
    }
    return checked(key, variable);
}

// The key's secret, from the one of these keys of the configuration that is set.
struct Sources {
    enum class Kind : std::uint8_t { value, environment, file };
    struct Source {
        Kind kind;
        std::string key;
    };
    std::vector<Source> all;

    void add(const std::string& value, const std::string& environment, const std::string& file) {
        all.push_back({Kind::value, value});
        all.push_back({Kind::environment, environment});
        all.push_back({Kind::file, file});
    }
};

void read(const Config& config, const Sources& sources, const std::string& what,
          const std::string& later, ConfiguredKey* key) {
    const Sources::Source* chosen = nullptr;
    for (const Sources::Source& source : sources.all) {
        if (!config.is_set(source.key)) continue;
        if (chosen != nullptr) {
            refuse(fmt::format("{} and {} are both set; set one", chosen->key, source.key));
        }
        chosen = &source;
    }
    key->later = config.value(later) == "true";
    if (key->later && chosen != nullptr) {
        refuse(fmt::format("{} is true, and {} is set; a key that is to come later has none", later,
                           chosen->key));
    }
    if (key->later) return;
    if (chosen == nullptr) {
        refuse(fmt::format("{} has no key: set {}, {} or {}", what, sources.all[0].key,
                           sources.all[1].key, sources.all[2].key));
    }
    key->source = chosen->key;
    key->secret = config.value(chosen->key);
    if (chosen->kind == Sources::Kind::environment) {
        key->secret = from_environment(chosen->key, key->secret);
    } else if (chosen->kind == Sources::Kind::file) {
        key->file = key->secret;
        key->secret = secret_of_file(chosen->key, key->file);
    }
}

}  // namespace

std::string checked_secret(std::string_view key, std::string_view value) {
    return checked_value(*find_row("account.any.key"), key, value);
}

std::string secret_of_file(std::string_view key, const std::string& path) {
    return checked(key, read_file(key, path, kMaxFile, "a key"));
}

std::vector<ConfiguredKey> account_keys(const Config& config, std::string_view account) {
    const std::string base = fmt::format("account.{}.", account);
    Sources plain;
    plain.add(base + "key", base + "key_env", base + "key_file");
    auto names = config.names(base + "keys.");
    const bool has_plain =
        std::any_of(plain.all.begin(), plain.all.end(),
                    [&](const Sources::Source& source) { return config.is_set(source.key); });
    if (has_plain || names.empty()) names.emplace(kPlainKey);
    if (names.size() > kMostKeys) {
        refuse(fmt::format("{}keys.: there are {} keys, and {} are the most", base, names.size(),
                           kMostKeys));
    }

    std::vector<ConfiguredKey> keys;
    for (const std::string& name : names) {
        const std::string own = fmt::format("{}keys.{}", base, name);
        ConfiguredKey key;
        key.name = name;
        Sources sources;
        if (name == kPlainKey) sources = plain;
        sources.add(own + ".value", own + ".env", own + ".file");
        read(config, sources, name == kPlainKey ? fmt::format("account.{}", account) : own,
             own + ".later", &key);
        key.workspace = config.value(own + ".workspace");
        if (!key.workspace.empty() && !is_name(key.workspace)) {
            refuse(fmt::format("{}.workspace: \"{}\" is not a name of letters, digits, _ and -",
                               own, shown_text(key.workspace, 80)));
        }
        // The plain key comes first: batches are made with the first one's workspace.
        keys.insert(name == kPlainKey ? keys.begin() : keys.end(), std::move(key));
    }
    return keys;
}

}  // namespace weir
