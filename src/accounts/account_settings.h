#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir {

// One key of an account, without its secret: that is the engine's.
struct KeySettings {
    static constexpr std::uint16_t kNoWorkspace = 0xFFFF;
    std::string name = "main";
    std::uint16_t workspace = kNoWorkspace;  // index in the account's
    std::uint32_t max_in_flight = 0;         // 0: as many as the account may have
    bool later = false;                      // as if it were retired, until its secret comes
};

// Organisations and their keys. Keys of one account share its limits, so that more of them add no
// capacity; more accounts do.
struct AccountSettings {
    std::string name;
    std::uint32_t weight = 1;         // of its share, where the choice is weighted
    std::uint32_t max_in_flight = 0;  // 0: the engine's alone
    std::vector<KeySettings> keys = std::vector<KeySettings>(1);
    std::vector<std::string> workspaces = {};
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
