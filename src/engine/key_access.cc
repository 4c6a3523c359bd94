#include "engine/key_access.h"

#include <string.h>

#include <utility>

#include "engine/config_table.h"
#include "engine/request_headers.h"
#include "weir/weir.h"

namespace weir {

void wipe(std::string* secret) noexcept {
    ::explicit_bzero(secret->data(), secret->size());
    secret->clear();
}

namespace {

// A shorter value of a header is no secret, and covering it would spoil what is said.
constexpr std::size_t kShortestSecret = 12;

void cover_each(std::string_view secret, std::string* text) {
    for (std::size_t at = text->find(secret); at != std::string::npos;
         at = text->find(secret, at)) {
        text->replace(at, secret.size(), kHiddenSecret);
        at += kHiddenSecret.size();
    }
}

}  // namespace

KeyAccess::KeyAccess(std::string_view secret, const AccessSettings& settings)
    : secret_(secret),
      headers_(merged_headers(
          {"content-type: application/json", "anthropic-version: " + settings.provider_version,
           "user-agent: weir/" WEIR_VERSION_STRING},
          settings.headers)) {
    for (const std::string& line : settings.headers) {
        const std::string_view value = std::string_view(line).substr(line.find(": ") + 2);
        if (value.size() >= kShortestSecret) own_values_.emplace_back(value);
    }
    if (secret_.empty()) return;
    headers_.push_back((settings.bearer ? "authorization: Bearer " : "x-api-key: ") + secret_);
}

KeyAccess::~KeyAccess() {
    wipe(&secret_);
    for (std::string& value : own_values_) wipe(&value);
    for (std::string& header : headers_) wipe(&header);
}

void KeyAccess::cover(std::string* text) const {
    if (!secret_.empty()) cover_each(secret_, text);
    for (const std::string& value : own_values_) cover_each(value, text);
}

KeyStore::KeyStore(const Settings& settings)
    : configured_(settings.accounts), none_(std::make_shared<KeyAccess>("", AccessSettings())) {
    for (const AccountAccess& account : settings.accounts) {
        std::vector<KeyAccessRef>& keys = accounts_.emplace_back();
        for (const ConfiguredKey& key : account.keys) {
            KeyAccessRef& access = keys.emplace_back();
            if (key.later) continue;
            access = std::make_shared<KeyAccess>(key.secret, account.access);
        }
    }
}

const KeyAccessRef& KeyStore::for_batches(std::uint16_t account) const {
    const std::vector<ConfiguredKey>& configured = configured_[account].keys;
    for (std::size_t i = 0; i < accounts_[account].size(); ++i) {
        // A key that was added without being configured has no workspace.
        std::string_view workspace;
        if (i < configured.size()) workspace = configured[i].workspace;
        const KeyAccessRef& access = accounts_[account][i];
        if (access != nullptr && workspace == configured[0].workspace) return access;
    }
    return none_;
}

void KeyStore::cover(std::string* text) const {
    for (const std::vector<KeyAccessRef>& keys : accounts_) {
        for (const KeyAccessRef& key : keys) {
            if (key != nullptr) key->cover(text);
        }
    }
}

void KeyStore::reserve(std::uint16_t account) {
    std::vector<KeyAccessRef>& keys = accounts_[account];
    if (keys.size() == keys.capacity()) keys.reserve(2 * keys.size() + 4);
}

void KeyStore::set(KeyId id, KeyAccessRef access) noexcept {
    std::vector<KeyAccessRef>& keys = accounts_[id.account];
    if (id.key >= keys.size()) keys.resize(id.key + std::size_t{1});
    keys[id.key] = std::move(access);
}

}  // namespace weir
