#pragma once

#include <cstdint>
#include <utility>

#include "queue/queue_link.h"

namespace weir {

// A pairing heap (Fredman, Sedgewick, Sleator, Tarjan, 1986) over embedded links: insert is O(1),
// pop and erase are O(log n) amortised. `Table` gives `QueueLink& queue_link(i)` and
// `bool before(i, j)`, a strict order.
template <class Table>
class PairingHeap {
public:
    static constexpr std::uint32_t kNone = QueueLink::kNone;

    static std::uint32_t insert(Table* table, std::uint32_t root, std::uint32_t item) {
        QueueLink& link = table->queue_link(item);
        link.next = link.prev = link.child = kNone;
        return merge(table, root, item);
    }

    // Takes the item out, and returns the new root.
    static std::uint32_t erase(Table* table, std::uint32_t root, std::uint32_t item) {
        QueueLink& link = table->queue_link(item);
        const std::uint32_t below = merge_siblings(table, link.child);
        link.child = kNone;
        if (item == root) return below;
        QueueLink& before = table->queue_link(link.prev);
        (before.child == item ? before.child : before.next) = link.next;
        if (link.next != kNone) table->queue_link(link.next).prev = link.prev;
        link.next = link.prev = kNone;
        return merge(table, root, below);
    }

    // Calls visit(item) for every item, in no order, without memory.
    template <class F>
    static void for_each(Table* table, std::uint32_t root, F&& visit) {
        std::uint32_t item = root;
        while (item != kNone) {
            visit(item);
            if (table->queue_link(item).child != kNone) {
                item = table->queue_link(item).child;
                continue;
            }
            // Up to the next that has a right sibling: the first child's `prev` is its parent.
            while (item != root && table->queue_link(item).next == kNone) {
                while (table->queue_link(table->queue_link(item).prev).child != item) {
                    item = table->queue_link(item).prev;
                }
                item = table->queue_link(item).prev;
            }
            item = item == root ? kNone : table->queue_link(item).next;
        }
    }

private:
    static std::uint32_t merge(Table* table, std::uint32_t a, std::uint32_t b) {
        if (a == kNone) return b;
        if (b == kNone) return a;
        if (table->before(b, a)) std::swap(a, b);
        QueueLink& parent = table->queue_link(a);
        QueueLink& child = table->queue_link(b);
        child.next = parent.child;
        child.prev = a;
        if (parent.child != kNone) table->queue_link(parent.child).prev = b;
        parent.child = b;
        return a;
    }

    // Pairs from left to right, then merges the pairs from right to left.
    static std::uint32_t merge_siblings(Table* table, std::uint32_t first) {
        std::uint32_t pairs = kNone;  // linked by `next`, the last pair first
        while (first != kNone) {
            const std::uint32_t a = take(table, &first);
            const std::uint32_t b = first == kNone ? kNone : take(table, &first);
            const std::uint32_t pair = merge(table, a, b);
            table->queue_link(pair).next = pairs;
            pairs = pair;
        }
        std::uint32_t root = kNone;
        while (pairs != kNone) root = merge(table, root, take(table, &pairs));
        return root;
    }

    static std::uint32_t take(Table* table, std::uint32_t* list) {
        const std::uint32_t item = *list;
        QueueLink& link = table->queue_link(item);
        *list = link.next;
        link.next = link.prev = kNone;
        return item;
    }
};

}  // namespace weir
