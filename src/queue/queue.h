#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "queue/backlog.h"
#include "queue/fair_level.h"
#include "queue/queue_settings.h"
#include "queue/tenant_concurrency.h"

namespace weir {

// The requests that wait. A lane holds those of one model class: it is blocked until a time when
// its budget has no room for the request that is next, and no other lane waits for it. In a lane,
// four priorities; in a priority, the tenants (FairLevel).
//
// `Table` is FairLevel's, with `QueuePlace queue_place(i)` besides: where a request belongs; and,
// if it has that, `Backlog backlog_of(i)`: what it will take.
struct QueuePlace {
    std::uint16_t lane = 0;
    std::uint8_t priority = 2;
    std::uint64_t tenant = 0;
};

template <class Table>
class Queue {
public:
    static constexpr std::uint32_t kNone = QueueLink::kNone;

    Queue(Table* table, std::size_t lanes, const QueueSettings& settings)
        : table_(table), settings_(settings), lanes_(lanes), tenants_(settings) {
        for (Lane& lane : lanes_) {
            for (Level& level : lane.levels) level.configure(table, settings.order);
        }
        for (const auto& [tenant, weight] : settings.tenant_weights) weights_[tenant] = weight;
    }

    void push_back(std::uint32_t index) {
        const QueuePlace place = table_->queue_place(index);
        const bool new_head = level(place).empty();
        level(place).push_back(place.tenant, weight(place.tenant), index);
        lift(place, index);
        // A blocked lane waits for its head; a head that is new may be small enough.
        if (new_head) block(place.lane, 0);
    }

    // For a request that was at the head once and comes back.
    void push_front(std::uint32_t index) {
        const QueuePlace place = table_->queue_place(index);
        level(place).push_front(place.tenant, weight(place.tenant), index);
        lift(place, index);
        block(place.lane, 0);
    }

    void remove(std::uint32_t index) {
        const QueuePlace place = table_->queue_place(index);
        level(place).remove(index);
        leave(place, index);
        block(place.lane, 0);
    }

    // Takes out what is about to start, and charges its tenant and priority.
    void take(std::uint32_t index, TimeNs cost, bool in_turn = true) {
        const QueuePlace place = table_->queue_place(index);
        Lane& lane = lanes_[place.lane];
        if (in_turn) {
            const bool is_longest = longest_waiting(lane) == &lane.levels[place.priority];
            lane.passed_over = is_longest
                                   ? std::max(lane.passed_over - (kTurnsPerAged - 1), kMostCredit)
                                   : std::min(lane.passed_over + 1, kTurnsPerAged - 1);
        }
        tenants_.started(place.tenant);
        std::int64_t& tag = lane.tags[place.priority];
        if (in_turn) lane.virtual_time = std::max(lane.virtual_time, tag);
        tag += cost / std::max<TimeNs>(1, settings_.weights[place.priority]);
        level(place).take(index, cost, in_turn);
        leave(place, index);
    }

    // What was charged turned out to be more (negative: less) by `cost`.
    void charge(const QueuePlace& place, TimeNs cost) {
        level(place).charge(place.tenant, cost);
        lanes_[place.lane].tags[place.priority] +=
            cost / std::max<TimeNs>(1, settings_.weights[place.priority]);
    }

    // An attempt at a request of the tenant has begun that was not taken from here; one has ended.
    void started(std::uint64_t tenant) { tenants_.started(tenant); }
    void ended(std::uint64_t tenant) {
        tenants_.ended(tenant, [&](const ParkedFlow& parked) {
            lanes_[parked.lane].levels[parked.priority].release(parked.flow);
            block(parked.lane, 0);
        });
    }
    // Whether the tenant may have one more in flight.
    bool may_start(std::uint64_t tenant) const { return tenants_.may_start(tenant); }

    // The request that is next in the lane, or kNone. Tenants that have all in flight that they may
    // are put aside on the way, until one of theirs has ended.
    std::uint32_t next(std::size_t lane, TimeNs now) {
        for (;;) {
            const std::uint32_t index = first(lanes_[lane], now);
            if (index == kNone) return kNone;
            const QueuePlace place = table_->queue_place(index);
            if (tenants_.may_start(place.tenant)) return index;
            tenants_.park(place.tenant, {place.lane, place.priority, level(place).park(index)});
        }
    }
    // Requests behind the next one, in about the order in which they would go. Stops after `most`,
    // or when visit(index) returns false.
    template <class F>
    void for_some_behind(std::size_t lane, std::uint32_t next, std::size_t most, F&& visit) const {
        bool go_on = true;
        for (const Level& candidate : lanes_[lane].levels) {
            if (candidate.empty() || !go_on) continue;
            candidate.for_some(most, next, [&](std::uint32_t index) {
                --most;
                go_on = visit(index) && most > 0;
                return go_on;
            });
        }
    }

    // What waits in a lane at a priority.
    const Backlog& backlog(std::size_t lane, std::size_t priority) const {
        return lanes_[lane].backlogs[priority];
    }
    // The tenant of all that waits there, if there is no other.
    bool sole_tenant(std::size_t lane, std::size_t priority, std::uint64_t* tenant) const {
        return lanes_[lane].levels[priority].sole_tenant(tenant);
    }
    bool is_strict() const { return settings_.sharing == QueueSettings::Sharing::strict; }
    bool is_by_arrival() const { return settings_.order == QueueSettings::Order::arrival; }
    TimeNs ageing_ns() const { return settings_.ageing_ns; }

    // About how many requests of each priority go before the one at `position` among its tenant's
    // (before one that comes now: behind all of them), where each takes `mean_cost`. O(tenants).
    using Ahead = std::array<std::uint64_t, kPriorities>;
    static constexpr std::uint64_t kLast = ~std::uint64_t{0};
    Ahead ahead(const QueuePlace& place, std::uint64_t position, TimeNs mean_cost) const {
        const Lane& lane = lanes_[place.lane];
        Ahead ahead{};
        const std::uint64_t own = lane.levels[place.priority].ahead(
            place.tenant, weight(place.tenant), position, mean_cost);
        for (std::size_t priority = 0; priority < kPriorities; ++priority) {
            const std::uint64_t waiting = lane.levels[priority].size();
            if (priority == place.priority) {
                ahead[priority] = own;
            } else if (!is_strict()) {
                const std::uint64_t turns =
                    own * settings_.weights[priority] / settings_.weights[place.priority];
                ahead[priority] = std::min(waiting, turns);
            } else if (priority < place.priority) {
                ahead[priority] = waiting;
            }
        }
        return ahead;
    }
    // The request's position among its tenant's. O(of its tenant).
    std::uint64_t position(std::uint32_t index) const {
        return level(table_->queue_place(index)).position(index);
    }

    bool empty(std::size_t lane) const { return lanes_[lane].size == 0; }
    std::size_t size(std::size_t lane) const { return lanes_[lane].size; }
    std::size_t waiting(std::size_t lane, std::size_t priority) const {
        return lanes_[lane].levels[priority].size();
    }
    // Whether something of the priority waits that its tenant's bound does not hold back.
    bool any_may_go(std::size_t lane, std::size_t priority) const {
        return !lanes_[lane].levels[priority].empty();
    }

    void block(std::size_t lane, TimeNs until) {
        lanes_[lane].blocked_until = until;
        find_next_at();
    }
    TimeNs blocked_until(std::size_t lane) const { return lanes_[lane].blocked_until; }
    void unblock_all() {
        for (Lane& lane : lanes_) lane.blocked_until = 0;
        find_next_at();
    }
    // When the first of the lanes in which something waits is not blocked any more; kNever if
    // nothing waits.
    TimeNs next_at() const { return next_at_; }

    std::size_t lanes() const { return lanes_.size(); }
    std::uint64_t size() const { return size_; }

private:
    using Level = FairLevel<Table>;
    struct Lane {
        std::array<Level, kPriorities> levels;
        std::array<Backlog, kPriorities> backlogs;
        std::array<std::int64_t, kPriorities> tags{};  // weighted sharing: as a flow's
        std::int64_t virtual_time = 0;
        TimeNs blocked_until = 0;
        // Turns that the priority that has waited longest is owed, in parts of a turn.
        int passed_over = 0;
        std::uint64_t size = 0;
    };
    // What has aged gets at least one turn of so many: an old backlog makes progress, and yet an
    // urgent request never waits for all of it.
    static constexpr int kTurnsPerAged = 4;
    // Where it has had more than that, so many turns of others may follow each other.
    static constexpr int kMostCredit = -4 * (kTurnsPerAged - 1);

    std::uint32_t first(const Lane& lane, TimeNs now) const {
        if (settings_.ageing_ns != 0 && lane.passed_over >= kTurnsPerAged - 1) {
            // Its tenants share its turns as they share any.
            const Level* aged = longest_waiting(lane);
            if (aged != nullptr &&
                now - table_->submitted_at(aged->oldest()) >= settings_.ageing_ns) {
                return aged->head();
            }
        }
        const Level* chosen = nullptr;
        std::int64_t least = 0;
        for (std::size_t priority = 0; priority < kPriorities; ++priority) {
            const Level& candidate = lane.levels[priority];
            if (candidate.empty()) continue;
            if (settings_.sharing == QueueSettings::Sharing::strict) return candidate.head();
            if (chosen == nullptr || lane.tags[priority] < least) {
                chosen = &candidate;
                least = lane.tags[priority];
            }
        }
        return chosen == nullptr ? kNone : chosen->head();
    }

    Level& level(const QueuePlace& place) { return lanes_[place.lane].levels[place.priority]; }
    const Level& level(const QueuePlace& place) const {
        return lanes_[place.lane].levels[place.priority];
    }

    std::uint32_t weight(std::uint64_t tenant) const {
        const auto found = weights_.find(tenant);
        return found == weights_.end() ? 1 : found->second;
    }

    // A priority that was empty has saved no credit up.
    void lift(const QueuePlace& place, std::uint32_t index) {
        count(place, index, 1);
        ++size_;
        ++lanes_[place.lane].size;
        if (level(place).size() != 1) return;
        std::int64_t& tag = lanes_[place.lane].tags[place.priority];
        tag = std::max(tag, lanes_[place.lane].virtual_time);
    }

    void leave(const QueuePlace& place, std::uint32_t index) {
        count(place, index, -1);
        --size_;
        if (--lanes_[place.lane].size == 0) find_next_at();
    }

    void find_next_at() {
        next_at_ = kNever;
        for (const Lane& lane : lanes_) {
            if (lane.size != 0) next_at_ = std::min(next_at_, lane.blocked_until);
        }
    }

    void count(const QueuePlace& place, std::uint32_t index, std::int64_t sign) {
        if constexpr (requires(Table & table) { table.backlog_of(index); }) {
            lanes_[place.lane].backlogs[place.priority].add(table_->backlog_of(index), sign);
        }
    }

    // The priority that has the request that has waited longest, or NULL.
    const Level* longest_waiting(const Lane& lane) const {
        const Level* longest = nullptr;
        for (const Level& candidate : lane.levels) {
            if (candidate.empty()) continue;
            if (longest == nullptr || table_->submitted_at(candidate.oldest()) <
                                          table_->submitted_at(longest->oldest())) {
                longest = &candidate;
            }
        }
        return longest;
    }

    Table* table_;
    QueueSettings settings_;
    std::vector<Lane> lanes_;
    std::unordered_map<std::uint64_t, std::uint32_t> weights_;  // by tenant
    TenantConcurrency tenants_;
    std::uint64_t size_ = 0;
    TimeNs next_at_ = kNever;
};

}  // namespace weir
