#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"

namespace weir {

// A waiting request's links, embedded in it.
struct QueueLink {
    static constexpr std::uint32_t kNone = 0xFFFFFFFFu;
    std::uint32_t next = kNone;
    std::uint32_t prev = kNone;
};

// The requests that wait, by model class and priority, first in first out. Requests are named by
// index; `Table` maps an index to its links by `QueueLink& queue_link(std::uint32_t)`.
//
// A model class is a lane of its own: it is blocked until a time when its budget has no room for
// the request at its head, and no other lane waits for it.
template <class Table, std::size_t kPriorities>
class Queue {
public:
    static constexpr std::uint32_t kNone = QueueLink::kNone;

    Queue(Table* table, std::size_t lanes) : table_(table), lanes_(lanes) {}

    void push_back(std::size_t lane, int priority, std::uint32_t index) {
        List& list = at(lane, priority);
        QueueLink& link = table_->queue_link(index);
        link.prev = list.tail;
        link.next = kNone;
        if (list.tail == kNone) {
            list.head = index;
            lanes_[lane].blocked_until = 0;
        } else {
            table_->queue_link(list.tail).next = index;
        }
        list.tail = index;
        ++size_;
    }

    // For what was already at the head once and comes back.
    void push_front(std::size_t lane, int priority, std::uint32_t index) {
        List& list = at(lane, priority);
        QueueLink& link = table_->queue_link(index);
        link.next = list.head;
        link.prev = kNone;
        (list.head == kNone ? list.tail : table_->queue_link(list.head).prev) = index;
        list.head = index;
        ++size_;
        lanes_[lane].blocked_until = 0;
    }

    void remove(std::size_t lane, int priority, std::uint32_t index) {
        List& list = at(lane, priority);
        QueueLink& link = table_->queue_link(index);
        // A blocked lane was blocked for its head; without it, the next may be small enough.
        if (link.prev == kNone) lanes_[lane].blocked_until = 0;
        (link.prev == kNone ? list.head : table_->queue_link(link.prev).next) = link.next;
        (link.next == kNone ? list.tail : table_->queue_link(link.next).prev) = link.prev;
        link = QueueLink();
        --size_;
    }

    std::uint32_t head(std::size_t lane, int priority) const {
        return lanes_[lane].priorities[static_cast<std::size_t>(priority)].head;
    }
    bool empty(std::size_t lane) const {
        for (const List& list : lanes_[lane].priorities) {
            if (list.head != kNone) return false;
        }
        return true;
    }

    void block(std::size_t lane, TimeNs until) { lanes_[lane].blocked_until = until; }
    TimeNs blocked_until(std::size_t lane) const { return lanes_[lane].blocked_until; }
    void unblock_all() {
        for (Lane& lane : lanes_) lane.blocked_until = 0;
    }

    std::size_t lanes() const { return lanes_.size(); }
    std::uint64_t size() const { return size_; }

private:
    struct List {
        std::uint32_t head = kNone;
        std::uint32_t tail = kNone;
    };
    struct Lane {
        std::array<List, kPriorities> priorities;
        TimeNs blocked_until = 0;
    };
    List& at(std::size_t lane, int priority) {
        return lanes_[lane].priorities[static_cast<std::size_t>(priority)];
    }

    Table* table_;
    std::vector<Lane> lanes_;
    std::uint64_t size_ = 0;
};

}  // namespace weir
