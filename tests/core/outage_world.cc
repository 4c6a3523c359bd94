#include "outage_world.h"

#include <algorithm>

#include "weir/weir.h"

namespace weir::test {

namespace {

constexpr std::int64_t kInputTokens = 1'500;
constexpr std::int64_t kMaxTokens = 1'024;
constexpr LimitKind kKinds[] = {LimitKind::requests, LimitKind::input_tokens,
                                LimitKind::output_tokens, LimitKind::day_tokens};
constexpr TimeNs kLeastDelay = 20 * kNsPerMs;  // each way
constexpr std::uint64_t kDelayRange = 60 * kNsPerMs;

BodyRef make_body() {
    RequestHead head;
    head.max_tokens = kMaxTokens;
    head.stream = true;
    return BodyRef(BodyBlock::make("{}", head, {}));
}

}  // namespace

OutageWorld::OutageWorld(const Settings& settings)
    : settings_(settings),
      random_(settings.seed),
      model_(settings.model),
      core_(settings.core, &slab_, random_.next()),
      body_(make_body()) {
    post(kNsPerS, Event::Kind::submit);
}

TimeNs OutageWorld::delay() {
    return kLeastDelay + static_cast<TimeNs>(random_.below(kDelayRange));
}

void OutageWorld::post(TimeNs at, Event::Kind kind, AttemptId attempt) {
    events_.push({at, order_++, kind, attempt});
}

TimeNs OutageWorld::run(TimeNs until) {
    for (;;) {
        const TimeNs event = events_.empty() ? kNever : events_.top().at;
        const TimeNs next = std::min(event, core_.next_timer());
        if (next == kNever) return now_;
        if (next > until) return now_ = until;
        now_ = std::max(now_, next);
        if (event <= now_) {
            const Event due = events_.top();
            events_.pop();
            happen(due);
        }
        advance();
    }
}

void OutageWorld::happen(const Event& event) {
    switch (event.kind) {
        case Event::Kind::submit:
            return submit();
        case Event::Kind::arrival:
            return arrive(event.attempt);
        case Event::Kind::head:
            return head(event.attempt);
        case Event::Kind::end:
            return end(event.attempt);
    }
}

void OutageWorld::submit() {
    const RequestIndex index = slab_.take();
    Request& request = slab_.at(index);
    request.submitted_at = now_;
    if (settings_.deadline_ns > 0) request.deadline_at = now_ + settings_.deadline_ns;
    request.input_tokens = kInputTokens;
    request.body = body_;
    ++offered_;
    ++second(now_).offered;
    core_.submit(index, now_, &actions_);
    const double gap_s = (0.5 + random_.unit()) / settings_.requests_per_s;
    const TimeNs next = now_ + static_cast<TimeNs>(gap_s * 1e9);
    if (next < settings_.requests_until) post(next, Event::Kind::submit);
}

void OutageWorld::arrive(AttemptId attempt) {
    Call& call = calls_.at(attempt);
    ++second(now_).sent;
    model::Request request;
    request.key = call.account;
    request.model_class = call.model_class;
    request.input_tokens = kInputTokens;
    request.max_tokens = kMaxTokens;
    request.stream = true;
    call.decision = model_.arrive(request, now_);
    const TimeNs ends_at = call.decision.accepted() ? call.decision.answer_ends_at : now_;
    if (call.decision.accepted() && call.decision.fault == model::FaultKind::none) {
        post(call.decision.first_token_at + kLeastDelay, Event::Kind::head, attempt);
    }
    post(std::min(ends_at + delay(), call.sent_at + settings_.attempt_timeout_ns), Event::Kind::end,
         attempt);
}

void OutageWorld::head(AttemptId attempt) {
    const auto found = calls_.find(attempt);
    if (found == calls_.end()) return;
    LimitReadings readings;
    for (std::size_t i = 0; i < model::kLimitKinds; ++i) {
        const model::Reading& from = found->second.decision.readings[i];
        readings[kKinds[i]].limit = from.limit;
        readings[kKinds[i]].remaining = from.remaining;
        readings[kKinds[i]].rounding = i == 0 ? 1 : 500;
    }
    core_.on_head(attempt, true, readings, now_);
    if (!core_.on_content(attempt, now_, &actions_)) return;
    waited_s_.push_back(static_cast<double>(now_ - found->second.submitted_at) / 1e9);
}

void OutageWorld::end(AttemptId attempt) {
    const auto found = calls_.find(attempt);
    if (found == calls_.end()) return;  // aborted meanwhile
    Outcome outcome = outcome_of(found->second.decision);
    if (now_ >= found->second.sent_at + settings_.attempt_timeout_ns) {
        outcome = Outcome();
        outcome.cls = OutcomeClass::timeout;
        outcome.maybe_executed = true;
    }
    calls_.erase(found);
    core_.on_end(attempt, outcome, std::make_unique<ErrorDetail>(), now_, &actions_);
}

Outcome OutageWorld::outcome_of(const model::Decision& decision) {
    using model::FaultKind;
    Outcome outcome;
    outcome.http_status = decision.status;
    outcome.retry_after_ns = decision.retry_after_ns;
    if (decision.no_response()) {
        outcome.cls = OutcomeClass::connection;
        outcome.maybe_executed = true;
        return outcome;
    }
    if (decision.accepted()) {
        outcome.maybe_executed = true;
        outcome.usage.input_tokens = kInputTokens;
        outcome.usage.output_tokens = decision.produced_tokens;
        switch (decision.fault) {
            case FaultKind::none:
                break;
            case FaultKind::stream_error_early:
                outcome.cls = OutcomeClass::stream_error;
                break;
            default:
                outcome.cls = OutcomeClass::broken;
        }
        return outcome;
    }
    switch (decision.status) {
        case 400:
            outcome.cls = OutcomeClass::spend_limit;
            break;
        case 429:
            outcome.cls = decision.reason == model::RefusalReason::spend_cap
                              ? OutcomeClass::spend_limit
                              : OutcomeClass::rate_limited;
            outcome.refused = kKinds[model::index_of(decision.refused_by)];
            break;
        case 529:
            outcome.cls = OutcomeClass::overloaded;
            break;
        default:
            outcome.cls = OutcomeClass::server_error;
    }
    return outcome;
}

void OutageWorld::advance() {
    for (;;) {
        core_.advance(now_, &actions_);
        if (actions_.empty()) return;
        take_actions();
    }
}

void OutageWorld::take_actions() {
    for (const Action& action : actions_) {
        switch (action.kind) {
            case Action::Kind::start:
                calls_[action.attempt] = {.account = action.account,
                                          .model_class = slab_.at(action.request).model_class,
                                          .sent_at = now_,
                                          .submitted_at = slab_.at(action.request).submitted_at,
                                          .decision = {}};
                post(now_ + delay(), Event::Kind::arrival, action.attempt);
                break;
            case Action::Kind::abort:
                calls_.erase(action.attempt);
                break;
            case Action::Kind::succeed:
            case Action::Kind::fail: {
                const Request& request = slab_.at(action.request);
                ended_.push_back({request.submitted_at, now_});
                if (action.kind == Action::Kind::succeed) {
                    ++answered_;
                    ++second(now_).answered;
                } else {
                    ++failed_;
                    ++statuses_[action.status];
                    if (request.last_error) {
                        last_stated_wait_ = request.last_error->retry_after_ns;
                    }
                }
                slab_.give_back(action.request);
                break;
            }
            default:
                break;
        }
    }
    actions_.clear();
}

OutageWorld::Second& OutageWorld::second(TimeNs at) {
    const auto index = static_cast<std::size_t>(at / kNsPerS);
    if (index >= seconds_.size()) seconds_.resize(index + 1);
    return seconds_[index];
}

std::uint32_t OutageWorld::offered(std::size_t from_s, std::size_t to_s) const {
    std::uint32_t sum = 0;
    for (std::size_t i = from_s; i < std::min(to_s, seconds_.size()); ++i) {
        sum += seconds_[i].offered;
    }
    return sum;
}

std::uint32_t OutageWorld::sent(std::size_t from_s, std::size_t to_s) const {
    std::uint32_t sum = 0;
    for (std::size_t i = from_s; i < std::min(to_s, seconds_.size()); ++i) {
        sum += seconds_[i].sent;
    }
    return sum;
}

double OutageWorld::first_content_s(double q) const {
    std::vector<double> waited = waited_s_;
    std::sort(waited.begin(), waited.end());
    return waited.empty()
               ? 0
               : waited[static_cast<std::size_t>(q * static_cast<double>(waited.size()))];
}

TimeNs OutageWorld::ended_by(TimeNs at) const {
    TimeNs last = 0;
    std::uint64_t before = 0;
    for (const Ended& ended : ended_) {
        if (ended.submitted_at >= at) continue;
        ++before;
        last = std::max(last, ended.ended_at);
    }
    return before == offered(0, static_cast<std::size_t>(at / kNsPerS)) ? last : kNever;
}

}  // namespace weir::test
