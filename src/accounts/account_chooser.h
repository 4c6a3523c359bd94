#pragma once

#include <cstdint>
#include <vector>

#include "accounts/account_settings.h"

namespace weir {

// Puts the accounts into the order in which they are asked for room.
class AccountChooser {
public:
    explicit AccountChooser(const AccountsSettings& settings);

    // Whether order() wants to know what is left of each account's budget.
    bool wants_headroom() const {
        return count_ > 1 &&
               (choice_ == AccountChoice::most_budget || choice_ == AccountChoice::sticky);
    }

    // `headroom` is the share of its limits that each account has left, where it is wanted;
    // `affinity` keeps like requests together where the choice is sticky, and 0 is like none. Valid
    // until the next call.
    const std::vector<std::uint16_t>& order(std::uint32_t affinity,
                                            const std::vector<double>& headroom);

    // The attempt went to this account: the next one may go elsewhere.
    void chosen(std::uint16_t account);

private:
    void order_by_turn();

    AccountChoice choice_;
    std::size_t count_;
    std::vector<std::uint16_t> order_;
    std::vector<double> weights_;
    std::vector<double> credit_;  // weighted: smooth weighted round robin, as in nginx
    double total_weight_ = 0;
    std::size_t next_ = 0;
};

}  // namespace weir
