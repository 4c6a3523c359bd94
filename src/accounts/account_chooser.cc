#include "accounts/account_chooser.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace weir {

namespace {

// splitmix64's finaliser: a request's affinity with an account, as a number from 0 to 1.
double affinity_with(std::uint32_t affinity, std::uint16_t account) {
    std::uint64_t z = (std::uint64_t{affinity} << 16 | account) + 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return static_cast<double>((z >> 11) + 1) * 0x1.0p-53;
}

}  // namespace

AccountChooser::AccountChooser(const AccountsSettings& settings)
    : choice_(settings.choice), count_(settings.accounts.size()), order_(count_), credit_(count_) {
    std::iota(order_.begin(), order_.end(), std::uint16_t{0});
    for (const AccountSettings& account : settings.accounts) {
        weights_.push_back(std::max(1u, account.weight));
        total_weight_ += weights_.back();
    }
}

const std::vector<std::uint16_t>& AccountChooser::order(std::uint32_t affinity,
                                                        const std::vector<double>& headroom) {
    if (count_ < 2) return order_;
    order_by_turn();
    // A stable sort keeps the turns among equals.
    const bool like_none = choice_ == AccountChoice::sticky && affinity == 0;
    switch (like_none ? AccountChoice::most_budget : choice_) {
        case AccountChoice::round_robin:
            break;
        case AccountChoice::most_budget:
            std::stable_sort(order_.begin(), order_.end(), [&](std::uint16_t a, std::uint16_t b) {
                return headroom[a] > headroom[b];
            });
            break;
        case AccountChoice::weighted:
            std::stable_sort(order_.begin(), order_.end(), [&](std::uint16_t a, std::uint16_t b) {
                return credit_[a] + weights_[a] > credit_[b] + weights_[b];
            });
            break;
        case AccountChoice::sticky:
            // Weighted rendezvous hashing: an account that comes or goes moves only its own share.
            std::sort(order_.begin(), order_.end(), [&](std::uint16_t a, std::uint16_t b) {
                return -weights_[a] / std::log(affinity_with(affinity, a)) >
                       -weights_[b] / std::log(affinity_with(affinity, b));
            });
            break;
    }
    return order_;
}

void AccountChooser::order_by_turn() {
    for (std::size_t i = 0; i < count_; ++i) {
        order_[i] = static_cast<std::uint16_t>((next_ + i) % count_);
    }
}

void AccountChooser::chosen(std::uint16_t account) {
    next_ = (account + std::size_t{1}) % std::max<std::size_t>(1, count_);
    if (choice_ != AccountChoice::weighted) return;
    for (std::size_t i = 0; i < count_; ++i) credit_[i] += weights_[i];
    credit_[account] -= total_weight_;
}

}  // namespace weir
