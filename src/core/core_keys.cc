#include <algorithm>

#include "core/core.h"
#include "weir/weir.h"

// Keys that come and go, and what is said when there is none.
namespace weir {

void Core::make_key_budgets() {
    for (const AccountSettings& account : settings_.accounts.accounts) {
        const auto index = static_cast<std::uint16_t>(key_budgets_.size());
        std::vector<BudgetId>& budgets = key_budgets_.emplace_back();
        for (std::size_t key = 0; key < account.keys.size(); ++key) {
            for (std::size_t lane = 0; lane < queue_.lanes(); ++lane) {
                budgets.push_back(limiter_.budget(index, static_cast<std::uint16_t>(lane),
                                                  account.keys[key].workspace,
                                                  static_cast<std::uint16_t>(key)));
            }
        }
    }
}

std::uint16_t Core::add_key(std::uint16_t account, std::string_view name,
                            std::vector<Action>* actions) {
    // What was not configured has no limits of its own.
    std::vector<BudgetId>& budgets = key_budgets_[account];
    const std::size_t lanes = queue_.lanes();
    budgets.reserve((keys_.keys(account) + 1) * lanes);
    actions->reserve(actions->size() + 1);
    const std::uint16_t key = keys_.add(account, name);
    if (key == KeyRing::kNoKey) return key;
    if (budgets.size() < keys_.keys(account) * lanes) {
        const auto own = budgets_.begin() + static_cast<std::ptrdiff_t>(account * lanes);
        budgets.insert(budgets.end(), own, own + static_cast<std::ptrdiff_t>(lanes));
    }
    queue_.unblock_all();
    actions->push_back({.kind = Action::Kind::key_changed, .account = account, .key = key});
    return key;
}

void Core::replace_key(KeyId id, std::vector<Action>* actions) {
    actions->push_back({.kind = Action::Kind::key_changed,
                        .replaced = true,
                        .account = id.account,
                        .key = id.key});
    keys_.replaced(id);
    queue_.unblock_all();
}

void Core::retire_key(KeyId id, std::vector<Action>* actions) {
    actions->push_back({.kind = Action::Kind::key_changed, .account = id.account, .key = id.key});
    keys_.retire(id);
    queue_.unblock_all();
}

// What a request fails with when no key may be used.
std::int32_t Core::why_no_account() const {
    for (const KeyRing::View& key : keys_.view()) {
        if (key.reason != OutcomeClass::success) return rule(key.reason).status;
    }
    return WEIR_ERR_NO_ACCOUNT;
}

void Core::say_when_keys_come_back(TimeNs now, Action* failure) const {
    if (keys_.any_usable(now)) return;
    const TimeNs at = keys_.earliest_usable_at();
    if (at != kNever) failure->keys_back_at = at;
}

}  // namespace weir
