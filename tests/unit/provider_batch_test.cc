#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "provider/batch_calls.h"
#include "provider/batch_reader.h"
#include "provider/request_head.h"

namespace weir {
namespace {

constexpr const char* kBatch =
    R"({"id":"msgbatch_01","type":"message_batch","processing_status":"ended","request_counts":)"
    R"({"processing":0,"succeeded":3,"errored":1,"canceled":0,"expired":2},)"
    R"("created_at":"2026-11-22T19:00:00.123456Z","expires_at":"2026-11-23T19:00:00Z",)"
    R"("ended_at":null,"archived_at":null,"results_url":"https://x/y"})";
constexpr const char* kMessage =
    R"({"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],)"
    R"("stop_reason":"end_turn","usage":{"input_tokens":5,"output_tokens":7}})";

// The functions want readable bytes after their text.
template <class F>
bool padded(const std::string& text, F&& read) {
    const std::string copy = text + std::string(kBodyPadding, '\0');
    return read(std::string_view(copy).substr(0, text.size()));
}
bool reads_batch(const std::string& text, BatchObject* batch) {
    JsonParser parser;
    return padded(text, [&](std::string_view json) { return read_batch(&parser, json, batch); });
}
std::string line(const std::string& id, const std::string& result) {
    return "{\"custom_id\":\"" + id + "\",\"result\":" + result + "}";
}
std::string succeeded(const std::string& id) {
    return line(id, std::string("{\"type\":\"succeeded\",\"message\":") + kMessage + "}");
}

TEST(BatchCalls, ABatch) {
    BatchObject batch;
    ASSERT_TRUE(reads_batch(kBatch, &batch));
    EXPECT_EQ(batch.id, "msgbatch_01");
    EXPECT_EQ(batch.status, BatchObject::Status::ended);
    EXPECT_EQ(batch.total(), 6);
    EXPECT_EQ(batch.created_unix_ns % 1'000'000'000, 123'456'000);
    EXPECT_EQ(batch.expires_unix_ns - batch.created_unix_ns, 86'400'000'000'000 - 123'456'000);
    EXPECT_FALSE(batch.archived);
}

TEST(BatchCalls, WhatIsNoBatchIsRefused) {
    BatchObject batch;
    const std::string whole = kBatch;
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(reads_batch(whole.substr(0, size), &batch)) << size;
    }
    std::string path = whole;
    path.replace(path.find("msgbatch_01"), 11, "../messages");
    EXPECT_FALSE(reads_batch(path, &batch));
    EXPECT_FALSE(reads_batch(R"({"type":"error","error":{"type":"x"}})", &batch));
}

TEST(BatchCalls, ARefusalNamesThePositionsOfRequests) {
    const auto positions = [](std::string_view message) { return refused_positions(message); };
    using List = std::vector<std::uint32_t>;
    EXPECT_EQ(positions("requests.7.params.max_tokens: Field required"), List{7});
    EXPECT_EQ(positions("requests[12].custom_id: too long"), List{12});
    EXPECT_EQ(positions("requests.0: bad, requests.99999: bad"), (List{0, 99999}));
    EXPECT_EQ(positions("requests.3"), List{3});
    for (const char* other : {"", "requests", "requests.", "requests: List should have at most 5",
                              "too many requests 5", "requests.x.1", "requests.1e9: no",
                              "requests.99999999999.params: beyond", "requests.-1.params"}) {
        EXPECT_EQ(positions(other), List()) << other;
    }
}

TEST(BatchCalls, APage) {
    JsonParser parser;
    BatchPage page;
    const std::string json = std::string("{\"data\":[") + kBatch + "," + kBatch +
                             "],\"has_more\":true,\"last_id\":\"msgbatch_01\"}";
    ASSERT_TRUE(
        padded(json, [&](std::string_view text) { return read_batch_page(&parser, text, &page); }));
    EXPECT_EQ(page.batches.size(), 2u);
    EXPECT_TRUE(page.has_more);
    for (const char* wrong : {"{}", "{\"data\":[1]}", "{\"data\":[{}]}", "[]"}) {
        EXPECT_FALSE(padded(
            wrong, [&](std::string_view text) { return read_batch_page(&parser, text, &page); }));
    }
}

class Recorder : public BatchReader::Sink {
public:
    void on_result(const BatchResult& result) override {
        ids.emplace_back(result.custom_id);
        types.push_back(result.type);
        classes.push_back(result.error_class);
        message = result.message;
        text = result.message;
        text += result.error.message;
        text += result.bytes;
        output_tokens = result.facts.usage.output_tokens;
    }
    std::vector<std::string> ids;
    std::vector<BatchResult::Type> types;
    std::vector<OutcomeClass> classes;
    std::string message;
    std::string text;  // whichever it has
    std::int64_t output_tokens = 0;
};

void begin(BatchReader* reader, BatchReader::Kind kind, int status, BatchReader::Sink* sink,
           std::size_t max_bytes = 100'000) {
    reader->reset(kind, max_bytes, 0, sink);
    reader->on_status(status);
    reader->on_header("content-type", "application/x-jsonl");
    reader->on_headers_end();
}

OutcomeClass finish(BatchReader* reader, WireEnd::Kind kind) {
    Outcome outcome;
    ErrorDetail detail;
    reader->finish({kind, true, {}}, &outcome, &detail);
    return outcome.cls;
}

std::string results() {
    const auto error = [](const char* type) {
        return std::string("{\"type\":\"errored\",\"error\":{\"type\":\"error\",\"error\":{") +
               "\"type\":\"" + type + "\",\"message\":\"m\"}}}";
    };
    return succeeded("a") + "\n" + line("b", error("overloaded_error")) + "\n\n" +
           line("c", error("invalid_request_error")) + "\n" + line("d", "{\"type\":\"expired\"}") +
           "\r\nnot a line\n" + line("e", "{\"type\":\"canceled\"}");
}

TEST(BatchReader, ResultsHoweverTheyAreCut) {
    const std::string text = results();
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, text.size()}) {
        JsonParser parser;
        BatchReader reader(&parser);
        Recorder seen;
        begin(&reader, BatchReader::Kind::results, 200, &seen);
        for (std::size_t at = 0; at < text.size(); at += chunk) {
            ASSERT_TRUE(reader.on_body(std::string_view(text).substr(at, chunk)));
        }
        EXPECT_EQ(finish(&reader, WireEnd::Kind::complete), OutcomeClass::success);
        EXPECT_EQ(seen.ids, (std::vector<std::string>{"a", "b", "c", "d", "e"}));
        EXPECT_EQ(seen.types[3], BatchResult::Type::expired);
        EXPECT_EQ(seen.types[4], BatchResult::Type::canceled);
        EXPECT_EQ(seen.classes[1], OutcomeClass::overloaded);
        EXPECT_EQ(seen.classes[2], OutcomeClass::bad_request);
        EXPECT_EQ(reader.broken_lines(), 1u);
    }
}

// With a custom_id a line is that request's answer, whatever else it is.
TEST(BatchReader, ALineOfAnyFormIsAnAnswer) {
    using Type = BatchResult::Type;
    const std::string no_usage = R"({"id":"msg_1","content":"new"})";
    struct Case {
        std::string line;
        Type type;
        OutcomeClass cls;
        std::string text;  // the message, the error's message or the bytes
    };
    const auto errored = [](const std::string& error) {
        return line("a", R"({"type":"errored","error":)" + error + "}");
    };
    const Case cases[] = {
        {line("a", R"({"type":"succeeded","message":)" + no_usage + "}"), Type::succeeded,
         OutcomeClass::success, no_usage},
        {errored(R"({"type":"invalid_request_error","message":"why"})"), Type::errored,
         OutcomeClass::bad_request, "why"},
        {errored(R"({"type":"overloaded_error","message":"why"})"), Type::errored,
         OutcomeClass::overloaded, "why"},
        {errored(R"({"type":"of_tomorrow","message":"why"})"), Type::errored,
         OutcomeClass::bad_request, "why"},
        {errored(R"("why")"), Type::errored, OutcomeClass::bad_request, "why"},
        {errored("{}"), Type::other, OutcomeClass::success, R"({"type":"errored","error":{}})"},
        {line("a", R"({"type":"refused","reason":"x"})"), Type::other, OutcomeClass::success,
         R"({"type":"refused","reason":"x"})"},
        {line("a", R"({"type":"succeeded","message":null})"), Type::other, OutcomeClass::success,
         R"({"type":"succeeded","message":null})"},
        {line("a", "7"), Type::other, OutcomeClass::success, "7"},
        {R"({"custom_id":"a"})", Type::other, OutcomeClass::success, R"({"custom_id":"a"})"},
        {R"({"custom_id" : "a", "result":{"type":"succeeded",NaN}})", Type::other,
         OutcomeClass::success, R"({"custom_id" : "a", "result":{"type":"succeeded",NaN}})"},
    };
    for (const Case& c : cases) {
        JsonParser parser;
        BatchReader reader(&parser);
        Recorder seen;
        begin(&reader, BatchReader::Kind::results, 200, &seen);
        reader.on_body(c.line + "\n");
        EXPECT_EQ(finish(&reader, WireEnd::Kind::complete), OutcomeClass::success);
        ASSERT_EQ(seen.ids, std::vector<std::string>{"a"}) << c.line;
        EXPECT_EQ(seen.types[0], c.type) << c.line;
        if (c.type == Type::errored) {
            EXPECT_EQ(seen.classes[0], c.cls) << c.line;
        }
        EXPECT_EQ(seen.text, c.text) << c.line;
        EXPECT_EQ(reader.broken_lines(), 0u);
    }
}

// Without its newline a line that is no JSON has been cut, and comes again.
TEST(BatchReader, AnUnfinishedLineIsNoAnswer) {
    JsonParser parser;
    BatchReader reader(&parser);
    Recorder seen;
    begin(&reader, BatchReader::Kind::results, 200, &seen);
    reader.on_body(succeeded("a").substr(0, 40));
    EXPECT_EQ(finish(&reader, WireEnd::Kind::complete), OutcomeClass::success);
    EXPECT_TRUE(seen.ids.empty());
}

TEST(BatchReader, ACutDownloadIsNoSuccess) {
    const std::string text = succeeded("a") + "\n" + succeeded("b").substr(0, 50);
    JsonParser parser;
    BatchReader reader(&parser);
    Recorder seen;
    begin(&reader, BatchReader::Kind::results, 200, &seen);
    reader.on_body(text);
    EXPECT_EQ(finish(&reader, WireEnd::Kind::broken), OutcomeClass::broken);
    EXPECT_EQ(seen.ids, std::vector<std::string>{"a"});
    EXPECT_EQ(seen.message, kMessage);
    EXPECT_EQ(seen.output_tokens, 7);
}

TEST(BatchReader, ALineIsBounded) {
    JsonParser parser;
    BatchReader reader(&parser);
    Recorder seen;
    begin(&reader, BatchReader::Kind::results, 200, &seen, 1000);
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(reader.on_body(succeeded("a") + "\n"));
    EXPECT_EQ(seen.ids.size(), 100u);
    // One that is too long is an answer of no known form, as far as it is kept.
    const std::string start = R"({"custom_id":"b","result":")";
    for (const std::string& part : {start, std::string(2000, 'x'), std::string("\"}\n")}) {
        ASSERT_TRUE(reader.on_body(part));
    }
    ASSERT_TRUE(reader.on_body(succeeded("c") + "\n"));
    ASSERT_EQ(seen.ids.size(), 102u);
    EXPECT_EQ(seen.ids[100], "b");
    EXPECT_EQ(seen.types[100], BatchResult::Type::other);
    EXPECT_EQ(seen.types[101], BatchResult::Type::succeeded);
    EXPECT_EQ(reader.broken_lines(), 0u);
    // What is no results is bounded as a whole.
    begin(&reader, BatchReader::Kind::page, 200, nullptr, 1000);
    EXPECT_FALSE(reader.on_body(std::string(1001, 'x')));
}

TEST(BatchReader, RefusalsAndWhatIsNoBatch) {
    JsonParser parser;
    BatchReader reader(&parser);
    begin(&reader, BatchReader::Kind::batch, 529, nullptr);
    reader.on_body(R"({"type":"error","error":{"type":"overloaded_error","message":"m"}})");
    EXPECT_EQ(finish(&reader, WireEnd::Kind::complete), OutcomeClass::overloaded);
    begin(&reader, BatchReader::Kind::batch, 200, nullptr);
    reader.on_body(kMessage);
    EXPECT_EQ(finish(&reader, WireEnd::Kind::complete), OutcomeClass::broken);
    begin(&reader, BatchReader::Kind::batch, 200, nullptr);
    reader.on_body(kBatch);
    EXPECT_EQ(finish(&reader, WireEnd::Kind::complete), OutcomeClass::success);
    EXPECT_EQ(reader.batch().id, "msgbatch_01");
}

}  // namespace
}  // namespace weir
