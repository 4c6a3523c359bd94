#include "engine/key_access.h"

#include <string.h>

#include <utility>

#include "engine/config_table.h"
#include "weir/weir.h"

namespace weir {

void wipe(std::string* secret) noexcept {
    ::explicit_bzero(secret->data(), secret->size());
    secret->clear();
}

KeyAccess::KeyAccess(std::string_view secret, std::string_view provider_version)
    : secret_(secret),
      headers_{"content-type: application/json",
               "anthropic-version: " + std::string(provider_version),
               "user-agent: weir/" WEIR_VERSION_STRING} {
    if (!secret_.empty()) headers_.push_back("x-api-key: " + secret_);
}

KeyAccess::~KeyAccess() {
    wipe(&secret_);
    for (std::string& header : headers_) wipe(&header);
}

void KeyAccess::cover(std::string* text) const {
    if (secret_.empty()) return;
    for (std::size_t at = text->find(secret_); at != std::string::npos;
         at = text->find(secret_, at)) {
        text->replace(at, secret_.size(), kHiddenSecret);
        at += kHiddenSecret.size();
    }
}

KeyStore::KeyStore(const Settings& settings)
    : configured_(settings.accounts),
      none_(std::make_shared<KeyAccess>("", settings.provider_version)) {
    for (const AccountAccess& account : settings.accounts) {
        std::vector<KeyAccessRef>& keys = accounts_.emplace_back();
        for (const ConfiguredKey& key : account.keys) {
            KeyAccessRef& access = keys.emplace_back();
            if (key.later) continue;
            access = std::make_shared<KeyAccess>(key.secret, settings.provider_version);
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
