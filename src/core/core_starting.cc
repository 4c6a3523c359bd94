#include <algorithm>

#include "core/core.h"
#include "weir/weir.h"

// How a waiting request comes to its attempt.
namespace weir {

void Core::start_what_may(TimeNs now, std::vector<Action>* actions) {
    while (counts_.in_flight < settings_.max_in_flight) {
        const RequestIndex next = next_to_start(now);
        if (next == kNoRequest) return;
        try_start(next, now, actions);
    }
}

// The most urgent among the lanes' next requests. Equal lanes take turns, so that a model class
// whose budget is wide does not take every place in flight.
RequestIndex Core::next_to_start(TimeNs now) {
    if (queue_.size() == 0) return kNoRequest;
    RequestIndex best = kNoRequest;
    std::size_t best_lane = 0;
    for (std::size_t i = 0; i < queue_.lanes(); ++i) {
        const std::size_t lane = (first_lane_ + i) % queue_.lanes();
        if (queue_.empty(lane) || queue_.blocked_until(lane) > now) continue;
        const RequestIndex next = queue_.next(lane, now);
        if (best != kNoRequest && slab_->at(next).priority >= slab_->at(best).priority) continue;
        best = next;
        best_lane = lane;
    }
    if (best != kNoRequest) first_lane_ = (best_lane + 1) % queue_.lanes();
    return best;
}

// Starts the request that is next in its lane, or blocks the lane until it may.
void Core::try_start(RequestIndex index, TimeNs now, std::vector<Action>* actions) {
    const Request& request = slab_->at(index);
    if (tenant_has_spent(index, now, actions)) return;
    Offer offer;
    Room room = find_room(request, now, &offer);
    if (room.kind == Verdict::Kind::granted) return start(index, offer, now, actions);
    if (!settings_.accounts.wait_when_all_out && !keys_.any_usable(now)) {
        finish(index, Action::Kind::fail, why_no_account(), 0, actions);
        return say_when_keys_come_back(now, &actions->back());
    }
    if (room.kind == Verdict::Kind::never) {
        return refuse(index, room.refusal, actions);
    }
    if (fail_if_outlasted(index, room.account, room.at, now, actions)) return;
    if (backfill(index, room.account, now, &room.at, actions)) return;
    queue_.block(request.model_class, std::max(room.at, now + 1));
}

Core::Room Core::find_room(const Request& request, TimeNs now, Offer* out) {
    Room room;
    for (const std::uint16_t account : accounts_for(request, now)) {
        const Verdict verdict = reserve(request, account, now, out);
        if (verdict.kind == Verdict::Kind::granted) return {verdict.kind, account, now, {}};
        if (verdict.kind == Verdict::Kind::never) {
            // Of several reasons, that which passes soonest.
            if (verdict.at <= room.refusal.frees_at) room.refusal = Refusal(verdict);
            continue;
        }
        room.kind = Verdict::Kind::not_before;
        if (verdict.at <= room.at) {
            room.at = verdict.at;
            room.account = account;
        }
    }
    return room;
}

// A request at the head that must wait has a start time on one account. What is behind it may use
// the others, where it does not delay that start (EASY backfilling). True if something started.
bool Core::backfill(RequestIndex head, std::uint16_t promised_account, TimeNs now, TimeNs* earliest,
                    std::vector<Action>* actions) {
    constexpr std::size_t kMostTried = 8;
    const std::size_t accounts = settings_.accounts.accounts.size();
    if (accounts < 2) return false;
    bool started = false;
    queue_.for_some_behind(slab_->at(head).model_class, head, kMostTried, [&](RequestIndex index) {
        for (std::uint16_t account = 0; account < accounts; ++account) {
            if (account == promised_account) continue;
            Offer offer;
            const Verdict verdict = reserve(slab_->at(index), account, now, &offer);
            if (verdict.kind == Verdict::Kind::not_before) {
                *earliest = std::min(*earliest, verdict.at);
            } else if (verdict.kind == Verdict::Kind::granted) {
                start(index, offer, now, actions);
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
            const BudgetId budget = budgets_[account * queue_.lanes() + request.model_class];
            headroom_[account] = limiter_.headroom(budget, now);
        }
    }
    return chooser_.order(request.affinity, headroom_);
}

// Room on the account: with a key that may go, and whose budget grants it.
Verdict Core::reserve(const Request& request, std::uint16_t account, TimeNs now, Offer* out) {
    const Breaker& breaker = endpoint(account, request.model_class).breaker;
    if (!breaker.may_start(now)) {
        const TimeNs at = std::max(breaker.may_start_at(), keys_.usable_at(account));
        return {.kind = Verdict::Kind::not_before, .at = at};
    }
    constexpr BudgetId kNone = 0xFFFFFFFF;
    const Cost cost = cost_of(request);
    Verdict best{.kind = Verdict::Kind::never, .at = kNever};
    BudgetId asked = kNone;  // most keys of an account have one budget
    bool any = false;
    keys_.for_each_in_turn(account, [&](std::uint16_t key, TimeNs may_go_at) {
        any = true;
        const BudgetId budget = budget_of({account, key}, request.model_class);
        Verdict verdict{.kind = Verdict::Kind::not_before, .at = may_go_at};
        if (may_go_at <= now) {
            if (budget == asked) return false;
            asked = budget;
            verdict = limiter_.reserve(budget, cost, now, &out->reservation);
            out->key = {account, key};
        } else if (const Verdict later = limiter_.estimate(budget, cost, now);
                   later.kind == Verdict::Kind::never) {
            verdict = later;
        }
        const bool granted = verdict.kind == Verdict::Kind::granted;
        const bool never = verdict.kind == Verdict::Kind::never;
        const bool better = never ? best.kind == Verdict::Kind::never
                                  : best.kind == Verdict::Kind::never || verdict.at <= best.at;
        if (granted || better) best = verdict;
        return granted;
    });
    // Without a key the account may yet be given one.
    if (!any) return {.kind = Verdict::Kind::not_before, .at = kNever};
    return best;
}

void Core::start(RequestIndex index, const Offer& offer, TimeNs now, std::vector<Action>* actions) {
    Request& request = slab_->at(index);
    if (!request.take(Request::Claim::core)) {
        const auto claim = request.claim.load(std::memory_order_relaxed);
        if (claim != Request::Claim::core) return claimed_by_caller(index, offer, now, actions);
    }
    const std::uint16_t account = offer.key.account;
    queue_.take(index, limiter_.dominant_cost(offer.reservation.budget, offer.reservation.cost));
    const AttemptIndex attempt_index = take_attempt();
    Attempt& attempt = attempts_[attempt_index];
    attempt.request = index;
    attempt.key = keys_.take(offer.key);
    chooser_.chosen(account);
    attempt.reservation = offer.reservation;
    Breaker& breaker = endpoint(account, request.model_class).breaker;
    attempt.probe = breaker.state() == Breaker::State::open;
    attempt.trial = breaker.started(now);
    request.attempt = attempt_index;
    request.state = Request::State::in_flight;
    ++request.attempts;
    ++counts_.attempts;
    if (request.attempts > 1) ++counts_.retries;
    const bool permit = request.lease_ms != 0;
    if (permit) ++counts_.permits;
    const TimeNs lease = permit ? request.lease_ms * kNsPerMs : settings_.lease_ns;
    if (lease != 0) rearm(index, std::min(request.deadline_at, later(now, lease)));
    actions->push_back({.kind = permit ? Action::Kind::permit : Action::Kind::start,
                        .account = account,
                        .key = attempt.key.id.key,
                        .request = index,
                        .attempt = id_of(attempt_index)});
    take_back_next(offer.reservation.cost.tenant_budget);
}

// The request was dropped or cancelled while it waited; the command to say so is on its way.
void Core::claimed_by_caller(RequestIndex index, const Offer& offer, TimeNs now,
                             std::vector<Action>* actions) {
    Outcome never_sent;
    never_sent.cls = OutcomeClass::connection;
    limiter_.settle(offer.reservation, never_sent, now);
    const bool dropped =
        slab_->at(index).claim.load(std::memory_order_relaxed) == Request::Claim::dropped;
    finish(index, Action::Kind::fail, dropped ? WEIR_ERR_QUEUE_FULL : WEIR_ERR_CANCELLED, 0,
           actions);
}

Cost Core::cost_of(const Request& request) const {
    Cost cost;
    cost.prices = request.prices;
    cost.tenant_budget = limiter_.tenant_budget(request.tenant);
    if (request.body) cost.max_output_tokens = request.body->head().max_tokens;
    cost.input_tokens = request.input_tokens;
    if (cost.input_tokens == 0 && request.body) {
        cost.raw_input = static_cast<double>(request.body->head().input_tokens);
        cost.input_tokens = limiter_.expected_input(request.model_class, cost.raw_input);
    }
    cost.output_tokens = request.output_tokens;
    if (cost.output_tokens == 0) {
        cost.output_tokens = limiter_.expected_output(
            request.model_class, static_cast<std::uint32_t>(cost.max_output_tokens));
    }
    return cost;
}

}  // namespace weir
