#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/request_slab.h"
#include "queue/queue_settings.h"

namespace weir {

// 0: no bound.
struct TenantBound {
    std::uint32_t requests = 0;
    std::uint64_t bytes = 0;
};

struct BoundSettings {
    struct Tenant {
        std::string name;
        TenantBound bound;  // instead of each_tenant, where it is not 0
    };
    std::uint32_t max_requests = 0;
    std::uint64_t max_bytes = 0;
    bool drop_lowest = false;  // else what comes to a full queue is refused
    TenantBound each_tenant = {};
    std::vector<Tenant> tenants = {};
};

// The waiting requests of each priority in the order in which they came: of what may be dropped.
class DropOrder {
public:
    void grow(std::size_t slots) {
        if (links_.size() < slots) links_.resize(slots + slots / 2);
    }
    void add(RequestIndex index, std::uint8_t priority);
    void remove(RequestIndex index, std::uint8_t priority);  // does nothing if it was not added
    RequestIndex newest(std::uint8_t priority) const { return newest_[priority]; }
    RequestIndex older(RequestIndex index) const { return links_[index].older; }

private:
    struct Link {
        RequestIndex older = kNoRequest;
        RequestIndex newer = kNoRequest;
        bool in = false;
    };
    std::vector<Link> links_;  // by request
    std::array<RequestIndex, kPriorities> newest_{kNoRequest, kNoRequest, kNoRequest, kNoRequest};
};

// What is outstanding, and how much may be: in all, and of each tenant. Used under the inbox's
// lock.
//
// A request that is dropped or cancelled while it waits makes room at once, although it stays until
// the loop's next turn. Of such there are never more than kMostLeaving, nor more than a quarter of
// max_bytes and two bodies: so much may be outstanding above the bounds.
class QueueBounds {
public:
    QueueBounds(RequestSlab* slab, BoundSettings settings);

    static constexpr std::uint32_t kMostLeaving = 1000;

    // The requests that are to be dropped for another one: their tickets.
    struct Dropped {
        static constexpr std::size_t kMost = 16;
        std::array<std::uint64_t, kMost> tickets;
        std::size_t count = 0;
    };
    // Makes room for a request, without dropping any if `dropped` is NULL. Throws Failure if there
    // can be none, and std::bad_alloc.
    void make_room(std::uint64_t tenant, std::uint8_t priority, std::size_t bytes,
                   Dropped* dropped);
    // The request has got the room, and its slot is filled in.
    void add(RequestIndex index, bool may_be_dropped) noexcept;
    // A request of an earlier run, above all bounds. Throws std::bad_alloc.
    void adopt(RequestIndex index);
    void remove(RequestIndex index, std::size_t bytes) noexcept;
    // Its body went, or came back.
    void body_went(RequestIndex index, std::size_t bytes) noexcept;
    void body_came(RequestIndex index, std::size_t bytes) noexcept;
    // If the request waits, its place is free from here on.
    void cancelled(RequestIndex index) noexcept;

    struct Held {
        std::uint32_t requests = 0;
        std::uint64_t bytes = 0;
    };
    const Held& held() const { return held_; }

private:
    struct Tenant {
        TenantBound bound;
        Held held;
        const std::string* name = nullptr;  // of one that is configured
    };
    bool has_room(std::size_t bytes, const Held& freed) const;
    bool drop_lower(std::uint8_t priority, std::size_t bytes, Dropped* dropped);
    bool leave(RequestIndex index, Request::Claim claim) noexcept;
    void refuse_if_full(const Tenant& tenant, std::size_t bytes) const;
    [[noreturn]] void refuse(std::size_t bytes) const;
    Tenant* tenant_of(std::uint64_t tenant);

    RequestSlab* const slab_;
    const BoundSettings settings_;
    Held held_;
    Held leaving_;  // the part of it that has been dropped or cancelled while it waited
    DropOrder order_;
    std::unordered_map<std::uint64_t, Tenant> tenants_;  // those with a bound
};

}  // namespace weir
