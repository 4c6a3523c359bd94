#include <gtest/gtest.h>

#include <string>

#include "provider/cacheable_prefix.h"

namespace weir {
namespace {

constexpr const char* kMark = R"(,"cache_control":{"type":"ephemeral"})";

std::string text(const std::string& words, bool marked = false) {
    return R"({"type":"text","text":")" + words + "\"" + (marked ? kMark : "") + "}";
}
std::string message(const std::string& words, bool marked = false) {
    return R"({"role":"user","content":[)" + text(words, marked) + "]}";
}
std::string request(const std::string& system, const std::string& messages,
                    const std::string& more = "") {
    return R"({"model":"m","max_tokens":9,"system":[)" + system + R"(],"messages":[)" + messages +
           "]" + more + "}";
}

TEST(CacheablePrefix, IsNoneWhereNothingIsMarked) {
    EXPECT_EQ(cacheable_prefix(request(text("long"), message("hi"))), 0u);
    EXPECT_EQ(cacheable_prefix(R"({"model":"m","system":"cache_control"})"), 0u);
}

TEST(CacheablePrefix, EndsAtTheLastMarkerOfToolsAndSystem) {
    const std::uint32_t found = cacheable_prefix(request(text("long", true), message("hi")));
    EXPECT_NE(found, 0u);
    EXPECT_EQ(cacheable_prefix(request(text("long", true), message("something else"))), found);
    EXPECT_EQ(cacheable_prefix(request(text("long", true) + "," + text("today"), message("hi"))),
              found)
        << "what comes after it is not cached";
    EXPECT_NE(cacheable_prefix(request(text("other", true), message("hi"))), found);
    EXPECT_NE(
        cacheable_prefix(request(text("long", true) + "," + text("today", true), message("hi"))),
        found);
    const std::string tools = R"(,"tools":[{"name":"a","input_schema":{}}])";
    const std::uint32_t with_tools =
        cacheable_prefix(request(text("long", true), message("hi"), tools));
    EXPECT_NE(with_tools, found) << "tools come before the system prompt";
    EXPECT_EQ(cacheable_prefix(request(text("long", true), message("ho"), tools)), with_tools);
}

TEST(CacheablePrefix, IsTheSameForTheTurnsOfAConversation) {
    const std::string first = message("tell me of rivers", true);
    const std::string later = message("tell me of rivers") + "," + message("they flow") + "," +
                              message("and of weirs", true);
    const std::uint32_t found = cacheable_prefix(request(text("long", true), first));
    EXPECT_NE(found, 0u);
    EXPECT_EQ(cacheable_prefix(request(text("long", true), later)), found);
    EXPECT_EQ(cacheable_prefix(request(text("long"), later)), found) << "wherever the marks are";
    EXPECT_NE(cacheable_prefix(request(text("long"), message("tell me of lakes", true))), found);
    // The request itself may be marked, for the provider to see where.
    EXPECT_EQ(cacheable_prefix(request(text("long"),
                                       message("tell me of rivers") + "," + message("and"), kMark)),
              found);
}

TEST(CacheablePrefix, WhiteSpaceAndTheOrderOfMembersAreNothingToIt) {
    const std::uint32_t found = cacheable_prefix(
        R"({"system":[{"text":"a","cache_control":{"type":"ephemeral"}}],"tools":[{"name":"t"}]})");
    EXPECT_EQ(
        cacheable_prefix("{ \"tools\" :\n[ {\"name\" : \"t\"} ] , \"system\": [ {\"text\":\"a\", "
                         "\"cache_control\" : { \"type\" : \"ephemeral\" } } ] }"),
        found);
    EXPECT_NE(
        cacheable_prefix(R"({"system":[{"text":"at","cache_control":{}}],"tools":[{"name":""}]})"),
        found);
}

}  // namespace
}  // namespace weir
