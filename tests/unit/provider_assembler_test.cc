#include <gtest/gtest.h>

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "provider/json_parser.h"
#include "provider/response_reader.h"

namespace weir {
namespace {

using Json = nlohmann::ordered_json;

std::string event(const Json& data, bool named = true) {
    const std::string name = "event: " + data["type"].get<std::string>() + "\n";
    return (named ? name : std::string()) + "data: " + data.dump() + "\n\n";
}

// The deltas that a block comes in, as the provider makes them: texts in two pieces.
std::vector<Json> deltas_of(const Json& block) {
    const auto halves = [](const std::string& text) {
        return std::pair(text.substr(0, text.size() / 2), text.substr(text.size() / 2));
    };
    std::vector<Json> deltas;
    const auto add = [&](const char* type, const char* field, const std::string& text) {
        const auto [first, second] = halves(text);
        for (const std::string& half : {first, second}) {
            deltas.push_back({{"type", type}, {field, half}});
        }
    };
    if (block.contains("text")) add("text_delta", "text", block["text"]);
    if (block.contains("thinking")) {
        add("thinking_delta", "thinking", block["thinking"]);
        deltas.push_back({{"type", "signature_delta"}, {"signature", block["signature"]}});
    }
    if (block.contains("input")) add("input_json_delta", "partial_json", block["input"].dump());
    if (block.contains("citations") && block["citations"].is_array()) {
        for (const Json& citation : block["citations"]) {
            deltas.push_back({{"type", "citations_delta"}, {"citation", citation}});
        }
    }
    if (block.contains("sparkle")) add("sparkle_delta", "sparkle", block["sparkle"]);
    return deltas;
}

// What is empty in a block as it starts.
Json start_of(Json block) {
    for (const char* text : {"text", "thinking", "signature", "sparkle"}) {
        if (block.contains(text)) block[text] = "";
    }
    if (block.contains("input")) block["input"] = Json::object();
    if (block.contains("citations") && block["citations"].is_array()) {
        block["citations"] = Json::array();
    }
    return block;
}

std::string stream_of(const Json& message, bool named = true) {
    Json start = message;
    start["content"] = Json::array();
    start["stop_reason"] = nullptr;
    start["stop_sequence"] = nullptr;
    start["usage"]["output_tokens"] = 1;
    std::string stream = event({{"type", "message_start"}, {"message", start}}, named);
    stream += event({{"type", "ping"}}, named);
    for (std::size_t i = 0; i < message["content"].size(); ++i) {
        const Json& block = message["content"][i];
        stream += event(
            {{"type", "content_block_start"}, {"index", i}, {"content_block", start_of(block)}},
            named);
        for (const Json& delta : deltas_of(block)) {
            stream +=
                event({{"type", "content_block_delta"}, {"index", i}, {"delta", delta}}, named);
        }
        stream += event({{"type", "content_block_stop"}, {"index", i}}, named);
    }
    Json delta = {{"stop_reason", message["stop_reason"]},
                  {"stop_sequence", message["stop_sequence"]}};
    if (message.contains("container")) delta["container"] = message["container"];
    stream += event({{"type", "message_delta"},
                     {"delta", delta},
                     {"usage", {{"output_tokens", message["usage"]["output_tokens"]}}}},
                    named);
    return stream + event({{"type", "message_stop"}}, named);
}

struct Answer {
    Outcome outcome;
    ErrorDetail detail;
    std::string body;
};

Answer answer_of(const std::string& stream, std::size_t piece = 7,
                 const char* media_type = "text/event-stream") {
    JsonParser parser;
    ResponseReader reader(&parser);
    reader.reset(true, 1 << 20, 0, nullptr);
    reader.assemble();
    reader.on_status(200);
    reader.on_header("content-type", media_type);
    reader.on_headers_end();
    for (std::size_t at = 0; at < stream.size(); at += piece) {
        EXPECT_TRUE(reader.on_body(std::string_view(stream).substr(at, piece)));
    }
    Answer answer;
    WireEnd end;
    end.request_sent = true;
    reader.finish(end, &answer.outcome, &answer.detail);
    if (answer.outcome.cls == OutcomeClass::success) answer.body = reader.take_body();
    return answer;
}

Json message_with(const std::vector<Json>& content) {
    return {{"id", "msg_1"},
            {"type", "message"},
            {"role", "assistant"},
            {"model", "claude-x"},
            {"content", content},
            {"stop_reason", "end_turn"},
            {"stop_sequence", nullptr},
            {"usage",
             {{"input_tokens", 25},
              {"cache_read_input_tokens", 4},
              {"output_tokens", 15},
              {"service_tier", "standard"}}}};
}

std::vector<Json> messages() {
    const Json text = {{"type", "text"}, {"text", "Hello \"there\", \n\u00e9\u4e16 \\ you"}};
    std::vector<Json> all = {
        message_with({}),
        message_with({text}),
        message_with(
            {{{"type", "thinking"}, {"thinking", "Well, ..."}, {"signature", "c2ln"}}, text}),
        message_with({{{"type", "redacted_thinking"}, {"data", "b3BhcXVl"}}, text}),
        message_with({text,
                      {{"type", "tool_use"},
                       {"id", "toolu_1"},
                       {"name", "search"},
                       {"input", {{"query", "weirs \"in\" Devon"}, {"n", {1, 2.50, nullptr}}}}}}),
        message_with(
            {{{"type", "tool_use"}, {"id", "t"}, {"name", "now"}, {"input", Json::object()}}}),
        message_with({{{"type", "text"},
                       {"text", "Cited."},
                       {"citations",
                        {{{"type", "char_location"}, {"cited_text", "x, y"}},
                         {{"type", "char_location"}, {"start_char_index", 3}}}}}}),
        message_with({{{"type", "web_search_tool_result"},
                       {"tool_use_id", "srvtoolu_1"},
                       {"content", {{{"type", "web_search_result"}, {"url", "https://x"}}}}},
                      text}),
        message_with(
            {{{"type", "of_tomorrow"}, {"sparkle", "bright"}, {"facets", {1, 2, {{"a", 1}}}}}}),
    };
    Json stopped = message_with({text});
    stopped["stop_reason"] = "stop_sequence";
    stopped["stop_sequence"] = "\n\nEnd";
    stopped["container"] = {{"id", "container_1"}, {"expires_at", "2026-12-01T00:00:00Z"}};
    stopped["field_of_tomorrow"] = {{"x", {1, 2}}};
    all.push_back(stopped);
    return all;
}

TEST(Assembler, AnAssembledMessageIsTheUnstreamedOne) {
    for (const Json& message : messages()) {
        for (const bool named : {true, false}) {
            const Answer answer = answer_of(stream_of(message, named));
            ASSERT_EQ(answer.outcome.cls, OutcomeClass::success)
                << answer.detail.message << message;
            EXPECT_EQ(Json::parse(answer.body, nullptr, false), message) << answer.body;
            EXPECT_EQ(answer.outcome.usage.input_tokens, 25);
            EXPECT_EQ(answer.outcome.usage.output_tokens, 15);
            EXPECT_FALSE(answer.outcome.content_delivered);
        }
    }
}

TEST(Assembler, AStreamThatIsCutAtAnyByteIsNoAnswer) {
    const std::string stream = stream_of(messages()[4]);
    // The last event is there once its empty line has begun.
    for (std::size_t size = 0; size + 1 < stream.size(); ++size) {
        const Answer answer = answer_of(stream.substr(0, size), 64);
        EXPECT_NE(answer.outcome.cls, OutcomeClass::success) << size;
        EXPECT_EQ(answer.body, "");
    }
}

// Half an emoji, NUL and a number beyond any type, as they stand in the text.
TEST(Assembler, WhatIsPassedOnStaysByteForByte) {
    std::string stream = stream_of(message_with({{{"type", "text"}, {"text", "ABCDEFGH"}}}));
    const auto replace = [&](const std::string& what, const std::string& with) {
        const std::size_t at = stream.find(what);
        ASSERT_NE(at, std::string::npos);
        stream.replace(at, what.size(), with);
    };
    replace("ABCD", R"(\u0000 \ud83d)");
    replace("EFGH", R"(\ude00 \ud83d)");
    replace(R"("cache_read_input_tokens":4)", R"("cache_read_input_tokens":4,"huge":1e999)");
    const Answer answer = answer_of(stream);
    ASSERT_EQ(answer.outcome.cls, OutcomeClass::success);
    EXPECT_NE(answer.body.find(R"("text":"\u0000 \ud83d\ude00 \ud83d")"), std::string::npos)
        << answer.body;
    EXPECT_NE(answer.body.find(R"("huge":1e999)"), std::string::npos) << answer.body;
}

TEST(Assembler, TheInputOfAToolThatWasCutOffIsKept) {
    std::string stream = stream_of(messages()[4]);
    const std::size_t at = stream.rfind(R"("partial_json":")");
    const std::size_t begin = at + std::string_view(R"("partial_json":")").size();
    stream.erase(begin, stream.find("\"}}", begin) - begin);
    const Answer answer = answer_of(stream);
    ASSERT_EQ(answer.outcome.cls, OutcomeClass::success);
    EXPECT_TRUE(Json::parse(answer.body)["content"][1]["input"].is_string()) << answer.body;
}

TEST(Assembler, EventsThatDoNotFitAreNoAnswer) {
    const std::string whole = stream_of(messages()[1]);
    const auto with = [&](const std::string& what, const std::string& now) {
        std::string stream = whole;
        stream.replace(stream.find(what), what.size(), now);
        return stream;
    };
    const std::string wrong[] = {
        with(R"("index":0)", R"("index":-1)"),
        with(R"("index":0)", R"("index":1)"),
        with(R"("index":0)", R"("index":99999999999)"),
        with(R"("content_block":{)", R"("other":{)"),
        with(R"("delta":{"type":"text_delta")", R"("delta":{"type":)"),
    };
    for (const std::string& stream : wrong) {
        const Answer answer = answer_of(stream);
        EXPECT_EQ(answer.outcome.cls, OutcomeClass::unreadable) << stream;
    }
}

TEST(Assembler, AWholeMessageIsTheAnswerToo) {
    const Json message = messages()[4];
    const Answer answer = answer_of(message.dump(), 64, "application/json");
    ASSERT_EQ(answer.outcome.cls, OutcomeClass::success);
    EXPECT_EQ(answer.body, message.dump());
}

TEST(Assembler, AWholeMessageThatHoldsAnErrorIsJudgedByIt) {
    const auto outcome = [](const char* type) {
        return answer_of(
            R"({"type":"error","error":{"type":")" + std::string(type) + R"(","message":"words"}})",
            64, "application/json");
    };
    EXPECT_EQ(outcome("overloaded_error").outcome.cls, OutcomeClass::overloaded);
    EXPECT_EQ(outcome("rate_limit_error").outcome.cls, OutcomeClass::rate_limited);
    EXPECT_EQ(outcome("invalid_request_error").outcome.cls, OutcomeClass::bad_request);
    EXPECT_EQ(outcome("authentication_error").outcome.cls, OutcomeClass::bad_key);
    EXPECT_EQ(outcome("of_tomorrow").outcome.cls, OutcomeClass::unreadable);
    EXPECT_EQ(outcome("overloaded_error").detail.message, "words");
    const Answer unknown = answer_of("not JSON", 64, "application/json");
    EXPECT_EQ(unknown.outcome.cls, OutcomeClass::unreadable);
    EXPECT_EQ(unknown.detail.answer, "not JSON");
}

}  // namespace
}  // namespace weir
