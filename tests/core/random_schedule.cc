#include "random_schedule.h"

#include <algorithm>

#include "schedule.h"

namespace weir::test {

ScheduleResult Schedule::run() {
    plan();
    advance_core();
    while (result_.broken.empty()) {
        const TimeNs timer = core_.next_timer();
        const TimeNs event = events_.empty() ? kNever : events_.top().at;
        if (timer == kNever && event == kNever) break;
        if (++result_.events > 200'000) {
            broken("the schedule does not come to an end");
            break;
        }
        now_ = std::max(now_, std::min(timer, event));
        if (event <= now_) {
            const Event next = events_.top();
            events_.pop();
            happen(next);
        }
        advance_core();
        check();
    }
    check_end();
    return result_;
}

void Schedule::plan() {
    for (std::uint64_t i = random_.below(6); i > 1; --i) {
        const bool retire = random_.below(2) == 0;
        const auto in_ns = random_.below(30 * kNsPerS);
        post(in_ns, retire ? Event::Kind::retire_key : Event::Kind::set_key, i);
    }
    plan_later_keys();
    const std::uint64_t requests = 5 + random_.below(60);
    for (std::uint64_t i = 0; i < requests; ++i) {
        const Event::Kind kind =
            random_.below(5) == 0 ? Event::Kind::try_acquire : Event::Kind::submit;
        post(random_.below(20) * kNsPerS / (1 + random_.below(20)), kind, i);
    }
    for (std::uint64_t i = random_.below(4); i > 0; --i) {
        post(random_.below(30 * kNsPerS), Event::Kind::cancel_tag, 1 + random_.below(3));
    }
    if (random_.below(3) == 0) post(random_.below(60 * kNsPerS), Event::Kind::close, 0);
    if (random_.below(4) == 0) {
        core_.set_delivery_blocked(true);
        post(random_.below(5 * kNsPerS), Event::Kind::unblock, 0);
    }
}

void Schedule::post(std::uint64_t in_ns, Event::Kind kind, std::uint64_t what) {
    events_.push({now_ + static_cast<TimeNs>(in_ns), order_++, kind, what});
}

void Schedule::happen(const Event& event) {
    switch (event.kind) {
        case Event::Kind::submit:
            submit();
            break;
        case Event::Kind::try_acquire:
            try_acquire();
            break;
        case Event::Kind::cancel:
            core_.cancel(event.what, now_, &actions_);
            break;
        case Event::Kind::cancel_tag:
            cancel_tag(event.what);
            break;
        case Event::Kind::claim:
            claim(event.what);
            break;
        case Event::Kind::drop:
            core_.drop(event.what, now_, &actions_);
            break;
        case Event::Kind::close:
            core_.close(now_, &actions_);
            break;
        case Event::Kind::unblock:
            core_.set_delivery_blocked(false);
            break;
        case Event::Kind::set_key:
            set_key(event.what);
            break;
        case Event::Kind::retire_key:
            retire_key(event.what);
            break;
        case Event::Kind::head:
            head(event.what);
            break;
        case Event::Kind::content:
            content(event.what);
            break;
        case Event::Kind::progress:
            core_.on_progress(event.what, static_cast<std::int64_t>(random_.below(500)), now_);
            break;
        case Event::Kind::end:
            end(event.what);
            break;
    }
    take_actions();
}

void Schedule::advance_core() {
    core_.advance(now_, &actions_);
    take_actions();
}

ScheduleResult run_random_schedule(std::uint64_t seed) { return Schedule(seed).run(); }

}  // namespace weir::test
