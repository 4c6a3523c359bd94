#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/indexed_heap.h"
#include "base/time.h"
#include "queue/pairing_heap.h"
#include "queue/queue_link.h"
#include "queue/queue_settings.h"

namespace weir {

// The requests of one priority of one lane, shared fairly between tenants: start-time fair queueing
// (Goyal, Vin, Cheng, 1996) on the cost of a request in time of budget. A flow's tag is the virtual
// start of its next request; the least tag goes first. A tenant that was idle starts at the current
// virtual time, so that it saves no credit up (Sheng et al., VTC, OSDI 2024).
//
// `Table` maps an index to `QueueLink& queue_link(i)` and `TimeNs submitted_at(i)`, and orders two
// by `bool before(i, j)` (nearest deadline first).
template <class Table>
class FairLevel {
public:
    static constexpr std::uint32_t kNone = QueueLink::kNone;

    void configure(Table* table, QueueSettings::Order order) {
        table_ = table;
        order_ = order;
    }

    void push_back(std::uint64_t tenant, std::uint32_t weight, std::uint32_t index) {
        const std::uint32_t flow = flow_of(tenant, weight);
        if (order_ == QueueSettings::Order::deadline) {
            insert_by_deadline(flow, index);
        } else {
            append(flow, index);
        }
        joined(flow, index);
    }

    // For a request that was at the head once and comes back.
    void push_front(std::uint64_t tenant, std::uint32_t weight, std::uint32_t index) {
        const std::uint32_t flow = flow_of(tenant, weight);
        if (order_ == QueueSettings::Order::deadline) {
            insert_by_deadline(flow, index);
        } else {
            prepend(flow, index);
        }
        joined(flow, index);
    }

    void remove(std::uint32_t index) {
        const std::uint32_t number = table_->queue_link(index).flow;
        Flow& flow = flows_[number];
        if (order_ == QueueSettings::Order::deadline) {
            flow.head = PairingHeap<Table>::erase(table_, flow.head, index);
        } else {
            unlink(&flow, index);
        }
        table_->queue_link(index) = QueueLink();
        --flow.size;
        --size_;
        refresh(number);
    }

    // Takes the request out and charges its tenant. One that goes out of its turn does not move the
    // virtual time on.
    void take(std::uint32_t index, TimeNs cost, bool in_turn) {
        const std::uint32_t number = table_->queue_link(index).flow;
        Flow& flow = flows_[number];
        if (in_turn) virtual_time_ = std::max(virtual_time_, flow.tag);
        flow.tag += cost / flow.weight;
        remove(index);
        if (flows_.size() > 2 * by_tag_.size() + 64) forget_idle();
    }

    // What was charged turned out to be more (negative: less) by `cost`.
    void charge(std::uint64_t tenant, TimeNs cost) {
        const auto found = numbers_.find(tenant);
        if (found == numbers_.end()) return;
        Flow& flow = flows_[found->second];
        flow.tag += cost / flow.weight;
        refresh(found->second);
    }

    // The flow of the request may not go: the level is as if it were not there, until release().
    std::uint32_t park(std::uint32_t index) {
        const std::uint32_t number = table_->queue_link(index).flow;
        flows_[number].parked = true;
        refresh(number);
        return number;
    }
    void release(std::uint32_t flow) {
        flows_[flow].parked = false;
        refresh(flow);
    }

    // Whether nothing may go.
    bool empty() const { return by_tag_.empty(); }
    std::size_t size() const { return size_; }  // with what is parked

    // The request that fairness puts first. The level is not empty.
    std::uint32_t head() const { return flows_[by_tag_.top()].head; }
    // The request that has waited longest among the flows' heads. The level is not empty.
    std::uint32_t oldest() const { return flows_[by_age_.top()].head; }

    // Heads of other flows, and requests behind heads: at most `most`, none of them `except`.
    template <class F>
    void for_some(std::size_t most, std::uint32_t except, F&& visit) const {
        for (std::size_t place = 0; place < by_tag_.size() && most > 0; ++place) {
            std::uint32_t index = flows_[by_tag_.at(place)].head;
            for (; index != kNone && most > 0; index = follower(index)) {
                if (index == except) continue;
                --most;
                if (!visit(index)) return;
            }
        }
    }

    // The tenant of all that waits, if there is no other.
    bool sole_tenant(std::uint64_t* tenant) const {
        if (by_tag_.size() != 1 || flows_[by_tag_.top()].size != size_) return false;
        *tenant = flows_[by_tag_.top()].tenant;
        return true;
    }

    // About how many go before the request at `position` among its tenant's, or before one that
    // comes now if that is beyond them, where each takes `mean_cost`. O(tenants).
    std::uint64_t ahead(std::uint64_t tenant, std::uint32_t weight, std::uint64_t position,
                        TimeNs mean_cost) const {
        const double cost = static_cast<double>(std::max<TimeNs>(mean_cost, 1));
        const auto found = numbers_.find(tenant);
        const Flow* own = found == numbers_.end() ? nullptr : &flows_[found->second];
        const std::uint64_t before =
            own == nullptr ? 0 : std::min<std::uint64_t>(position, own->size);
        TimeNs tag = own == nullptr ? 0 : own->tag;
        if (own == nullptr || own->size == 0) tag = std::max(tag, virtual_time_);
        const double start =
            static_cast<double>(tag) +
            static_cast<double>(before) * cost / static_cast<double>(std::max(1u, weight));
        std::uint64_t ahead = before;
        for (std::size_t place = 0; place < by_tag_.size(); ++place) {
            const Flow& other = flows_[by_tag_.at(place)];
            if (&other == own) continue;
            const double turns =
                (start - static_cast<double>(other.tag)) * static_cast<double>(other.weight) / cost;
            if (turns < 0) continue;
            ahead +=
                turns < static_cast<double>(other.size)
                    ? std::min<std::uint64_t>(static_cast<std::uint64_t>(turns) + 1, other.size)
                    : other.size;
        }
        return ahead;
    }

    // The request's position among its tenant's. O(of its tenant).
    std::uint64_t position(std::uint32_t index) const {
        std::uint64_t position = 0;
        if (order_ == QueueSettings::Order::arrival) {
            for (std::uint32_t at = table_->queue_link(index).prev; at != kNone;
                 at = table_->queue_link(at).prev) {
                ++position;
            }
            return position;
        }
        const Flow& flow = flows_[table_->queue_link(index).flow];
        PairingHeap<Table>::for_each(table_, flow.head, [&](std::uint32_t other) {
            if (other != index && table_->before(other, index)) ++position;
        });
        return position;
    }

private:
    struct Flow {
        std::uint64_t tenant = 0;
        std::uint32_t head = kNone;  // in deadline order: the heap's root
        std::uint32_t tail = kNone;
        std::uint32_t size = 0;
        TimeNs weight = 1;
        TimeNs tag = 0;
        bool parked = false;
    };

    std::uint32_t flow_of(std::uint64_t tenant, std::uint32_t weight) {
        const auto [found, added] = numbers_.try_emplace(tenant, kNone);
        if (added) {
            if (free_.empty()) {
                found->second = static_cast<std::uint32_t>(flows_.size());
                flows_.emplace_back();
            } else {
                found->second = free_.back();
                free_.pop_back();
            }
            flows_[found->second] = Flow{.tenant = tenant};
        }
        flows_[found->second].weight = std::max(1u, weight);
        return found->second;
    }

    void joined(std::uint32_t number, std::uint32_t index) {
        Flow& flow = flows_[number];
        table_->queue_link(index).flow = number;
        if (flow.size++ == 0) flow.tag = std::max(flow.tag, virtual_time_);
        ++size_;
        refresh(number);
    }

    // Sets the flow's place in both orders right.
    void refresh(std::uint32_t number) {
        const Flow& flow = flows_[number];
        if (flow.size == 0 || flow.parked) {
            by_tag_.erase(number);
            by_age_.erase(number);
        } else {
            by_tag_.set(number, flow.tag);
            by_age_.set(number, table_->submitted_at(flow.head));
        }
    }

    // An idle flow whose tag has been passed by is as good as new.
    void forget_idle() {
        for (auto it = numbers_.begin(); it != numbers_.end();) {
            const Flow& flow = flows_[it->second];
            if (flow.size == 0 && !flow.parked && flow.tag <= virtual_time_) {
                free_.push_back(it->second);
                it = numbers_.erase(it);
            } else {
                ++it;
            }
        }
        // So that the numbers that are given next do not depend on the map's order.
        std::sort(free_.begin(), free_.end(), std::greater<>());
    }

    void insert_by_deadline(std::uint32_t number, std::uint32_t index) {
        Flow& flow = flows_[number];
        flow.head = PairingHeap<Table>::insert(table_, flow.head, index);
    }

    void append(std::uint32_t number, std::uint32_t index) {
        Flow& flow = flows_[number];
        QueueLink& link = table_->queue_link(index);
        link.prev = flow.tail;
        link.next = kNone;
        (flow.tail == kNone ? flow.head : table_->queue_link(flow.tail).next) = index;
        flow.tail = index;
    }

    void prepend(std::uint32_t number, std::uint32_t index) {
        Flow& flow = flows_[number];
        QueueLink& link = table_->queue_link(index);
        link.next = flow.head;
        link.prev = kNone;
        (flow.head == kNone ? flow.tail : table_->queue_link(flow.head).prev) = index;
        flow.head = index;
    }

    void unlink(Flow* flow, std::uint32_t index) {
        const QueueLink& link = table_->queue_link(index);
        (link.prev == kNone ? flow->head : table_->queue_link(link.prev).next) = link.next;
        (link.next == kNone ? flow->tail : table_->queue_link(link.next).prev) = link.prev;
    }

    std::uint32_t follower(std::uint32_t index) const {
        const QueueLink& link = table_->queue_link(index);
        return order_ == QueueSettings::Order::deadline ? link.child : link.next;
    }

    Table* table_ = nullptr;
    QueueSettings::Order order_ = QueueSettings::Order::arrival;
    std::vector<Flow> flows_;
    std::vector<std::uint32_t> free_;
    std::unordered_map<std::uint64_t, std::uint32_t> numbers_;  // tenant to flow
    IndexedHeap by_tag_;
    IndexedHeap by_age_;
    TimeNs virtual_time_ = 0;
    std::size_t size_ = 0;
};

}  // namespace weir
