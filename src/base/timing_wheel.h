#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstdint>

#include "base/time.h"

namespace weir {

// A node's place in a TimingWheel, embedded in what is timed.
struct TimerLink {
    static constexpr std::uint32_t kNone = 0xFFFFFFFFu;
    static constexpr std::uint16_t kIdle = 0xFFFFu;

    TimeNs at = kNever;
    std::uint32_t next = kNone;
    std::uint32_t prev = kNone;
    std::uint16_t slot = kIdle;

    bool armed() const { return slot != kIdle; }
};

// Hierarchical timing wheel (Varghese and Lauck, 1987) over nodes that are named by index: eight
// levels of 64 slots, ticks of 2^20 ns. Arm and disarm are O(1); a timer fires at most one tick
// late and never early. `Table` maps an index to its node by `TimerLink& timer(std::uint32_t)`.
template <class Table>
class TimingWheel {
public:
    explicit TimingWheel(Table* table) : table_(table) {
        for (auto& level : heads_) level.fill(TimerLink::kNone);
    }

    // Arms the timer, which must be idle.
    void arm(std::uint32_t index, TimeNs at) {
        assert(!table_->timer(index).armed());
        table_->timer(index).at = at;
        if (at != kNever) place(index);
    }

    // Disarms it if it is armed.
    void disarm(std::uint32_t index) {
        TimerLink& link = table_->timer(index);
        link.at = kNever;
        if (link.armed()) unlink(index);
    }

    // No timer fires before this. It may be earlier than the first timer, by a cascade.
    TimeNs next() const {
        if (levels_ == 0) return kNever;
        const unsigned level = lowest_occupied_level();
        return slot_start(level, first_slot(level)) << kTickBits;
    }

    // Fires what is due: disarms it and calls fire(index), which may arm and disarm timers.
    template <class Fire>
    void advance(TimeNs now, Fire&& fire) {
        const std::int64_t now_tick = now >> kTickBits;
        if (now_tick <= current_) return;
        for (TimeNs due = next(); due != kNever && (due >> kTickBits) <= now_tick; due = next()) {
            const unsigned level = lowest_occupied_level();
            const unsigned slot = first_slot(level);
            current_ = due >> kTickBits;
            while (heads_[level][slot] != TimerLink::kNone) {
                const std::uint32_t index = heads_[level][slot];
                unlink(index);
                if (due_tick(table_->timer(index).at) <= current_) {
                    table_->timer(index).at = kNever;
                    fire(index);
                } else {
                    place(index);
                }
            }
        }
        current_ = now_tick;
    }

private:
    static constexpr int kTickBits = 20;
    static constexpr unsigned kSlotBits = 6;
    static constexpr unsigned kLevels =
        8;  // 48 bits of ticks: all that an int64 of nanoseconds holds

    static std::int64_t due_tick(TimeNs at) {
        return (at >> kTickBits) + ((at & ((1 << kTickBits) - 1)) != 0 ? 1 : 0);
    }

    unsigned first_slot(unsigned level) const {
        return static_cast<unsigned>(std::countr_zero(occupied_[level]));
    }
    unsigned lowest_occupied_level() const {
        return static_cast<unsigned>(std::countr_zero(levels_));
    }

    // The first tick of a slot. Slots in use lie ahead of the current one at their level and share
    // the higher bits with it, so no slot ever wraps.
    std::int64_t slot_start(unsigned level, unsigned slot) const {
        const unsigned shift = level * kSlotBits;
        const std::int64_t above = (current_ >> (shift + kSlotBits)) << (shift + kSlotBits);
        return above | (static_cast<std::int64_t>(slot) << shift);
    }

    void place(std::uint32_t index) {
        TimerLink& link = table_->timer(index);
        const std::int64_t due = std::max(due_tick(link.at), current_ + 1);
        const auto differing = static_cast<std::uint64_t>(due ^ current_) | 1u;
        const unsigned level = static_cast<unsigned>(std::bit_width(differing) - 1) / kSlotBits;
        const auto slot = static_cast<unsigned>((due >> (level * kSlotBits)) & 63);
        link.slot = static_cast<std::uint16_t>(level * 64 + slot);
        link.prev = TimerLink::kNone;
        link.next = heads_[level][slot];
        if (link.next != TimerLink::kNone) table_->timer(link.next).prev = index;
        heads_[level][slot] = index;
        occupied_[level] |= std::uint64_t{1} << slot;
        levels_ |= 1u << level;
    }

    void unlink(std::uint32_t index) {
        TimerLink& link = table_->timer(index);
        const unsigned level = link.slot / 64u;
        const unsigned slot = link.slot % 64u;
        if (link.next != TimerLink::kNone) table_->timer(link.next).prev = link.prev;
        if (link.prev != TimerLink::kNone) {
            table_->timer(link.prev).next = link.next;
        } else {
            heads_[level][slot] = link.next;
            if (link.next == TimerLink::kNone) occupied_[level] &= ~(std::uint64_t{1} << slot);
            if (occupied_[level] == 0) levels_ &= ~(1u << level);
        }
        link.slot = TimerLink::kIdle;
    }

    Table* table_;
    std::int64_t current_ = 0;                       // tick
    std::uint32_t levels_ = 0;                       // bit per level: a timer is armed there
    std::array<std::uint64_t, kLevels> occupied_{};  // bit per slot, likewise
    std::array<std::array<std::uint32_t, 64>, kLevels> heads_;
};

}  // namespace weir
