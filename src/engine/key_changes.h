#pragma once

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/key_access.h"
#include "engine/settings.h"

namespace weir {

// What callers want changed about the keys of a running engine, on its way to the loop, and the
// names that the keys will have by then. Any thread.
class KeyChanges {
public:
    explicit KeyChanges(const std::vector<AccountAccess>& accounts);

    struct Change {
        std::uint16_t account;
        std::string key;
        KeyAccessRef access;  // NULL: the key is retired
    };

    // Throw Failure, and std::bad_alloc. A key of a name that is new is added.
    void set(std::string_view account, std::string_view key, std::string_view secret);
    void retire(std::string_view account, std::string_view key);
    // Nothing is accepted from here on.
    void close() noexcept;

    // Moves what was accepted to `changes`, in its order. `changes` is empty.
    void take(std::vector<Change>* changes) noexcept;

private:
    struct Account {
        std::string name;
        AccessSettings access;
        std::set<std::string, std::less<>> keys;  // that are not retired
    };
    std::uint16_t find(std::string_view account) const;

    std::mutex mutex_;
    std::vector<Account> accounts_;
    std::vector<Change> changes_;
    bool closed_ = false;
};

}  // namespace weir
