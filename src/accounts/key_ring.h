#pragma once

#include <cstdint>
#include <string>
#include <string_view>
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
        bool trial = false;         // the key was refused before, and is due to be tried again
        std::uint32_t version = 0;  // of the key's secret
    };
    // The account's key for an attempt that starts now: the keys that may go, in turn. False if
    // there is none.
    bool pick(std::uint16_t account, TimeNs now, Pick* out);
    // The same in two steps. Calls f(key, at) for the keys that are not retired, in turn, until it
    // returns true: the key may go now if `at` has come, and kNever says that only the end of a
    // trial can tell. Then takes a key that may go.
    template <class F>
    void for_each_in_turn(std::uint16_t account, F&& f) const {
        const Account& of = accounts_[account];
        std::size_t following = of.next;
        for (std::size_t i = 0; i < of.keys.size(); ++i) {
            if (following >= of.keys.size()) following = 0;
            const std::size_t key = following++;
            if (of.keys[key].state == State::retired) continue;
            if (f(static_cast<std::uint16_t>(key), may_go_at(of.keys[key]))) return;
        }
    }
    Pick take(KeyId id);
    // The key has as many attempts in flight as it may. It is usable all the same: one will end.
    bool is_full(KeyId id) const {
        return at(id).max_in_flight != 0 && at(id).in_flight >= at(id).max_in_flight;
    }
    bool usable(std::uint16_t account, TimeNs now) const;
    // Whether the key has the secret that it was picked with.
    bool is_current(const Pick& pick) const { return at(pick.id).version == pick.version; }
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

    // After on_outcome said that the key of an attempt has no more money: the other keys that are
    // paid from the same purse, the account's or the workspace's, have none either. Calls f(id) for
    // each whose state changed.
    template <class F>
    void spend_together(const Pick& pick, bool of_workspace, F&& f) {
        const Key& spent = at(pick.id);
        auto& keys = accounts_[pick.id.account].keys;
        for (std::size_t i = 0; i < keys.size(); ++i) {
            Key& key = keys[i];
            const bool shares = !of_workspace || key.workspace == spent.workspace;
            if (key.state != State::active || !shares) continue;
            key.state = spent.state;
            key.reason = spent.reason;
            key.until = spent.until;
            key.refusals = spent.refusals;
            f(KeyId{pick.id.account, static_cast<std::uint16_t>(i)});
        }
    }

    // Keys come and go while the engine runs. A retired key finishes what it has in flight.
    static constexpr std::uint16_t kNoKey = 0xFFFF;
    std::uint16_t find(std::uint16_t account, std::string_view name) const;  // kNoKey: none
    // A key of a name that is new. It takes the place of one that was added and is retired, if
    // there is one. kNoKey: there are kMostKeys. Changes nothing if memory runs out.
    std::uint16_t add(std::uint16_t account, std::string_view name);
    void retire(KeyId id);
    // The same key has another secret, or comes back: it is as new, and what is in flight with the
    // old secret says nothing of it.
    void replaced(KeyId id);
    static constexpr std::uint16_t kMostKeys = 1000;  // of an account

    const std::string& name(KeyId id) const { return at(id).name; }
    std::uint16_t workspace(KeyId id) const { return at(id).workspace; }
    std::size_t accounts() const { return accounts_.size(); }
    std::size_t keys(std::uint16_t account) const { return accounts_[account].keys.size(); }

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
        std::string name;
        std::uint16_t workspace = KeySettings::kNoWorkspace;
        State state = State::active;
        OutcomeClass reason = OutcomeClass::success;
        TimeNs until = 0;
        int refusals = 0;  // in a row
        bool on_trial = false;
        std::uint32_t version = 0;
        std::uint32_t in_flight = 0;
        std::uint32_t max_in_flight = 0;  // 0: no bound of its own
    };
    struct Account {
        std::vector<Key> keys;
        std::uint16_t configured = 0;  // the first of them, whose places are their own
        std::uint16_t next = 0;
    };

    static TimeNs may_go_at(const Key& key);
    static bool may_go(const Key& key, TimeNs now) {
        return key.state != State::retired && may_go_at(key) <= now;
    }
    static void make_active(Key* key);
    Key& at(KeyId id) { return accounts_[id.account].keys[id.key]; }
    const Key& at(KeyId id) const { return accounts_[id.account].keys[id.key]; }

    std::vector<Account> accounts_;
};

// "active" and so on.
const char* state_name(KeyRing::State state);

}  // namespace weir
