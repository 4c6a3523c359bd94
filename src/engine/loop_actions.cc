#include <algorithm>
#include <new>
#include <utility>

#include "engine/clock.h"
#include "engine/loop.h"
#include "engine/spend_keys.h"
#include "engine/terminal.h"

namespace weir {
namespace {

constexpr std::uint64_t kIndexMask = 0xFFFFFFFFu;

std::uint32_t log_level_of(OutcomeClass cls) {
    switch (cls) {
        case OutcomeClass::bad_key:
        case OutcomeClass::forbidden:
        case OutcomeClass::spend_limit:
        case OutcomeClass::on_hold:
        case OutcomeClass::tls:
            return WEIR_LOG_WARNING;
        case OutcomeClass::success:
            return WEIR_LOG_DEBUG;
        default:
            return WEIR_LOG_INFO;
    }
}

}  // namespace

Exchange* Loop::exchange_of(AttemptId attempt) {
    const std::size_t index = attempt & kIndexMask;
    if (index >= exchanges_.size() || exchanges_[index] == nullptr) return nullptr;
    Exchange* exchange = exchanges_[index].get();
    return exchange->attempt() == attempt ? exchange : nullptr;
}

void Loop::carry_out() {
    for (; next_action_ < actions_.size(); ++next_action_) {
        // Without room for its event an action waits for the next turn.
        if (!make_room()) return;
        const Action action = actions_[next_action_];
        switch (action.kind) {
            case Action::Kind::start:
            case Action::Kind::count:
                start(action);
                break;
            case Action::Kind::permit:
                give_permit(action);
                break;
            case Action::Kind::abort:
                abort(action);
                break;
            case Action::Kind::restart:
                restart(action);
                break;
            case Action::Kind::succeed:
            case Action::Kind::fail:
                end(action);
                break;
            case Action::Kind::key_changed:
                if (!key_changed(action)) return;
                break;
        }
    }
    actions_.clear();
    next_action_ = 0;
}

// Room for one more event, and one more ending. Grows as push_back does.
bool Loop::make_room() noexcept {
    try {
        if (events_.size() == events_.capacity()) events_.reserve(2 * events_.size() + 16);
        if (ended_.size() == ended_.capacity()) ended_.reserve(2 * ended_.size() + 16);
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

Exchange* Loop::open_exchange(const Action& action, TimeNs now) {
    const std::size_t index = action.attempt & kIndexMask;
    if (index >= exchanges_.size()) exchanges_.resize(index + 1);
    std::unique_ptr<Exchange>& exchange = exchanges_[index];
    if (exchange == nullptr) {
        exchange = std::make_unique<Exchange>(static_cast<Exchange::Listener*>(this), &parser_);
    }
    const bool permit = action.kind == Action::Kind::permit;
    const bool counting = action.kind == Action::Kind::count;
    const Request& request = slab_->at(action.request);
    std::string_view model;
    if (request.route.routed()) model = step_of(settings_.core.routes, request.route).model;
    exchange->begin(
        {action.attempt, action.request, action.account, keys_.of({action.account, action.key}),
         request.body, model, now, now + wall_offset_, permit, counting},
        settings_.max_response_bytes);
    return exchange.get();
}

void Loop::start(const Action& action) {
    const AccountAccess& account = settings_.accounts[action.account];
    try {
        Exchange* exchange = open_exchange(action, now_);
        transport_->start(action.attempt, exchange->wire(account, settings_.timeouts), now_);
    } catch (const std::bad_alloc&) {
        transport_->abort(action.attempt);
        could_not_start(action);
    }
}

// There was no memory: it is tried again, as often as other failures are.
void Loop::could_not_start(const Action& action) {
    if (Exchange* exchange = exchange_of(action.attempt)) exchange->drop();
    Outcome outcome;
    outcome.cls = OutcomeClass::no_memory;
    core_.on_end(action.attempt, outcome, nullptr, now_, &actions_);
}

void Loop::abort(const Action& action) {
    Exchange* exchange = exchange_of(action.attempt);
    if (exchange == nullptr || !exchange->open()) return;
    // Of a permit nobody knows, unless it is reported.
    const bool sent = exchange->permit() || transport_->abort(action.attempt);
    if (sent && !exchange->counting()) slab_->at(action.request).maybe_executed = true;
    exchange->drop();
}

// How long it is until a key comes back, where there is none for the request.
TimeNs Loop::keys_back_in(const Action& action) const {
    return action.keys_back_at == 0 ? -1 : std::max<TimeNs>(0, action.keys_back_at - now_);
}

void Loop::restart(const Action& action) {
    events_.push_back(make_stream_restart(slab_->at(action.request)));
}

void Loop::end(const Action& action) {
    Request& request = slab_->at(action.request);
    if (action.kind == Action::Kind::succeed) {
        Exchange* exchange = exchanges_[action.attempt & kIndexMask].get();
        const AccountAccess& account = settings_.accounts[exchange->account()];
        const std::int64_t cost =
            settings_.core.limits.prices.cost_of(request.prices, exchange->usage());
        events_.push_back(
            make_done(request, exchange, account.name, cost, settings_.core.routes, now_));
    } else {
        events_.push_back(failure_of(request, action));
    }
    ended_.push_back(Inbox::Ended(action.request));
}

// A budget that is in the way is named.
weir_event Loop::failure_of(const Request& request, const Action& action) noexcept {
    const Refusal& why = action.refusal;
    if (why.day_budget == kNoDayBudget) {
        return make_failed(request, action.status, keys_back_in(action));
    }
    const bool passes = why.frees_at != kNever;
    try {
        const std::string message =
            spent_message(settings_.core.limits.day_budgets[why.day_budget], why.money,
                          passes ? why.frees_at + wall_offset_ : -1);
        return make_refused(request, action.status, message, passes ? why.frees_at - now_ : -1);
    } catch (const std::bad_alloc&) {
        return make_failed(request, action.status);
    }
}

// The exchange has covered its own key; a server may know the others.
void Loop::cover_keys(ErrorDetail* detail) const {
    for (std::string* text :
         {&detail->message, &detail->type, &detail->code, &detail->request_id, &detail->answer}) {
        if (!text->empty()) keys_.cover(text);
    }
}

// What a response came to, as far as there was memory to find out.
Outcome Loop::outcome_of(Exchange* exchange, const WireEnd& end,
                         std::unique_ptr<ErrorDetail>* detail) {
    try {
        *detail = std::make_unique<ErrorDetail>();
        const Outcome outcome = exchange->finish(end, detail->get());
        cover_keys(detail->get());
        if (outcome.cls == OutcomeClass::success) detail->reset();
        return outcome;
    } catch (const std::bad_alloc&) {
        exchange->drop();
        detail->reset();
        Outcome outcome;
        outcome.cls = OutcomeClass::broken;
        outcome.maybe_executed = end.request_sent;
        return outcome;
    }
}

void Loop::on_end(ExchangeId id, const WireEnd& end, TimeNs now) {
    if (batch_lane_ && BatchLane::is_ours(id)) return batch_lane_->on_end(id, end, now);
    Exchange* exchange = exchange_of(id);
    if (exchange == nullptr || !exchange->open()) return;
    ++responses_seen_;
    std::unique_ptr<ErrorDetail> detail;
    const Outcome outcome = outcome_of(exchange, end, &detail);
    attempt_ended(exchange, outcome, std::move(detail));
}

// Without memory for its words it is kept without them.
void Loop::note_failure(const Outcome& outcome, const ErrorDetail* detail) noexcept {
    if (outcome.cls == OutcomeClass::success) return;
    last_failure_.cls = outcome.cls;
    last_failure_.http_status = outcome.http_status;
    ++last_failure_.count;
    try {
        last_failure_.message = detail == nullptr ? "" : detail->message;
    } catch (const std::bad_alloc&) {
        last_failure_.message.clear();
    }
}

void Loop::attempt_ended(Exchange* exchange, const Outcome& outcome,
                         std::unique_ptr<ErrorDetail> detail) {
    note_failure(outcome, detail.get());
    log(log_level_of(outcome.cls), "ticket {}: account {}: {} (HTTP status {}){}{}",
        slab_->at(exchange->request()).ticket.load(std::memory_order_relaxed),
        settings_.accounts[exchange->account()].name, rule(outcome.cls).name, outcome.http_status,
        detail == nullptr || detail->message.empty() ? "" : ": ",
        detail == nullptr ? std::string_view() : detail->message);
    if (outcome.cls == OutcomeClass::success && !exchange->counting() && !exchange->head_told())
        on_input_counted(exchange, outcome.usage);
    tell_head(exchange);
    tell_core(
        [&] { core_.on_end(exchange->attempt(), outcome, std::move(detail), now_, &actions_); });
}

}  // namespace weir
