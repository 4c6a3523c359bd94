#include "goodput_world.h"

#include <algorithm>
#include <cmath>

#include "provider/limit_headers.h"

namespace weir::test {

namespace {

// How often a stream's progress is told.
constexpr TimeNs kProgressEvery = 300 * kNsPerMs;

double normal(Random* random) {
    const double radius = std::sqrt(-2 * std::log(1 - random->unit()));
    return radius * std::cos(2 * 3.14159265358979323846 * random->unit());
}

}  // namespace

std::int64_t Spread::draw(Random* random) const {
    const double value = mean * std::exp(-sigma * sigma / 2 + sigma * normal(random));
    return std::max<std::int64_t>(std::llround(value), 1);
}

World::World(const Settings& settings)
    : settings_(settings),
      random_(settings.seed),
      spoil_random_(settings.seed * 3 + 1),
      work_random_(settings.seed * 2 + 1),
      model_(settings.model) {}

Work World::draw_work(std::uint16_t model_class) {
    ++drawn_;
    Work work;
    work.model_class = model_class;
    work.input_tokens = settings_.input.draw(&work_random_);
    const Spread error{static_cast<double>(work.input_tokens), settings_.input_error};
    work.estimated_input = error.draw(&work_random_);
    work.max_tokens = settings_.max_tokens;
    work.output_tokens = std::min(settings_.output.draw(&work_random_), work.max_tokens);
    return work;
}

TimeNs World::draw_delay() {
    const auto range = static_cast<std::uint64_t>(settings_.most_delay_ns) -
                       static_cast<std::uint64_t>(settings_.least_delay_ns) + 1;
    return settings_.least_delay_ns + static_cast<TimeNs>(random_.below(range));
}

void World::post(TimeNs at, EventKind kind, AttemptRef attempt) {
    events_.push({at, order_++, kind, attempt});
}

void World::post_progress(TimeNs at, AttemptRef attempt) {
    const TimeNs at_server = at - attempts_[attempt].back_delay_ns;
    if (at_server >= attempts_[attempt].decision.answer_ends_at) return;
    progress_.push_back({at, order_++, EventKind::progress, attempt});
}

const World::Event* World::next_event() const {
    if (progress_.empty()) return events_.empty() ? nullptr : &events_.top();
    if (events_.empty() || events_.top() < progress_.front()) return &progress_.front();
    return &events_.top();
}

// `next` is what next_event() gave.
World::Event World::take(const Event* next) {
    const Event event = *next;
    if (event.kind == EventKind::progress) {
        progress_.pop_front();
    } else {
        events_.pop();
    }
    return event;
}

AttemptRef World::send(int key, const Work& work, TimeNs now) {
    if (free_.empty()) {
        free_.push_back(static_cast<AttemptRef>(attempts_.size()));
        attempts_.emplace_back();
    }
    const AttemptRef ref = free_.back();
    free_.pop_back();
    Attempt& attempt = attempts_[ref];
    attempt.key = key;
    attempt.work = work;
    record(static_cast<std::uint64_t>(now));
    record(static_cast<std::uint64_t>(work.input_tokens) << 16 | static_cast<std::uint64_t>(key));
    post(now + draw_delay(), EventKind::arrival, ref);
    return ref;
}

TimeNs World::run(Client* client, TimeNs until) {
    for (;;) {
        const TimeNs timer = client->next_timer();
        const Event* upcoming = next_event();
        const TimeNs event = upcoming == nullptr ? kNever : upcoming->at;
        const TimeNs next = std::min(timer, event);
        if (next == kNever) break;
        if (next > until) {
            now_ = until;
            break;
        }
        now_ = std::max(now_, next);
        if (event <= now_) {
            const Event due = take(upcoming);
            happen(due, client);
            ++events_done_;
            if (due.kind == EventKind::arrival) continue;  // the client sees nothing of it
        }
        client->advance(now_);
    }
    model_.advance(now_);
    return now_;
}

void World::happen(const Event& event, Client* client) {
    Attempt& attempt = attempts_[event.attempt];
    const TimeNs at_server = event.at - attempt.back_delay_ns;
    switch (event.kind) {
        case EventKind::arrival:
            arrive(event.attempt, event.at);
            break;
        case EventKind::head:
            if (attempt.decision.accepted()) {
                Usage usage;
                usage.input_tokens = attempt.work.input_tokens;
                client->on_input_counted(event.attempt, usage, event.at);
            }
            client->on_head(event.attempt,
                            settings_.header_text ? readings_by_text(attempt, at_server)
                                                  : readings_of(attempt, at_server),
                            event.at);
            if (settings_.stream && attempt.decision.accepted())
                post_progress(event.at + kProgressEvery, event.attempt);
            break;
        case EventKind::progress:
            client->on_progress(event.attempt, attempt.decision.produced_at(at_server), event.at);
            post_progress(event.at + kProgressEvery, event.attempt);
            break;
        case EventKind::end: {
            const Outcome outcome = outcome_of(attempt);
            record(static_cast<std::uint64_t>(event.at));
            record(static_cast<std::uint64_t>(outcome.http_status));
            free_.push_back(event.attempt);
            client->on_end(event.attempt, outcome, event.at);
            break;
        }
    }
}

void World::arrive(AttemptRef ref, TimeNs now) {
    Attempt& attempt = attempts_[ref];
    model::Request request;
    request.key = attempt.key;
    request.model_class = attempt.work.model_class;
    request.input_tokens = attempt.work.input_tokens;
    request.max_tokens = attempt.work.max_tokens;
    request.output_tokens = attempt.work.output_tokens;
    request.stream = settings_.stream;
    attempt.arrived_at = now;
    attempt.decision = model_.arrive(request, now);
    attempt.back_delay_ns = draw_delay();
    const model::Decision& decision = attempt.decision;
    if (!decision.accepted()) {
        post(now + attempt.back_delay_ns, EventKind::head, ref);
        post(now + attempt.back_delay_ns, EventKind::end, ref);
        return;
    }
    service_s_ += static_cast<double>(decision.answer_ends_at - now) / 1e9;
    const TimeNs end_at = decision.answer_ends_at + attempt.back_delay_ns;
    if (!settings_.stream) {
        post(end_at, EventKind::head, ref);
        post(end_at, EventKind::end, ref);
        return;
    }
    post(decision.first_token_at + attempt.back_delay_ns, EventKind::head, ref);
    post(end_at, EventKind::end, ref);
}

// As a client reads them that knows from the response's date when it was made.
LimitReadings World::readings_by_text(const Attempt& attempt, TimeNs now) {
    model::Headers headers;
    model::append_limit_headers(settings_.model, attempt.decision, attempt.arrived_at, &headers);
    if (settings_.spoil) settings_.spoil(&headers, &spoil_random_);
    return read_limit_headers(headers, settings_.model.unix_at_zero_ns + now);
}

LimitReadings World::readings_of(const Attempt& attempt, TimeNs now) const {
    LimitReadings readings;
    if (settings_.model.headers == model::HeaderFamily::none) return readings;
    constexpr LimitKind kKinds[] = {LimitKind::requests, LimitKind::input_tokens,
                                    LimitKind::output_tokens, LimitKind::day_tokens};
    for (std::size_t i = 0; i < model::kLimitKinds; ++i) {
        const model::Reading& from = attempt.decision.readings[i];
        LimitReading& to = readings[kKinds[i]];
        to.limit = from.limit;
        to.remaining = from.remaining;
        // A reset is stated as a time of day in whole seconds.
        if (from.reset_in_ns >= 0) {
            const TimeNs at = now + from.reset_in_ns;
            to.reset_in_ns = (at + kNsPerS - 1) / kNsPerS * kNsPerS - now;
        }
        to.rounding = i == 0 ? 1 : std::max<std::int64_t>(settings_.model.rounding, 1);
    }
    return readings;
}

Outcome World::outcome_of(const Attempt& attempt) const {
    constexpr LimitKind kKinds[] = {LimitKind::requests, LimitKind::input_tokens,
                                    LimitKind::output_tokens, LimitKind::day_tokens};
    const model::Decision& decision = attempt.decision;
    Outcome outcome;
    outcome.http_status = decision.status;
    if (decision.accepted()) {
        outcome.cls = OutcomeClass::success;
        outcome.maybe_executed = true;
        outcome.usage.input_tokens = attempt.work.input_tokens;
        outcome.usage.output_tokens = decision.produced_tokens;
        outcome.hit_max_tokens = decision.hit_max_tokens;
        return outcome;
    }
    outcome.retry_after_ns = decision.retry_after_ns;
    if (decision.reason == model::RefusalReason::acceleration) {
        outcome.cls = OutcomeClass::acceleration;
        return outcome;
    }
    outcome.cls = OutcomeClass::rate_limited;
    if (settings_.names_refused_limit)
        outcome.refused = kKinds[model::index_of(decision.refused_by)];
    return outcome;
}

}  // namespace weir::test
