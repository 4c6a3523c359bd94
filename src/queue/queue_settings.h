#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace weir {

inline constexpr int kPriorities = 4;
inline constexpr std::string_view kPriorityNames[kPriorities] = {"critical", "high", "normal",
                                                                 "low"};

struct QueueSettings {
    // Which of a tenant's requests goes first: the first that came, or the one whose deadline is
    // nearest.
    enum class Order : std::uint8_t { arrival, deadline };
    // How priorities share: the higher always first, or by weight.
    enum class Sharing : std::uint8_t { strict, weighted };

    Order order = Order::arrival;
    Sharing sharing = Sharing::strict;
    std::array<std::uint32_t, kPriorities> weights = {8, 4, 2, 1};
    // Tenants' shares of their priority; 1 for those that are not named.
    std::vector<std::pair<std::uint64_t, std::uint32_t>> tenant_weights = {};
    // Attempts that a tenant may have in flight: each of them (0: as many as there are places), and
    // those that are named.
    std::uint32_t tenant_max_in_flight = 0;
    std::vector<std::pair<std::uint64_t, std::uint32_t>> tenant_bounds = {};
    // A request that has waited so long goes before every priority, in one turn of four. 0: never.
    TimeNs ageing_ns = 60 * kNsPerS;
};

}  // namespace weir
