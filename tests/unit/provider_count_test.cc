#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "provider/count_body.h"
#include "provider/json_parser.h"
#include "provider/response_reader.h"

namespace weir {
namespace {

// What goes out, read in pieces of `step` bytes.
std::string counted(std::string_view body, std::size_t step = 7) {
    CountBody source;
    source.set(body);
    std::string out;
    std::string piece(step, '\0');
    while (const std::size_t size = source.read(piece.data(), step)) out.append(piece, 0, size);
    EXPECT_EQ(out.size(), source.size());
    return out;
}

TEST(CountBody, LeavesOutWhatTheCallDoesNotTake) {
    EXPECT_EQ(counted(R"({"model":"m","max_tokens":10,"messages":[]})"),
              R"({"model":"m","messages":[]})");
    EXPECT_EQ(counted(" {\n \"stream\" : true , \"model\" : \"m\" ,\t\"temperature\":-1.5e3}\n"),
              "{\"model\" : \"m\"}");
    EXPECT_EQ(counted(R"({"max_tokens":1})"), "{}");
    EXPECT_EQ(counted(R"({"tools":[{"x":{"y":[1,2]}}],"x":{"model":"no"},"system":"a\"},{b"})"),
              R"({"tools":[{"x":{"y":[1,2]}}],"system":"a\"},{b"})");
    EXPECT_EQ(counted(R"({"x":"\\","model":"m","y":null,"z":[[],{}],"messages":[{"a":"]"}]})"),
              R"({"model":"m","messages":[{"a":"]"}]})");
}

TEST(CountBody, TheModelMayBeAnother) {
    const std::string_view body = R"({"stream":true,"model":"route:r","system":"route:r"})";
    for (const std::string_view model : {"m", "a-longer-name"}) {
        CountBody source;
        source.set(body, body.find("route:r"), 7, model);
        std::string out(source.size() + 1, '\0');
        out.resize(source.read(out.data(), out.size()));
        EXPECT_EQ(out, "{\"model\":\"" + std::string(model) + R"(","system":"route:r"})");
        EXPECT_EQ(out.size(), source.size());
    }
}

TEST(CountBody, IsReadInPiecesOfAnySize) {
    const std::string_view body = R"({"model":"m","stream":false,"messages":[{"content":"abc"}]})";
    for (std::size_t step = 1; step < 70; ++step) {
        EXPECT_EQ(counted(body, step), R"({"model":"m","messages":[{"content":"abc"}]})");
    }
}

Outcome outcome_of(int status, std::string_view body, std::string_view more = "") {
    JsonParser parser;
    ResponseReader reader(&parser);
    reader.reset(false, 1 << 20, 0, nullptr);
    reader.expect_token_count();
    reader.on_status(status);
    reader.on_header("content-type", "application/json");
    if (!more.empty()) reader.on_header("retry-after", more);
    reader.on_headers_end();
    reader.on_body(body);
    Outcome outcome;
    ErrorDetail detail;
    reader.finish({.kind = WireEnd::Kind::complete, .request_sent = true, .detail = ""}, &outcome,
                  &detail);
    return outcome;
}

TEST(TokenCount, IsReadFromTheAnswer) {
    const Outcome outcome = outcome_of(200, R"({"input_tokens":2095,"x":[1]})");
    EXPECT_EQ(outcome.cls, OutcomeClass::success);
    EXPECT_EQ(outcome.usage.input_tokens, 2095);
    for (const char* body : {"", "{}", "[]", R"({"input_tokens":"7"})", R"({"input_tokens":-7})",
                             R"({"input_tokens":7)", R"({"input_tokens":null})"}) {
        EXPECT_EQ(outcome_of(200, body).cls, OutcomeClass::unreadable) << body;
    }
    EXPECT_EQ(outcome_of(429, R"({"type":"error","error":{"type":"rate_limit_error"}})", "3").cls,
              OutcomeClass::rate_limited);
}

}  // namespace
}  // namespace weir
