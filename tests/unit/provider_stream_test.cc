#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "provider/delta_text.h"
#include "provider/json_parser.h"
#include "provider/message_stream.h"
#include "provider_allocations.h"

namespace weir {
namespace {

class Recorder : public MessageStream::Sink {
public:
    void on_event(std::string_view name, std::string_view data) override {
        names.emplace_back(name);
        all.append(name).append("|").append(data).append("\n");
    }
    void on_progress(std::int64_t output_tokens) override { progress.push_back(output_tokens); }
    void on_input_counted(const Usage& usage) override { inputs.push_back(usage); }
    std::vector<Usage> inputs;
    std::vector<std::string> names;
    std::string all;
    std::vector<std::int64_t> progress;
};

std::string event(const std::string& name, const std::string& rest = "") {
    return "event: " + name + "\ndata: {\"type\":\"" + name + "\"" + rest + "}\n\n";
}

const std::string kStart = event(
    "message_start",
    R"(,"message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"claude-x",)"
    R"("stop_reason":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":3,)"
    R"("cache_read_input_tokens":null,"output_tokens":1}})");
const std::string kPing = event("ping");
const std::string kBlockStart =
    event("content_block_start", R"(,"index":0,"content_block":{"type":"text","text":""})");
const std::string kBlockStop = event("content_block_stop", R"(,"index":0)");
const std::string kStop = event("message_stop");

std::string text_delta(const std::string& text) {
    return event("content_block_delta",
                 R"(,"index":0,"delta":{"type":"text_delta","text":")" + text + "\"}");
}

std::string message_delta(const std::string& usage) {
    return event("message_delta",
                 R"(,"delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":)" + usage);
}

struct Fixture {
    explicit Fixture(const std::string& text) {
        stream.reset(&sink);
        stream.feed(text);
    }
    Recorder sink;
    JsonParser parser;
    MessageStream stream{&parser};
};

TEST(MessageStream, AWholeOne) {
    Fixture f(kStart + kPing + kBlockStart + text_delta("Hello there, you") + kPing + kBlockStop +
              message_delta(R"({"output_tokens":15})") + kStop);
    EXPECT_EQ(f.stream.state(), MessageStream::State::stopped);
    EXPECT_EQ(f.sink.names, (std::vector<std::string>{"message_start", "content_block_start",
                                                      "content_block_delta", "content_block_stop",
                                                      "message_delta", "message_stop"}));
    EXPECT_EQ(f.stream.facts().model, "claude-x");
    EXPECT_EQ(f.stream.facts().stop_reason, "end_turn");
    EXPECT_EQ(f.stream.facts().usage.input_tokens, 25);
    EXPECT_EQ(f.stream.facts().usage.cache_write_tokens, 3);
    EXPECT_EQ(f.stream.facts().usage.cache_read_tokens, -1);
    EXPECT_EQ(f.stream.facts().usage.output_tokens, 15);
    EXPECT_TRUE(f.stream.content_delivered());
    EXPECT_EQ(f.sink.progress, (std::vector<std::int64_t>{1, 5, 15}));
}

TEST(MessageStream, EventsAreHeldBackUntilContent) {
    Fixture f(kStart + kPing + event("sparkle"));
    EXPECT_TRUE(f.sink.names.empty());
    EXPECT_FALSE(f.stream.content_delivered());
    f.stream.feed(kBlockStart);
    EXPECT_TRUE(f.sink.names.empty()) << "that a block begins is no content yet";
    EXPECT_FALSE(f.stream.content_delivered());
    f.stream.feed(text_delta("Hello"));
    EXPECT_EQ(f.sink.names,
              (std::vector<std::string>{"message_start", "sparkle", "content_block_start",
                                        "content_block_delta"}));
    EXPECT_TRUE(f.stream.content_delivered());
    f.stream.feed(event("sparkle"));
    EXPECT_EQ(f.sink.names.size(), 5u);
}

TEST(MessageStream, ABlockWithoutDeltasIsContentOnceItIsWhole) {
    Fixture f(kStart + kBlockStart);
    EXPECT_FALSE(f.stream.content_delivered());
    f.stream.feed(kBlockStop);
    EXPECT_EQ(f.sink.names, (std::vector<std::string>{"message_start", "content_block_start",
                                                      "content_block_stop"}));
    EXPECT_TRUE(f.stream.content_delivered());
}

TEST(MessageStream, AMessageWithoutContentIsWhole) {
    Fixture f(kStart + message_delta(R"({"output_tokens":0})") + kStop);
    EXPECT_EQ(f.stream.state(), MessageStream::State::stopped);
    EXPECT_EQ(f.sink.names.size(), 3u);
}

TEST(MessageStream, AnErrorEventEndsIt) {
    const std::string error =
        event("error", R"(,"error":{"type":"overloaded_error","message":"Overloaded"})");
    Fixture before(kStart + error + kBlockStart + kStop);
    EXPECT_EQ(before.stream.state(), MessageStream::State::failed);
    EXPECT_EQ(before.stream.error().type, "overloaded_error");
    EXPECT_TRUE(before.sink.names.empty());
    Fixture after(kStart + kBlockStart + text_delta("Hello") + error + kStop);
    EXPECT_EQ(after.stream.state(), MessageStream::State::failed);
    EXPECT_EQ(after.sink.names.size(), 3u);
    EXPECT_TRUE(after.stream.content_delivered());
    Fixture garbage("event: error\ndata: }\n\n");
    EXPECT_EQ(garbage.stream.state(), MessageStream::State::failed);
    EXPECT_EQ(garbage.stream.error().type, "");
}

TEST(MessageStream, WhatNoStreamHoldsGarblesIt) {
    for (const std::string& text :
         {kBlockStart, kStop, text_delta("x"), message_delta("{}"), kStart + kStart,
          std::string("event: message_start\ndata: {\"type\":\"message_start\"\n\n"),
          std::string("event: message_start\ndata: {\"type\":\"message_start\"}\n\n"),
          std::string("event: message_start\ndata: {\"message\":{\"type\":\"x\"}}\n\n"),
          kStart + "event: message_delta\ndata: {\"delta\":{},}\n\n",
          kStart + "event: message_stop\ndata: \n\n",
          kStart + kBlockStart + "event: content_block_delta\ndata: {\"index\":0,\"de\n\n",
          kStart + kBlockStart + text_delta("\xFF"), kStart + "data: \xC0\x80\n\n"}) {
        Fixture f(text);
        EXPECT_EQ(f.stream.state(), MessageStream::State::garbled) << text;
        const std::size_t events = f.sink.names.size();
        f.stream.feed(kStart + kBlockStart + kStop);
        EXPECT_EQ(f.stream.state(), MessageStream::State::garbled);
        EXPECT_EQ(f.sink.names.size(), events);
    }
}

TEST(MessageStream, UsageIsTheLastSeenOfEach) {
    Fixture f(
        kStart + kBlockStart +
        message_delta(R"({"input_tokens":900,"cache_read_input_tokens":7,"output_tokens":10})") +
        message_delta(
            R"({"input_tokens":null,"cache_creation_input_tokens":-4,"output_tokens":20.5})") +
        message_delta(R"({"output_tokens":30,"server_tool_use":{"web_search_requests":1}})") +
        message_delta("null"));
    const Usage& usage = f.stream.facts().usage;
    EXPECT_EQ(usage.input_tokens, 900);
    EXPECT_EQ(usage.cache_read_tokens, 7);
    EXPECT_EQ(usage.cache_write_tokens, 3);
    EXPECT_EQ(usage.output_tokens, 30);
    EXPECT_EQ(f.stream.state(), MessageStream::State::open);
}

TEST(MessageStream, ProgressNeverFalls) {
    Fixture f(kStart + kBlockStart + text_delta(std::string(400, 'x')));
    EXPECT_EQ(f.sink.progress.back(), 101);
    f.stream.feed(message_delta(R"({"output_tokens":40})"));
    EXPECT_EQ(f.sink.progress.back(), 101);
    f.stream.feed(text_delta(std::string(200, 'x')));  // 40 + 50 is less than was said
    EXPECT_EQ(f.sink.progress.back(), 101);
    f.stream.feed(text_delta(std::string(200, 'x')));
    EXPECT_EQ(f.sink.progress.back(), 140);
    for (std::size_t i = 1; i < f.sink.progress.size(); ++i) {
        EXPECT_LT(f.sink.progress[i - 1], f.sink.progress[i]);
    }
}

TEST(MessageStream, PingsAreNoProgress) {
    Fixture f(kPing + ": comment\n\n");
    EXPECT_FALSE(f.stream.take_progress());
    f.stream.feed(kStart);
    EXPECT_TRUE(f.stream.take_progress());
    EXPECT_FALSE(f.stream.take_progress());
    f.stream.feed(kPing);
    EXPECT_FALSE(f.stream.take_progress());
}

TEST(MessageStream, DeltasAllocateNothing) {
    struct Silent : MessageStream::Sink {
        void on_event(std::string_view, std::string_view data) override { bytes += data.size(); }
        void on_progress(std::int64_t) override {}
        std::size_t bytes = 0;
    } sink;
    JsonParser parser;
    MessageStream stream(&parser);
    stream.reset(&sink);
    const std::string delta = text_delta(R"(some text, and \"more\" of it \u00e9)");
    stream.feed(kStart + kBlockStart);
    const auto feed_in_two = [&] {
        stream.feed(std::string_view(delta).substr(0, 40));
        stream.feed(std::string_view(delta).substr(40));
    };
    feed_in_two();  // the buffers get their size
    const std::size_t before = allocations();
    for (int i = 0; i < 1000; ++i) feed_in_two();
    EXPECT_EQ(allocations(), before);
    EXPECT_GT(sink.bytes, 100'000u);
}

TEST(MessageStream, TheBeginningSaysWhatWasCountedAsInput) {
    const Fixture f(kStart + kPing + kBlockStart + text_delta("a") +
                    message_delta(R"({"input_tokens":99,"output_tokens":2})") + kStop);
    ASSERT_EQ(f.sink.inputs.size(), 1u);
    EXPECT_EQ(f.sink.inputs[0].input_tokens, 25);
    EXPECT_EQ(f.sink.inputs[0].cache_write_tokens, 3);
    const Fixture silent(
        event("message_start", R"(,"message":{"id":"msg_1","type":"message","content":[]})"));
    EXPECT_TRUE(silent.sink.inputs.empty());
}

TEST(MessageStream, WithoutASink) {
    JsonParser parser;
    MessageStream stream(&parser);
    stream.reset(nullptr);
    stream.feed(kStart + kBlockStart + text_delta("Hello") + kStop);
    EXPECT_EQ(stream.state(), MessageStream::State::stopped);
}

TEST(MessageStream, IsNewAfterReset) {
    Fixture f(kStart + kBlockStart + text_delta("Hello") + "event: mess");
    Recorder other;
    f.stream.reset(&other);
    EXPECT_EQ(f.stream.state(), MessageStream::State::waiting);
    EXPECT_EQ(f.stream.facts().usage.input_tokens, -1);
    EXPECT_FALSE(f.stream.content_delivered());
    EXPECT_FALSE(f.stream.take_progress());
    f.stream.feed(kStart);
    EXPECT_TRUE(other.names.empty());
    f.stream.feed(kBlockStart + text_delta("Hi"));
    EXPECT_EQ(other.names.size(), 3u);
}

TEST(DeltaText, FindsWhatIsShown) {
    struct Case {
        const char* data;
        std::uint64_t ascii, wide;
    };
    const Case cases[] = {
        {R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}})",
         5, 0},
        {R"({"delta": {"text" : "a\"b\\", "type": "text_delta"}, "index": 0})", 4, 0},
        {R"({"delta":{"type":"input_json_delta","partial_json":"{\"text\":\"x"}})", 10, 0},
        {R"({"delta":{"type":"thinking_delta","thinking":"漢字"}})", 0, 2},
        {R"({"delta":{"type":"signature_delta","signature":"AAAAAAAA"}})", 0, 0},
        {R"({"delta":{"type":"text_delta","text":""}})", 0, 0},
        {R"({"delta":{"type":"text_delta","text":"cut)", 3, 0},
        {R"({"text":)", 0, 0},
        {R"("text")", 0, 0},
        {"", 0, 0},
    };
    for (const Case& c : cases) {
        TextCounts counts;
        count_delta_text(c.data, &counts);
        EXPECT_EQ(counts.letters + counts.other_ascii, c.ascii) << c.data;
        EXPECT_EQ(counts.wide_chars, c.wide) << c.data;
    }
}

}  // namespace
}  // namespace weir
