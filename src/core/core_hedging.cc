#include <algorithm>

#include "core/core.h"
#include "weir/weir.h"

// A second attempt beside one whose first content is late: "The Tail at Scale" (Dean and Barroso,
// 2013). Once for each request, only at another account, only while nothing waits that could use
// the room, and paid like a retry. The first of the two to have content is heard.
namespace weir {

bool Core::is_stream(const Request& request) { return request.body && request.body->head().stream; }

// When the request is to have its second attempt; kNever: it is not.
TimeNs Core::hedge_at(const Request& request, TimeNs now) const {
    if (!may_hedge(request)) return kNever;
    const RetrySettings& settings = settings_.retry;
    TimeNs after = settings.hedge_after_ns > 0 ? settings.hedge_after_ns : kNever;
    const TimeNs usual = hedge_paces_[request.model_class].usual_ns();
    if (settings.hedge_after_p95 && usual != kNever) after = usual;
    const TimeNs at = later(attempts_[request.attempt].reservation.reserved_at, after);
    return at > now ? at : kNever;  // what could not be had in time is not asked for again
}

bool Core::may_hedge(const Request& request) const {
    const RetrySettings& settings = settings_.retry;
    return settings.hedges() && !request.hedged && request.lease_ms == 0 && is_stream(request) &&
           !attempts_[request.attempt].content &&
           request.attempts - request.refusals < settings.max_attempts;
}

void Core::hedge(RequestIndex index, TimeNs now, std::vector<Action>* actions) {
    Request& request = slab_->at(index);
    HedgePace& pace = hedge_paces_[request.model_class];
    if (!may_hedge(request) || !pace.may_hedge() || closed_ || delivery_blocked_ ||
        counts_.in_flight >= settings_.max_in_flight || !queue_.may_start(request.tenant)) {
        return;
    }
    // What waits has its first attempt yet to come.
    for (std::size_t priority = 0; priority < kPriorities; ++priority) {
        if (queue_.any_may_go(request.model_class, priority)) return;
    }
    if (promise_holds(request.model_class)) return;
    Offer offer;
    if (!find_hedge(request, now, &offer)) return;
    if (!endpoint(offer.key.account, request.model_class).retries.withdraw(now)) {
        return give_back_unsent(offer.reservation, now);
    }
    pace.hedged();
    ++counts_.hedges;
    request.hedged = true;
    queue_.started(request.tenant);
    queue_.charge({request.model_class, request.priority, request.tenant},
                  limiter_.dominant_cost(offer.reservation.budget, offer.reservation.cost));
    const AttemptIndex slow = request.attempt;
    const AttemptIndex twin = begin_attempt(index, offer, now);
    attempts_[twin].hedge = true;
    attempts_[twin].twin = slow;
    attempts_[slow].twin = twin;
    tell_start(twin, actions);
}

// Room at an account that is well, and is not the one whose answer is late.
bool Core::find_hedge(const Request& request, TimeNs now, Offer* out) {
    const Cost cost = cost_of(request);
    if (cost.tenant_budget != kNoDayBudget &&
        limiter_.check_tenant(cost, now).kind != Verdict::Kind::granted) {
        return false;
    }
    const std::uint16_t slow = attempts_[request.attempt].key.id.account;
    for (const std::uint16_t account : accounts_for(request, now)) {
        if (account == slow ||
            endpoint(account, request.model_class).breaker.state() != Breaker::State::closed) {
            continue;
        }
        if (reserve(request, cost, account, now, out).kind == Verdict::Kind::granted) return true;
    }
    return false;
}

bool Core::on_content(AttemptId id, TimeNs now, std::vector<Action>* actions) {
    Attempt* attempt = find(id);
    if (attempt == nullptr) return false;
    if (attempt->content) return true;
    attempt->content = true;
    note_first_content(*attempt, true, now);
    if (attempt->hedge) ++counts_.hedges_won;
    if (attempt->twin != kNoAttempt) lose(part(attempt), now, actions);
    return true;
}

// Goes on with one attempt, of which it is told that it is the request's only one. Gives the other.
Core::Attempt* Core::part(Attempt* attempt) {
    if (attempt->twin == kNoAttempt) return nullptr;
    Attempt* other = &attempts_[attempt->twin];
    attempt->twin = other->twin = kNoAttempt;
    slab_->at(attempt->request).attempt = index_of(*attempt);
    return other;
}

// The other attempt was faster. What this one has done is lost, and counts.
void Core::lose(Attempt* loser, TimeNs now, std::vector<Action>* actions) {
    note_first_content(*loser, false, now);
    actions->push_back({.kind = Action::Kind::abort,
                        .request = loser->request,
                        .attempt = id_of(index_of(*loser))});
    Outcome outcome;
    outcome.cls = OutcomeClass::aborted;
    outcome.maybe_executed = true;
    let_go(loser, outcome, now, actions);
}

// An attempt has failed whose twin goes on. If that fails as well, the request waits as long as
// either says, and is not repeated where one says that it must not be.
void Core::leave_to(Attempt* twin, const Outcome& outcome, const Decision& decision, TimeNs now) {
    if (decision.kind == Decision::Kind::fail) twin->twin_status = decision.status;
    const bool of_the_request = rule(outcome.cls).action == OutcomeRule::Action::back_off;
    if (of_the_request && outcome.retry_after_ns >= 0) {
        twin->twin_wait_until = later(now, outcome.retry_after_ns);
    }
    arm_in_flight(twin->request, now);
}

void Core::wait_for_twins_too(const Request& request, TimeNs wait_until, const Outcome& outcome,
                              TimeNs now, Decision* decision) const {
    if (decision->kind != Decision::Kind::requeue || wait_until <= now) return;
    if (outlasts(wait_until, request.deadline_at, settings_.retry, now)) {
        *decision = {.kind = Decision::Kind::fail, .status = rule(outcome.cls).status};
    } else {
        decision->not_before = std::max(decision->not_before, wait_until);
    }
}

void Core::note_first_content(const Attempt& attempt, bool came, TimeNs now) {
    if (!settings_.retry.hedge_after_p95) return;
    const TimeNs took = now - attempt.reservation.reserved_at;
    hedge_paces_[slab_->at(attempt.request).model_class].first_content(took, came);
}

// ---- The timer of a request in flight ----

TimeNs Core::lease_ends_at(const Attempt& attempt) const {
    const Request& request = slab_->at(attempt.request);
    const TimeNs lease = request.lease_ms != 0 ? request.lease_ms * kNsPerMs : settings_.lease_ns;
    return lease == 0 ? kNever : later(attempt.reservation.reserved_at, lease);
}

// The first of what may come while its attempts are under way.
void Core::arm_in_flight(RequestIndex index, TimeNs now) {
    const Request& request = slab_->at(index);
    const Attempt& attempt = attempts_[request.attempt];
    TimeNs at = std::min({request.deadline_at, lease_ends_at(attempt), hedge_at(request, now)});
    if (attempt.twin != kNoAttempt) at = std::min(at, lease_ends_at(attempts_[attempt.twin]));
    rearm(index, at);
}

void Core::on_timer_in_flight(RequestIndex index, TimeNs now, std::vector<Action>* actions) {
    const Attempt& attempt = attempts_[slab_->at(index).attempt];
    if (lease_ends_at(attempt) <= now) return lease_ended(attempt, now, actions);
    if (attempt.twin != kNoAttempt && lease_ends_at(attempts_[attempt.twin]) <= now) {
        return lease_ended(attempts_[attempt.twin], now, actions);
    }
    hedge(index, now, actions);
    arm_in_flight(index, now);
}

}  // namespace weir
