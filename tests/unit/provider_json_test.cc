#include <gtest/gtest.h>

#include <random>
#include <string>

#include <nlohmann/json.hpp>

#include "provider/clean_text.h"
#include "provider/json_text.h"
#include "provider/json_walk.h"
#include "provider/text_count.h"
#include "provider/utf8.h"

namespace weir {
namespace {

// What follows a text in memory must make no difference, not even if it looks like its rest.
bool is_json_object(const std::string& text) {
    JsonParser parser;
    bool accepted[3];
    const char fillers[] = {'\0', '}', ','};
    for (int i = 0; i < 3; ++i) {
        const std::string padded = text + std::string(simdjson::SIMDJSON_PADDING, fillers[i]);
        accepted[i] = !json::each_root_field(
            &parser, std::string_view(padded.data(), text.size()),
            [](std::string_view, json::Value& value) { return json::check(value, 1); });
    }
    EXPECT_EQ(accepted[0], accepted[1]) << text;
    EXPECT_EQ(accepted[0], accepted[2]) << text;
    return accepted[0];
}

TEST(JsonWalk, Accepts) {
    for (const char* text : {"{}", " { } \n", R"({"a":1})", R"({"a":[]})", R"({"a":{}})",
                             R"({"a":[1,"b",{"c":null}]})",
                             R"({"a":1e400,"b":-0.5E-3,"c":123456789012345678901234567890})",
                             R"({"a":"\u0041\n\"\\\/\b\f\r\t"})", R"({"a":"\ud83d"})",
                             R"({"a":"\ud83d\ude00"})", R"({"":""})", R"({"a\"b":true})",
                             R"({"a":1,"a":2})", "{\"\xC3\xA4\":\"\xE6\xBC\xA2\"}"}) {
        EXPECT_TRUE(is_json_object(text)) << text;
    }
}

TEST(JsonWalk, Refuses) {
    for (const char* text : {"",
                             " ",
                             "{",
                             "}",
                             "[]",
                             "1",
                             "\"a\"",
                             "null",
                             "{}{}",
                             "{}1",
                             "{},",
                             "{}}",
                             "{}]",
                             "{]",
                             R"({"a"})",
                             R"({"a":})",
                             R"({"a":1,})",
                             R"({,"a":1})",
                             R"({a:1})",
                             R"({"a" 1})",
                             R"({"a"::1})",
                             R"({"a":"b":1})",
                             R"({"a":1:2})",
                             R"({"a":1 2})",
                             R"({"a":"b""c"})",
                             R"({"a":"b"c})",
                             R"({"a":[1,]})",
                             R"({"a":[,1]})",
                             R"({"a":[1 2]})",
                             R"({"a":[1:2]})",
                             R"({"a":[1}})",
                             R"({"a":{]}})",
                             R"({"a":{})",
                             R"({"a":[})",
                             R"({"a":[1,2})",
                             R"({"a":01})",
                             R"({"a":+1})",
                             R"({"a":1.})",
                             R"({"a":.5})",
                             R"({"a":1e})",
                             R"({"a":-})",
                             R"({"a":0x1})",
                             R"({"a":tru})",
                             R"({"a":True})",
                             R"({"a":nul})",
                             R"({"a":nullx})",
                             R"({"a":NaN})",
                             R"({"a":"\x"})",
                             R"({"a":"\u12g4"})",
                             R"({"a":"\u12"})",
                             R"({"a":"\u-123"})",
                             R"({"\q":1})",
                             R"({"a":"b})",
                             R"({'a':1})",
                             "{\"a\":\"\n\"}",
                             "{\"a\":\"\xFF\"}",
                             "{\"a\":\"\xED\xA0\x80\"}",
                             "{\"a\":1\x01}",
                             "\xEF\xBB\xBF{}",
                             R"({"a":1/**/})"}) {
        EXPECT_FALSE(is_json_object(text)) << text;
    }
    EXPECT_FALSE(is_json_object(std::string("{\"a\":1\0}", 8)));
}

TEST(JsonWalk, IsBoundedInDepth) {
    const auto nested = [](int depth) {
        return R"({"a":)" + std::string(static_cast<std::size_t>(depth), '[') +
               std::string(static_cast<std::size_t>(depth), ']') + "}";
    };
    EXPECT_TRUE(is_json_object(nested(json::kMaxDepth)));
    EXPECT_FALSE(is_json_object(nested(json::kMaxDepth + 1)));
    EXPECT_FALSE(is_json_object(nested(100'000)));
}

// Every small change of a document is judged as another parser judges it.
TEST(JsonWalk, AgreesWithAnotherParser) {
    const std::string seed =
        R"({"a":[1,-2.5e3,true,false,null,"x\n\u00e9"],"b":{"c":{},"d":[[],[{}]]},"":"\\"})";
    const std::string alphabet = "{}[]:,\"\\ 01-+.eEtfnu\n\x01\x80";
    std::mt19937 random(7);
    int accepted = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string text = seed;
        for (auto changes = 1 + random() % 3; changes > 0; --changes) {
            const std::size_t at = random() % text.size();
            const char c = alphabet[random() % alphabet.size()];
            switch (random() % 3) {
                case 0:
                    text[at] = c;
                    break;
                case 1:
                    text.insert(at, 1, c);
                    break;
                default:
                    text.erase(at, 1);
            }
        }
        const auto first = text.find_first_not_of(" \n\t\r");
        const bool object = first != std::string::npos && text[first] == '{';
        const bool expected = object && nlohmann::json::accept(text);
        ASSERT_EQ(is_json_object(text), expected) << text;
        accepted += expected;
    }
    EXPECT_GT(accepted, 500);
}

TEST(JsonText, Unescape) {
    EXPECT_EQ(unescape(R"(a\nb)", 100), "a\nb");
    EXPECT_EQ(unescape(R"(\u00e9\u6f22\ud83d\ude00)", 100), "\xC3\xA9\xE6\xBC\xA2\xF0\x9F\x98\x80");
    EXPECT_EQ(unescape(R"(\ud83dx\ude00)", 100), "\xEF\xBF\xBDx\xEF\xBF\xBD");
    EXPECT_EQ(unescape(R"(\ud83d\u0041)", 100),
              "\xEF\xBF\xBD"
              "A");
    EXPECT_EQ(unescape("abcdef", 3), "abc");
    EXPECT_EQ(unescape(R"(ab\ncdef)", 3), "ab\n");
}

TEST(JsonText, Integers) {
    EXPECT_EQ(json_integer("0"), 0);
    EXPECT_EQ(json_integer("-5"), -5);
    EXPECT_EQ(json_integer("9223372036854775807"), 9223372036854775807);
    for (const char* token :
         {"9223372036854775808", "1.0", "1e3", "01", "", "-", "+1", "1 ", "x"}) {
        EXPECT_FALSE(json_integer(token)) << token;
    }
}

TextCounts counts_of(std::string_view raw) {
    TextCounts counts;
    EXPECT_TRUE(count_text(raw, &counts)) << raw;
    return counts;
}

TEST(TextCount, CountsCharactersNotBytes) {
    TextCounts c = counts_of("Hello, world 42!");
    EXPECT_EQ(c.letters, 12u);
    EXPECT_EQ(c.other_ascii, 4u);
    EXPECT_EQ(c.wide_chars, 0u);
    c = counts_of("\xE6\xBC\xA2\xE5\xAD\x97 \xC3\xA9 \xF0\x9F\x98\x80");
    EXPECT_EQ(c.wide_chars, 4u);
    EXPECT_EQ(c.letters, 2u);
    EXPECT_EQ(c.other_ascii, 0u);
}

TEST(TextCount, AnEscapeCountsAsItsCharacter) {
    TextCounts c = counts_of(R"(a\nb\"\\\/\t)");
    EXPECT_EQ(c.letters, 2u);
    EXPECT_EQ(c.other_ascii, 5u);
    c = counts_of(R"(\u0041\u0020\u0031\u00e9\ud83d\ude00\ud83d)");
    EXPECT_EQ(c.letters, 2u);
    EXPECT_EQ(c.other_ascii, 1u);
    EXPECT_EQ(c.wide_chars, 3u);
    TextCounts ignored;
    EXPECT_FALSE(count_text(R"(\x)", &ignored));
    EXPECT_FALSE(count_text("\\", &ignored));
}

// The blocks of sixteen bytes, their sums and what is left over agree with the definition.
TEST(TextCount, LongTexts) {
    std::mt19937 random(3);
    for (const std::size_t size : {0u, 1u, 15u, 16u, 17u, 255u, 4080u, 4081u, 5000u, 100'000u}) {
        std::string text;
        TextCounts expected;
        while (text.size() < size) {
            switch (random() % 4) {
                case 0:
                    text += "\xE6\xBC\xA2";
                    ++expected.wide_chars;
                    break;
                case 1:
                    text += static_cast<char>('0' + random() % 10);
                    ++expected.other_ascii;
                    break;
                case 2:
                    text += "@[`{"[random() % 4];  // the neighbours of the letters
                    ++expected.other_ascii;
                    break;
                default:
                    text += "azAZ "[random() % 5];
                    ++expected.letters;
            }
        }
        const TextCounts c = counts_of(text);
        EXPECT_EQ(c.letters, expected.letters);
        EXPECT_EQ(c.other_ascii, expected.other_ascii);
        EXPECT_EQ(c.wide_chars, expected.wide_chars);
    }
    const TextCounts c = counts_of(std::string(100'000, 'x'));
    EXPECT_EQ(c.letters, 100'000u);
}

TEST(CleanText, MakesBytesHarmless) {
    EXPECT_EQ(clean_text("plain text", 100), "plain text");
    EXPECT_EQ(clean_text("a\x1b[31mb\r\nc\x7f", 100), "a [31mb  c ");
    EXPECT_EQ(clean_text("\xC2\x9B"
                         "31m",
                         100),
              " 31m");
    EXPECT_EQ(clean_text(std::string_view("a\0b", 3), 100), "a b");
    EXPECT_EQ(clean_text("\xC3\xA9\xE6\xBC\xA2\xF0\x9F\x98\x80", 100),
              "\xC3\xA9\xE6\xBC\xA2\xF0\x9F\x98\x80");
    const std::string replacement = "\xEF\xBF\xBD";
    EXPECT_EQ(clean_text("\xFF", 100), replacement);
    EXPECT_EQ(clean_text("\xC0\xAF", 100), replacement + replacement);
    EXPECT_EQ(clean_text("\xE0\x80\x80x", 100), replacement + replacement + replacement + "x");
    EXPECT_EQ(clean_text("\xE6\xBC", 100), replacement + replacement);
    EXPECT_EQ(clean_text("\xF4\x90\x80\x80", 100),
              replacement + replacement + replacement + replacement);
    EXPECT_EQ(clean_text("\xED\xA0\x80", 100), replacement + replacement + replacement);
}

TEST(JsonParser, GrowsAndShrinks) {
    JsonParser parser;
    for (const std::size_t size : {10u, 5'000u, 1'000'000u, 10u, 1'000'000u}) {
        const std::string text = "{\"a\":\"" + std::string(size, 'x') + "\"}";
        const std::string padded = text + std::string(simdjson::SIMDJSON_PADDING, ' ');
        const auto check = [](std::string_view, json::Value& value) {
            return json::check(value, 1);
        };
        EXPECT_FALSE(json::each_root_field(&parser, {padded.data(), text.size()}, check));
        parser.shrink();
        EXPECT_LE(parser.state()->parser.capacity(), std::size_t{64} << 10);
    }
}

TEST(CleanText, CutsBetweenCharacters) {
    EXPECT_EQ(clean_text("0123456789", 10), "0123456789");
    EXPECT_EQ(clean_text("0123456789a", 10), "0123456...");
    const std::string wide = "\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2\xE6\xBC\xA2";
    for (std::size_t most = 4; most < wide.size(); ++most) {
        const std::string cut = clean_text(wide, most);
        EXPECT_LE(cut.size(), most);
        EXPECT_EQ(cut.substr(cut.size() - 3), "...");
        EXPECT_TRUE(simdjson::validate_utf8(cut));
    }
}

TEST(CleanText, HidesKeys) {
    EXPECT_EQ(clean_text("key sk-ant-api03-abc_DEF is bad", 100), "key sk-*** is bad");
    EXPECT_EQ(clean_text("sk-ant-api03-abcdefgh", 100), "sk-***");
    EXPECT_EQ(clean_text("a task-management-system", 100), "a task-management-system");
    EXPECT_EQ(clean_text("sk-short", 100), "sk-short");
}

// Each text stands at every place of a word, and as one of many.
TEST(Utf8, IsJudgedAsSimdjsonDoes) {
    const std::string parts[] = {
        "",
        "a",
        "\x7F",
        "\x80",
        "\xC2\xA0",
        "\xC0\xAF",
        "\xC2",
        "\xE0\x9F\x80",
        "\xE0\xA0\x80",
        "\xED\xA0\x80",
        "\xEF\xBF\xBF",
        "\xE6\xBC",
        "\xF0\x8F\x80\x80",
        "\xF0\x90\x80\x80",
        "\xF4\x8F\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5",
        "\xFF",
    };
    for (const std::string& one : parts) {
        for (const std::string& other : parts) {
            for (std::size_t at = 0; at < 10; ++at) {
                const std::string text = std::string(at, 'x') + one + other + "0123456789" + one;
                EXPECT_EQ(is_utf8(text), simdjson::validate_utf8(text)) << text;
            }
        }
    }
}

}  // namespace
}  // namespace weir
