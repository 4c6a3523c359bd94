#include "engine/key_changes.h"

#include <fmt/format.h>

#include <utility>

#include "engine/config_table.h"
#include "engine/failure.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr std::size_t kMostKeys = 500;  // of an account, as in its configuration
constexpr std::size_t kShownName = 80;

}  // namespace

KeyChanges::KeyChanges(const std::vector<AccountAccess>& accounts) {
    for (const AccountAccess& account : accounts) {
        Account& known = accounts_.emplace_back();
        known.name = account.name;
        known.access = account.access;
        for (const ConfiguredKey& key : account.keys) {
            if (!key.later) known.keys.insert(key.name);
        }
    }
}

std::uint16_t KeyChanges::find(std::string_view name) const {
    if (closed_) throw Failure(WEIR_ERR_CLOSED, ErrorSource::local, "the engine was closed");
    for (std::size_t i = 0; i < accounts_.size(); ++i) {
        if (accounts_[i].name == name) return static_cast<std::uint16_t>(i);
    }
    throw Failure(WEIR_ERR_NOT_FOUND, ErrorSource::local,
                  fmt::format("no account has the name \"{}\"; accounts are configured before the "
                              "engine is opened",
                              shown_text(name, kShownName)));
}

void KeyChanges::set(std::string_view account, std::string_view key, std::string_view secret) {
    const std::lock_guard lock(mutex_);
    const std::uint16_t index = find(account);
    auto access = std::make_shared<const KeyAccess>(secret, accounts_[index].access);
    auto& keys = accounts_[index].keys;
    if (keys.size() >= kMostKeys && !keys.contains(key)) {
        throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::local,
                      fmt::format("the account {} has {} keys, which is the most: retire one first",
                                  account, keys.size()));
    }
    changes_.push_back({index, std::string(key), std::move(access)});
    try {
        keys.emplace(key);
    } catch (...) {
        changes_.pop_back();
        throw;
    }
}

void KeyChanges::retire(std::string_view account, std::string_view key) {
    const std::lock_guard lock(mutex_);
    const std::uint16_t index = find(account);
    const auto found = accounts_[index].keys.find(key);
    if (found == accounts_[index].keys.end()) {
        throw Failure(WEIR_ERR_NOT_FOUND, ErrorSource::local,
                      fmt::format("the account {} has no key of the name \"{}\"", account,
                                  shown_text(key, kShownName)));
    }
    changes_.push_back({index, std::string(key), nullptr});
    accounts_[index].keys.erase(found);
}

void KeyChanges::close() noexcept {
    const std::lock_guard lock(mutex_);
    closed_ = true;
}

void KeyChanges::take(std::vector<Change>* changes) noexcept {
    const std::lock_guard lock(mutex_);
    changes->swap(changes_);
}

}  // namespace weir
