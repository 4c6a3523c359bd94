#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <string>
#include <vector>

#include "engine/failure.h"
#include "engine/inbox.h"
#include "engine/outbox.h"
#include "weir/weir.h"

namespace weir {
namespace {

bool readable(int fd) {
    pollfd poll_fd{fd, POLLIN, 0};
    return ::poll(&poll_fd, 1, 0) == 1;
}

// ---- Outbox ----

weir_event numbered(std::uint64_t ticket, std::string_view data = "x") {
    weir_event event = make_data_event(WEIR_EVENT_STREAM, data);
    event.ticket = ticket;
    return event;
}

// Takes one event, releases it, and gives its ticket; 0 if there is none.
std::uint64_t take_ticket(Outbox* outbox) {
    weir_event event{};
    if (outbox->take(&event, sizeof event, 1).count == 0) return 0;
    const std::uint64_t ticket = event.ticket;
    release_event(&event);
    return ticket;
}

void push(Outbox* outbox, std::uint64_t ticket, std::string_view data = "x") {
    const weir_event event = numbered(ticket, data);
    ASSERT_EQ(outbox->push({&event, 1}).count, 1u);
}

TEST(Outbox, KeepsOrderThroughGrowth) {
    Outbox outbox(1 << 20, 1 << 20);
    std::uint64_t next = 1, taken = 1;
    for (int round = 0; round < 50; ++round) {
        for (int i = 0; i < 40; ++i) push(&outbox, next++);
        for (int i = 0; i < 13; ++i) ASSERT_EQ(take_ticket(&outbox), taken++);
    }
    while (taken < next) ASSERT_EQ(take_ticket(&outbox), taken++);
    EXPECT_EQ(take_ticket(&outbox), 0u);
}

TEST(Outbox, DescriptorMirrorsWhetherEventsWait) {
    Outbox outbox(100, 100);
    EXPECT_FALSE(readable(outbox.fd()));
    const weir_event first = numbered(1);
    EXPECT_TRUE(outbox.push({&first, 1}).began);
    EXPECT_TRUE(readable(outbox.fd()));
    const weir_event second = numbered(2);
    EXPECT_FALSE(outbox.push({&second, 1}).began);
    take_ticket(&outbox);
    EXPECT_TRUE(readable(outbox.fd()));
    take_ticket(&outbox);
    EXPECT_FALSE(readable(outbox.fd()));
    EXPECT_TRUE(outbox.push_log(make_data_event(WEIR_EVENT_LOG, "line")));
    EXPECT_TRUE(readable(outbox.fd()));
    take_ticket(&outbox);
    EXPECT_FALSE(readable(outbox.fd()));
}

TEST(Outbox, WritesAtTheCallersStride) {
    struct Larger {
        weir_event event;
        std::uint64_t more;
    };
    Outbox outbox(100, 100);
    for (std::uint64_t i = 1; i <= 3; ++i) push(&outbox, i);
    std::array<Larger, 3> events;
    for (Larger& larger : events) larger.more = 7;
    const Outbox::Taken taken = outbox.take(events.data(), sizeof(Larger), 2);
    EXPECT_EQ(taken.count, 2u);
    EXPECT_EQ(events[0].event.ticket, 1u);
    EXPECT_EQ(events[1].event.ticket, 2u);
    EXPECT_EQ(events[1].more, 0u);
    EXPECT_EQ(events[2].more, 7u);
    for (int i = 0; i < 2; ++i) release_event(&events[static_cast<std::size_t>(i)].event);
}

TEST(Outbox, TellsWhenItIsFullAndWhenNoMore) {
    Outbox outbox(10, 100);
    const weir_event large = numbered(1, "0123456789ab");
    EXPECT_TRUE(outbox.push({&large, 1}).full);
    const weir_event small = numbered(2, "0123456789");
    EXPECT_TRUE(outbox.push({&small, 1}).full);
    weir_event event{};
    Outbox::Taken taken = outbox.take(&event, sizeof event, 1);
    release_event(&event);
    EXPECT_TRUE(taken.tell_loop);  // 10 bytes are within the bound
    taken = outbox.take(&event, sizeof event, 1);
    release_event(&event);
    EXPECT_FALSE(taken.tell_loop);  // it has been told
    EXPECT_FALSE(outbox.push({}).full);
}

TEST(Outbox, FinishedOnlyWhenEmpty) {
    Outbox outbox(100, 100);
    push(&outbox, 1);
    outbox.finish();
    weir_event event{};
    EXPECT_FALSE(outbox.take(&event, sizeof event, 1).finished);
    release_event(&event);
    EXPECT_TRUE(outbox.take(&event, sizeof event, 1).finished);
}

TEST(Outbox, OldLogRecordsGiveWay) {
    Outbox outbox(100, 100);
    for (int i = 0; i < 200; ++i) {
        outbox.push_log(make_data_event(WEIR_EVENT_LOG, std::to_string(i)));
    }
    EXPECT_EQ(outbox.waiting().events, 128u);
    EXPECT_GE(outbox.dropped_logs(), 72u);
    weir_event event{};
    ASSERT_EQ(outbox.take(&event, sizeof event, 1).count, 1u);
    EXPECT_STREQ(static_cast<const char*>(event.data), "72");
    release_event(&event);
    EXPECT_EQ(outbox.dropped_logs(), 0u);
}

// ---- Inbox ----

struct Box {
    explicit Box(std::uint32_t max_requests = 10, std::uint64_t max_bytes = 1000)
        : inbox(&slab, &outlook, ModelClasses(classes()),
                {.max_requests = max_requests, .max_bytes = max_bytes}) {
        RequestHead head;
        body = BodyRef(BodyBlock::make("0123456789", head, {}));
    }
    static std::vector<LimitSettings::Class> classes() {
        return std::vector<LimitSettings::Class>(ModelClasses::kSpare);
    }
    std::uint64_t submit(std::uint64_t tag = 0) {
        return inbox.submit({.body = &body,
                             .user_data = 0,
                             .tag = tag,
                             .submitted_at = 0,
                             .deadline_at = kNever,
                             .input_tokens = 0,
                             .output_tokens = 0,
                             .tenant = 0,
                             .affinity = 0,
                             .priority = 2,
                             .batch = nullptr},
                            &wake);
    }
    std::int32_t refusal() {
        try {
            submit();
            return WEIR_OK;
        } catch (const Failure& failure) {
            return failure.code();
        }
    }
    void end(RequestIndex index) {
        Inbox::Ended ended(index);
        inbox.give_back({&ended, 1});
    }

    RequestSlab slab;
    Outlook outlook{ModelClasses::kSpare};
    Inbox inbox;
    BodyRef body;
    bool wake = false;
};

TEST(Inbox, BoundsAreExact) {
    Box by_count(3);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(by_count.refusal(), WEIR_OK);
    EXPECT_EQ(by_count.refusal(), WEIR_ERR_QUEUE_FULL);
    by_count.end(1);
    EXPECT_EQ(by_count.refusal(), WEIR_OK);
    EXPECT_EQ(by_count.refusal(), WEIR_ERR_QUEUE_FULL);

    Box by_bytes(10, 25);
    EXPECT_EQ(by_bytes.refusal(), WEIR_OK);
    EXPECT_EQ(by_bytes.refusal(), WEIR_OK);
    EXPECT_EQ(by_bytes.refusal(), WEIR_ERR_QUEUE_FULL);
    EXPECT_EQ(by_bytes.inbox.held().bytes, 20u);
    by_bytes.end(0);
    EXPECT_EQ(by_bytes.inbox.held().bytes, 10u);
    EXPECT_EQ(by_bytes.refusal(), WEIR_OK);
}

TEST(Inbox, KeepsTheOrderOfRequestsAndCommands) {
    Box box;
    const std::uint64_t first = box.submit(5);
    EXPECT_TRUE(box.inbox.cancel_tag(5, &box.wake));
    const std::uint64_t second = box.submit(5);
    EXPECT_TRUE(box.inbox.cancel(first, &box.wake));
    Inbox::Batch batch;
    box.inbox.take(&batch);
    EXPECT_EQ(batch.first, RequestSlab::index_of(first));
    EXPECT_EQ(box.slab.at(batch.first).link.next, RequestSlab::index_of(second));
    ASSERT_EQ(batch.commands.size(), 2u);
    EXPECT_EQ(batch.commands[0].after, RequestSlab::index_of(first));
    EXPECT_EQ(batch.commands[1].after, RequestSlab::index_of(second));
    box.inbox.take(&batch);
    EXPECT_EQ(batch.first, kNoRequest);
    EXPECT_TRUE(batch.commands.empty());
}

TEST(Inbox, KnowsWhatIsOutstanding) {
    Box box;
    const std::uint64_t ticket = box.submit(7);
    box.submit(7);
    EXPECT_FALSE(box.inbox.cancel(ticket + 12345, &box.wake));
    EXPECT_FALSE(box.inbox.cancel(0, &box.wake));
    EXPECT_FALSE(box.inbox.cancel_tag(8, &box.wake));
    box.end(RequestSlab::index_of(ticket));
    EXPECT_FALSE(box.inbox.cancel(ticket, &box.wake));
    EXPECT_TRUE(box.inbox.cancel_tag(7, &box.wake));
    box.end(1);
    EXPECT_FALSE(box.inbox.cancel_tag(7, &box.wake));
}

TEST(Inbox, WakesASleepingLoopOnce) {
    Box box;
    EXPECT_TRUE(box.inbox.prepare_sleep());
    box.submit();
    EXPECT_TRUE(box.wake);
    box.submit();
    EXPECT_FALSE(box.wake);
    EXPECT_FALSE(box.inbox.prepare_sleep());
    Inbox::Batch batch;
    box.inbox.take(&batch);
    EXPECT_TRUE(box.inbox.prepare_sleep());
}

TEST(Inbox, ClosesOnce) {
    Box box;
    bool wake = false;
    box.inbox.close(&wake);
    EXPECT_TRUE(wake);
    EXPECT_EQ(box.refusal(), WEIR_ERR_CLOSED);
    Inbox::Batch batch;
    box.inbox.take(&batch);
    EXPECT_TRUE(batch.close);
    box.inbox.take(&batch);
    EXPECT_FALSE(batch.close);
    box.inbox.fail();
    EXPECT_EQ(box.refusal(), WEIR_ERR_INTERNAL);
}

}  // namespace
}  // namespace weir
