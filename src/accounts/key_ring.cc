#include "accounts/key_ring.h"

#include <algorithm>

namespace weir {

namespace {

// A key that was refused is tried again after half a minute at first, and at most every ten.
constexpr TimeNs kFirstTrialNs = 30 * kNsPerS;
constexpr TimeNs kTrialCapNs = 600 * kNsPerS;
// A spend limit may say when it ends; else it is asked again every so often.
constexpr TimeNs kSpentTrialNs = 600 * kNsPerS;

TimeNs trial_pause(TimeNs first, int refusals) {
    return std::min(kTrialCapNs, first << std::min(refusals - 1, 10));
}

}  // namespace

KeyRing::KeyRing(const std::vector<AccountSettings>& accounts) {
    for (const AccountSettings& account : accounts) {
        Account& made = accounts_.emplace_back();
        made.configured = static_cast<std::uint16_t>(account.keys.size());
        for (const KeySettings& key : account.keys) {
            Key& added = made.keys.emplace_back();
            added.name = key.name;
            added.workspace = key.workspace;
            added.max_in_flight = key.max_in_flight;
            if (key.later) added.state = State::retired;
        }
    }
}

TimeNs KeyRing::may_go_at(const Key& key) {
    if (key.on_trial || key.state == State::retired) return kNever;
    return key.state == State::active ? 0 : key.until;
}

bool KeyRing::pick(std::uint16_t account, TimeNs now, Pick* out) {
    bool found = false;
    for_each_in_turn(account, [&](std::uint16_t key, TimeNs at) {
        if (at > now) return false;
        *out = take({account, key});
        return found = true;
    });
    return found;
}

KeyRing::Pick KeyRing::take(KeyId id) {
    Account& account = accounts_[id.account];
    Key& key = account.keys[id.key];
    account.next = static_cast<std::uint16_t>((id.key + std::size_t{1}) % account.keys.size());
    key.on_trial = key.state != State::active;
    ++key.in_flight;
    return {.id = id, .trial = key.on_trial, .version = key.version};
}

bool KeyRing::usable(std::uint16_t account, TimeNs now) const {
    const auto& keys = accounts_[account].keys;
    return std::any_of(keys.begin(), keys.end(), [&](const Key& key) { return may_go(key, now); });
}

bool KeyRing::any_usable(TimeNs now, const KeyId* except) const {
    for (std::uint16_t account = 0; account < accounts_.size(); ++account) {
        for (std::uint16_t key = 0; key < accounts_[account].keys.size(); ++key) {
            if (except != nullptr && *except == KeyId{account, key}) continue;
            if (may_go(accounts_[account].keys[key], now)) return true;
        }
    }
    return false;
}

std::size_t KeyRing::count() const {
    std::size_t count = 0;
    for (const Account& account : accounts_) {
        for (const Key& key : account.keys) count += key.state != State::retired ? 1 : 0;
    }
    return count;
}

TimeNs KeyRing::usable_at(std::uint16_t account) const {
    TimeNs earliest = kNever;
    for (const Key& key : accounts_[account].keys) earliest = std::min(earliest, may_go_at(key));
    return earliest;
}

TimeNs KeyRing::earliest_usable_at() const {
    TimeNs earliest = kNever;
    for (std::size_t account = 0; account < accounts_.size(); ++account) {
        earliest = std::min(earliest, usable_at(static_cast<std::uint16_t>(account)));
    }
    return earliest;
}

bool KeyRing::on_outcome(const Pick& pick, const Outcome& outcome, TimeNs now) {
    Key& key = at(pick.id);
    --key.in_flight;
    if (pick.version != key.version) return false;
    if (pick.trial) key.on_trial = false;
    if (key.state == State::retired) return false;
    // What was under way when the key was refused says nothing new.
    if (key.state != State::active && !pick.trial) return false;
    switch (outcome.cls) {
        case OutcomeClass::bad_key:
        case OutcomeClass::forbidden:
            key.state = State::quarantined;
            key.until = later(now, trial_pause(kFirstTrialNs, ++key.refusals));
            break;
        case OutcomeClass::on_hold:
            key.state = State::quarantined;
            key.until = later(now, trial_pause(kSpentTrialNs, ++key.refusals));
            break;
        case OutcomeClass::spend_limit:
            key.state = State::cooling;
            key.until =
                later(now, outcome.retry_after_ns > 0 ? outcome.retry_after_ns
                                                      : trial_pause(kSpentTrialNs, ++key.refusals));
            break;
        case OutcomeClass::success:
            if (key.state == State::active) return false;
            make_active(&key);
            return true;
        default:
            return false;
    }
    key.reason = outcome.cls;
    return true;
}

void KeyRing::make_active(Key* key) {
    key->state = State::active;
    key->reason = OutcomeClass::success;
    key->until = 0;
    key->refusals = 0;
    key->on_trial = false;
}

std::uint16_t KeyRing::find(std::uint16_t account, std::string_view name) const {
    const auto& keys = accounts_[account].keys;
    for (std::size_t key = 0; key < keys.size(); ++key) {
        if (keys[key].name == name) return static_cast<std::uint16_t>(key);
    }
    return kNoKey;
}

std::uint16_t KeyRing::add(std::uint16_t account, std::string_view name) {
    Account& to = accounts_[account];
    std::string own(name);
    for (std::size_t i = to.configured; i < to.keys.size(); ++i) {
        Key& key = to.keys[i];
        if (key.state != State::retired || key.in_flight > 0) continue;
        key.name.swap(own);
        replaced({account, static_cast<std::uint16_t>(i)});
        return static_cast<std::uint16_t>(i);
    }
    if (to.keys.size() >= kMostKeys) return kNoKey;
    to.keys.emplace_back().name.swap(own);
    return static_cast<std::uint16_t>(to.keys.size() - 1);
}

void KeyRing::retire(KeyId id) {
    make_active(&at(id));
    at(id).state = State::retired;
}

void KeyRing::replaced(KeyId id) {
    make_active(&at(id));
    ++at(id).version;
}

KeyRing::View KeyRing::view(KeyId id) const {
    const Key& key = accounts_[id.account].keys[id.key];
    return {.id = id,
            .state = key.state,
            .reason = key.reason,
            .until = key.until,
            .in_flight = key.in_flight};
}

std::vector<KeyRing::View> KeyRing::view() const {
    std::vector<View> views;
    for (std::uint16_t account = 0; account < accounts_.size(); ++account) {
        for (std::uint16_t key = 0; key < accounts_[account].keys.size(); ++key) {
            views.push_back(view(KeyId{account, key}));
        }
    }
    return views;
}

const char* state_name(KeyRing::State state) {
    switch (state) {
        case KeyRing::State::active:
            return "active";
        case KeyRing::State::quarantined:
            return "quarantined";
        case KeyRing::State::cooling:
            return "cooling";
        case KeyRing::State::retired:
            return "retired";
    }
    return "";
}

}  // namespace weir
