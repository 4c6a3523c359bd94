#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "provider/json_parser.h"
#include "provider/response_reader.h"

namespace weir {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;
using Kind = WireEnd::Kind;

const Headers kJson = {{"content-type", "application/json"}, {"request-id", "req_1"}};
const Headers kEvents = {{"content-type", "text/event-stream; charset=utf-8"},
                         {"request-id", "req_1"}};
const Headers kHtml = {{"content-type", "text/html"}};

const std::string kMessage =
    R"({"id":"msg_1","type":"message","role":"assistant","model":"claude-x",)"
    R"("content":[{"type":"text","text":"Hi \ud83d\ude00 é"}],"stop_reason":"end_turn",)"
    R"("usage":{"input_tokens":12,"cache_creation_input_tokens":null,"cache_read_input_tokens":4,)"
    R"("output_tokens":6,"service_tier":"standard"}})";

const std::string kStream =
    "event: message_start\n"
    R"(data: {"type":"message_start","message":{"id":"m","type":"message","model":"claude-x",)"
    R"("content":[],"usage":{"input_tokens":25,"output_tokens":1}}})"
    "\n\n"
    "event: ping\ndata: {\"type\": \"ping\"}\n\n"
    "event: content_block_start\n"
    R"(data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})"
    "\n\n"
    "event: content_block_delta\n"
    R"(data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}})"
    "\n\n"
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
    "event: message_delta\n"
    R"(data: {"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":15}})"
    "\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

std::string error_body(const std::string& type, const std::string& message = "Sorry",
                       const std::string& details = "null") {
    return R"({"type":"error","error":{"type":")" + type + R"(","message":")" + message +
           R"(","details":)" + details + R"(},"request_id":"req_body"})";
}

class Recorder : public ResponseReader::Sink {
public:
    void on_head(const ResponseReader& reader) override {
        ++heads;
        status = reader.http_status();
    }
    void on_event(std::string_view name, std::string_view data) override {
        all.append(name).append("|").append(data).append("\n");
        ++events;
    }
    void on_progress(std::int64_t output_tokens) override { progress.push_back(output_tokens); }
    int heads = 0;
    int status = 0;
    int events = 0;
    std::string all;
    std::vector<std::int64_t> progress;
};

WireEnd ended(Kind kind = Kind::complete, bool request_sent = true, std::string detail = "") {
    WireEnd end;
    end.kind = kind;
    end.request_sent = request_sent;
    end.detail = std::move(detail);
    return end;
}

// One exchange, and all that came of it.
struct Exchange {
    JsonParser parser;
    ResponseReader reader{&parser};
    Recorder sink;
    Outcome outcome;
    ErrorDetail detail;

    explicit Exchange(bool stream, std::size_t max_bytes = 1'000'000) {
        reader.reset(stream, max_bytes, 0, &sink);
    }
    Exchange& head(int status, const Headers& headers) {
        reader.on_status(status);
        for (const auto& [name, value] : headers) reader.on_header(name, value);
        reader.on_headers_end();
        return *this;
    }
    Exchange& body(std::string_view bytes) {
        EXPECT_TRUE(reader.on_body(bytes));
        return *this;
    }
    Exchange& end(const WireEnd& wire_end = ended()) {
        reader.finish(wire_end, &outcome, &detail);
        return *this;
    }
};

TEST(ResponseReader, AWholeMessage) {
    Exchange x(false);
    x.head(200, kJson).body(kMessage).end();
    EXPECT_EQ(x.outcome.cls, OutcomeClass::success);
    EXPECT_EQ(x.outcome.http_status, 200);
    EXPECT_EQ(x.outcome.usage.input_tokens, 12);
    EXPECT_EQ(x.outcome.usage.cache_write_tokens, -1);
    EXPECT_EQ(x.outcome.usage.cache_read_tokens, 4);
    EXPECT_EQ(x.outcome.usage.output_tokens, 6);
    EXPECT_FALSE(x.outcome.hit_max_tokens);
    EXPECT_EQ(x.reader.model(), "claude-x");
    EXPECT_EQ(x.reader.stop_reason(), "end_turn");
    EXPECT_EQ(x.reader.request_id(), "req_1");
    EXPECT_EQ(x.reader.take_body(), kMessage);
    EXPECT_EQ(x.sink.heads, 1);
    EXPECT_EQ(x.sink.status, 200);
    EXPECT_EQ(x.sink.events, 0);
    EXPECT_EQ(x.detail.message, "");
}

TEST(ResponseReader, AnyByteMissingIsNoSuccess) {
    for (std::size_t size = 0; size < kMessage.size(); ++size) {
        Exchange x(false);
        x.head(200, kJson).body(std::string_view(kMessage).substr(0, size)).end();
        EXPECT_EQ(x.outcome.cls, OutcomeClass::unreadable) << size;
        EXPECT_TRUE(x.outcome.maybe_executed);
        EXPECT_EQ(x.reader.take_body(), "");
    }
    for (std::size_t size = 0; size <= kMessage.size(); ++size) {
        Exchange x(false);
        x.head(200, kJson).body(std::string_view(kMessage).substr(0, size));
        x.end(ended(Kind::broken));
        EXPECT_EQ(x.outcome.cls, OutcomeClass::broken) << size;
    }
}

TEST(ResponseReader, AnyByteOfAStreamMissingIsNoSuccess) {
    for (const Kind kind : {Kind::complete, Kind::broken, Kind::idle_timeout, Kind::too_large}) {
        for (std::size_t size = 0; size < kStream.size(); ++size) {
            Exchange x(true);
            x.head(200, kEvents).body(std::string_view(kStream).substr(0, size)).end(ended(kind));
            EXPECT_NE(x.outcome.cls, OutcomeClass::success) << size;
            EXPECT_TRUE(x.outcome.maybe_executed);
            EXPECT_EQ(x.outcome.content_delivered, x.sink.events > 0);
            EXPECT_FALSE(x.detail.message.empty());
        }
    }
}

TEST(ResponseReader, AStream) {
    Exchange x(true);
    x.head(200, kEvents).body(kStream).end();
    EXPECT_EQ(x.outcome.cls, OutcomeClass::success);
    EXPECT_EQ(x.outcome.usage.input_tokens, 25);
    EXPECT_EQ(x.outcome.usage.output_tokens, 15);
    EXPECT_TRUE(x.outcome.hit_max_tokens);
    EXPECT_TRUE(x.outcome.content_delivered);
    EXPECT_EQ(x.sink.events, 6);
    EXPECT_EQ(x.sink.all.find("ping"), std::string::npos);
    EXPECT_EQ(x.reader.take_body(), "");
}

TEST(ResponseReader, AnySplitOfAStreamIsTheSame) {
    Exchange whole(true);
    whole.head(200, kEvents).body(kStream).end();
    std::mt19937 random(11);
    for (int round = 0; round < 300; ++round) {
        Exchange x(true);
        x.head(200, kEvents);
        const std::size_t most = round == 0 ? 1 : 1 + random() % 60;
        for (std::size_t at = 0; at < kStream.size();) {
            const std::size_t size = 1 + random() % most;
            x.body(std::string_view(kStream).substr(at, size));
            at += size;
        }
        x.end();
        EXPECT_EQ(x.outcome.cls, OutcomeClass::success);
        EXPECT_EQ(x.sink.all, whole.sink.all);
        EXPECT_EQ(x.sink.progress, whole.sink.progress);
        EXPECT_EQ(x.outcome.usage.output_tokens, 15);
    }
}

TEST(ResponseReader, AStreamIsWholeFromItsStopOn) {
    for (const Kind kind :
         {Kind::broken, Kind::idle_timeout, Kind::total_timeout, Kind::too_large}) {
        Exchange x(true);
        x.head(200, kEvents).body(kStream).end(ended(kind));
        EXPECT_EQ(x.outcome.cls, OutcomeClass::success);
        EXPECT_EQ(x.detail.message, "");
    }
    Exchange x(true);
    x.head(200, kEvents).body(kStream).end(ended(Kind::aborted));
    EXPECT_EQ(x.outcome.cls, OutcomeClass::aborted);
}

TEST(ResponseReader, AStreamThatEndsEarly) {
    const std::size_t content = kStream.find("event: content_block_stop");
    const struct {
        std::size_t size;
        Kind kind;
        OutcomeClass cls;
    } cases[] = {
        {0, Kind::complete, OutcomeClass::unreadable},
        {0, Kind::broken, OutcomeClass::connection},
        {0, Kind::idle_timeout, OutcomeClass::timeout},
        {content, Kind::complete, OutcomeClass::stream_error},
        {content, Kind::broken, OutcomeClass::stream_error},
        {content, Kind::stall_timeout, OutcomeClass::timeout},
        {content, Kind::total_timeout, OutcomeClass::timeout},
        {content, Kind::too_large, OutcomeClass::too_large},
        {content, Kind::aborted, OutcomeClass::aborted},
    };
    for (const auto& c : cases) {
        Exchange x(true);
        x.head(200, kEvents).body(std::string_view(kStream).substr(0, c.size)).end(ended(c.kind));
        EXPECT_EQ(x.outcome.cls, c.cls) << c.size;
        EXPECT_EQ(x.outcome.content_delivered, c.size > 0);
        EXPECT_EQ(x.outcome.usage.input_tokens, c.size > 0 ? 25 : -1);
        EXPECT_TRUE(x.outcome.maybe_executed);
    }
}

TEST(ResponseReader, AnErrorInsideAStream) {
    const std::string error = "event: error\ndata: " + error_body("overloaded_error") + "\n\n";
    Exchange x(true);
    x.head(200, kEvents).body(kStream.substr(0, kStream.find("event: content"))).body(error).end();
    EXPECT_EQ(x.outcome.cls, OutcomeClass::stream_error);
    EXPECT_FALSE(x.outcome.content_delivered);
    EXPECT_TRUE(x.outcome.maybe_executed);
    EXPECT_EQ(x.detail.type, "overloaded_error");
    EXPECT_EQ(x.detail.message, "Sorry");
    EXPECT_EQ(x.detail.request_id, "req_1");
    EXPECT_TRUE(x.detail.from_provider);
    EXPECT_EQ(x.sink.events, 0);
}

TEST(ResponseReader, WhatA2xxPromisedAndDidNotKeep) {
    const std::pair<Headers, std::string> cases[] = {
        {kHtml, "<html><title>Login</title></html>"},
        {kHtml, ""},
        {kJson, ""},
        {kJson, "{}"},
        {kJson, "[]"},
        {kJson, "null"},
        {kJson, kMessage + "x"},
        {kJson, kMessage + kMessage},
        {kJson, R"({"type":"completion","content":[],"usage":{}})"},
        {kJson, R"({"type":"message","usage":{}})"},
        {kJson, R"({"type":"message","content":[]})"},
        {kJson, R"({"type":"message","content":"x","usage":{}})"},
        {kJson, R"({"type":"message","content":[],"usage":null})"},
        {kJson, "{\"type\":\"message\",\"content\":[\"\xFF\"],\"usage\":{}}"},
        {kEvents, kStream},
    };
    for (const auto& [headers, body] : cases) {
        Exchange x(false);
        x.head(200, headers).body(body).end();
        EXPECT_EQ(x.outcome.cls, OutcomeClass::unreadable) << body;
        EXPECT_TRUE(x.outcome.maybe_executed);
        EXPECT_FALSE(x.detail.message.empty());
        EXPECT_EQ(x.detail.message.find("Login"), std::string::npos);
    }
    Exchange x(false);
    x.head(200, kJson).body(error_body("api_error")).end();
    EXPECT_EQ(x.outcome.cls, OutcomeClass::server_error);
    EXPECT_EQ(x.detail.type, "api_error");
    Exchange smallest(false);
    smallest.head(201, {}).body(R"({"usage":{},"content":[],"type":"message"})").end();
    EXPECT_EQ(smallest.outcome.cls, OutcomeClass::success);
    EXPECT_FALSE(smallest.outcome.usage.known());
}

TEST(ResponseReader, AWholeMessageWhereAStreamWasAskedFor) {
    Exchange x(true);
    x.head(200, kJson).body(kMessage).end();
    EXPECT_EQ(x.outcome.cls, OutcomeClass::success);
    EXPECT_EQ(x.outcome.usage.output_tokens, 6);
    EXPECT_EQ(x.reader.take_body(), kMessage);
    Exchange html(true);
    html.head(200, kHtml).body("<html>").end();
    EXPECT_EQ(html.outcome.cls, OutcomeClass::unreadable);
    Exchange untyped(true);
    untyped.head(200, {}).body(kStream).end();
    EXPECT_EQ(untyped.outcome.cls, OutcomeClass::success);
    EXPECT_EQ(untyped.sink.events, 6);
}

TEST(ResponseReader, Refusals) {
    struct Case {
        int status;
        Headers headers;
        std::string body;
        OutcomeClass cls;
        bool maybe_executed;
    };
    const std::string html = "<html>502 Bad Gateway SECRET</html>";
    const Case cases[] = {
        {400, kJson, error_body("invalid_request_error"), OutcomeClass::bad_request, false},
        {401, kJson, error_body("authentication_error"), OutcomeClass::bad_key, false},
        {403, kJson, error_body("permission_error"), OutcomeClass::forbidden, false},
        {404, kHtml, html, OutcomeClass::bad_request, false},
        {413, kHtml, html, OutcomeClass::bad_request, false},
        {429, kJson, error_body("rate_limit_error"), OutcomeClass::rate_limited, false},
        {429, kHtml, html, OutcomeClass::rate_limited, false},
        {500, kJson, error_body("api_error"), OutcomeClass::server_error, true},
        {502, kHtml, html, OutcomeClass::server_error, true},
        {503, kJson, error_body("overloaded_error"), OutcomeClass::overloaded, false},
        {504, kJson, "", OutcomeClass::server_error, true},
        {520, {}, "", OutcomeClass::server_error, true},
        {529, kJson, error_body("overloaded_error"), OutcomeClass::overloaded, false},
        {529, {}, "", OutcomeClass::overloaded, false},
        {307, {{"location", "https://elsewhere"}}, "", OutcomeClass::bad_request, false},
    };
    for (const Case& c : cases) {
        for (const bool stream : {false, true}) {
            Exchange x(stream);
            x.head(c.status, c.headers).body(c.body).end();
            SCOPED_TRACE(c.status);
            EXPECT_EQ(x.outcome.cls, c.cls);
            EXPECT_EQ(x.outcome.http_status, c.status);
            EXPECT_EQ(x.outcome.maybe_executed, c.maybe_executed);
            EXPECT_FALSE(x.detail.message.empty());
            EXPECT_TRUE(x.detail.from_provider);
            EXPECT_EQ(x.detail.message.find("SECRET"), std::string::npos);
            EXPECT_EQ(x.detail.message.find("elsewhere"), std::string::npos);
            EXPECT_EQ(x.sink.events, 0);
            EXPECT_EQ(x.sink.heads, 1);
            EXPECT_FALSE(x.outcome.usage.known());
            EXPECT_EQ(x.reader.take_body(), "");
        }
    }
}

TEST(ResponseReader, ARefusalThatWasCutOff) {
    const std::string body = error_body("rate_limit_error");
    Headers headers = kJson;
    headers.emplace_back("retry-after", "30");
    for (std::size_t size = 0; size < body.size(); ++size) {
        Exchange x(false);
        x.head(429, headers).body(std::string_view(body).substr(0, size)).end(ended(Kind::broken));
        EXPECT_EQ(x.outcome.cls, OutcomeClass::rate_limited);
        EXPECT_EQ(x.outcome.retry_after_ns, 30 * kNsPerS);
        EXPECT_FALSE(x.outcome.maybe_executed) << "the status says it";
    }
}

TEST(ResponseReader, ARefusedLimitIsNamed) {
    Headers headers = kJson;
    headers.emplace_back("anthropic-ratelimit-output-tokens-remaining", "0");
    headers.emplace_back("x-should-retry", "true");
    headers.emplace_back("retry-after", "7");
    Exchange x(false);
    x.head(429, headers).body(error_body("rate_limit_error", "input tokens per minute")).end();
    EXPECT_EQ(x.outcome.refused, LimitKind::output_tokens);
    EXPECT_EQ(x.outcome.should_retry, 1);
    EXPECT_EQ(x.outcome.retry_after_ns, 7 * kNsPerS);
    EXPECT_EQ(x.reader.limits()[LimitKind::output_tokens].remaining, 0);
    EXPECT_EQ(x.detail.type, "rate_limit_error");
    EXPECT_EQ(x.detail.request_id, "req_1");
    Exchange words(false);
    words.head(429, {}).body(error_body("rate_limit_error", "input tokens per minute")).end();
    EXPECT_EQ(words.outcome.refused, LimitKind::input_tokens);
    EXPECT_EQ(words.detail.request_id, "req_body");
}

TEST(ResponseReader, SpendLimits) {
    const std::string details = R"({"error_code":"enforced_spend_limit_reached"})";
    Exchange x(false);
    x.head(429, kJson).body(error_body("rate_limit_error", "x", details)).end();
    EXPECT_EQ(x.outcome.cls, OutcomeClass::spend_limit);
    EXPECT_EQ(x.detail.code, "enforced_spend_limit_reached");
    EXPECT_EQ(x.outcome.refused, LimitKind::unknown);
}

TEST(ResponseReader, NoResponse) {
    const struct {
        Kind kind;
        bool sent;
        OutcomeClass cls;
        bool maybe_executed;
    } cases[] = {
        {Kind::connect_failed, false, OutcomeClass::connection, false},
        {Kind::tls_failed, false, OutcomeClass::tls, false},
        {Kind::connect_timeout, false, OutcomeClass::timeout, false},
        {Kind::idle_timeout, true, OutcomeClass::timeout, true},
        {Kind::idle_timeout, false, OutcomeClass::timeout, false},
        {Kind::total_timeout, true, OutcomeClass::timeout, true},
        {Kind::broken, true, OutcomeClass::connection, true},
        {Kind::broken, false, OutcomeClass::connection, false},
        {Kind::aborted, true, OutcomeClass::aborted, true},
        {Kind::aborted, false, OutcomeClass::aborted, false},
        {Kind::too_large, true, OutcomeClass::too_large, true},
        {Kind::complete, true, OutcomeClass::broken, true},
    };
    for (const auto& c : cases) {
        Exchange x(false);
        x.end(ended(c.kind, c.sent, "curl says\x1b[31m sk-ant-abcdefghijk"));
        EXPECT_EQ(x.outcome.cls, c.cls);
        EXPECT_EQ(x.outcome.maybe_executed, c.maybe_executed);
        EXPECT_EQ(x.outcome.http_status, 0);
        EXPECT_FALSE(x.detail.from_provider);
        EXPECT_NE(x.detail.message.find(": curl says [31m sk-***"), std::string::npos);
        EXPECT_EQ(x.sink.heads, 0);
    }
    // A head that was not whole is none.
    Exchange x(false);
    x.reader.on_status(429);
    x.reader.on_header("retry-after", "9");
    x.end(ended(Kind::broken));
    EXPECT_EQ(x.outcome.cls, OutcomeClass::connection);
    EXPECT_EQ(x.outcome.http_status, 0);
    EXPECT_EQ(x.outcome.retry_after_ns, -1);
}

TEST(ResponseReader, InterimResponsesAndTrailersAreForgotten) {
    Exchange x(false);
    x.head(103, {{"retry-after", "9"}, {"x", "y"}});
    EXPECT_EQ(x.sink.heads, 0);
    x.head(200, kJson).body(kMessage).end();
    EXPECT_EQ(x.outcome.cls, OutcomeClass::success);
    EXPECT_EQ(x.reader.headers(), kJson);
    EXPECT_EQ(x.reader.retry_after_ns(), -1);
    Exchange trailers(false);
    trailers.head(200, kJson).body(kMessage);
    trailers.reader.on_header("retry-after", "9");
    EXPECT_EQ(trailers.reader.headers(), kJson);
    Exchange only(false);
    only.head(100, {}).end(ended(Kind::broken));
    EXPECT_EQ(only.outcome.cls, OutcomeClass::connection);
    EXPECT_EQ(only.outcome.http_status, 0);
}

TEST(ResponseReader, HeadersAreKeptInOrderAndBounded) {
    Exchange x(false);
    x.reader.on_status(200);
    x.reader.on_header(" Name ", "\t value \r\n");
    x.reader.on_header("", "nameless");
    x.reader.on_header("bytes", "\xFF\x01");
    for (int i = 0; i < 1000; ++i) x.reader.on_header("more", "x");
    x.reader.on_headers_end();
    ASSERT_GE(x.reader.headers().size(), 2u);
    EXPECT_EQ(x.reader.headers()[0], ResponseReader::Header("Name", "value"));
    EXPECT_EQ(x.reader.headers()[1].second, "\xEF\xBF\xBD ");
    EXPECT_EQ(x.reader.headers().size(), 256u);
    Exchange large(false);
    large.reader.on_status(200);
    for (int i = 0; i < 10; ++i) large.reader.on_header("h", std::string(100'000, 'x'));
    EXPECT_EQ(large.reader.headers().size(), 2u);
}

TEST(ResponseReader, TheSizeIsBounded) {
    Exchange x(false, kMessage.size());
    x.head(200, kJson).body(kMessage);
    EXPECT_TRUE(x.reader.on_body(""));
    EXPECT_FALSE(x.reader.on_body("x"));
    x.end(ended(Kind::too_large));
    EXPECT_EQ(x.outcome.cls, OutcomeClass::too_large);
    EXPECT_TRUE(x.outcome.maybe_executed);
    EXPECT_EQ(x.reader.take_body(), "");
    Exchange stream(true, 100);
    stream.head(200, kEvents);
    EXPECT_FALSE(stream.reader.on_body(std::string(101, ':')));
    Exchange refusal(false, 10);
    refusal.head(529, kHtml);
    EXPECT_FALSE(refusal.reader.on_body(std::string(11, 'x')));
    refusal.end(ended(Kind::too_large));
    EXPECT_EQ(refusal.outcome.cls, OutcomeClass::overloaded);
}

TEST(ResponseReader, ProgressIsAnythingButPings) {
    Exchange x(true);
    EXPECT_FALSE(x.reader.take_progress());
    x.head(200, kEvents);
    EXPECT_TRUE(x.reader.take_progress());
    EXPECT_FALSE(x.reader.take_progress());
    x.body("event: ping\ndata: {\"type\": \"ping\"}\n\n");
    EXPECT_FALSE(x.reader.take_progress());
    x.body(kStream);
    EXPECT_TRUE(x.reader.take_progress());
    Exchange whole(false);
    whole.head(200, kJson);
    EXPECT_TRUE(whole.reader.take_progress());
    whole.body(" ");
    EXPECT_TRUE(whole.reader.take_progress());
    EXPECT_FALSE(whole.reader.take_progress());
}

TEST(ResponseReader, IsUsedAgain) {
    Exchange x(true);
    Headers headers = kEvents;
    headers.emplace_back("retry-after", "9");
    headers.emplace_back("x-should-retry", "false");
    headers.emplace_back("anthropic-ratelimit-requests-remaining", "5");
    x.head(200, headers).body(kStream.substr(0, 400)).end(ended(Kind::broken));
    EXPECT_NE(x.outcome.cls, OutcomeClass::success);
    x.reader.reset(false, 1'000'000, 0, nullptr);
    EXPECT_EQ(x.reader.http_status(), 0);
    EXPECT_TRUE(x.reader.headers().empty());
    EXPECT_EQ(x.reader.limits()[LimitKind::requests].remaining, -1);
    EXPECT_EQ(x.reader.request_id(), "");
    x.head(200, kJson).body(kMessage).end();
    EXPECT_EQ(x.outcome.cls, OutcomeClass::success);
    EXPECT_EQ(x.outcome.usage.input_tokens, 12);
    EXPECT_FALSE(x.outcome.content_delivered);
    EXPECT_EQ(x.outcome.should_retry, -1);
}

}  // namespace
}  // namespace weir
