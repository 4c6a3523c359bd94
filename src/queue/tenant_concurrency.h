#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "queue/queue_settings.h"

namespace weir {

// A tenant's flow in one level of one lane of the queue, which is passed by.
struct ParkedFlow {
    std::uint16_t lane;
    std::uint8_t priority;
    std::uint32_t flow;
};

// What tenants have in flight, where that is bounded. A tenant at its bound has its flows parked as
// the queue comes upon them, and gets them back when an attempt of its has ended: what that costs
// does not depend on how much waits.
class TenantConcurrency {
public:
    explicit TenantConcurrency(const QueueSettings& settings)
        : most_of_each_(settings.tenant_max_in_flight) {
        for (const auto& [tenant, most] : settings.tenant_bounds) {
            tenants_[tenant] = {.most = most, .named = true, .parked = {}};
        }
    }

    bool may_start(std::uint64_t tenant) const {
        const Tenant* known = find(tenant);
        return known == nullptr || known->in_flight < known->most;
    }
    void started(std::uint64_t tenant) {
        if (most_of_each_ != 0) {
            ++tenants_.try_emplace(tenant, Tenant{.most = most_of_each_, .parked = {}})
                  .first->second.in_flight;
        } else if (Tenant* known = find(tenant)) {
            ++known->in_flight;
        }
    }
    // The tenant is at its bound.
    void park(std::uint64_t tenant, const ParkedFlow& flow) {
        if (Tenant* known = find(tenant)) known->parked.push_back(flow);
    }

    // Calls release(flow) for what is parked.
    template <class F>
    void ended(std::uint64_t tenant, F&& release) {
        Tenant* known = find(tenant);
        if (known == nullptr) return;
        --known->in_flight;
        for (const ParkedFlow& flow : known->parked) release(flow);
        known->parked.clear();
        if (known->in_flight == 0 && !known->named) tenants_.erase(tenant);
    }

private:
    struct Tenant {
        std::uint32_t most = 0;
        std::uint32_t in_flight = 0;
        bool named = false;
        std::vector<ParkedFlow> parked;
    };
    const Tenant* find(std::uint64_t tenant) const {
        if (tenants_.empty()) return nullptr;
        const auto found = tenants_.find(tenant);
        return found == tenants_.end() ? nullptr : &found->second;
    }
    Tenant* find(std::uint64_t tenant) {
        return const_cast<Tenant*>(static_cast<const TenantConcurrency*>(this)->find(tenant));
    }

    std::uint32_t most_of_each_;
    std::unordered_map<std::uint64_t, Tenant> tenants_;
};

}  // namespace weir
