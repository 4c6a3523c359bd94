#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir {

// Organisations and their keys, without the secrets: those are the engine's. Keys of one account
// share its limits, so that more of them add no capacity; more accounts do.
struct AccountSettings {
    std::string name;
    std::uint32_t weight = 1;         // of its share, where the choice is weighted
    std::uint32_t max_in_flight = 0;  // 0: the engine's alone
    std::uint16_t keys = 1;
};

// Which of the accounts that could go now is taken.
enum class AccountChoice : std::uint8_t {
    most_budget,  // the one with the most of its limits left
    round_robin,
    weighted,
    sticky,  // by a hash of the request's prefix, so that prompt caches are kept
};

struct AccountsSettings {
    std::vector<AccountSettings> accounts;
    AccountChoice choice = AccountChoice::most_budget;
    bool wait_when_all_out = false;  // else a request that no key can serve fails
};

}  // namespace weir
