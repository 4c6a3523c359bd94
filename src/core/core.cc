#include "core/core.h"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

#include "weir/weir.h"

namespace weir {
namespace {

// What the caller of a permit is told that was never reported.
std::unique_ptr<ErrorDetail> no_report() noexcept {
    try {
        auto detail = std::make_unique<ErrorDetail>();
        detail->message = "the permit was not reported within its lease";
        return detail;
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

}  // namespace

Core::Core(const CoreSettings& settings, RequestSlab* slab, std::uint64_t seed)
    : settings_(with_counting(settings)),
      counting_lane_(static_cast<std::uint16_t>(settings.limits.classes.size())),
      slab_(slab),
      random_(seed),
      limiter_(settings_.limits),
      keys_(settings.accounts.accounts),
      chooser_(settings.accounts),
      queue_(slab, settings_.limits.classes.size(), settings.queue),
      wheel_(slab),
      set_aside_(slab, settings.limits.day_budgets.size()),
      headroom_(settings.accounts.accounts.size()),
      hedge_paces_(settings.limits.classes.size()) {
    scratch_.reserve(4);
    supplies_.reserve(settings.limits.accounts.size());
    slab_->set_counting_lane(counting_lane_);
    assert(settings.accounts.accounts.size() == settings.limits.accounts.size());
    for (std::size_t account = 0; account < settings.limits.accounts.size(); ++account) {
        for (std::size_t lane = 0; lane < queue_.lanes(); ++lane) {
            budgets_.push_back(limiter_.budget(static_cast<std::uint16_t>(account),
                                               static_cast<std::uint16_t>(lane)));
        }
    }
    for (std::size_t i = 0; i < budgets_.size(); ++i) {
        endpoints_.push_back({.breaker = {},
                              .retries = RetryBudget(settings.retry),
                              .concurrency = AdaptiveConcurrency(settings.adaptive)});
    }
    accounts_in_flight_.resize(settings.accounts.accounts.size());
    promises_.resize(queue_.lanes());
    make_key_budgets();
    step_counts_.resize(settings.routes.routes.size() * Route::kMaxSteps);
    attempts_.reserve(settings.max_in_flight);
}

// ---- Inputs: requests ----

void Core::submit(RequestIndex index, TimeNs now, std::vector<Action>* actions) {
    Request& request = slab_->at(index);
    assert(request.state == Request::State::idle);
    ++counts_.accepted;
    if (closed_) return finish(index, Action::Kind::fail, WEIR_ERR_SHUTDOWN, 0, actions);
    if (request.deadline_at <= now) {
        return finish(index, Action::Kind::fail, WEIR_ERR_DEADLINE, 0, actions);
    }
    // A figure of the caller's own is taken as it is.
    request.counting = request.counting && request.input_tokens == 0 && request.lease_ms == 0;
    if (request.route.routed()) enter_route(index, now);
    request.state = Request::State::queued;
    join_back(index);
    arm_waiting(index, now);
}

// To the end of its lane. It may be small enough to pass a head that has long to wait.
void Core::join_back(RequestIndex index) {
    const Request& request = slab_->at(index);
    queue_.push_back(index);
    if (promises_[lane_of(request)].request != kNoRequest &&
        queue_.size(lane_of(request)) <= 2 * kMostTried) {
        queue_.block(lane_of(request), 0);
    }
}

void Core::cancel(std::uint64_t ticket, TimeNs now, std::vector<Action>* actions) {
    if (!slab_->outstanding(ticket)) return;
    const RequestIndex index = RequestSlab::index_of(ticket);
    if (slab_->at(index).state == Request::State::idle) return;  // has ended in this very turn
    end_early(index, WEIR_ERR_CANCELLED, now, actions);
}

void Core::cancel_group(RequestIndex first, TimeNs now, std::vector<Action>* actions) {
    for (RequestIndex index = first; index != kNoRequest; index = slab_->next_of_tag(index)) {
        if (slab_->at(index).state == Request::State::idle) continue;
        end_early(index, WEIR_ERR_CANCELLED, now, actions);
    }
}

void Core::drop(std::uint64_t ticket, TimeNs now, std::vector<Action>* actions) {
    if (!slab_->outstanding(ticket)) return;
    const RequestIndex index = RequestSlab::index_of(ticket);
    const Request& request = slab_->at(index);
    if (request.state == Request::State::idle) return;
    if (request.claim.load(std::memory_order_relaxed) != Request::Claim::dropped) return;
    end_early(index, WEIR_ERR_QUEUE_FULL, now, actions);
}

void Core::close(TimeNs now, std::vector<Action>* actions) {
    closed_ = true;
    slab_->for_each([&](RequestIndex index) {
        if (slab_->at(index).state == Request::State::idle) return;
        end_early(index, WEIR_ERR_SHUTDOWN, now, actions);
    });
}

// ---- Inputs: attempts ----

void Core::on_head(AttemptId id, bool answered, const LimitReadings& readings, TimeNs now) {
    Attempt* attempt = find(id);
    if (attempt == nullptr) return;
    const Request& request = slab_->at(attempt->request);
    bool changed = false;
    if (request.counting) {
        // What is said of tokens there is not about these calls.
        constexpr auto kRequests = static_cast<std::size_t>(LimitKind::requests);
        LimitReadings own;
        own.of[kRequests] = readings.of[kRequests];
        changed = limiter_.observe(attempt->reservation, own, now);
    } else {
        changed = limiter_.observe(attempt->reservation, readings, now);
    }
    if (answered && !attempt->answered) {
        attempt->answered = true;
        Breaker& breaker = endpoint(attempt->key.id.account, lane_of(request)).breaker;
        changed |= breaker.state() != Breaker::State::closed;
        breaker.answered(now);
    }
    // Most heads say what was known: nobody has to be asked again.
    if (changed) queue_.unblock_all();
}

void Core::on_progress(AttemptId id, std::int64_t output_tokens, TimeNs now) {
    Attempt* attempt = find(id);
    if (attempt == nullptr) return;
    if (!std::exchange(attempt->showed_token, true)) {
        endpoint(attempt->key.id.account, lane_of(slab_->at(attempt->request)))
            .concurrency.first_token(attempt->reservation.reserved_at, now);
    }
    limiter_.progress(&attempt->reservation, output_tokens, now);
}

void Core::on_input_counted(AttemptId id, const Usage& usage, TimeNs now) {
    Attempt* attempt = find(id);
    if (attempt == nullptr) return;
    if (limiter_.input_counted(&attempt->reservation, usage, now)) queue_.unblock_all();
}

void Core::on_end(AttemptId id, const Outcome& outcome, std::unique_ptr<ErrorDetail> detail,
                  TimeNs now, std::vector<Action>* actions) {
    Attempt* attempt = find(id);
    if (attempt == nullptr) return;
    const RequestIndex index = attempt->request;
    Request& request = slab_->at(index);
    if (request.counting) return on_counted(index, outcome, now, actions);

    const std::uint16_t account = attempt->key.id.account;
    if (rule(outcome.cls).action == OutcomeRule::Action::wait_bucket) {
        ++counts_.refused;
        limiter_.refuse(attempt->reservation, outcome, now);
        if (outcome.retry_after_ns >= 0) {
            TimeNs& until = endpoint(account, request.model_class).stated_until;
            until = std::max(until, later(now, outcome.retry_after_ns));
        }
    }
    const bool refused = not_its_fault(outcome, attempt->probe);
    if (refused) ++request.refusals;
    learn_of_endpoint(*attempt, outcome, now);
    learn_of_concurrency(*attempt, outcome, now);
    learn_of_key(*attempt, outcome, now, actions);
    const Situation situation = situation_of(request, *attempt, outcome, now);
    limiter_.settle(attempt->reservation, outcome, now);
    take_back_next(attempt->reservation.cost.tenant_budget);
    charge_difference(request, attempt->reservation, outcome);
    if (outcome.cls == OutcomeClass::success && attempt->hedge && !attempt->content) {
        ++counts_.hedges_won;
    }
    const std::int32_t twin_status = attempt->twin_status;
    const TimeNs twin_wait_until = attempt->twin_wait_until;
    Attempt* twin = part(attempt);
    free_attempt(attempt);
    request.attempt = twin == nullptr ? kNoAttempt : index_of(*twin);
    queue_.unblock_all();

    if (outcome.cls != OutcomeClass::success) {
        request.maybe_executed |= outcome.maybe_executed;
        request.read_nothing |= outcome.cls == OutcomeClass::unreadable;
        if (detail != nullptr) {
            detail->http_status = outcome.http_status;
            detail->retry_after_ns = outcome.retry_after_ns;
        }
        if (twin_status == WEIR_OK) request.last_error = std::move(detail);
        if (twin == nullptr && twin_status != WEIR_OK) {
            return finish(index, Action::Kind::fail, twin_status, id, actions);
        }
        if (twin == nullptr && leave_after(index, outcome, refused, now)) return;
    }
    Decision decision = decide(outcome, situation, settings_.retry, now, &random_);
    if (twin != nullptr) {
        if (decision.kind != Decision::Kind::deliver) {
            return leave_to(twin, outcome, decision, now);
        }
        lose(twin, now, actions);
        request.attempt = kNoAttempt;
    }
    wait_for_twins_too(request, twin_wait_until, outcome, now, &decision);
    switch (decision.kind) {
        case Decision::Kind::deliver:
            return finish(index, Action::Kind::succeed, WEIR_OK, id, actions);
        case Decision::Kind::fail:
            finish(index, Action::Kind::fail, decision.status, id, actions);
            if (rule(outcome.cls).action == OutcomeRule::Action::other_key) {
                say_when_keys_come_back(now, &actions->back());
            }
            return;
        case Decision::Kind::requeue:
            break;
    }
    if (outcome.content_delivered) {
        actions->push_back({.kind = Action::Kind::restart, .request = index, .attempt = id});
    }
    request.claim.store(Request::Claim::free, std::memory_order_release);
    try_again(index, decision, account, outcome.cls, now);
}

// What an outcome says about the provider, and not about the request.
void Core::learn_of_endpoint(const Attempt& attempt, const Outcome& outcome, TimeNs now) {
    Endpoint& out_there = endpoint(attempt.key.id.account, lane_of(slab_->at(attempt.request)));
    out_there.breaker.ended(attempt.trial);
    switch (sign_of(outcome)) {
        case EndpointSign::none:
            return;
        case EndpointSign::well:
            out_there.breaker.succeeded(attempt.answered, now);
            break;
        case EndpointSign::out:
            out_there.breaker.failed(attempt.answered, attempt.trial, now, settings_.retry,
                                     &random_);
            break;
    }
    if (outcome.cls == OutcomeClass::success) out_there.retries.succeeded();
}

// What an outcome says about how much the endpoint bears at a time.
void Core::learn_of_concurrency(const Attempt& attempt, const Outcome& outcome, TimeNs now) {
    Endpoint& out_there = endpoint(attempt.key.id.account, lane_of(slab_->at(attempt.request)));
    switch (outcome.cls) {
        case OutcomeClass::success:
            return out_there.concurrency.succeeded(out_there.in_flight);
        case OutcomeClass::rate_limited:
        case OutcomeClass::acceleration:
        case OutcomeClass::overloaded:
        case OutcomeClass::timeout:
            return out_there.concurrency.refused(attempt.reservation.reserved_at, now);
        default:
            return;
    }
}

void Core::learn_of_key(const Attempt& attempt, const Outcome& outcome, TimeNs now,
                        std::vector<Action>* actions) {
    Outcome seen = outcome;
    if (is_about_the_request(outcome)) seen.cls = OutcomeClass::bad_request;
    if (!keys_.on_outcome(attempt.key, seen, now)) return;
    actions->push_back({.kind = Action::Kind::key_changed,
                        .account = attempt.key.id.account,
                        .key = attempt.key.id.key});
    if (seen.cls != OutcomeClass::spend_limit && seen.cls != OutcomeClass::on_hold) return;
    keys_.spend_together(attempt.key, seen.of_workspace, [&](KeyId id) {
        actions->push_back(
            {.kind = Action::Kind::key_changed, .account = id.account, .key = id.key});
    });
}

// Where there is no other key, a 403 is more likely to be about the request than about the key.
bool Core::is_about_the_request(const Outcome& outcome) const {
    return outcome.cls == OutcomeClass::forbidden && keys_.count() == 1;
}

void Core::pause(RequestIndex index, TimeNs until) {
    Request& request = slab_->at(index);
    request.state = Request::State::backing_off;
    ++counts_.backing_off;
    rearm(index, std::min(until, request.deadline_at));
}

void Core::rearm(RequestIndex index, TimeNs at) {
    wheel_.disarm(index);
    wheel_.arm(index, at);
}

// The tenant was charged an estimate when the attempt started.
void Core::charge_difference(const Request& request, const Reservation& reservation,
                             const Outcome& outcome) {
    const TimeNs charged = limiter_.dominant_cost(reservation.budget, reservation.cost);
    TimeNs used = 0;
    if (outcome.usage.known()) {
        Cost cost = reservation.cost;
        cost.input_tokens = std::max<std::int64_t>(0, outcome.usage.input_tokens) +
                            std::max<std::int64_t>(0, outcome.usage.cache_write_tokens);
        cost.output_tokens = std::max<std::int64_t>(0, outcome.usage.output_tokens);
        used = limiter_.dominant_cost(reservation.budget, cost);
    } else if (outcome.maybe_executed) {
        used = charged;
    }
    queue_.charge({request.model_class, request.priority, request.tenant}, used - charged);
}

// ---- Time ----

void Core::advance(TimeNs now, std::vector<Action>* actions) {
    wheel_.advance(now, [&](RequestIndex index) { on_timer(index, now, actions); });
    set_aside_.advance(now, [&](RequestIndex index) { take_back(index); });
    if (!closed_ && !delivery_blocked_) start_what_may(now, actions);
}

TimeNs Core::next_timer() const {
    const TimeNs next = std::min(wheel_.next(), set_aside_.next_timer());
    if (delivery_blocked_ || counts_.in_flight >= settings_.max_in_flight) return next;
    return std::min(next, queue_.next_at());
}

void Core::on_timer(RequestIndex index, TimeNs now, std::vector<Action>* actions) {
    Request& request = slab_->at(index);
    if (request.deadline_at <= now) return end_early(index, WEIR_ERR_DEADLINE, now, actions);
    if (request.state == Request::State::set_aside) {
        request.counting = false;  // by the time it is taken back it has waited enough
        return rearm(index, request.deadline_at);
    }
    if (request.counting) return counting_is_late(index, now, actions);
    if (request.state == Request::State::queued) {
        look_ahead(index,
                   prospect(request, request.model_class,
                            waiting_before(request, request.model_class), now),
                   now);
        return arm_waiting(index, now);
    }
    if (request.state == Request::State::in_flight) {
        return on_timer_in_flight(index, now, actions);
    }
    assert(request.state == Request::State::backing_off);
    request.state = Request::State::queued;
    --counts_.backing_off;
    queue_.push_front(index);
    arm_waiting(index, now);
}

std::vector<Core::ConcurrencyView> Core::concurrency() const {
    std::vector<ConcurrencyView> all;
    for (std::size_t i = 0; i < endpoints_.size(); ++i) {
        const Endpoint& each = endpoints_[i];
        if (!each.concurrency.on() || !each.used) continue;
        all.push_back({.account = static_cast<std::uint16_t>(i / queue_.lanes()),
                       .model_class = static_cast<std::uint16_t>(i % queue_.lanes()),
                       .in_flight = each.in_flight,
                       .limit = each.concurrency.limit(),
                       .usual_first_token = each.concurrency.usual_first_token(),
                       .recent_first_token = each.concurrency.recent_first_token()});
    }
    return all;
}

// Nothing was heard of an attempt for so long that nothing is expected of it any more. What it
// holds is settled as its estimate.
void Core::lease_ended(const Attempt& late, TimeNs now, std::vector<Action>* actions) {
    const RequestIndex index = late.request;
    Request& request = slab_->at(index);
    if (request.lease_ms != 0) {
        ++counts_.permits_expired;
        request.last_error = no_report();
        request.maybe_executed = true;
        return end_early(index, WEIR_ERR_ATTEMPT_TIMEOUT, now, actions);
    }
    ++counts_.leases_ended;
    const AttemptId attempt = id_of(index_of(late));
    actions->push_back({.kind = Action::Kind::abort, .request = index, .attempt = attempt});
    Outcome outcome;
    outcome.cls = OutcomeClass::timeout;
    outcome.maybe_executed = true;
    on_end(attempt, outcome, nullptr, now, actions);
}

// ---- Ending ----

// Ends a request that has not come to its end by itself.
void Core::end_early(RequestIndex index, std::int32_t status, TimeNs now,
                     std::vector<Action>* actions) {
    Request& request = slab_->at(index);
    AttemptId attempt_id = 0;
    if (request.state == Request::State::in_flight) {
        attempt_id = id_of(request.attempt);
        actions->push_back({.kind = Action::Kind::abort, .request = index, .attempt = attempt_id});
        Attempt* attempt = &attempts_[request.attempt];
        if (Attempt* twin = part(attempt)) lose(twin, now, actions);
        Outcome outcome;
        outcome.cls = OutcomeClass::aborted;
        outcome.maybe_executed = true;
        let_go(attempt, outcome, now, actions);
        request.attempt = kNoAttempt;
    }
    finish(index, Action::Kind::fail, status, attempt_id, actions);
}

// The end of an attempt that did not end by itself.
void Core::let_go(Attempt* attempt, const Outcome& outcome, TimeNs now,
                  std::vector<Action>* actions) {
    learn_of_endpoint(*attempt, outcome, now);
    learn_of_key(*attempt, outcome, now, actions);
    limiter_.settle(attempt->reservation, outcome, now);
    take_back_next(attempt->reservation.cost.tenant_budget);
    free_attempt(attempt);
    queue_.unblock_all();
}

void Core::finish(RequestIndex index, Action::Kind kind, std::int32_t status, AttemptId attempt,
                  std::vector<Action>* actions) {
    Request& request = slab_->at(index);
    if (request.state == Request::State::queued) queue_.remove(index);
    if (request.state == Request::State::set_aside) set_aside_.remove(index);
    if (request.state == Request::State::backing_off) --counts_.backing_off;
    wheel_.disarm(index);
    request.state = Request::State::idle;
    // From here on the slot is the caller's, and may be another request's.
    Promise& promise = promises_[request.model_class];
    if (promise.request == index) promise = Promise();
    if (kind == Action::Kind::succeed) {
        ++counts_.succeeded;
        if (request.route.routed()) ++counts_of(request.route).succeeded;
    } else {
        ++counts_.failed;
        if (status == WEIR_ERR_CANCELLED) ++counts_.cancelled;
        if (status == WEIR_ERR_QUEUE_FULL) ++counts_.dropped;
    }
    actions->push_back({.kind = kind, .status = status, .request = index, .attempt = attempt});
}

// ---- Attempts ----

AttemptId Core::id_of(AttemptIndex index) const {
    return static_cast<AttemptId>(attempts_[index].generation) << 32 | index;
}

Core::Attempt* Core::find(AttemptId id) {
    const auto index = static_cast<AttemptIndex>(id & 0xFFFFFFFFu);
    if (index >= attempts_.size()) return nullptr;
    Attempt& attempt = attempts_[index];
    return attempt.live && attempt.generation == id >> 32 ? &attempt : nullptr;
}

AttemptIndex Core::take_attempt() {
    AttemptIndex index = free_attempt_;
    if (index == kNoAttempt) {
        index = static_cast<AttemptIndex>(attempts_.size());
        attempts_.emplace_back();
    } else {
        free_attempt_ = attempts_[index].request;
    }
    Attempt& attempt = attempts_[index];
    ++attempt.generation;
    attempt.live = true;
    attempt.showed_token = attempt.answered = attempt.content = attempt.hedge = false;
    attempt.twin = kNoAttempt;
    attempt.twin_status = WEIR_OK;
    attempt.twin_wait_until = 0;
    ++counts_.in_flight;
    return index;
}

void Core::free_attempt(Attempt* attempt) {
    const Request& request = slab_->at(attempt->request);
    --endpoint(attempt->key.id.account, lane_of(request)).in_flight;
    --accounts_in_flight_[attempt->key.id.account];
    queue_.ended(request.tenant);
    attempt->live = false;
    attempt->request = free_attempt_;
    free_attempt_ = index_of(*attempt);
    --counts_.in_flight;
}

}  // namespace weir
