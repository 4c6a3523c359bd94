#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "provider/sse_reader.h"

namespace weir {
namespace {

using Events = std::vector<std::pair<std::string, std::string>>;

class Recorder : public SseReader::Handler {
public:
    void on_sse_event(std::string_view name, std::string_view data) override {
        events.emplace_back(name, data);
        // The promised padding is there to be read.
        unsigned sum = 0;
        for (int i = 0; i < 64; ++i) sum += static_cast<unsigned char>(data.data()[data.size()]);
        EXPECT_EQ(sum, 0u);
    }
    Events events;
};

Events read(std::string_view text, const std::vector<std::size_t>& cuts = {}) {
    SseReader reader;
    Recorder recorder;
    reader.reset();
    std::size_t at = 0;
    for (const std::size_t cut : cuts) {
        reader.feed(text.substr(at, cut - at), &recorder);
        at = cut;
    }
    reader.feed(text.substr(at), &recorder);
    return recorder.events;
}

struct SseCase {
    std::string text;
    Events events;
};

std::vector<SseCase> cases() {
    return {
        {"", {}},
        {"event: a\ndata: b\n\n", {{"a", "b"}}},
        {"event: a\r\ndata: b\r\n\r\n", {{"a", "b"}}},
        {"event: a\rdata: b\r\r", {{"a", "b"}}},
        {"event: a\r\ndata: b\n\r", {{"a", "b"}}},
        {"event:a\ndata:b\n\n", {{"a", "b"}}},
        {"event:  a\ndata:  b \n\n", {{" a", " b "}}},
        {"data: 1\ndata: 2\ndata\ndata:3\n\n", {{"", "1\n2\n\n3"}}},
        {"data\n\n", {{"", ""}}},
        {"data:\n\n", {{"", ""}}},
        {"event: a\n\ndata: b\n\n", {{"", "b"}}},
        {"event: a\nevent: c\ndata: b\n\n", {{"c", "b"}}},
        {": comment\n:\nid: 7\nretry: 10\nx: y\ndata: b\nevent: a\n\n", {{"a", "b"}}},
        {"\n\n\n\ndata: a\n\n\n\ndata: b\n\n", {{"", "a"}, {"", "b"}}},
        {"\xEF\xBB\xBF"
         "data: a\n\n\xEF\xBB\xBF"
         "data: b\n\n",
         {{"", "a"}}},
        {"\xEF\xBB"
         "data: a\n\n",
         {}},
        {"data: {\"a\":\"b:c\"}\n\n", {{"", "{\"a\":\"b:c\"}"}}},
        {"data: whole\n\ndata: cut", {{"", "whole"}}},
        {"data: whole\n\ndata: cut\n", {{"", "whole"}}},
        {"Data: a\n\n data: b\n\ndata : c\n\n", {}},
        {std::string("data: a\0b\n\n", 11), {{"", std::string("a\0b", 3)}}},
    };
}

TEST(SseReader, Cases) {
    for (const SseCase& c : cases()) EXPECT_EQ(read(c.text), c.events) << c.text;
}

TEST(SseReader, AnySplitIsTheSame) {
    std::mt19937 random(5);
    for (const SseCase& c : cases()) {
        std::vector<std::size_t> every;
        for (std::size_t i = 1; i < c.text.size(); ++i) every.push_back(i);
        EXPECT_EQ(read(c.text, every), c.events) << c.text;
        for (std::size_t i = 0; i <= c.text.size(); ++i) EXPECT_EQ(read(c.text, {i}), c.events);
        for (int round = 0; round < 50; ++round) {
            std::vector<std::size_t> some;
            for (std::size_t i = 0; i < c.text.size(); ++i) {
                if (random() % 3 == 0) some.push_back(i);
            }
            EXPECT_EQ(read(c.text, some), c.events);
        }
    }
}

TEST(SseReader, HugeLines) {
    const std::string huge(10'000'000, 'x');
    const Events events = read("data: " + huge + "\n\ndata: b\n\n", {5, 100'000, 9'000'000});
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[0].second, huge);
    // Lines that end with CR alone take no more time than others.
    EXPECT_TRUE(read(std::string(10'000'000, '\r')).empty());
    EXPECT_TRUE(read(std::string(10'000'000, '\n')).empty());
}

TEST(SseReader, ResetForgets) {
    SseReader reader;
    Recorder recorder;
    reader.reset();
    reader.feed("event: a\ndata: b\nda", &recorder);
    reader.reset();
    reader.feed(
        "\xEF\xBB\xBF"
        "data: c\n\n",
        &recorder);
    EXPECT_EQ(recorder.events, (Events{{"", "c"}}));
}

}  // namespace
}  // namespace weir
