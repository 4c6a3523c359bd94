#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "core/request.h"
#include "core/tag_groups.h"
#include "queue/queue.h"

namespace weir {

// The requests of one engine, in chunks whose addresses never change. A request's index is the
// low half of its ticket, so that a ticket finds its slot without a map, and the slot's generation
// is the high half, so that a ticket is never given twice.
//
// take(), give_back(), set_tag() and first_of_tag() are called under the caller's lock (the
// inbox's); at() and outstanding() from any thread.
class RequestSlab {
public:
    RequestSlab() = default;
    ~RequestSlab();
    RequestSlab(const RequestSlab&) = delete;
    RequestSlab& operator=(const RequestSlab&) = delete;

    // A free slot with its new ticket set. Throws std::bad_alloc; kMaxRequests is never reached
    // because the queue's bound is lower.
    RequestIndex take();
    void give_back(RequestIndex index);

    Request& at(RequestIndex index) const {
        return chunks_[index >> kChunkBits].load(std::memory_order_acquire)[index & kChunkMask];
    }
    TimerLink& timer(RequestIndex index) const { return at(index).timer; }
    TagLink& tag_link(RequestIndex index) const { return at(index).tag; }

    // Puts the request, which has no tag, into the group of `tag`, which it leaves as it is given
    // back; 0 is no group. Throws std::bad_alloc.
    void set_tag(RequestIndex index, std::uint64_t tag) {
        if (tag != 0) tags_.join(index, tag);
    }
    // The group's members, from the one that came last. Whoever gives back may go on from the first
    // without the lock.
    RequestIndex first_of_tag(std::uint64_t tag) const { return tags_.first(tag); }
    RequestIndex next_of_tag(RequestIndex index) const { return at(index).tag.next; }

    // As the queue sees them (queue/queue.h).
    QueueLink& queue_link(RequestIndex index) const { return at(index).link; }
    TimeNs submitted_at(RequestIndex index) const { return at(index).submitted_at; }
    QueuePlace queue_place(RequestIndex index) const {
        const Request& request = at(index);
        const std::uint16_t lane = request.counting ? counting_lane_ : request.model_class;
        return {lane, request.priority, request.tenant};
    }
    Backlog backlog_of(RequestIndex index) const;
    bool before(RequestIndex a, RequestIndex b) const {
        const Request& left = at(a);
        const Request& right = at(b);
        if (left.deadline_at != right.deadline_at) return left.deadline_at < right.deadline_at;
        if (left.submitted_at != right.submitted_at) return left.submitted_at < right.submitted_at;
        return a < b;
    }

    // Where those wait whose tokens are to be counted.
    void set_counting_lane(std::uint16_t lane) { counting_lane_ = lane; }

    static RequestIndex index_of(std::uint64_t ticket) {
        return static_cast<RequestIndex>(ticket & 0xFFFFFFFFu) - 1;
    }
    // Whether the ticket names a request that has no terminal event yet.
    bool outstanding(std::uint64_t ticket) const;

    // The slots that were ever used are those below this.
    RequestIndex used() const { return used_.load(std::memory_order_acquire); }

    // Calls f(index) for every slot that was ever used.
    template <class F>
    void for_each(F&& f) const {
        const RequestIndex used = used_.load(std::memory_order_acquire);
        for (RequestIndex i = 0; i < used; ++i) f(i);
    }

    static constexpr std::uint32_t kMaxRequests = 1u << 24;

private:
    static constexpr std::uint32_t kChunkBits = 12;
    static constexpr std::uint32_t kChunkMask = (1u << kChunkBits) - 1;
    std::array<std::atomic<Request*>, (kMaxRequests >> kChunkBits)> chunks_{};
    std::atomic<RequestIndex> used_{0};
    RequestIndex free_ = kNoRequest;
    TagGroups<RequestSlab> tags_{this};
    std::uint16_t counting_lane_ = 0;
};

}  // namespace weir
