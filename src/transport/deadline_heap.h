#pragma once

#include <cstddef>
#include <vector>

#include "base/time.h"

namespace weir {

// What a DeadlineHeap holds; it must not move while it is inside.
struct DeadlineNode {
    static constexpr std::size_t kOutside = static_cast<std::size_t>(-1);
    std::size_t heap_position = kOutside;
};

// Nodes by the time at which they must be looked at. The time may be too early, never too late:
// that way a byte that arrives moves no node, and a node that comes up early is put back.
class DeadlineHeap {
public:
    bool empty() const { return entries_.empty(); }
    TimeNs first_at() const { return entries_.empty() ? kNever : entries_.front().at; }
    DeadlineNode* first() const { return entries_.front().node; }

    void insert(DeadlineNode* node, TimeNs at) {
        entries_.push_back({at, node});
        rise(entries_.size() - 1);
    }

    void move(DeadlineNode* node, TimeNs at) {
        const std::size_t position = node->heap_position;
        entries_[position].at = at;
        sink(rise(position));
    }

    void remove(DeadlineNode* node) {
        const std::size_t position = node->heap_position;
        if (position == DeadlineNode::kOutside) return;
        node->heap_position = DeadlineNode::kOutside;
        const Entry last = entries_.back();
        entries_.pop_back();
        if (position == entries_.size()) return;
        put(position, last);
        sink(rise(position));
    }

private:
    struct Entry {
        TimeNs at;
        DeadlineNode* node;
    };

    void put(std::size_t position, const Entry& entry) {
        entries_[position] = entry;
        entry.node->heap_position = position;
    }

    std::size_t rise(std::size_t position) {
        const Entry entry = entries_[position];
        while (position > 0) {
            const std::size_t parent = (position - 1) / 2;
            if (entries_[parent].at <= entry.at) break;
            put(position, entries_[parent]);
            position = parent;
        }
        put(position, entry);
        return position;
    }

    void sink(std::size_t position) {
        const Entry entry = entries_[position];
        for (;;) {
            std::size_t child = 2 * position + 1;
            if (child >= entries_.size()) break;
            if (child + 1 < entries_.size() && entries_[child + 1].at < entries_[child].at) ++child;
            if (entry.at <= entries_[child].at) break;
            put(position, entries_[child]);
            position = child;
        }
        put(position, entry);
    }

    std::vector<Entry> entries_;
};

}  // namespace weir
