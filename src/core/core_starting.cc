#include <algorithm>

#include "core/core.h"
#include "weir/weir.h"

// How a waiting request comes to its attempt.
namespace weir {

void Core::start_what_may(TimeNs now, std::vector<Action>* actions) {
    while (queue_.next_at() <= now && counts_.in_flight < settings_.max_in_flight) {
        const RequestIndex next = next_to_start(now);
        if (next == kNoRequest) return;
        try_start(next, now, actions);
    }
}

// The most urgent among the lanes' next requests. Equal lanes take turns, so that a model class
// whose budget is wide does not take every place in flight.
RequestIndex Core::next_to_start(TimeNs now) {
    RequestIndex best = kNoRequest;
    std::size_t best_lane = 0;
    std::size_t following = first_lane_;
    for (std::size_t i = 0; i < queue_.lanes(); ++i) {
        const std::size_t lane = following;
        if (++following == queue_.lanes()) following = 0;
        if (queue_.empty(lane) || queue_.blocked_until(lane) > now) continue;
        const RequestIndex next = next_in(lane, now);
        if (next == kNoRequest) {
            queue_.block(lane, kNever);  // until an attempt has ended
            continue;
        }
        if (best != kNoRequest && slab_->at(next).priority >= slab_->at(best).priority) continue;
        best = next;
        best_lane = lane;
    }
    if (best != kNoRequest) first_lane_ = (best_lane + 1) % queue_.lanes();
    return best;
}

// Whom a start was promised keeps its turn, but for what is more urgent.
RequestIndex Core::next_in(std::size_t lane, TimeNs now) {
    const RequestIndex next = queue_.next(lane, now);
    Promise& promise = promises_[lane];
    if (promise.request == kNoRequest || promise.request == next) return next;
    if (!promise_holds(lane)) {
        promise = Promise();
        return next;
    }
    const Request& promised = slab_->at(promise.request);
    if (next == kNoRequest || slab_->at(next).priority < promised.priority) return next;
    return queue_.may_start(promised.tenant) ? promise.request : next;
}

// Whom the lane promised a start still waits, and for the same model.
bool Core::promise_holds(std::size_t lane) const {
    const Promise& promise = promises_[lane];
    if (promise.request == kNoRequest) return false;
    const Request& request = slab_->at(promise.request);
    return request.generation == promise.generation && request.state == Request::State::queued &&
           lane_of(request) == lane;
}

TimeNs Core::promised_start(RequestIndex index) const {
    const std::size_t lane = lane_of(slab_->at(index));
    const Promise& promise = promises_[lane];
    return promise.request == index && promise_holds(lane) ? promise.start.at : kNever;
}

// Starts the request that is next in its lane, or blocks the lane until it may.
void Core::try_start(RequestIndex index, TimeNs now, std::vector<Action>* actions) {
    const Request& request = slab_->at(index);
    const Cost cost = cost_of(request);
    if (tenant_has_spent(index, cost, now, actions)) return;
    Offer offer;
    Room room = find_room(request, cost, now, &offer);
    if (room.kind == Verdict::Kind::granted) return start(index, offer, now, actions);
    if (request.counting) return wait_to_count(index, room, now);
    if (!settings_.accounts.wait_when_all_out && !keys_.any_usable(now)) {
        finish(index, Action::Kind::fail, why_no_account(), 0, actions);
        return say_when_keys_come_back(now, &actions->back());
    }
    if (request.route.ahead != 0) {
        if (look_ahead(index, prospect(request, request.model_class, 0, now), now)) return;
    }
    if (room.kind == Verdict::Kind::never) {
        return refuse(index, room.refusal, actions);
    }
    if (!room.may_be_soon && fail_if_outlasted(index, room.account, room.at, now, actions)) return;
    const Promise* promised = promise(index, room, cost, now);
    if (backfill(index, room, promised, now, &room.at, actions)) return;
    queue_.block(request.model_class, std::max(room.at, now + 1));
}

Core::Room Core::find_room(const Request& request, const Cost& cost, TimeNs now, Offer* out) {
    Room room;
    for (const std::uint16_t account : accounts_for(request, now)) {
        const Verdict verdict = reserve(request, cost, account, now, out);
        if (verdict.kind == Verdict::Kind::granted) return {verdict.kind, account, now, {}};
        if (verdict.kind == Verdict::Kind::never) {
            // Of several reasons, that which passes soonest.
            if (verdict.at <= room.refusal.frees_at) room.refusal = Refusal(verdict);
            continue;
        }
        room.kind = Verdict::Kind::not_before;
        room.may_be_soon |= verdict.at == kNever;
        if (verdict.at <= room.at) {
            room.at = verdict.at;
            room.account = account;
            room.budget = out->budget;
            room.binding = verdict.binding;
        }
    }
    return room;
}

// A head that has long to wait is promised when it will start, once. Only the provider can put that
// off, and what is more urgent. A tenth of the wait is left to those behind it: without that,
// nothing could pass in the same budget, and all that is small would stand still beside what is
// large. Those that are more urgent, where it is the head because it has waited too long, have
// three times the wait, so that of the budget it takes a quarter like it takes one turn of four.
const Core::Promise* Core::promise(RequestIndex head, const Room& room, const Cost& cost,
                                   TimeNs now) {
    constexpr TimeNs kLongWait = kNsPerS / 10;
    constexpr TimeNs kShareOfOthers = 10;
    constexpr TimeNs kShareOfUrgent = 3;
    const Request& request = slab_->at(head);
    Promise& promise = promises_[request.model_class];
    const bool is_known = promise.request == head && promise.generation == request.generation;
    if (room.at == kNever || (!is_known && room.at - now < kLongWait)) return nullptr;
    const TimeNs at = is_known ? std::max(promise.start.at, room.at)
                               : later(room.at, (room.at - now) / kShareOfOthers);
    const TimeNs latest =
        is_known ? promise.latest : later(room.at, kShareOfUrgent * (room.at - now));
    promise = {.request = head,
               .generation = request.generation,
               .account = room.account,
               .start = {.budget = room.budget, .cost = cost, .at = at},
               .latest = std::max(latest, at)};
    return &promise;
}

// What is behind a head that must wait may use the accounts that the head does not wait for, and
// its own where that does not delay its promised start (EASY backfilling; Lifka, 1995). What takes
// as much of the limit that the head waits for, or that one behind it does, has to wait as long,
// and is not asked about. True if something started.
bool Core::backfill(RequestIndex head, const Room& room, const Promise* promise, TimeNs now,
                    TimeNs* earliest, std::vector<Action>* actions) {
    const std::size_t accounts = settings_.accounts.accounts.size();
    const bool all_wait = promise == nullptr || room.binding == LimitKind::requests;
    if (accounts < 2 && all_wait) return false;
    bool started = false;
    Offer offer;
    Limiter::Promise kept;
    if (promise != nullptr) kept = promise->start;
    LimitKind binding = room.binding;
    Cost waits = kept.cost;
    queue_.for_some_behind(slab_->at(head).model_class, head, kMostTried, [&](RequestIndex index) {
        const Request& request = slab_->at(index);
        if (!queue_.may_start(request.tenant)) return true;
        const Cost cost = cost_of(request);
        for (std::uint16_t account = 0; account < accounts; ++account) {
            const bool is_promised = account == room.account;
            if (is_promised && (all_wait || waits_as_long(binding, cost, waits))) continue;
            const bool urgent = request.priority < slab_->at(head).priority;
            if (is_promised) kept.at = urgent ? promise->latest : promise->start.at;
            const Verdict verdict =
                reserve(request, cost, account, now, &offer, is_promised ? &kept : nullptr);
            if (verdict.kind == Verdict::Kind::not_before) {
                *earliest = std::min(*earliest, verdict.at);
                if (is_promised && verdict.binding != LimitKind::unknown) {
                    binding = verdict.binding;
                    waits = cost;
                }
            } else if (verdict.kind == Verdict::Kind::granted) {
                start(index, offer, now, actions, false);
                started = true;
                return false;
            }
        }
        return true;
    });
    return started;
}

// The accounts in the order in which they are asked.
const std::vector<std::uint16_t>& Core::accounts_for(const Request& request, TimeNs now) {
    if (chooser_.wants_headroom()) {
        for (std::size_t account = 0; account < headroom_.size(); ++account) {
            const BudgetId budget = budgets_[account * queue_.lanes() + lane_of(request)];
            headroom_[account] = limiter_.headroom(budget, now);
        }
    }
    return chooser_.order(request.affinity, headroom_);
}

// Room on the account: with a key that may go, and whose budget grants it. Where there are several
// budgets to ask, no limit is named.
Verdict Core::reserve(const Request& request, const Cost& cost, std::uint16_t account, TimeNs now,
                      Offer* out, const Limiter::Promise* beside) {
    const Endpoint& out_there = endpoint(account, lane_of(request));
    const std::uint32_t most = settings_.accounts.accounts[account].max_in_flight;
    if ((most != 0 && accounts_in_flight_[account] >= most) ||
        !out_there.concurrency.may_start(out_there.in_flight)) {
        return {.kind = Verdict::Kind::not_before, .at = kNever};  // until one has ended
    }
    const Breaker& breaker = out_there.breaker;
    if (!breaker.may_start(now)) {
        const TimeNs at = std::max(breaker.may_start_at(), keys_.usable_at(account));
        return {.kind = Verdict::Kind::not_before, .at = at};
    }
    constexpr BudgetId kNone = 0xFFFFFFFF;
    static constexpr Cost kNoTokens;
    const Cost& taken = request.counting ? kNoTokens : cost;
    Verdict best{.kind = Verdict::Kind::never, .at = kNever};
    BudgetId asked = kNone;  // most keys of an account have one budget
    bool any = false;
    bool several = false;
    keys_.for_each_in_turn(account, [&](std::uint16_t key, TimeNs may_go_at) {
        any = true;
        const BudgetId budget = budget_of({account, key}, lane_of(request));
        const bool is_full = keys_.is_full({account, key});
        Verdict verdict{.kind = Verdict::Kind::not_before, .at = is_full ? kNever : may_go_at};
        if (may_go_at <= now && !is_full) {
            if (budget == asked) return false;
            several |= asked != kNone;
            asked = budget;
            verdict = beside == nullptr
                          ? limiter_.reserve(budget, taken, now, &out->reservation)
                          : limiter_.reserve_beside(*beside, budget, taken, now, &out->reservation);
            out->key = {account, key};
        } else if (const Verdict later = limiter_.estimate(budget, taken, now);
                   later.kind == Verdict::Kind::never) {
            verdict = later;
        }
        const bool granted = verdict.kind == Verdict::Kind::granted;
        const bool never = verdict.kind == Verdict::Kind::never;
        const bool better = never ? best.kind == Verdict::Kind::never
                                  : best.kind == Verdict::Kind::never || verdict.at <= best.at;
        if (granted || better) {
            best = verdict;
            out->budget = budget;
        }
        return granted;
    });
    // Without a key the account may yet be given one.
    if (!any) return {.kind = Verdict::Kind::not_before, .at = kNever};
    if (several) best.binding = LimitKind::unknown;
    return best;
}

void Core::start(RequestIndex index, const Offer& offer, TimeNs now, std::vector<Action>* actions,
                 bool in_turn) {
    Request& request = slab_->at(index);
    if (!request.take(Request::Claim::core)) {
        const auto claim = request.claim.load(std::memory_order_relaxed);
        if (claim != Request::Claim::core) return claimed_by_caller(index, offer, now, actions);
    }
    queue_.take(index, limiter_.dominant_cost(offer.reservation.budget, offer.reservation.cost),
                in_turn);
    request.attempt = begin_attempt(index, offer, now);
    request.state = Request::State::in_flight;
    if (request.counting) {
        return count(index, id_of(request.attempt), attempts_[request.attempt].key.id, actions);
    }
    if (settings_.retry.hedges() && request.lease_ms == 0 && is_stream(request)) {
        hedge_paces_[request.model_class].stream_began(settings_.retry.hedge_share);
    }
    if (request.lease_ms != 0 || settings_.lease_ns != 0 || request.route.routed() ||
        hedge_at(request, now) != kNever) {
        arm_in_flight(index, now);
    }
    tell_start(request.attempt, actions);
    take_back_next(offer.reservation.cost.tenant_budget);
}

// What is counted of an attempt that begins, the request's only one or not.
AttemptIndex Core::begin_attempt(RequestIndex index, const Offer& offer, TimeNs now) {
    Request& request = slab_->at(index);
    const std::uint16_t account = offer.key.account;
    ++accounts_in_flight_[account];
    Endpoint& out_there = endpoint(account, lane_of(request));
    ++out_there.in_flight;
    out_there.used = true;
    const AttemptIndex attempt_index = take_attempt();
    Attempt& attempt = attempts_[attempt_index];
    attempt.request = index;
    attempt.key = keys_.take(offer.key);
    chooser_.chosen(account);
    attempt.reservation = offer.reservation;
    attempt.probe = out_there.breaker.state() == Breaker::State::open;
    attempt.trial = out_there.breaker.started(now);
    if (request.counting) return attempt_index;
    ++request.attempts;
    ++counts_.attempts;
    if (request.attempts > 1) ++counts_.retries;
    if (request.lease_ms != 0) ++counts_.permits;
    return attempt_index;
}

void Core::tell_start(AttemptIndex index, std::vector<Action>* actions) {
    const Attempt& attempt = attempts_[index];
    const bool permit = slab_->at(attempt.request).lease_ms != 0;
    actions->push_back({.kind = permit ? Action::Kind::permit : Action::Kind::start,
                        .account = attempt.key.id.account,
                        .key = attempt.key.id.key,
                        .request = attempt.request,
                        .attempt = id_of(index)});
}

void Core::give_back_unsent(const Reservation& reservation, TimeNs now) {
    Outcome never_sent;
    never_sent.cls = OutcomeClass::connection;
    limiter_.settle(reservation, never_sent, now);
}

// The request was dropped or cancelled while it waited; the command to say so is on its way.
void Core::claimed_by_caller(RequestIndex index, const Offer& offer, TimeNs now,
                             std::vector<Action>* actions) {
    give_back_unsent(offer.reservation, now);
    const bool dropped =
        slab_->at(index).claim.load(std::memory_order_relaxed) == Request::Claim::dropped;
    finish(index, Action::Kind::fail, dropped ? WEIR_ERR_QUEUE_FULL : WEIR_ERR_CANCELLED, 0,
           actions);
}

Cost Core::cost_of(const Request& request, std::uint16_t model_class) const {
    Cost cost;
    cost.prices = request.prices;
    cost.tenant_budget = limiter_.tenant_budget(request.tenant);
    if (request.body) cost.max_output_tokens = request.body->head().max_tokens;
    cost.input_tokens = request.input_tokens;
    if (cost.input_tokens == 0 && request.body) {
        const BodyHead& head = request.body->head();
        cost.raw_input = static_cast<double>(head.input_tokens);
        cost.text_only = head.text_only;
        cost.least_input = least_input(head);
        cost.input_tokens = limiter_.expected_input(model_class, cost.raw_input, head.text_only);
    }
    cost.output_tokens = request.output_tokens;
    if (cost.output_tokens == 0) {
        cost.estimates_output = true;
        cost.output_tokens = limiter_.expected_output(
            model_class, static_cast<std::uint32_t>(cost.max_output_tokens));
    }
    return cost;
}

}  // namespace weir
