#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir {

// A request's place in the group of its tag, embedded in it.
struct TagLink {
    static constexpr std::uint32_t kNone = 0xFFFFFFFFu;
    std::uint32_t next = kNone;  // the member that came before it
    std::uint32_t prev = kNone;  // the one that came after it, or the group's cell; none: no group
};

// The members of groups that are named by a number: a chain a group, and an open-addressed table of
// the groups, with linear probing. Joining and leaving are O(1), whatever the size of the group.
// `Table` maps an index below 2^31 to its node by `TagLink& tag_link(std::uint32_t)`.
//
// join() and leave() write no `next` but that of the member itself and, as one leaves, that of the
// one before it in the chain. So whoever alone lets members leave may follow `next` from a first()
// while others join.
template <class Table>
class TagGroups {
public:
    explicit TagGroups(Table* table) : table_(table) {}

    // Into the group of `tag`, which is not 0. Throws std::bad_alloc, and changes nothing then.
    void join(std::uint32_t index, std::uint64_t tag) {
        if (groups_.empty()) grow();
        std::size_t cell = find(tag);
        if (groups_[cell].tag == 0) {
            if (4 * (count_ + 1) > 3 * groups_.size()) {
                grow();
                cell = find(tag);
            }
            groups_[cell].tag = tag;
            ++count_;
        }
        Group& group = groups_[cell];
        table_->tag_link(index).next = group.first;
        if (group.first != TagLink::kNone) table_->tag_link(group.first).prev = index;
        put_first(cell, index);
    }

    // Out of its group, if it is in one.
    void leave(std::uint32_t index) {
        TagLink& link = table_->tag_link(index);
        if (link.prev == TagLink::kNone) return;
        if (link.next != TagLink::kNone) table_->tag_link(link.next).prev = link.prev;
        if ((link.prev & kCell) == 0) {
            table_->tag_link(link.prev).next = link.next;
        } else if (link.next != TagLink::kNone) {
            groups_[link.prev & ~kCell].first = link.next;
        } else {
            erase(link.prev & ~kCell);
        }
        link = TagLink();
    }

    // The member that came last; kNone: the group has none.
    std::uint32_t first(std::uint64_t tag) const {
        return groups_.empty() ? TagLink::kNone : groups_[find(tag)].first;
    }

private:
    static constexpr std::uint32_t kCell = 0x80000000u;  // what `prev` names is a cell

    struct Group {
        std::uint64_t tag = 0;  // 0: the cell is free
        std::uint32_t first = TagLink::kNone;
    };

    std::size_t mask() const { return groups_.size() - 1; }
    std::size_t home(std::uint64_t tag) const {  // Fibonacci hashing
        return static_cast<std::size_t>((tag * 0x9E3779B97F4A7C15u) >> 32) & mask();
    }
    // The group's cell, or the one that it would have.
    std::size_t find(std::uint64_t tag) const {
        std::size_t cell = home(tag);
        while (groups_[cell].tag != 0 && groups_[cell].tag != tag) cell = (cell + 1) & mask();
        return cell;
    }

    void put_first(std::size_t cell, std::uint32_t index) {
        groups_[cell].first = index;
        table_->tag_link(index).prev = kCell | static_cast<std::uint32_t>(cell);
    }

    void put(std::size_t cell, const Group& group) {
        groups_[cell].tag = group.tag;
        put_first(cell, group.first);
    }

    // Those behind the cell that could not be nearer to their home move up.
    void erase(std::size_t hole) {
        for (std::size_t cell = (hole + 1) & mask(); groups_[cell].tag != 0;
             cell = (cell + 1) & mask()) {
            const std::size_t from_home = (cell - home(groups_[cell].tag)) & mask();
            if (from_home < ((cell - hole) & mask())) continue;
            put(hole, groups_[cell]);
            hole = cell;
        }
        groups_[hole] = Group();
        --count_;
    }

    void grow() {
        std::vector<Group> old(groups_.empty() ? 16 : 2 * groups_.size());
        old.swap(groups_);
        for (const Group& group : old) {
            if (group.tag != 0) put(find(group.tag), group);
        }
    }

    Table* table_;
    std::vector<Group> groups_;
    std::size_t count_ = 0;
};

}  // namespace weir
