#include <algorithm>

#include "core/core.h"

// How a request with a route comes to another model. Where it is first was chosen by its submitter;
// from then on it moves on, and never back.
namespace weir {

namespace {

constexpr TimeNs kLeastLookNs = kNsPerS;  // between looks ahead while it waits

constexpr LimitKind kMinuteLimits[] = {LimitKind::requests, LimitKind::input_tokens,
                                       LimitKind::output_tokens, LimitKind::tokens};

bool is_overload(const Outcome& outcome, const ErrorDetail* detail) {
    return outcome.cls == OutcomeClass::overloaded ||
           (outcome.cls == OutcomeClass::stream_error && detail != nullptr &&
            detail->type == "overloaded_error");
}

bool is_want_of_capacity(const Outcome& outcome) {
    constexpr int kServiceUnavailable = 503;
    return outcome.cls == OutcomeClass::acceleration ||
           (outcome.cls == OutcomeClass::server_error &&
            outcome.http_status == kServiceUnavailable);
}

}  // namespace

// Those that go before it if the class is served by priority.
std::uint64_t Core::waiting_before(const Request& request, std::uint16_t model_class) const {
    std::uint64_t before = 0;
    for (std::size_t priority = 0; priority <= request.priority; ++priority) {
        before += queue_.waiting(model_class, priority);
    }
    return before;
}

// What waits before it is taken to be like it. That is enough to tell seconds from minutes.
Core::Prospect Core::prospect(const Request& request, std::uint16_t model_class,
                              std::uint64_t before, TimeNs now) {
    Prospect best;
    bool any_out = false;
    bool any_due = false;
    bool any_in = false;
    for (std::uint16_t account = 0; account < settings_.accounts.accounts.size(); ++account) {
        const Breaker& breaker = endpoint(account, model_class).breaker;
        if (keys_.usable(account, now)) {
            (breaker.state() != Breaker::State::open ? any_in
             : breaker.may_start(now)                ? any_due
                                                     : any_out) = true;
        }
        const TimeNs at = could_start_at(request, model_class, account, now);
        if (at == kNever) continue;
        const TimeNs behind = time_behind(request, model_class, account, before, now);
        best.at = std::min(best.at, later(at, behind));
    }
    best.out = any_out && !any_due && !any_in;
    best.on_trial = any_due && !any_in;
    return best;
}

// How much longer it takes where so many others go first, each account taking its share of them.
TimeNs Core::time_behind(const Request& request, std::uint16_t model_class, std::uint16_t account,
                         std::uint64_t before, TimeNs now) {
    const BudgetId budget = budgets_[account * queue_.lanes() + model_class];
    const bool limited =
        std::any_of(std::begin(kMinuteLimits), std::end(kMinuteLimits),
                    [&](LimitKind kind) { return limiter_.largest(budget, kind) >= 0; });
    if (!limited || before == 0) return 0;
    constexpr double kLongest = 1e17;
    const auto accounts = static_cast<double>(settings_.accounts.accounts.size());
    const auto each =
        static_cast<double>(limiter_.dominant_cost(budget, cost_of(request, model_class)));
    const double there = limiter_.headroom(budget, now) * static_cast<double>(kNsPerMinute);
    const double wait = each * static_cast<double>(before) / accounts - there;
    return static_cast<TimeNs>(std::clamp(wait, 0.0, kLongest));
}

// At its first choice, unless it can be told already that it would not stay there.
void Core::enter_route(RequestIndex index, TimeNs now) {
    Request& request = slab_->at(index);
    request.model_class = step_of(settings_.routes, request.route).model_class;
    request.prices = step_of(settings_.routes, request.route).prices;
    ++counts_of(request.route).first;
    if (request.route.ahead == 0) return;
    const std::uint16_t here = request.model_class;
    Prospect seen = prospect(request, here, waiting_before(request, here), now);
    const TimeNs blocked_until = queue_.blocked_until(here);
    if (!queue_.empty(here) && blocked_until != kNever) seen.at = std::max(seen.at, blocked_until);
    look_ahead(index, seen, now);
}

// Moves a request that waits on, if there is a reason to, and somewhere to go.
bool Core::look_ahead(RequestIndex index, const Prospect& here, TimeNs now) {
    const Request& request = slab_->at(index);
    if (request.route.ahead == 0) return false;
    const Route& route = route_of(settings_.routes, request.route);
    if (here.out) {
        return move_on(index, RouteReason::overloaded, later(now, route.max_wait_ns), 0, now);
    }
    const TimeNs wait = here.at == kNever ? kNever : here.at - now;
    if (wait <= route.max_wait_ns && here.at < request.deadline_at) return false;
    return move_on(index, RouteReason::budget, here.at - 1, wait, now);
}

// Moves on from a model that has just turned the request away, instead of waiting for it. What it
// came to there is not counted against its attempts at the next one.
bool Core::leave_after(RequestIndex index, const Outcome& outcome, bool counted, TimeNs now) {
    Request& request = slab_->at(index);
    if (request.route.ahead == 0) return false;
    if (outcome.content_delivered || outcome.should_retry == 0 ||
        (outcome.maybe_executed && !settings_.retry.after_timeout) ||
        request.refusals >= settings_.retry.max_refusals) {
        return false;
    }
    const TimeNs by = later(now, route_of(settings_.routes, request.route).max_wait_ns);
    bool moved = false;
    if (is_overload(outcome, request.last_error.get())) {
        moved = move_on(index, RouteReason::overloaded, by, 0, now);
    } else if (is_want_of_capacity(outcome)) {
        moved = move_on(index, RouteReason::capacity, by, 0, now);
    } else if (outcome.cls == OutcomeClass::rate_limited) {
        // The limiter has learnt of it.
        moved = look_ahead(index, prospect(request, request.model_class, 0, now), now);
    }
    if (!moved) return false;
    if (!counted) ++request.refusals;
    request.state = Request::State::queued;
    request.claim.store(Request::Claim::free, std::memory_order_release);
    join_back(index);
    arm_waiting(index, now);
    return true;
}

// To the first step ahead where it could start by then. False if there is none.
bool Core::move_on(RequestIndex index, RouteReason reason, TimeNs by, TimeNs wait_ns, TimeNs now) {
    Request& request = slab_->at(index);
    const Route& route = route_of(settings_.routes, request.route);
    if (!route.allows(reason)) return false;
    const std::uint8_t step = next_step(route, request.route, [&](const RouteStep& ahead) {
        const std::uint16_t there = ahead.model_class;
        const std::uint64_t before = waiting_before(request, there);
        const Prospect seen = prospect(request, there, before, now);
        // One is enough to find out whether a model is back.
        if (seen.out || (seen.on_trial && before > 0)) return false;
        return seen.at != kNever && seen.at <= by;
    });
    if (step == kNoStep) return false;
    const bool queued = request.state == Request::State::queued;
    if (queued) {
        queue_.remove(index);
        // What it was promised there is for others.
        Promise& promise = promises_[request.model_class];
        if (promise.request == index) promise = Promise();
    }
    StepCounts& left = counts_of(request.route);
    ++(reason == RouteReason::overloaded ? left.left_overloaded
       : reason == RouteReason::budget   ? left.left_budget
                                         : left.left_capacity);
    move_to(step, reason, wait_ns, &request.route);
    ++counts_of(request.route).moved_in;
    request.model_class = route.steps[step].model_class;
    request.prices = route.steps[step].prices;
    if (queued) join_back(index);
    return true;
}

// The timer of a request that waits in the queue: its deadline, or before that a look ahead, for
// what is behind others in its queue would else not be looked at. What waits for hours is looked at
// less and less.
void Core::arm_waiting(RequestIndex index, TimeNs now) {
    const Request& request = slab_->at(index);
    TimeNs at = first_timer(request, now);
    if (request.route.ahead != 0 && !request.counting) {
        const TimeNs wait = route_of(settings_.routes, request.route).max_wait_ns;
        const TimeNs waited = now - request.submitted_at;
        at = std::min(at, later(now, std::max({wait, kLeastLookNs, waited / 2})));
    }
    rearm(index, at);
}

}  // namespace weir
