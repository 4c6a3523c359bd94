#include <gtest/gtest.h>

#include <string>
#include <tuple>

#include <nlohmann/json.hpp>

#include "provider/image_size.h"
#include "provider/request_head.h"

namespace weir {
namespace {

// The bytes after a body are not part of it, whatever they are.
bool read(const std::string& body, RequestHead* head, std::string* problem) {
    const std::string padded = body + std::string(kBodyPadding, '}');
    return read_request_head(std::string_view(padded.data(), body.size()), head, problem);
}

RequestHead head_of(const std::string& body) {
    RequestHead head;
    std::string problem;
    EXPECT_TRUE(read(body, &head, &problem)) << body << "\n" << problem;
    return head;
}

std::string problem_of(const std::string& body) {
    RequestHead head;
    std::string problem;
    EXPECT_FALSE(read(body, &head, &problem)) << body;
    EXPECT_EQ(head.model_length, 0u);
    return problem;
}

std::string with_messages(const std::string& messages) {
    return R"({"model":"m","max_tokens":1,"messages":)" + messages + "}";
}

std::string with_content(const std::string& content) {
    return with_messages(R"([{"role":"user","content":)" + content + "}]");
}

TEST(RequestHead, Fields) {
    const std::string body =
        R"({"max_tokens": 1024, "messages": [{"role":"user","content":"Hello, 世界"}],
            "model" : "claude-sonnet-4-5", "stream":true, "speed":"fast",
            "metadata":{"user_id":"model"}, "temperature":0.5, "stop_sequences":[]})";
    const RequestHead head = head_of(body);
    EXPECT_EQ(body.substr(head.model_offset, head.model_length), "claude-sonnet-4-5");
    EXPECT_EQ(head.max_tokens, 1024u);
    EXPECT_TRUE(head.stream);
    EXPECT_TRUE(head.fast);
    EXPECT_EQ(head.messages, 1u);
    EXPECT_EQ(head.ascii_letters, 6u);
    EXPECT_EQ(head.other_ascii, 1u);
    EXPECT_EQ(head.wide_chars, 2u);
    EXPECT_FALSE(head.has_system);
}

// The provider's reader refuses the whole body for it, and in a batch those of all others.
TEST(RequestHead, ALoneSurrogateIsRefusedWithItsOffset) {
    const std::string high = "\\ud83d";
    const std::string low = "\\uDE00";
    for (const std::string& text : {high, low, high + "x" + low, high + high + low, high + "\\n",
                                    low + high, high + "\\u0041"}) {
        const std::string body = with_content("\"a" + text + "\"");
        std::size_t at = body.find('\\');
        if (text == high + high + low) at = body.find(high);
        EXPECT_NE(problem_of(body).find("surrogate pair at byte " + std::to_string(at) + ","),
                  std::string::npos)
            << body;
    }
    EXPECT_NE(problem_of(R"({"model":"m","max_tokens":1,"\ud83d":1,"messages":[{}]})")
                  .find("at byte 29,"),
              std::string::npos);
    for (const std::string& text :
         {high + low, "\\" + high, std::string("\\ufffd"), std::string("\\\\") + high + low}) {
        head_of(with_content("\"" + text + "\""));
    }
}

TEST(RequestHead, Defaults) {
    const RequestHead head = head_of(with_content("\"x\""));
    EXPECT_FALSE(head.stream);
    EXPECT_FALSE(head.fast);
    EXPECT_EQ(head.tools, 0u);
    EXPECT_EQ(head.images, 0u);
    for (const char* rest :
         {R"("stream":false)", R"("stream":null)", R"("speed":null)", R"("speed":"standard")",
          R"("system":null)", R"("tools":null)", R"("speed":3)"}) {
        const RequestHead other =
            head_of(std::string(R"({"model":"m","max_tokens":0,"messages":[{}],)") + rest + "}");
        EXPECT_FALSE(other.stream || other.fast || other.has_system) << rest;
        EXPECT_EQ(other.max_tokens, 0u);
    }
}

TEST(RequestHead, AKeyMayBeWrittenWithEscapes) {
    const std::string body = R"({"m\u006fdel":"x","max\u005ftokens":7,"mess\u0061ges":[{}]})";
    const RequestHead head = head_of(body);
    EXPECT_EQ(body.substr(head.model_offset, head.model_length), "x");
    EXPECT_EQ(head.max_tokens, 7u);
}

TEST(RequestHead, ProblemsNameTheKeyAndTheRemedy) {
    const std::pair<const char*, const char*> cases[] = {
        {R"({"max_tokens":1,"messages":[{}]})", "\"model\" is missing: give the name of a model"},
        {R"({"model":"m","messages":[{}]})",
         "\"max_tokens\" is missing: give the largest number of tokens to generate"},
        {R"({"model":"m","max_tokens":1})", "\"messages\" is missing: give an array of messages"},
        {R"({"model":7,"max_tokens":1,"messages":[{}]})",
         "\"model\" is not a string: give the name of a model"},
        {R"({"model":"","max_tokens":1,"messages":[{}]})",
         "\"model\" is empty: give the name of a model"},
        {R"({"model":"a\u0062","max_tokens":1,"messages":[{}]})",
         "\"model\" is written with escape sequences: write its characters as they are"},
        {R"({"model":"m","max_tokens":1,"messages":[]})",
         "\"messages\" is empty: give at least one message"},
        {R"({"model":"m","max_tokens":1,"messages":{}})",
         "\"messages\" is not an array: give an array of messages"},
        {R"({"model":"m","max_tokens":1,"messages":["hi"]})",
         "\"messages\" holds what is not an object: give each message a role and a content"},
        {R"({"model":"m","max_tokens":1,"messages":[{}],"tools":{}})",
         "\"tools\" is not an array: give an array of tools, or leave it out"},
        {R"({"model":"m","max_tokens":1,"messages":[{}],"stream":"yes"})",
         "\"stream\" is neither true nor false: give one of them, or leave it out"},
        {R"({"model":"m","max_tokens":1,"messages":[{}],"model":"n"})",
         "\"model\" is given twice: give it once"},
        {R"({"model":"m","max_tokens":1,"messages":[{}],"mod\u0065l":"n"})",
         "\"model\" is given twice: give it once"},
        {R"({"model":"m","max_tokens":1,"messages":[{}],"messages":[{}]})",
         "\"messages\" is given twice: give it once"},
        {"", "the body is empty: give a JSON object with model, max_tokens and messages"},
        {"[]", "the body is not a JSON object: give one with model, max_tokens and messages"},
        {"7", "the body is not a JSON object: give one with model, max_tokens and messages"},
        {"{\"model\":\"\xFF\"}", "the body is not UTF-8: encode it as UTF-8"},
        {"{\"model\":\"m}", "the body is not valid JSON: a string in it has no closing quote"},
        {"{\"model\":\"m\n\"}",
         "the body is not valid JSON: a control character in a string is not escaped"},
        {"{\"model\":\"m\"", "the body is not valid JSON, or not whole"},
    };
    for (const auto& [body, problem] : cases) EXPECT_EQ(problem_of(body), problem) << body;
    for (const char* number : {"-1", "1.5", "1e3", "\"1024\"", "null", "true", "[]", "{}",
                               "2147483648", "99999999999999999999"}) {
        EXPECT_EQ(problem_of(std::string(R"({"model":"m","max_tokens":)") + number +
                             R"(,"messages":[{}]})"),
                  "\"max_tokens\" is not a count of tokens: give a whole number, zero or more")
            << number;
    }
    EXPECT_EQ(problem_of(R"({"model":")" + std::string(257, 'm') +
                         R"(","max_tokens":1,"messages":[{}]})"),
              "\"model\" is longer than 256 bytes: give the name of a model");
    EXPECT_EQ(
        problem_of(R"({"model":"m", "max_tokens":1, "x": tru, "messages":[{}]})").substr(0, 68),
        "the body is not valid JSON, or nested more than 200 deep, near byte ");
    EXPECT_EQ(problem_of(std::string(kMaxBodyBytes + 1, ' ')),
              "the body has 33554433 bytes: the provider takes at most 33554432");
}

TEST(RequestHead, AProblemNeverQuotesTheBody) {
    for (const char* body : {R"({"model":"m","max_tokens":"SECRET","messages":[{}]})",
                             R"({"model":"m","max_tokens":1,"messages":"SECRET"})",
                             R"({"model":"m","max_tokens":1,"messages":["SECRET"],"SECRET":x})",
                             R"({"model":"SECRET\u0041","max_tokens":1,"messages":[{}]})"}) {
        EXPECT_EQ(problem_of(body).find("SECRET"), std::string::npos);
    }
}

TEST(RequestHead, WhatReachesTheModelIsCounted) {
    struct Case {
        const char* content;
        std::uint32_t letters, other, wide;
    };
    const Case cases[] = {
        {R"("abc 12")", 4, 2, 0},
        {R"([{"type":"text","text":"abc"}])", 3, 0, 0},
        {R"([{"type":"text","text":"abc","cache_control":{"type":"ephemeral"}},
             {"text":"\u6f22d","type":"text","citations":[{"cited_text":"xxx"}]}])",
         4, 0, 1},
        {R"([{"type":"thinking","thinking":"ab","signature":"AAAAAAAAAA"},
             {"type":"redacted_thinking","data":"BBBBBBBB"}])",
         2, 0, 0},
        // {"a":[1,"b"]} and the tool's name
        {R"([{"type":"tool_use","id":"toolu_1","name":"run","input":{"a":[1,"b"]}}])", 5, 13, 0},
        {R"([{"type":"tool_result","tool_use_id":"toolu_1","is_error":false,"content":"abc"}])", 3,
         0, 0},
        {R"([{"type":"tool_result","content":[{"type":"text","text":"ab"},
             {"type":"image","source":{"type":"url","url":"https://x"}}]}])",
         2, 0, 0},
        {R"([{"type":"document","title":"ab","source":{"type":"text","media_type":"text/plain",
             "data":"cde"}}])",
         5, 0, 0},
        {R"([{"type":"document","source":{"type":"content","content":[{"type":"text",
             "text":"ab"}]}}])",
         2, 0, 0},
        {R"([{"type":"search_result","source":"ab","title":"c","content":[{"type":"text",
             "text":"d"}]}])",
         4, 0, 0},
        {R"(null)", 0, 0, 0},
        {R"([1,[2],"x"])", 1, 0, 0},
    };
    for (const Case& c : cases) {
        const RequestHead head = head_of(with_content(c.content));
        EXPECT_EQ(head.ascii_letters, c.letters) << c.content;
        EXPECT_EQ(head.other_ascii, c.other) << c.content;
        EXPECT_EQ(head.wide_chars, c.wide) << c.content;
    }
}

TEST(RequestHead, ImagesAndDocumentsAreNoText) {
    const std::string data(4000, 'A');
    RequestHead head = head_of(with_content(
        R"([{"type":"image","source":{"type":"base64","media_type":"image/png","data":")" + data +
        R"("}},{"source":{"data":")" + data +
        R"(","media_type":"image/jpeg","type":"base64"},"type":"image"},{"type":"text","text":"a"}])"));
    EXPECT_EQ(head.images, 2u);
    EXPECT_EQ(head.ascii_letters, 1u);
    EXPECT_EQ(head.other_ascii, 0u);
    EXPECT_EQ(head.document_bytes, 0u);
    head = head_of(with_content(
        R"([{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":")" +
        data + R"("}}])"));
    EXPECT_EQ(head.images, 0u);
    EXPECT_EQ(head.ascii_letters, 0u);
    EXPECT_EQ(head.document_bytes, 3000u);
}

TEST(RequestHead, SystemAndTools) {
    RequestHead head =
        head_of(R"({"model":"m","max_tokens":1,"messages":[{},{},{}],"system":"ab"})");
    EXPECT_TRUE(head.has_system);
    EXPECT_EQ(head.ascii_letters, 2u);
    EXPECT_EQ(head.messages, 3u);
    head = head_of(R"({"model":"m","max_tokens":1,"messages":[{}],
        "system":[{"type":"text","text":"abc"}],
        "tools":[{"name":"a","input_schema":{"type":"object"}},{"name":"b"}]})");
    EXPECT_TRUE(head.has_system);
    EXPECT_EQ(head.tools, 2u);
    EXPECT_GT(head.ascii_letters, 3u + 2u + 12u);
    EXPECT_GT(head.other_ascii, 10u);
}

TEST(RequestHead, AFaultAnywhereIsFound) {
    const std::string good =
        R"({"model":"m","max_tokens":12,"messages":[{"role":"user","content":[{"type":"text","text":"a\n"}]}],)"
        R"("system":"s","tools":[{"name":"t","input_schema":{"a":[1,2,{"b":null}]}}],"x":{"y":[true]}})";
    head_of(good);
    for (std::size_t size = 0; size < good.size(); ++size) problem_of(good.substr(0, size));
    for (std::size_t at = 0; at <= good.size(); ++at) {
        for (const char* fault : {"}", "]", "\"", "\\x"}) {
            std::string bad = good;
            bad.insert(at, fault);
            RequestHead head;
            std::string problem;
            const bool inside_a_string = nlohmann::json::accept(bad);
            if (!inside_a_string) {
                EXPECT_FALSE(read(bad, &head, &problem)) << bad;
            }
        }
    }
}

TEST(RequestHead, DeepAndHugeBodies) {
    const std::string deep(100'000, '[');
    problem_of(with_content(deep));
    std::string nested = "[";
    for (int i = 0; i < 100'000; ++i) nested += R"({"content":[)";
    problem_of(with_messages(nested));
    const RequestHead head = head_of(with_content("\"" + std::string(8'000'000, 'x') + "\""));
    EXPECT_EQ(head.ascii_letters, 8'000'000u);
}

std::string text_of(const std::string& body, RequestHead::Range range) {
    return body.substr(range.begin, range.end - range.begin);
}

TEST(RequestHead, BetasAreFoundWithTheirComma) {
    const std::string rest =
        R"("model":"m","max_tokens":1,"messages":[{"role":"user","content":""}])";
    const std::pair<std::string, std::string> bodies[] = {
        {R"({"betas":["a"],)" + rest + "}", R"("betas":["a"],)"},
        {"{" + rest + R"( , "betas" : [ "a" , "b" ] })", R"(, "betas" : [ "a" , "b" ] )"},
        {"{" + rest + R"(,"betas":[]})", R"(,"betas":[])"}};
    for (const auto& [body, field] : bodies) {
        const RequestHead head = head_of(body);
        EXPECT_EQ(text_of(body, head.betas_field), field);
        std::string left = body;
        left.erase(head.betas_field.begin, field.size());
        EXPECT_EQ(head_of(left).betas_field.end, 0u) << left;
    }
    EXPECT_NE(problem_of(R"({"betas":["a"],"betas":["b"],)" + rest + "}"), "");
    for (const char* wrong :
         {"1", "\"a\"", "[1]", "[\"a,b\"]", "[\"\"]", "[\"\\u0061\"]", "[[]]"}) {
        EXPECT_NE(problem_of(R"({"betas":)" + std::string(wrong) + "," + rest + "}"), "") << wrong;
    }
}

// The heads of a PNG of 1000 x 750, a GIF of 300 x 200, a JPEG of 640 x 480 and a WebP of 1920 x
// 1080.
constexpr const char* kPng = "iVBORw0KGgoAAAANSUhEUgAAA+gAAALuCAIAAAAA";
constexpr const char* kGif = "R0lGODlhLAHIAAAAAAAA";
constexpr const char* kJpeg = "/9j/4AAQSkZJRgABAQAAAQABAAD/wAARCAHgAoADASIAAhEBAxEB/9oA";
constexpr const char* kWebp = "UklGRmQAAABXRUJQVlA4WAoAAAAAAAAAfwcANwQAAAAAAAAAAAAA";

TEST(ImageSize, IsReadFromTheHead) {
    const std::tuple<const char*, std::uint32_t, std::uint32_t> cases[] = {
        {kPng, 1000, 750}, {kGif, 300, 200}, {kJpeg, 640, 480}, {kWebp, 1920, 1080}};
    for (const auto& [base64, width, height] : cases) {
        const auto size = read_image_size(base64);
        ASSERT_TRUE(size) << base64;
        EXPECT_EQ(size->width, width);
        EXPECT_EQ(size->height, height);
        for (std::size_t cut = 0; base64[cut] != 0; ++cut) {
            read_image_size(std::string_view(base64, cut));  // whatever it says, it ends
        }
    }
    for (const char* none : {"", "AAAA", "not base64", "/9j/", "R0lGODlh"}) {
        EXPECT_FALSE(read_image_size(none)) << none;
    }
}

TEST(ImageSize, TokensFollowThePixels) {
    EXPECT_EQ(tokens_of_image({1000, 750}), 1000u);
    EXPECT_EQ(tokens_of_image({1, 1}), 1u);
    EXPECT_LE(tokens_of_image({8000, 8000}), 1534u);
    EXPECT_LE(tokens_of_image({4'000'000'000u, 1}), 3u);
}

TEST(RequestHead, WhatIsNotInTheBodyIsKnown) {
    const auto source = [](const std::string& fields) {
        return head_of(with_content(R"([{"type":"document","source":{)" + fields + "}}]"));
    };
    EXPECT_TRUE(head_of(with_content("\"x\"")).text_only());
    EXPECT_TRUE(source(R"("type":"text","media_type":"text/plain","data":"x")").text_only());
    EXPECT_TRUE(source(R"("type":"file","file_id":"file_1")").has_unseen);
    EXPECT_TRUE(source(R"("type":"url","url":"https://x")").has_unseen);
    const RequestHead pdf =
        source(R"("type":"base64","media_type":"application/pdf","data":"AAAA")");
    EXPECT_EQ(pdf.documents, 1u);
    EXPECT_FALSE(pdf.has_unseen);
    EXPECT_FALSE(pdf.text_only());
    const RequestHead image = head_of(with_content(
        R"([{"type":"image","source":{"type":"base64","media_type":"image/png","data":")" +
        std::string(kPng) + R"("}}])"));
    EXPECT_EQ(image.sized_images, 1u);
    EXPECT_EQ(image.image_tokens, 1000u);
    const std::string rest =
        R"("model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}])";
    EXPECT_TRUE(head_of(R"({"container":"c",)" + rest + "}").has_unseen);
    EXPECT_FALSE(head_of(R"({"container":null,)" + rest + "}").has_unseen);
    EXPECT_TRUE(head_of(R"({"tools":[{"type":"web_search_20250305","name":"s"}],)" + rest + "}")
                    .has_unseen);
    EXPECT_FALSE(
        head_of(R"({"tools":[{"name":"s","input_schema":{"type":"object"}}],)" + rest + "}")
            .has_unseen);
}

}  // namespace
}  // namespace weir
