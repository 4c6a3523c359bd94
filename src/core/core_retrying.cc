#include <algorithm>
#include <memory>
#include <new>

#include "core/core.h"
#include "weir/weir.h"

// Whether, when and where a request that failed is tried again.
namespace weir {

Situation Core::situation_of(const Request& request, const Attempt& attempt, const Outcome& outcome,
                             TimeNs now) {
    // One that is under way beside it has come to nothing yet.
    const int others = attempt.twin == kNoAttempt ? 0 : 1;
    return {.attempts = request.attempts - others,
            .refusals = request.refusals,
            .probe = attempt.probe,
            .read_nothing = request.read_nothing,
            .may_restart = request.stream_restart,
            .deadline_at = request.deadline_at,
            .elsewhere_at = elsewhere_at(attempt, outcome, now)};
}

// When the request could go where what the attempt came to does not count.
TimeNs Core::elsewhere_at(const Attempt& attempt, const Outcome& outcome, TimeNs now) {
    const std::uint16_t account = attempt.key.id.account;
    const Request& request = slab_->at(attempt.request);
    const bool waits = settings_.accounts.wait_when_all_out;
    switch (rule(outcome.cls).action) {
        case OutcomeRule::Action::wait_bucket:
            return other_account_at(request, account, now);
        case OutcomeRule::Action::other_key:
            break;
        default:
            return kNever;
    }
    if (is_about_the_request(outcome)) return kNever;
    if (rule(outcome.cls).scope == OutcomeRule::Scope::account) {
        TimeNs there = other_account_at(request, account, now);
        // Only a workspace's money leaves something to the other keys of its account.
        if (outcome.of_workspace && keys_.usable(account, now)) {
            there = std::min(there, could_start_at(request, request.model_class, account, now));
        }
        if (!waits) return there;
        return std::min(there, later(now, std::max<TimeNs>(outcome.retry_after_ns, 0)));
    }
    // Of a secret that was replaced meanwhile the refusal says nothing new.
    const KeyId* refused = keys_.is_current(attempt.key) ? &attempt.key.id : nullptr;
    return waits || keys_.any_usable(now, refused) ? now : kNever;
}

TimeNs Core::other_account_at(const Request& request, std::uint16_t account, TimeNs now) {
    TimeNs earliest = kNever;
    for (std::uint16_t other = 0; other < settings_.accounts.accounts.size(); ++other) {
        if (other != account)
            earliest = std::min(earliest, could_start_at(request, request.model_class, other, now));
    }
    return earliest;
}

// When the account could take the request if nothing else were waiting; kNever: never, as far as is
// known.
TimeNs Core::could_start_at(const Request& request, std::uint16_t model_class,
                            std::uint16_t account, TimeNs now) {
    const Cost cost = cost_of(request, model_class);
    TimeNs at = kNever;
    keys_.for_each_in_turn(account, [&](std::uint16_t key, TimeNs may_go_at) {
        const BudgetId budget = budget_of({account, key}, model_class);
        const Verdict verdict = limiter_.estimate(budget, cost, now);
        if (verdict.kind == Verdict::Kind::never) return false;
        const bool granted = verdict.kind == Verdict::Kind::granted;
        at = std::min(at, std::max(may_go_at, granted ? now : verdict.at));
        return at <= now;
    });
    // An endpoint that is out is back when a trial has succeeded, which may be at any moment.
    const Breaker& breaker = endpoint(account, model_class).breaker;
    if (!breaker.may_start(now) && breaker.may_start_at() != kNever) {
        at = std::max(at, breaker.may_start_at());
    }
    return at;
}

void Core::try_again(RequestIndex index, const Decision& decision, std::uint16_t account,
                     OutcomeClass cls, TimeNs now) {
    Request& request = slab_->at(index);
    TimeNs not_before = decision.not_before;
    if (decision.paid && !endpoint(account, request.model_class).retries.withdraw(now)) {
        ++counts_.unpaid;
        // Those that could not be paid for are not to come back together.
        const auto cap = static_cast<double>(settings_.retry.pace(cls).cap_ns);
        const auto put_off = static_cast<TimeNs>(cap * (1 + 0.5 * random_.unit()));
        not_before = std::max(not_before, later(now, put_off));
    }
    if (not_before > now) return pause(index, not_before);
    request.state = Request::State::queued;
    queue_.push_front(index);
    arm_waiting(index, now);
}

// What no account can take before its deadline (or retry.max_wait_ms) because of a wait that the
// provider has stated fails now, with that time. `account` is the first that could take it.
bool Core::fail_if_outlasted(RequestIndex index, std::uint16_t account, TimeNs earliest, TimeNs now,
                             std::vector<Action>* actions) {
    Request& request = slab_->at(index);
    if (account >= settings_.accounts.accounts.size()) return false;
    const TimeNs stated = endpoint(account, request.model_class).stated_until;
    if (stated <= now || !outlasts(stated, request.deadline_at, settings_.retry, now) ||
        !outlasts(earliest, request.deadline_at, settings_.retry, now)) {
        return false;
    }
    if (request.last_error == nullptr) request.last_error.reset(new (std::nothrow) ErrorDetail);
    if (request.last_error != nullptr) {
        request.last_error->from_provider = true;
        request.last_error->retry_after_ns = stated - now;
    }
    finish(index, Action::Kind::fail, WEIR_ERR_RATE_LIMITED, 0, actions);
    return true;
}

}  // namespace weir
