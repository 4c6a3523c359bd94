#include <algorithm>

#include "schedule.h"

namespace weir::test {

// Of attempts in flight; 0: none.
std::uint32_t Schedule::bound() {
    return static_cast<std::uint32_t>(random_.below(3) == 0 ? 1 + random_.below(3) : 0);
}

std::uint32_t Schedule::tenant_bound(std::uint64_t tenant) const {
    for (const auto& [named, most] : settings_.queue.tenant_bounds) {
        if (named == tenant) return most;
    }
    return settings_.queue.tenant_max_in_flight;
}

bool Schedule::is_held_back(std::uint64_t tenant) const {
    const std::uint32_t most = tenant_bound(tenant);
    return most != 0 && std::count_if(live_.begin(), live_.end(), [&](const auto& live) {
                            return live.second.tenant == tenant;
                        }) >= most;
}

// What is in flight of each account, class, key and tenant is within its bound.
void Schedule::check_bounds() {
    const auto within = [&](std::uint64_t bound, auto&& matches) {
        if (bound == 0) return;
        const auto count = std::count_if(live_.begin(), live_.end(),
                                         [&](const auto& live) { return matches(live.second); });
        if (static_cast<std::uint64_t>(count) > bound) broken("a bound on what is in flight");
    };
    const auto& accounts = settings_.accounts.accounts;
    for (std::uint16_t account = 0; account < accounts.size(); ++account) {
        within(accounts[account].max_in_flight,
               [&](const Live& live) { return live.key.account == account; });
        for (std::uint16_t key = 0; key < accounts[account].keys.size(); ++key) {
            within(accounts[account].keys[key].max_in_flight, [&](const Live& live) {
                return live.key == KeyId{account, key};
            });
        }
        for (std::uint16_t c = 0; c < settings_.limits.classes.size(); ++c) {
            const auto matches = [&](const Live& live) {
                return live.key.account == account && live.model_class == c && !live.counting;
            };
            within(static_cast<std::uint64_t>(settings_.limits.classes[c].limits.in_flight),
                   matches);
            if (settings_.adaptive.on) within(settings_.adaptive.ceiling, matches);
        }
    }
    for (std::uint64_t tenant = 0; tenant < 3; ++tenant) {
        within(tenant_bound(tenant), [&](const Live& live) { return live.tenant == tenant; });
    }
}

}  // namespace weir::test
