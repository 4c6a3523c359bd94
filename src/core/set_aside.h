#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"
#include "core/request_slab.h"

namespace weir {

// Requests whose tenant's budget of the day has no room for them, out of the way of everybody
// else's: until the day ends, or until an attempt of the tenant's has ended and what it held and
// did not use is free again. They are linked by Request::link.
class SetAside {
public:
    SetAside(RequestSlab* slab, std::size_t day_budgets) : slab_(slab), lists_(day_budgets + 1) {}

    std::uint64_t size() const { return size_; }

    void until_day_end(RequestIndex index, TimeNs at) {
        insert(0, index, false);
        day_ends_at_ = at;
    }
    // `again` keeps the request before those that have come after it.
    void until_settled(RequestIndex index, std::uint16_t day_budget, TimeNs look_at, bool again) {
        insert(day_budget + 1u, index, again);
        look_at_ = std::min(look_at_, look_at);
    }
    void remove(RequestIndex index) {
        QueueLink& link = slab_->queue_link(index);
        List& list = lists_[link.flow];
        (link.prev == kNoRequest ? list.head : slab_->queue_link(link.prev).next) = link.next;
        (link.next == kNoRequest ? list.tail : slab_->queue_link(link.next).prev) = link.prev;
        link = QueueLink();
        --size_;
    }

    // The first that waits for an attempt of the budget's to end, or kNoRequest.
    RequestIndex first_of(std::uint16_t day_budget) const { return lists_[day_budget + 1u].head; }

    TimeNs next_timer() const { return size_ == 0 ? kNever : std::min(day_ends_at_, look_at_); }

    // Gives what time makes due to f(index), which removes it.
    template <class F>
    void advance(TimeNs now, F&& f) {
        if (size_ == 0) return;
        if (now >= day_ends_at_) {
            day_ends_at_ = kNever;
            while (lists_[0].head != kNoRequest) f(lists_[0].head);
        }
        if (now < look_at_) return;
        look_at_ = kNever;
        for (std::size_t i = 1; i < lists_.size(); ++i) {
            if (lists_[i].head == kNoRequest) continue;
            f(lists_[i].head);
            if (lists_[i].head != kNoRequest) look_at_ = now + kNsPerS;
        }
    }

private:
    struct List {
        RequestIndex head = kNoRequest;
        RequestIndex tail = kNoRequest;
    };

    void insert(std::size_t number, RequestIndex index, bool in_front) {
        List& list = lists_[number];
        QueueLink& link = slab_->queue_link(index);
        link = QueueLink();
        link.flow = static_cast<std::uint32_t>(number);
        RequestIndex& end = in_front ? list.head : list.tail;
        RequestIndex& other_end = in_front ? list.tail : list.head;
        if (end == kNoRequest) {
            other_end = index;
        } else if (in_front) {
            link.next = end;
            slab_->queue_link(end).prev = index;
        } else {
            link.prev = end;
            slab_->queue_link(end).next = index;
        }
        end = index;
        ++size_;
    }

    RequestSlab* slab_;
    std::vector<List> lists_;  // until the day ends; then by day budget
    std::uint64_t size_ = 0;
    TimeNs day_ends_at_ = kNever;
    TimeNs look_at_ = kNever;
};

}  // namespace weir
