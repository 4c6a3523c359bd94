#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
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
        while (chunks_.size() << kChunkBits < slots) {
            chunks_.push_back(std::make_unique<Link[]>(std::size_t{1} << kChunkBits));
        }
    }
    void add(RequestIndex index, std::uint8_t priority);
    void remove(RequestIndex index, std::uint8_t priority);  // does nothing if it was not added
    RequestIndex newest(std::uint8_t priority) const { return newest_[priority]; }
    RequestIndex older(RequestIndex index) const { return at(index).older(); }

private:
    // Two indices of requests in six bytes: with these the 192 of a queued request hold here too.
    class Link {
    public:
        RequestIndex older() const { return join(older_low_, older_high_); }
        RequestIndex newer() const { return join(newer_low_, newer_high_); }
        void set_older(RequestIndex index) { split(index, &older_low_, &older_high_); }
        void set_newer(RequestIndex index) { split(index, &newer_low_, &newer_high_); }

    private:
        static constexpr std::uint32_t kNone = 0xFFFFFF;
        static RequestIndex join(std::uint16_t low, std::uint8_t high) {
            const std::uint32_t index = std::uint32_t{high} << 16 | low;
            return index == kNone ? kNoRequest : index;
        }
        static void split(RequestIndex index, std::uint16_t* low, std::uint8_t* high) {
            *low = static_cast<std::uint16_t>(index);
            *high = static_cast<std::uint8_t>(index >> 16);
        }

        std::uint16_t older_low_ = 0xFFFF;
        std::uint16_t newer_low_ = 0xFFFF;
        std::uint8_t older_high_ = 0xFF;
        std::uint8_t newer_high_ = 0xFF;
    };
    static_assert(sizeof(Link) == 6 && RequestSlab::kMaxRequests <= 0x1000000);
    static constexpr unsigned kChunkBits = 12;

    Link& at(RequestIndex index) const {
        return chunks_[index >> kChunkBits][index & ((1u << kChunkBits) - 1)];
    }

    std::vector<std::unique_ptr<Link[]>> chunks_;  // by request
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
