#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/name_hash.h"
#include "base/random.h"
#include "engine/failure.h"
#include "engine/inbox.h"
#include "weir/weir.h"

namespace weir {
namespace {

// An inbox whose loop is the test.
struct Box {
    explicit Box(BoundSettings bounds) : inbox(&slab, &outlook, classes(), std::move(bounds)) {}
    static ModelClasses classes() {
        return ModelClasses(std::vector<LimitSettings::Class>(ModelClasses::kSpare));
    }

    std::uint64_t submit(std::uint8_t priority, std::size_t bytes = 10,
                         const std::string& tenant = "", const BatchWish* wish = nullptr) {
        const BodyRef body(BodyBlock::make(std::string(bytes, 'x'), RequestHead(), {}));
        return inbox.submit({.body = &body,
                             .user_data = 0,
                             .tag = 0,
                             .submitted_at = 0,
                             .deadline_at = kNever,
                             .input_tokens = 0,
                             .output_tokens = 0,
                             .tenant = tenant.empty() ? 0 : name_hash_64(tenant),
                             .affinity = 0,
                             .priority = priority,
                             .batch = wish},
                            &wake);
    }
    // The refusal's sentence; "" if it was accepted.
    std::string refusal(std::uint8_t priority, std::size_t bytes = 10,
                        const std::string& tenant = "") {
        try {
            submit(priority, bytes, tenant);
            return "";
        } catch (const Failure& failure) {
            EXPECT_EQ(failure.code(), WEIR_ERR_QUEUE_FULL);
            return failure.what();
        }
    }
    Request& at(std::uint64_t ticket) { return slab.at(RequestSlab::index_of(ticket)); }
    bool start(std::uint64_t ticket) { return at(ticket).take(Request::Claim::core); }
    // The loop ends only what it has taken.
    void end(std::uint64_t ticket) {
        dropped();
        Inbox::Ended ended(RequestSlab::index_of(ticket));
        inbox.give_back({&ended, 1});
    }
    // The tickets that the loop is told to drop.
    std::vector<std::uint64_t> dropped() {
        Inbox::Batch batch;
        inbox.take(&batch);
        std::vector<std::uint64_t> tickets;
        for (const Inbox::Command& command : batch.commands) {
            if (command.kind == Inbox::Command::Kind::drop) tickets.push_back(command.value);
        }
        return tickets;
    }

    RequestSlab slab;
    Outlook outlook{64};
    Inbox inbox;
    bool wake = false;
};

using Tickets = std::vector<std::uint64_t>;

BoundSettings dropping(std::uint32_t max_requests, std::uint64_t max_bytes = 1'000'000) {
    return {.max_requests = max_requests, .max_bytes = max_bytes, .drop_lowest = true};
}

TEST(QueueBounds, DropsTheNewestOfTheLowest) {
    Box box(dropping(4));
    const std::uint64_t low = box.submit(3);
    const std::uint64_t newest_low = box.submit(3);
    const std::uint64_t normal = box.submit(2);
    box.submit(0);
    box.submit(1);
    EXPECT_EQ(box.dropped(), Tickets{newest_low});
    box.submit(1);
    EXPECT_EQ(box.dropped(), Tickets{low});
    box.submit(1);
    EXPECT_EQ(box.dropped(), Tickets{normal});
    EXPECT_NE(box.refusal(1), "") << "nothing is lower than this one";
    EXPECT_EQ(box.dropped(), Tickets{});
    EXPECT_EQ(box.refusal(0), "");
    EXPECT_EQ(box.dropped().size(), 1u);
}

TEST(QueueBounds, RefusesByDefault) {
    Box box({.max_requests = 1, .max_bytes = 1000});
    box.submit(3);
    EXPECT_NE(box.refusal(0).find("queue.max_requests"), std::string::npos);
    EXPECT_EQ(box.dropped(), Tickets{});
}

TEST(QueueBounds, WhatIsInFlightOrTheBatchLanesIsNotDropped) {
    Box box(dropping(2));
    const BatchWish wish;
    box.submit(3, 10, "", &wish);
    const std::uint64_t started = box.submit(3);
    ASSERT_TRUE(box.start(started));
    EXPECT_NE(box.refusal(0), "");
    box.at(started).claim = Request::Claim::free;  // it waits again
    EXPECT_EQ(box.refusal(0), "");
    EXPECT_EQ(box.dropped(), Tickets{started});
    EXPECT_FALSE(box.start(started));
}

TEST(QueueBounds, DropsAsManyAsTheBytesNeedAndNoneInVain) {
    Box box(dropping(100, 1000));
    Tickets low;
    for (int i = 0; i < 5; ++i) low.push_back(box.submit(3, 100));
    box.submit(1, 500);
    EXPECT_EQ(box.refusal(2, 250), "");
    EXPECT_EQ(box.dropped(), (Tickets{low[4], low[3], low[2]}));
    EXPECT_NE(box.refusal(2, 500).find("queue.max_bytes"), std::string::npos);
    EXPECT_EQ(box.dropped(), Tickets{});
    EXPECT_EQ(box.refusal(2, 50), "");
    EXPECT_EQ(box.dropped(), Tickets{}) << "there was room";
}

TEST(QueueBounds, ACancelledRequestsPlaceIsFreeAtOnce) {
    Box box({.max_requests = 2, .max_bytes = 20});
    const std::uint64_t waiting = box.submit(2);
    const std::uint64_t started = box.submit(2);
    ASSERT_TRUE(box.start(started));
    EXPECT_TRUE(box.inbox.cancel(started, &box.wake));
    EXPECT_NE(box.refusal(2), "") << "it is in flight";
    EXPECT_TRUE(box.inbox.cancel(waiting, &box.wake));
    EXPECT_TRUE(box.inbox.cancel(waiting, &box.wake));
    EXPECT_EQ(box.refusal(2), "");
    EXPECT_NE(box.refusal(2), "");
    box.end(waiting);
    EXPECT_NE(box.refusal(2), "") << "its place was taken before";
    EXPECT_EQ(box.inbox.held().requests, 2u);
}

TEST(QueueBounds, WhatLeavesIsBoundedToo) {
    Box box(dropping(10));
    for (std::uint32_t i = 0; i < 10; ++i) box.submit(3);
    std::uint32_t accepted = 10;
    // A loop that does not turn, and ever more urgent requests.
    Tickets waiting;
    while (accepted < 5'000 && box.refusal(1 + accepted % 2) == "") ++accepted;
    EXPECT_LE(box.inbox.held().requests, 10 + QueueBounds::kMostLeaving);
    for (const std::uint64_t ticket : box.dropped()) box.end(ticket);
    EXPECT_EQ(box.inbox.held().requests, 10u);
}

TEST(QueueBounds, HoldThroughRandomSchedules) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        Random random(seed);
        Box box(dropping(20, 2'000));
        std::vector<std::uint64_t> live;
        std::uint64_t accepted = 0, ended = 0;
        const auto end = [&](std::size_t i) {
            box.end(live[i]);
            live.erase(live.begin() + static_cast<std::ptrdiff_t>(i));
            ++ended;
        };
        for (int step = 0; step < 400; ++step) {
            const std::uint64_t what = random.below(10);
            if (what < 6) {
                try {
                    const auto priority = static_cast<std::uint8_t>(random.below(4));
                    live.push_back(box.submit(priority, 1 + random.below(400)));
                    ++accepted;
                } catch (const Failure&) {
                }
            } else if (live.empty()) {
                continue;
            } else if (what == 6) {
                box.inbox.cancel(live[random.below(live.size())], &box.wake);
            } else if (what == 7) {
                box.start(live[random.below(live.size())]);
            } else if (what == 8) {
                const std::size_t i = random.below(live.size());
                if (box.at(live[i]).claim == Request::Claim::core) end(i);
            } else {
                box.dropped();
                for (std::size_t i = live.size(); i-- > 0;) {
                    const Request::Claim claim = box.at(live[i]).claim;
                    if (claim == Request::Claim::dropped || claim == Request::Claim::cancelled) {
                        end(i);
                    }
                }
                ASSERT_LE(box.inbox.held().requests, 20u) << "seed " << seed;
                ASSERT_LE(box.inbox.held().bytes, 2'000u) << "seed " << seed;
            }
            ASSERT_EQ(box.inbox.held().requests, accepted - ended) << "seed " << seed;
            ASSERT_LE(box.inbox.held().bytes, 2'000u + 500 + 2 * 400) << "seed " << seed;
        }
        while (!live.empty()) end(0);
        EXPECT_EQ(box.inbox.held().requests, 0u);
        EXPECT_EQ(box.inbox.held().bytes, 0u) << "seed " << seed;
    }
}

TEST(TenantBounds, AreEachTenantsOwn) {
    Box box({.max_requests = 100,
             .max_bytes = 10'000,
             .each_tenant = {.requests = 2, .bytes = 100},
             .tenants = {{.name = "bulk", .bound = {.requests = 3, .bytes = 0}}}});
    const std::uint64_t first = box.submit(2, 10, "a");
    EXPECT_EQ(box.refusal(2, 10, "a"), "");
    EXPECT_NE(box.refusal(2, 10, "a").find("queue.tenant_max_requests"), std::string::npos);
    EXPECT_EQ(box.refusal(2, 10, "b"), "");
    EXPECT_NE(box.refusal(2, 91, "b").find("queue.tenant_max_bytes"), std::string::npos);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(box.refusal(2, 10, "bulk"), "");
    EXPECT_NE(box.refusal(2, 10, "bulk").find("tenant.bulk.max_requests"), std::string::npos);
    EXPECT_EQ(box.refusal(2), "") << "requests without a tenant are one's";
    EXPECT_EQ(box.refusal(2), "");
    EXPECT_NE(box.refusal(2), "");
    box.end(first);
    EXPECT_EQ(box.refusal(2, 10, "a"), "");
    EXPECT_NE(box.refusal(2, 10, "a"), "");
}

TEST(TenantBounds, OfOneTenantLeaveTheOthersAlone) {
    Box box({.max_requests = 100,
             .max_bytes = 10'000,
             .tenants = {{.name = "bulk", .bound = {.requests = 0, .bytes = 25}}}});
    const std::uint64_t first = box.submit(2, 10, "bulk");
    box.submit(2, 10, "bulk");
    EXPECT_NE(box.refusal(2, 10, "bulk").find("tenant.bulk.max_bytes"), std::string::npos);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(box.refusal(2, 10, "other"), "");
    box.end(first);
    EXPECT_EQ(box.refusal(2, 10, "bulk"), "");
}

}  // namespace
}  // namespace weir
