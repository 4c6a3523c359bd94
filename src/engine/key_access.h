#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "accounts/key_ring.h"
#include "engine/settings.h"

namespace weir {

// Overwrites a secret that is of no more use.
void wipe(std::string* secret) noexcept;

// What a request needs of the key that it uses. Whatever is in flight with the key shares it, and
// the secret is wiped with the last of them.
class KeyAccess {
public:
    KeyAccess(std::string_view secret, const AccessSettings& settings);
    ~KeyAccess();
    KeyAccess(const KeyAccess&) = delete;
    KeyAccess& operator=(const KeyAccess&) = delete;

    // "name: value", those that every request has.
    const std::vector<std::string>& headers() const { return headers_; }

    // Whatever the provider sends back, the key is not shown.
    void cover(std::string* text) const;

private:
    std::string secret_;
    std::vector<std::string> own_values_;  // of the account's own headers: they may be secrets too
    std::vector<std::string> headers_;
};
using KeyAccessRef = std::shared_ptr<const KeyAccess>;

// The access of every key, by the key ring's indices. It belongs to the loop.
class KeyStore {
public:
    explicit KeyStore(const Settings& settings);  // which outlive it

    const KeyAccessRef& of(KeyId id) const { return accounts_[id.account][id.key]; }
    // Batches belong to a workspace, and are seen by its keys alone: so all of an account's are
    // made and asked about with a key of the first one's workspace, the first that is not retired.
    // Without any the access has no secret.
    const KeyAccessRef& for_batches(std::uint16_t account) const;

    // Whatever came from outside, none of the keys is shown.
    void cover(std::string* text) const;

    // A new key, another secret, or the end of a key. Room for a new key is made first, by
    // reserve(), which may throw.
    void reserve(std::uint16_t account);
    void set(KeyId id, KeyAccessRef access) noexcept;
    void retire(KeyId id) noexcept { accounts_[id.account][id.key].reset(); }

private:
    const std::vector<AccountAccess>& configured_;
    std::vector<std::vector<KeyAccessRef>> accounts_;
    KeyAccessRef none_;
};

}  // namespace weir
