#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/batch_lane.h"
#include "engine/batch_lane_cost.h"
#include "engine/event.h"
#include "weir/weir.h"

namespace weir {

namespace {
constexpr std::size_t kReadInATurn = std::size_t{1} << 18;
}  // namespace

// ---- Calls ----

void BatchLane::start(BatchAction* action) {
    const BatchCall& call = *action->call;
    auto exchange = std::make_unique<BatchExchange>(
        static_cast<BatchExchange::Listener*>(this), &parser_, action->call,
        keys_->for_batches(call.account), settings_.max_response_bytes, now_ + unix_minus_now_);
    const HttpRequest request =
        exchange->wire(settings_.accounts[call.account], settings_.timeouts);
    exchanges_.emplace(call.id, std::move(exchange));
    transport_->start(call.id | kOurs, request, now_);
}

ResponseTaker* BatchLane::reader(ExchangeId id) {
    const auto it = exchanges_.find(id & ~kOurs);
    return it == exchanges_.end() ? nullptr : &it->second->reader();
}

void BatchLane::on_batch_result(BatchExchange* exchange, const BatchResult& result) {
    result_ = &result;
    price_ = price_of(result);
    read_bytes_ += result.message.size() + result.bytes.size();
    machine_.on_result(exchange->call().id, result, price_, now_, &out_);
    carry_out();
    result_ = nullptr;
    // The rest waits for the next turn: answers are counted as waiting only when this one has
    // ended.
    const BatchCallId call = exchange->call().id;
    if (read_bytes_ < kReadInATurn || exchange->paused() || !exchanges_.contains(call)) return;
    exchange->set_paused(true);
    transport_->pause(call | kOurs, true);
}

void BatchLane::on_end(ExchangeId id, const WireEnd& end, TimeNs now) {
    now_ = now;
    const auto it = exchanges_.find(id & ~kOurs);
    if (it == exchanges_.end()) return;
    const std::unique_ptr<BatchExchange> exchange = std::move(it->second);
    exchanges_.erase(it);
    Outcome outcome;
    ErrorDetail detail;
    BatchReader& reader = exchange->reader();
    reader.finish(end, &outcome, &detail);
    exchange->key().cover(&detail.message);
    const BatchCall& call = exchange->call();
    const bool success = outcome.cls == OutcomeClass::success;
    if (!success || reader.broken_lines() > 0) {
        // What no later call will mend by itself is for somebody to see.
        const bool refused =
            outcome.cls == OutcomeClass::bad_key || outcome.cls == OutcomeClass::forbidden;
        const std::string subject =
            call.submission == 0 ? "the newest batch" : fmt::format("batch {}", call.submission);
        log_->write(refused ? WEIR_LOG_WARNING : WEIR_LOG_INFO,
                    "{}: account {}: HTTP status {}: {}{}", subject,
                    settings_.accounts[call.account].name, outcome.http_status,
                    reader.broken_lines() > 0 ? "lines that make no sense; " : "", detail.message);
    }
    const bool has_batch =
        success && (call.kind == BatchCall::Kind::create ||
                    call.kind == BatchCall::Kind::retrieve || call.kind == BatchCall::Kind::cancel);
    const bool has_page = success && call.kind == BatchCall::Kind::list;
    if (call.kind == BatchCall::Kind::results) tell_strange_results(call);
    detail.http_status = outcome.http_status;
    detail.retry_after_ns = outcome.retry_after_ns;
    detail_ = success ? nullptr : &detail;
    BatchAnswer answer;
    if (has_batch) answer.batch = &reader.batch();
    if (has_page) answer.page = &reader.page();
    if (call.kind == BatchCall::Kind::create) answer.refused_at = refused_positions(detail.message);
    machine_.on_call_end(call.id, outcome, answer, now, &out_);
    carry_out();
    detail_ = nullptr;
}

// Results that belong to no request, or came twice, are counted and passed over.
void BatchLane::tell_strange_results(const BatchCall& call) {
    const BatchCounts& counts = machine_.counts();
    const std::uint64_t dropped = counts.dropped_results - told_dropped_;
    told_dropped_ = counts.dropped_results;
    if (dropped > 0) {
        log_->write(WEIR_LOG_INFO,
                    "batch {} ({}): {} results of requests that had ended before are dropped",
                    call.submission, call.remote_id, dropped);
    }
    const std::uint64_t unknown = counts.unknown_results - told_unknown_;
    const std::uint64_t duplicate = counts.duplicate_results - told_duplicate_;
    if (unknown + duplicate == 0) return;
    told_unknown_ = counts.unknown_results;
    told_duplicate_ = counts.duplicate_results;
    log_->write(WEIR_LOG_WARNING,
                "batch {} ({}): {} results with a custom_id that is not of this batch, {} with one "
                "that was there before; passed over",
                call.submission, call.remote_id, unknown, duplicate);
}

// ---- Looking ----

void BatchLane::write_batch(const BatchView& view, JsonWriter* json) const {
    json->open('{').member("batch", view.id).member("state", view.state);
    json->member("account", view.account < settings_.accounts.size()
                                ? std::string_view(settings_.accounts[view.account].name)
                                : std::string_view());
    json->member("model", view.model).member("id", view.remote_id);
    json->member("requests", view.requests).member("unanswered", view.open);
    json->member("unacknowledged", view.undelivered).member("late", view.late);
    json->member("age_ms", view.age_ns < 0 ? -1 : view.age_ns / kNsPerMs);
    json->member("expires_in_ms", view.expires_in_ns < 0 ? -1 : view.expires_in_ns / kNsPerMs);
    json->member("asked_ms_ago", view.asked_ago_ns < 0 ? -1 : view.asked_ago_ns / kNsPerMs);
    json->member("succeeded", view.tally.succeeded).member("errored", view.tally.errored);
    json->member("canceled", view.tally.canceled).member("expired", view.tally.expired);
    write_cost(view.cost, "", json);
    json->member("not_found", view.not_found);
    json->member("cancel_wanted", view.cancel_wanted);
    json->member("cancel_sent", view.cancel_sent).close('}');
}

void BatchLane::write_list(TimeNs now, JsonWriter* json) const {
    std::vector<BatchView> views;
    machine_.view(now, &views);
    json->open('[');
    for (const BatchView& view : views) write_batch(view, json);
    json->close(']');
}

// What the provider allows each account for its batches, beside its limits online.
void BatchLane::write_limits(TimeNs now, JsonWriter* json) const {
    json->open('[');
    for (std::size_t i = 0; i < settings_.accounts.size(); ++i) {
        const BatchLimitsView limits = machine_.limits(static_cast<std::uint16_t>(i), now);
        json->open('{').member("account", std::string_view(settings_.accounts[i].name));
        json->member("calls_per_minute", limits.calls_per_minute);
        json->member("next_call_in_ms", limits.next_call_in_ns / kNsPerMs);
        json->member("queue_places", limits.queue_places);
        json->member("places_taken", limits.places_taken).close('}');
    }
    json->close(']');
}

void BatchLane::write_counts(JsonWriter* json) const {
    const BatchCounts& counts = machine_.counts();
    json->member("collecting", machine_.collecting()).member("held", machine_.entries());
    json->member("accepted", counts.accepted).member("recovered", counts.recovered);
    json->member("created", counts.submitted).member("in_doubt", counts.reconciled);
    json->member("found", counts.found).member("sent_again", counts.sent_again);
    json->member("delivered", counts.delivered).member("failed", counts.failed);
    json->member("requeued", counts.requeued).member("fell_back", counts.fell_back);
    json->member("auto_batch", auto_batch_).member("auto_online", auto_online_);
    json->member("unknown_results", counts.unknown_results);
    json->member("duplicate_results", counts.duplicate_results);
    json->member("missing_results", counts.missing_results);
    json->member("dropped_results", counts.dropped_results);
    json->member("journal_waits", waits_.empty() ? journal_failure_ : waits_);
    json->member("downloads_cut", counts.downloads_cut);
    write_cost(cost_, "", json);
    write_cost(auto_cost_, "auto_", json);
    json->member("half_price_input_tokens", half_price_input_);
    json->member("half_price_output_tokens", half_price_output_);
}

void BatchLane::tell_changed(SubmissionId batch) {
    BatchView view;
    JsonWriter json(false);
    if (machine_.view(batch, now_, &view)) {
        write_batch(view, &json);
    } else {
        json.open('{').member("batch", batch).member("state", "forgotten").close('}');
    }
    host_->on_batch_event(make_data_event(WEIR_EVENT_BATCH, json.take()));
}

void BatchLane::tell_not_found(SubmissionId batch) {
    BatchView view;
    if (!machine_.view(batch, now_, &view)) return;
    log_->write(WEIR_LOG_WARNING,
                "batch {} ({}): account {} does not find it (HTTP status 404): this key may be of "
                "another workspace. Give the key that created it, or cancel it; nothing of it is "
                "sent again",
                batch, view.remote_id, settings_.accounts[view.account].name);
}

}  // namespace weir
