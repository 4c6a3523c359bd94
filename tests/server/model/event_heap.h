#pragma once

#include <cstdint>
#include <queue>
#include <vector>

#include "base/time.h"

namespace weir::model {

enum class EventKind : std::uint8_t {
    begin_production,
    end_production,
    cotenant_on,
    cotenant_off,
    limit_change,
};

struct Event {
    TimeNs at = 0;
    std::uint64_t sequence = 0;  // events of the same time happen in the order of their making
    EventKind kind = EventKind::begin_production;
    std::uint32_t index = 0;       // of the running request, co-tenant or change
    std::uint32_t generation = 0;  // of the running request; an old one is void
};

class EventHeap {
public:
    void push(TimeNs at, EventKind kind, std::uint32_t index, std::uint32_t generation = 0) {
        heap_.push({at, next_sequence_++, kind, index, generation});
    }
    bool due(TimeNs now) const { return !heap_.empty() && heap_.top().at <= now; }
    Event pop() {
        Event event = heap_.top();
        heap_.pop();
        return event;
    }

private:
    struct Later {
        bool operator()(const Event& a, const Event& b) const {
            return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
        }
    };
    std::priority_queue<Event, std::vector<Event>, Later> heap_;
    std::uint64_t next_sequence_ = 0;
};

}  // namespace weir::model
