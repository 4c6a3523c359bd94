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
        accounts_.emplace_back().keys.resize(account.keys);
    }
}

bool KeyRing::may_go(const Key& key, TimeNs now) {
    switch (key.state) {
        case State::active:
            return true;
        case State::quarantined:
        case State::cooling:
            return !key.on_trial && now >= key.until;
        case State::retired:
            return false;
    }
    return false;
}

bool KeyRing::pick(std::uint16_t account_index, TimeNs now, Pick* out) {
    Account& account = accounts_[account_index];
    const std::size_t count = account.keys.size();
    for (std::size_t i = 0; i < count; ++i) {
        const auto index = static_cast<std::uint16_t>((account.next + i) % count);
        Key& key = account.keys[index];
        if (!may_go(key, now)) continue;
        account.next = static_cast<std::uint16_t>((index + 1) % count);
        key.on_trial = key.state != State::active;
        ++key.in_flight;
        *out = {.id = {account_index, index}, .trial = key.on_trial};
        return true;
    }
    return false;
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
    for (const Key& key : accounts_[account].keys) {
        if (key.state == State::retired || key.on_trial) continue;
        earliest = std::min(earliest, key.state == State::active ? 0 : key.until);
    }
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
        case OutcomeClass::spend_limit:
            key.state = State::cooling;
            key.until =
                later(now, outcome.retry_after_ns > 0 ? outcome.retry_after_ns
                                                      : trial_pause(kSpentTrialNs, ++key.refusals));
            break;
        case OutcomeClass::success:
            if (key.state == State::active) return false;
            key = Key{.in_flight = key.in_flight};
            return true;
        default:
            return false;
    }
    key.reason = outcome.cls;
    return true;
}

std::uint16_t KeyRing::add(std::uint16_t account) {
    auto& keys = accounts_[account].keys;
    keys.emplace_back();
    return static_cast<std::uint16_t>(keys.size() - 1);
}

void KeyRing::retire(KeyId id) { at(id).state = State::retired; }

void KeyRing::replaced(KeyId id) { at(id) = Key{.in_flight = at(id).in_flight}; }

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
