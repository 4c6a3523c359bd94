#include <utility>

#include "engine/exchange.h"
#include "provider/error_class.h"

// An attempt that the caller made with a permit: what it says of the response goes through the same
// reader as the engine's own responses.
namespace weir {
namespace {

// What the caller counted wins over what the body says.
void overlay(const Usage& said, Usage* usage) {
    if (said.input_tokens >= 0) usage->input_tokens = said.input_tokens;
    if (said.output_tokens >= 0) usage->output_tokens = said.output_tokens;
    if (said.cache_write_tokens >= 0) usage->cache_write_tokens = said.cache_write_tokens;
    if (said.cache_read_tokens >= 0) usage->cache_read_tokens = said.cache_read_tokens;
}

}  // namespace

void Exchange::take_head(const AttemptReport& report) {
    if (report.http_status() == 0) return;
    reset_reader(report.is_event_stream());
    reader_.on_status(report.http_status());
    for (const auto& [name, value] : report.headers()) reader_.on_header(name, value);
    reader_.on_headers_end();
}

Outcome Exchange::finish(const AttemptReport& report, ErrorDetail* detail) {
    const bool has_head = head_at_ != 0 && reader_.http_status() == report.http_status();
    if (head_at_ == 0) reset_reader(false);
    if (!has_head) take_head(report);
    WireEnd end = report.wire_end();
    // An error event of a stream comes as its data alone, without the stream around it.
    const bool is_bare = report.is_event_stream() && report.body().starts_with('{');
    if (is_bare) reader_.on_body("event: error\ndata: ");
    if (!reader_.on_body(report.body())) end.kind = WireEnd::Kind::too_large;
    if (is_bare) reader_.on_body("\n\n");

    Outcome outcome;
    if (report.says_success()) {
        outcome.http_status = report.http_status();
        const std::int64_t max_tokens = start_.body->head().max_tokens;
        outcome.hit_max_tokens = max_tokens > 0 && report.usage().output_tokens >= max_tokens;
    } else {
        reader_.finish(end, &outcome, detail);
        if (report.http_status() / 100 == 2 && detail->from_provider) {
            outcome.cls = classify_stream_error({detail->type, detail->code, detail->message, {}});
            outcome.maybe_executed = true;
        }
    }
    overlay(report.usage(), &outcome.usage);
    outcome.content_delivered = report.delivered();
    const bool cut = outcome.cls == OutcomeClass::broken ||
                     outcome.cls == OutcomeClass::unreadable ||
                     outcome.cls == OutcomeClass::connection;
    if (cut && report.delivered()) outcome.cls = OutcomeClass::stream_error;
    usage_ = outcome.usage;
    cover_key(detail);
    let_go();
    return outcome;
}

Outcome Exchange::drop(const AttemptReport& report) {
    drop();
    reset_reader(false);
    Outcome outcome;
    const bool success = report.http_status() / 100 == 2 && report.failure() == 0;
    outcome.cls = success ? OutcomeClass::success : OutcomeClass::broken;
    outcome.http_status = report.http_status();
    outcome.maybe_executed = report.wire_end().request_sent;
    outcome.content_delivered = report.delivered();
    outcome.usage = usage_ = report.usage();
    return outcome;
}

}  // namespace weir
