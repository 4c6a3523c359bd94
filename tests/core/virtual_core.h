#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "base/random.h"
#include "core/core.h"

namespace weir::test {

// A core in virtual time. What becomes of its actions, and what happens to it, is its heirs'.
class VirtualCore {
public:
    virtual ~VirtualCore() = default;
    VirtualCore(const VirtualCore&) = delete;
    VirtualCore& operator=(const VirtualCore&) = delete;

    // Until then, or until nothing is left to happen.
    void run_until(TimeNs until) {
        for (;;) {
            core_.advance(now_, &actions_);
            take_actions();
            const TimeNs event = events_.empty() ? kNever : events_.top().at;
            const TimeNs next = std::min(core_.next_timer(), event);
            if (next > until) break;
            if (++turns > kMostTurns) {
                ADD_FAILURE() << "time does not come to an end";
                break;
            }
            now_ = std::max(now_ + (next <= now_ && event > now_ ? 1 : 0), next);
            while (!events_.empty() && events_.top().at <= now_) {
                const Event due = events_.top();
                events_.pop();
                due.what();
            }
        }
        now_ = std::max(now_, until);
    }
    void run_for(TimeNs time) { run_until(now_ + time); }
    void at(TimeNs when, std::function<void()> what) {
        events_.push({when, order_++, std::move(what)});
    }

    TimeNs now() const { return now_; }
    Core& core() { return core_; }
    RequestSlab& slab() { return slab_; }

    Random random;
    int turns = 0;

protected:
    VirtualCore(const CoreSettings& settings, std::uint64_t seed, TimeNs now)
        : random(seed), core_(settings, &slab_, random.next()), now_(now) {}

    virtual void act(const Action& action) = 0;

    // Those that come of what act() does among them.
    void take_actions() {
        while (!actions_.empty()) {
            taken_.clear();
            taken_.swap(actions_);
            for (const Action& action : taken_) act(action);
        }
    }

    RequestSlab slab_;
    Core core_;
    std::vector<Action> actions_;

private:
    static constexpr int kMostTurns = 10'000'000;

    struct Event {
        TimeNs at;
        std::uint64_t order;
        std::function<void()> what;
        bool operator<(const Event& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };

    TimeNs now_;
    std::uint64_t order_ = 0;
    std::priority_queue<Event> events_;
    std::vector<Action> taken_;
};

}  // namespace weir::test
