#include <string>

#include "schedule.h"

namespace weir::test {

// Names for the keys, and limits for some of the workspaces and keys.
void Schedule::add_scopes(std::uint16_t index, CoreSettings* settings) {
    AccountSettings& account = settings->accounts.accounts.back();
    for (std::size_t key = 0; key < account.keys.size(); ++key) {
        account.keys[key].name = "key" + std::to_string(key);
        account.keys[key].max_in_flight = bound();
        if (random_.below(2) == 0) account.keys[key].workspace = 0;
        account.keys[key].later = random_.below(8) == 0;
    }
    for (std::uint64_t i = random_.below(4); i > 1; --i) {
        LimitSettings::Scope scope;
        scope.account = index;
        (random_.below(2) == 0 ? scope.workspace : scope.key) = 0;
        if (random_.below(2) == 0) scope.model_class = 0;
        scope.limits.requests_per_minute = static_cast<std::int64_t>(20 + random_.below(200));
        if (random_.below(2) == 0) scope.limits.input_tokens_per_minute = 20'000;
        settings->limits.scopes.push_back(scope);
    }
}

// Those that have no secret yet get one.
void Schedule::plan_later_keys() {
    const auto accounts = static_cast<std::uint16_t>(settings_.accounts.accounts.size());
    for (std::uint16_t account = 0; account < accounts; ++account) {
        const std::vector<KeySettings>& keys = settings_.accounts.accounts[account].keys;
        for (std::uint16_t key = 0; key < keys.size(); ++key) {
            if (!keys[key].later) continue;
            keys_[{account, key}].retired = true;
            std::uint64_t what = key;  // as set_key() reads it
            while (what % accounts != account) what += 5;
            post(random_.below(10 * kNsPerS), Event::Kind::set_key, what);
        }
    }
}

void Schedule::set_key(std::uint64_t what) {
    const auto account = static_cast<std::uint16_t>(what % core_.keys().accounts());
    const std::string name = "key" + std::to_string(what % 5);
    const KeyId id{account, core_.keys().find(account, name)};
    if (id.key == KeyRing::kNoKey) {
        const std::uint16_t added = core_.add_key(account, name, &actions_);
        keys_[{account, added}] = {.version = keys_[{account, added}].version + 1};
        return;
    }
    core_.replace_key(id, &actions_);
    keys_[{account, id.key}] = {.version = keys_[{account, id.key}].version + 1};
}

// Another secret comes later, so that nothing waits for ever.
void Schedule::retire_key(std::uint64_t what) {
    const auto account = static_cast<std::uint16_t>(what % core_.keys().accounts());
    const KeyId id{account, core_.keys().find(account, "key" + std::to_string(what % 5))};
    if (id.key == KeyRing::kNoKey) return;
    core_.retire_key(id, &actions_);
    keys_[{account, id.key}].retired = true;
    post(random_.below(10 * kNsPerS), Event::Kind::set_key, what);
}

}  // namespace weir::test
