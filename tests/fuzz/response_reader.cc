// A whole exchange: a byte that says how it is driven, the head's lines, an empty line, the body.
// The body is fed whole and in pieces, which must come to the same.

#include "provider/response_reader.h"

#include <simdjson.h>

#include <string>
#include <vector>

#include "fuzz_input.h"
#include "other_parser.h"
#include "provider/json_parser.h"

namespace {

using weir::fuzz::take_until;

class Recorder : public weir::ResponseReader::Sink {
public:
    void on_head(const weir::ResponseReader&) override { ++heads; }
    void on_event(std::string_view name, std::string_view data) override {
        FUZZ_CHECK(name != "ping" && name != "error");
        FUZZ_CHECK(simdjson::validate_utf8(data.data(), data.size()));
        all.append(name).append("|").append(data).append("\n");
    }
    void on_progress(std::int64_t output_tokens) override {
        FUZZ_CHECK(output_tokens > progress);
        progress = output_tokens;
    }
    int heads = 0;
    std::string all;
    std::int64_t progress = 0;
};

struct Result {
    weir::Outcome outcome;
    weir::ErrorDetail detail;
    std::string events;
    std::string body;
};

struct Exchange {
    bool stream;
    weir::WireEnd end;
    std::vector<std::string_view> lines;
    std::string_view body;
};

Exchange exchange_of(std::string_view text) {
    const auto control = static_cast<std::uint8_t>(text.empty() ? '\0' : text.front());
    if (!text.empty()) text.remove_prefix(1);
    Exchange exchange;
    exchange.stream = (control & 1) != 0;
    exchange.end.request_sent = (control & 2) == 0;
    exchange.end.kind = static_cast<weir::WireEnd::Kind>((control >> 2) % 10);
    exchange.end.detail = "detail";
    while (!text.empty()) {
        const std::string_view line = take_until(&text, '\n');
        if (line.empty()) break;
        exchange.lines.push_back(line);
    }
    exchange.body = text;
    return exchange;
}

// A line that begins with a digit is a status; the others are headers.
void feed_head(const Exchange& exchange, weir::ResponseReader* reader) {
    reader->on_status(200);
    for (std::string_view line : exchange.lines) {
        if (line.front() >= '0' && line.front() <= '9') {
            int status = 0;
            for (const char c : line.substr(0, 3)) status = status * 10 + (c - '0') % 10;
            reader->on_headers_end();
            reader->on_status(status);
            continue;
        }
        const std::string_view name = take_until(&line, ':');
        reader->on_header(name, line);
    }
    reader->on_headers_end();
}

Result run(const Exchange& exchange, std::size_t piece) {
    weir::JsonParser parser;
    weir::ResponseReader reader(&parser);
    Recorder sink;
    Result result;
    reader.reset(exchange.stream, 1 << 20, 0, &sink);
    feed_head(exchange, &reader);
    for (std::size_t at = 0; at < exchange.body.size(); at += piece) {
        if (!reader.on_body(exchange.body.substr(at, piece))) break;
        reader.take_progress();
    }
    reader.finish(exchange.end, &result.outcome, &result.detail);
    result.events = sink.all;
    result.body = reader.take_body();
    FUZZ_CHECK(result.outcome.content_delivered == !sink.all.empty());
    FUZZ_CHECK(simdjson::validate_utf8(std::string(reader.model())));
    for (const auto& [name, value] : reader.headers()) {
        FUZZ_CHECK(simdjson::validate_utf8(name) && simdjson::validate_utf8(value));
    }
    return result;
}

void check(const Exchange& exchange, const Result& result) {
    const weir::Outcome& outcome = result.outcome;
    FUZZ_CHECK(result.detail.message.size() <= 2048);
    FUZZ_CHECK(simdjson::validate_utf8(result.detail.message));
    FUZZ_CHECK(result.detail.message.find('\n') == std::string::npos);
    if (outcome.cls != weir::OutcomeClass::success) {
        FUZZ_CHECK(result.body.empty());
        return;
    }
    FUZZ_CHECK(outcome.http_status / 100 == 2);
    FUZZ_CHECK(result.detail.message.empty());
    if (!result.events.empty()) return;
    FUZZ_CHECK(exchange.end.kind == weir::WireEnd::Kind::complete);
    FUZZ_CHECK(result.body == exchange.body);
    FUZZ_CHECK(weir::fuzz::is_json_elsewhere(result.body));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Exchange exchange = exchange_of(weir::fuzz::text_of(data, size));
    const Result whole = run(exchange, exchange.body.size() + 1);
    check(exchange, whole);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}}) {
        const Result pieces = run(exchange, piece);
        FUZZ_CHECK(pieces.outcome.cls == whole.outcome.cls);
        FUZZ_CHECK(pieces.outcome.maybe_executed == whole.outcome.maybe_executed);
        FUZZ_CHECK(pieces.outcome.usage.output_tokens == whole.outcome.usage.output_tokens);
        FUZZ_CHECK(pieces.detail.message == whole.detail.message);
        FUZZ_CHECK(pieces.events == whole.events);
        FUZZ_CHECK(pieces.body == whole.body);
    }
    return 0;
}
