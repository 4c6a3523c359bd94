#pragma once

#include <cstdint>
#include <vector>

#include "accounts/account_settings.h"
#include "base/time.h"
#include "provider/outcome.h"

namespace weir {

struct KeyId {
    std::uint16_t account = 0;
    std::uint16_t key = 0;
    bool operator==(const KeyId&) const = default;
};

// The health of every key. A key that the provider refuses is quarantined at once and tried again
// half-open: by one request at a time, further and further apart. An account whose money is spent
// cools down until the time that the provider stated.
class KeyRing {
public:
    enum class State : std::uint8_t { active, quarantined, cooling, retired };

    explicit KeyRing(const std::vector<AccountSettings>& accounts);

    struct Pick {
        KeyId id;
        bool trial = false;  // the key was refused before, and is due to be tried again
    };
    // The account's key for an attempt that starts now: the keys that may go, in turn. False if
    // there is none.
    bool pick(std::uint16_t account, TimeNs now, Pick* out);
    bool usable(std::uint16_t account, TimeNs now) const;
    // Whether any key may go, but for `except`, which may be NULL.
    bool any_usable(TimeNs now, const KeyId* except = nullptr) const;
    std::size_t count() const;
    // When a key of the account, or of any, may be used again; kNever while only the end of a trial
    // can tell.
    TimeNs usable_at(std::uint16_t account) const;
    TimeNs earliest_usable_at() const;

    // The attempt that was given the key came to this. True if the key's state changed. Called for
    // every attempt, exactly once.
    bool on_outcome(const Pick& pick, const Outcome& outcome, TimeNs now);

    // Keys come and go while the engine runs. A retired key finishes what it has in flight.
    std::uint16_t add(std::uint16_t account);
    void retire(KeyId id);
    void replaced(KeyId id);  // the same key has another secret: it is as new

    struct View {
        KeyId id;
        State state;
        OutcomeClass reason;  // of a state that is not active
        TimeNs until;         // when it is tried again
        std::uint32_t in_flight;
    };
    View view(KeyId id) const;
    std::vector<View> view() const;

private:
    struct Key {
        State state = State::active;
        OutcomeClass reason = OutcomeClass::success;
        TimeNs until = 0;
        int refusals = 0;  // in a row
        bool on_trial = false;
        std::uint32_t in_flight = 0;
    };
    struct Account {
        std::vector<Key> keys;
        std::uint16_t next = 0;
    };

    static bool may_go(const Key& key, TimeNs now);
    Key& at(KeyId id) { return accounts_[id.account].keys[id.key]; }

    std::vector<Account> accounts_;
};

// "active" and so on.
const char* state_name(KeyRing::State state);

}  // namespace weir
