#include <algorithm>

#include "core/core.h"
#include "weir/weir.h"

// Asking the provider how many input tokens a request has, before it is admitted. Such a call has
// limits of its own and costs nothing, so the lane of these calls is kept as one more model class.
// Whatever goes wrong with it, the request goes on with the engine's own estimate.
namespace weir {

namespace {

// Until a request is counted, waiting for the call included.
constexpr TimeNs kPatienceNs = 5 * kNsPerS;
constexpr std::int64_t kMostTokens = 1'000'000'000;

}  // namespace

CoreSettings Core::with_counting(CoreSettings settings) {
    LimitSettings& limits = settings.limits;
    const auto counting = static_cast<std::uint16_t>(limits.classes.size());
    limits.classes.push_back(
        {.name = "token_count", .models = {}, .limits = limits.token_count, .apart = true});
    for (LimitSettings::Account& account : limits.accounts) {
        if (account.token_count.requests_per_minute == 0) continue;
        account.limits.push_back({counting, account.token_count});
    }
    return settings;
}

// When the request's timer rings first.
TimeNs Core::first_timer(const Request& request, TimeNs now) const {
    return request.counting ? std::min(request.deadline_at, later(now, kPatienceNs))
                            : request.deadline_at;
}

// There is no room for the call now.
void Core::wait_to_count(RequestIndex index, const Room& room, TimeNs now) {
    const TimeNs latest = later(now, kPatienceNs);
    const bool too_long = room.at > latest && !room.may_be_soon;
    if (room.kind == Verdict::Kind::never || too_long || !keys_.any_usable(now)) {
        return go_on_uncounted(index, now);
    }
    queue_.block(counting_lane_, std::clamp(room.at, now + 1, latest));
}

// Out of the lane of those that wait to be counted, and into that of its model class.
void Core::go_on_uncounted(RequestIndex index, TimeNs now) {
    queue_.remove(index);
    ++counts_.token_counts_failed;
    enqueue_counted(index, now);
}

void Core::enqueue_counted(RequestIndex index, TimeNs now) {
    Request& request = slab_->at(index);
    request.counting = false;
    request.state = Request::State::queued;
    join_back(index);
    arm_waiting(index, now);
}

void Core::count(RequestIndex index, AttemptId attempt, const KeyId& key,
                 std::vector<Action>* actions) {
    ++counts_.token_counts;
    actions->push_back({.kind = Action::Kind::count,
                        .account = key.account,
                        .key = key.key,
                        .request = index,
                        .attempt = attempt});
}

void Core::counting_is_late(RequestIndex index, TimeNs now, std::vector<Action>* actions) {
    const Request& request = slab_->at(index);
    if (request.state == Request::State::queued) return go_on_uncounted(index, now);
    const AttemptId attempt = id_of(request.attempt);
    actions->push_back({.kind = Action::Kind::abort, .request = index, .attempt = attempt});
    Outcome outcome;
    outcome.cls = OutcomeClass::timeout;
    on_end(attempt, outcome, nullptr, now, actions);
}

void Core::on_counted(RequestIndex index, const Outcome& outcome, TimeNs now,
                      std::vector<Action>* actions) {
    Request& request = slab_->at(index);
    Attempt* attempt = &attempts_[request.attempt];
    if (rule(outcome.cls).action == OutcomeRule::Action::wait_bucket) {
        limiter_.refuse(attempt->reservation, outcome, now);
    }
    // A key that may not count may still do the rest.
    Outcome seen = outcome;
    if (seen.cls == OutcomeClass::forbidden) seen.cls = OutcomeClass::bad_request;
    let_go(attempt, seen, now, actions);
    request.attempt = kNoAttempt;
    const std::int64_t tokens = std::min(outcome.usage.input_tokens, kMostTokens);
    if (outcome.cls == OutcomeClass::success && tokens > 0) {
        if (request.body) {
            const BodyHead& head = request.body->head();
            limiter_.learn_input(request.model_class, static_cast<double>(head.input_tokens),
                                 tokens, head.text_only);
        }
        request.input_tokens = static_cast<std::uint32_t>(tokens);
    } else {
        ++counts_.token_counts_failed;
    }
    request.claim.store(Request::Claim::free, std::memory_order_release);
    enqueue_counted(index, now);
}

}  // namespace weir
