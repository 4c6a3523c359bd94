#include <algorithm>

#include "schedule.h"
#include "weir/weir.h"

namespace weir::test {

void Schedule::head(AttemptId attempt) {
    LimitReadings readings;
    if (random_.below(2) == 0) {
        LimitReading& reading = readings.of[random_.below(kLimitKinds)];
        reading.limit = static_cast<std::int64_t>(100 + random_.below(1'000'000));
        reading.remaining =
            static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(reading.limit)));
    }
    core_.on_head(attempt, random_.below(4) != 0, readings, now_);
    if (random_.below(2) == 0) return;
    Usage usage;
    usage.input_tokens = static_cast<std::int64_t>(random_.below(4'000));
    core_.on_input_counted(attempt, usage, now_);
}

void Schedule::content(AttemptId attempt) {
    const auto live = live_.find(attempt);
    const bool wanted = core_.on_content(attempt, now_, &actions_);
    if (wanted != (live != live_.end())) broken("content of the wrong attempt is wanted");
    if (live != live_.end()) live->second.content = true;
}

void Schedule::end(AttemptId attempt) {
    const auto live = live_.find(attempt);
    if (live == live_.end()) return;  // aborted meanwhile
    Outcome outcome;
    outcome.cls = random_.below(3) == 0 ? static_cast<OutcomeClass>(random_.below(kOutcomeClasses))
                                        : OutcomeClass::success;
    outcome.maybe_executed = random_.below(3) == 0;
    outcome.content_delivered = random_.below(10) == 0;
    if (random_.below(8) == 0) outcome.should_retry = static_cast<std::int8_t>(random_.below(2));
    outcome.refused = static_cast<LimitKind>(random_.below(kLimitKinds + 1));
    if (random_.below(3) == 0) {
        outcome.retry_after_ns = static_cast<TimeNs>(random_.below(5 * kNsPerS));
    }
    outcome.usage.input_tokens = static_cast<std::int64_t>(random_.below(4000));
    outcome.usage.output_tokens = static_cast<std::int64_t>(random_.below(2000));
    Known& known = known_.at(live->second.ticket);
    if (known.stream) outcome.content_delivered = live->second.content;
    // Trials of an endpoint that is out are not counted, and cannot be told from here.
    const bool counting = live->second.counting;
    if (!counting && !not_its_fault(outcome, true)) ++known.countable;
    // A bucket's pause, or a key's, is theirs and not the request's.
    if (!counting && outcome.retry_after_ns > 0 && !not_its_fault(outcome, false)) {
        const std::uint16_t here = slab_.at(RequestSlab::index_of(live->second.ticket)).model_class;
        if (known.not_before_of != here) known.not_before = 0;
        known.not_before = std::max(known.not_before, now_ + outcome.retry_after_ns);
        known.not_before_of = here;
    }
    if (!counting && outcome.content_delivered && outcome.cls != OutcomeClass::success) {
        known.content_seen = true;
    }
    const KeyId id = live->second.key;
    KnownKey& key = keys_[{id.account, id.key}];
    if (outcome.cls == OutcomeClass::bad_key && key.version == live->second.key_version &&
        core_.keys().view(id).state == KeyRing::State::active) {
        key.not_before = now_ + 30 * kNsPerS;
    }
    live_.erase(live);
    core_.on_end(attempt, outcome, nullptr, now_, &actions_);
}

void Schedule::take_actions() {
    for (const Action& action : actions_) {
        record(action);
        if (action.kind == Action::Kind::key_changed) continue;
        const std::uint64_t ticket = slab_.at(action.request).ticket.load();
        const auto found = known_.find(ticket);
        if (found == known_.end()) return broken("an action for a ticket that was never accepted");
        Known& known = found->second;
        if (known.ended) return broken("an action after the terminal one");
        switch (action.kind) {
            case Action::Kind::start:
            case Action::Kind::permit:
            case Action::Kind::count:
                started(action, ticket, &known);
                break;
            case Action::Kind::abort:
                aborted(action, &known);
                break;
            case Action::Kind::restart:
                if (!known.may_restart) broken("a stream was restarted without leave");
                if (!known.content_seen) broken("a restart of what nobody has seen");
                known.content_seen = false;
                break;
            case Action::Kind::succeed:
            case Action::Kind::fail:
                ended(action, &known);
                break;
            case Action::Kind::key_changed:
                break;
        }
    }
    actions_.clear();
}

void Schedule::aborted(const Action& action, Known* known) {
    const auto live = live_.find(action.attempt);
    if (live == live_.end()) return broken("an abort of no attempt in flight");
    // An attempt whose lease is over counts as one that has timed out.
    if (!live->second.permit && !live->second.counting && live->second.lease_ends_at <= now_)
        ++known->countable;
    live_.erase(live);
}

void Schedule::started(const Action& action, std::uint64_t ticket, Known* known) {
    check_day_budgets(action);
    const bool beside = check_hedge(action, ticket, known);
    if (!used_attempts_.insert(action.attempt).second) broken("an attempt id was used twice");
    if (known->dropped) broken("an attempt began for a request that was dropped");
    const Request& request = slab_.at(action.request);
    if (!beside && now_ < known->not_before && request.model_class == known->not_before_of) {
        broken("an attempt began before the pause was over");
    }
    if (request.route.routed()) check_route(request, known);
    if (known->countable >= most_attempts()) broken("more attempts than allowed");
    if (known->content_seen) broken("a stream began again without a word");
    const KnownKey& key = keys_[{action.account, action.key}];
    if (key.retired) broken("an attempt began with a key that is retired");
    if (now_ < key.not_before) broken("an attempt began with a key that was refused");
    const std::uint32_t lease_ms = slab_.at(action.request).lease_ms;
    if ((action.kind == Action::Kind::permit) != (lease_ms != 0)) {
        broken("a permit is no permit");
    }
    const bool permit = lease_ms != 0;
    const bool counting = action.kind == Action::Kind::count;
    if (counting != slab_.at(action.request).counting) broken("a count is no count");
    if (counting && known->starts > 0) broken("counted when it had begun");
    if (counting && known->counted) broken("counted twice");
    known->counted |= counting;
    const TimeNs lease = permit ? lease_ms * kNsPerMs : counting ? 5 * kNsPerS : settings_.lease_ns;
    live_[action.attempt] = {.ticket = ticket,
                             .lease_ends_at = lease == 0 ? kNever : now_ + lease,
                             .permit = permit,
                             .counting = counting,
                             .key = {action.account, action.key},
                             .key_version = key.version,
                             .model_class = slab_.at(action.request).model_class,
                             .tenant = slab_.at(action.request).tenant};
    if (!counting) ++known->starts;
    ++result_.attempts;
    const std::uint64_t takes = random_.below(4 * kNsPerS);
    if (random_.below(4) != 0) post(takes / 4, Event::Kind::head, action.attempt);
    if (random_.below(2) == 0) post(takes / 2, Event::Kind::progress, action.attempt);
    if (known->stream && !permit && !counting && random_.below(3) != 0) {
        post(takes / 3, Event::Kind::content, action.attempt);
    }
    // Some permits are never reported.
    if (lease == 0 || random_.below(3) != 0) post(takes, Event::Kind::end, action.attempt);
}

std::uint32_t Schedule::most_attempts() const {
    std::uint32_t most = settings_.retry.max_attempts;
    for (const RetrySettings::Pace& own : settings_.retry.own) {
        most = std::max<std::uint32_t>(most, own.max_attempts);
    }
    return most;
}

void Schedule::ended(const Action& action, Known* known) {
    known->ended = true;
    if (attempts_of(slab_.at(action.request).ticket.load()) != 0) {
        broken("a request ended, and an attempt of it goes on");
    }
    ++result_.terminals;
    if (known->deadline_at != kNever && now_ > known->deadline_at + 2 * kTick) {
        broken("a request outlived its deadline");
    }
    if (action.status == WEIR_ERR_QUEUE_FULL && !known->dropped) {
        broken("a request was dropped by nobody");
    }
    if (action.kind == Action::Kind::fail && action.status >= WEIR_OK) {
        broken("a failure without a status");
    }
    if (action.keys_back_at != 0 &&
        (action.keys_back_at <= now_ || core_.keys().any_usable(now_))) {
        broken("a failure for want of a key, and there is one");
    }
    slab_.give_back(action.request);
}

void Schedule::record(const Action& action) {
    const std::uint64_t words[] = {static_cast<std::uint64_t>(now_),
                                   static_cast<std::uint64_t>(action.kind),
                                   action.account,
                                   action.key,
                                   static_cast<std::uint64_t>(action.status),
                                   action.request,
                                   action.attempt};
    for (const std::uint64_t word : words) {
        result_.trace_hash = (result_.trace_hash ^ word) * 0x100000001B3u;
    }
}

}  // namespace weir::test
