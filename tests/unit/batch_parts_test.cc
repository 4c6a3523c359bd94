#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "batch/call_pacer.h"
#include "batch/create_body.h"
#include "batch/poll_schedule.h"
#include "batch/wire_id.h"

namespace weir {
namespace {

std::string wire_id(const std::string& mark, const WireId& id) {
    std::string text;
    append_wire_id(mark, id, &text);
    return text;
}

TEST(WireId, ComesBackAsItWent) {
    for (const WireId& id : {WireId{1, 0}, WireId{42, 99'999}, WireId{~SubmissionId{0}, ~0u}}) {
        const std::string text = wire_id("k7Qz", id);
        EXPECT_EQ(text.size(), wire_id_length("k7Qz", id));
        WireId read;
        ASSERT_TRUE(parse_wire_id(text, "k7Qz", &read)) << text;
        EXPECT_EQ(read.submission, id.submission);
        EXPECT_EQ(read.position, id.position);
    }
}

TEST(WireId, FitsTheProvidersPattern) {
    const std::string longest = wire_id(std::string(kMaxMark, 'z'), {~SubmissionId{0}, ~0u});
    EXPECT_LE(longest.size(), kMaxWireId);
    EXPECT_EQ(longest.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), longest.npos);
}

TEST(WireId, OthersAreNotOurs) {
    WireId id;
    for (const char* text :
         {"", "k7Qz", "k7Qz-", "k7Qz-1", "k7Qz-1-", "k7Qz--1", "k7Qz-1-2-3", "k7Qz-01-2",
          "k7Qz-1-02", "k7Qz-+1-2", "k7Qz-1-4294967296", "k7Qz-18446744073709551616-0", "k7Qx-1-2",
          "xk7Qz-1-2", "k7Qz-1-2 ", "k7Qzz-1-2", "row-1"}) {
        EXPECT_FALSE(parse_wire_id(text, "k7Qz", &id)) << text;
    }
    EXPECT_FALSE(valid_mark(""));
    EXPECT_FALSE(valid_mark("a-b"));
    EXPECT_FALSE(valid_mark(std::string(kMaxMark + 1, 'a')));
}

TEST(CreateBody, IsOneListOfRequestsHoweverItIsRead) {
    const std::vector<BatchBody> bodies = {BatchBody::copy_of("{\"a\":1}"),
                                           BatchBody::copy_of("{}"),
                                           BatchBody::copy_of(std::string(1000, 'x'))};
    const std::string expected =
        "{\"requests\":[{\"custom_id\":\"mk-9-0\",\"params\":{\"a\":1}},"
        "{\"custom_id\":\"mk-9-1\",\"params\":{}},{\"custom_id\":\"mk-9-2\",\"params\":" +
        std::string(1000, 'x') + "}]}";
    CreateBody body("mk", 9, bodies);
    EXPECT_EQ(body.size(), expected.size());
    for (const std::size_t chunk : {1u, 2u, 7u, 64u, 4096u}) {
        body.rewind();
        std::string all;
        std::string piece(chunk, '\0');
        while (const std::size_t n = body.read(piece.data(), chunk)) all.append(piece, 0, n);
        EXPECT_EQ(all, expected) << chunk;
    }
}

TEST(CallPacer, LetsThroughWhatIsAllowed) {
    CallPacer pacer(60);
    TimeNs now = 1000 * kNsPerS;
    const TimeNs end = now + 10 * kNsPerMinute;
    int calls = 0;
    for (; now < end; now += 100 * kNsPerMs) {
        if (pacer.next() > now) continue;
        pacer.take(now);
        ++calls;
    }
    EXPECT_GE(calls, 600);
    EXPECT_LE(calls, 607);
}

TEST(CallPacer, APauseHoldsForAll) {
    CallPacer pacer(1000);
    pacer.pause(5 * kNsPerS);
    EXPECT_EQ(pacer.next(), 5 * kNsPerS);
    pacer.pause(3 * kNsPerS);
    EXPECT_EQ(pacer.next(), 5 * kNsPerS);
}

TEST(PollInterval, GrowsFromSecondsToAMinute) {
    const BatchSettings settings;
    const TimeNs call = 60 * kNsPerMs;
    EXPECT_EQ(poll_interval(settings, 10, 0, 1, call), 2 * kNsPerS);
    EXPECT_EQ(poll_interval(settings, 10, 100 * kNsPerS, 1, call), 10 * kNsPerS);
    EXPECT_EQ(poll_interval(settings, 10, 7200 * kNsPerS, 1, call), 60 * kNsPerS);
    EXPECT_EQ(poll_interval(settings, 20'000, 0, 1, call), 20 * kNsPerS);
    // A thousand batches together take half of the calls.
    EXPECT_EQ(poll_interval(settings, 10, 7200 * kNsPerS, 1000, call), 120 * kNsPerS);
}

TEST(CallBackoff, EndsAtAMinute) {
    EXPECT_EQ(call_backoff(0), 0);
    EXPECT_EQ(call_backoff(1), kNsPerS);
    EXPECT_EQ(call_backoff(4), 8 * kNsPerS);
    EXPECT_EQ(call_backoff(1'000'000), 60 * kNsPerS);
}

}  // namespace
}  // namespace weir
