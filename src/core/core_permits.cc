#include <algorithm>

#include "core/core.h"
#include "weir/weir.h"

// Permits that are wanted at once.
namespace weir {

// With a route it goes where a submit would: to its first choice, or on from there.
Core::Grant Core::try_acquire(RequestIndex index, TimeNs now) {
    const RoutePlace first_choice = slab_->at(index).route;
    if (!first_choice.routed()) return grant_at_once(index, now);
    const StepCounts* counts = &step_counts_[(first_choice.route - 1u) * Route::kMaxSteps];
    std::copy_n(counts, Route::kMaxSteps, counts_before_try_.begin());
    enter_route(index, now);
    const Grant grant = grant_at_once(index, now);
    if (grant.status != WEIR_OK) forget_steps(first_choice);
    return grant;
}

// It was never on its route.
void Core::forget_steps(const RoutePlace& place) {
    StepCounts* counts = &step_counts_[(place.route - 1u) * Route::kMaxSteps];
    std::copy_n(counts_before_try_.begin(), Route::kMaxSteps, counts);
}

Core::Grant Core::grant_at_once(RequestIndex index, TimeNs now) {
    Request& request = slab_->at(index);
    if (closed_) return {.status = WEIR_ERR_CLOSED};
    if (delivery_blocked_ || counts_.in_flight >= settings_.max_in_flight) {
        return {.status = WEIR_ERR_NOT_NOW};
    }
    if (!queue_.may_start(request.tenant)) return {.status = WEIR_ERR_NOT_NOW};
    if (would_overtake(request)) {
        const TimeNs until = queue_.blocked_until(request.model_class);
        return {.status = WEIR_ERR_NOT_NOW, .ask_again_at = std::max(until, now + kNsPerMs)};
    }
    const Cost cost = cost_of(request);
    if (cost.tenant_budget != kNoDayBudget) {
        const Verdict verdict = limiter_.check_tenant(cost, now);
        if (verdict.kind == Verdict::Kind::never) {
            return {.status = why_never(Refusal(verdict)), .ask_again_at = verdict.at};
        }
        if (verdict.kind != Verdict::Kind::granted) {
            return {.status = WEIR_ERR_NOT_NOW, .ask_again_at = verdict.at};
        }
    }
    Offer offer;
    const Room room = find_room(request, cost, now, &offer);
    if (room.kind != Verdict::Kind::granted) {
        if (request.route.ahead != 0 &&
            look_ahead(index, prospect(request, request.model_class, 0, now), now)) {
            return grant_at_once(index, now);
        }
        if (!settings_.accounts.wait_when_all_out && !keys_.any_usable(now)) {
            return {.status = why_no_account(), .ask_again_at = keys_.earliest_usable_at()};
        }
        if (room.kind == Verdict::Kind::never) {
            return {.status = why_never(room.refusal), .ask_again_at = room.refusal.frees_at};
        }
        return {.status = WEIR_ERR_NOT_NOW, .ask_again_at = room.at};
    }
    // It goes through the queue, so that its tenant is charged as for any other request.
    ++counts_.accepted;
    request.state = Request::State::queued;
    queue_.push_back(index);
    scratch_.clear();
    start(index, offer, now, &scratch_);
    return {.permit = scratch_.back()};
}

// Whether something waits that a permit for the request would overtake.
bool Core::would_overtake(const Request& request) const {
    for (std::size_t priority = 0; priority <= request.priority; ++priority) {
        if (queue_.any_may_go(request.model_class, priority)) return true;
    }
    return false;
}

void Core::withdraw(RequestIndex index, TimeNs now) {
    Request& request = slab_->at(index);
    Outcome outcome;
    outcome.cls = OutcomeClass::aborted;
    scratch_.clear();
    Attempt* attempt = &attempts_[request.attempt];
    charge_difference(request, attempt->reservation, outcome);
    let_go(attempt, outcome, now, &scratch_);
    request.attempt = kNoAttempt;
    wheel_.disarm(index);
    request.state = Request::State::idle;
    --counts_.accepted;
    if (request.route.routed()) forget_steps(request.route);
    --counts_.attempts;
    --counts_.permits;
}

Cost Core::held(AttemptId id) const {
    const Attempt* attempt = find(id);
    return attempt == nullptr ? Cost() : attempt->reservation.cost;
}

}  // namespace weir
