#include "queue/queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/random.h"

namespace weir {
namespace {

// Waiting requests without the rest of a request.
struct Table {
    struct Item {
        QueueLink link;
        QueuePlace place;
        TimeNs submitted_at = 0;
        TimeNs deadline_at = kNever;
    };
    std::vector<Item> items = std::vector<Item>(200'000);

    QueueLink& queue_link(std::uint32_t i) { return items[i].link; }
    QueuePlace queue_place(std::uint32_t i) const { return items[i].place; }
    TimeNs submitted_at(std::uint32_t i) const { return items[i].submitted_at; }
    // Each takes its own number of tokens, so that a sum says whose it is.
    Backlog backlog_of(std::uint32_t i) const { return {.requests = 1, .given_input = i + 1}; }
    bool before(std::uint32_t a, std::uint32_t b) const {
        return std::pair(items[a].deadline_at, a) < std::pair(items[b].deadline_at, b);
    }
};

class QueueTest : public ::testing::Test {
protected:
    void use(const QueueSettings& settings, std::size_t lanes = 1) {
        queue_.emplace(&table_, lanes, settings);
    }
    std::uint32_t put(int priority, std::uint64_t tenant, TimeNs at = 0, TimeNs deadline = kNever,
                      std::uint16_t lane = 0) {
        const std::uint32_t index = count_++;
        table_.items[index] = {.link = {},
                               .place = {lane, static_cast<std::uint8_t>(priority), tenant},
                               .submitted_at = at,
                               .deadline_at = deadline};
        queue_->push_back(index);
        return index;
    }
    // Serves what is next, at a cost, and returns it.
    std::uint32_t serve(TimeNs now = 0, TimeNs cost = kNsPerMs, std::size_t lane = 0) {
        const std::uint32_t index = queue_->next(lane, now);
        if (index != QueueLink::kNone) queue_->take(index, cost);
        return index;
    }
    std::uint64_t tenant_of(std::uint32_t index) const { return table_.items[index].place.tenant; }
    int priority_of(std::uint32_t index) const { return table_.items[index].place.priority; }

    Table table_;
    std::optional<Queue<Table>> queue_;
    std::uint32_t count_ = 0;
};

TEST_F(QueueTest, IsFirstInFirstOutInATenant) {
    use({});
    for (int i = 0; i < 5; ++i) put(2, 0);
    for (std::uint32_t i = 0; i < 5; ++i) EXPECT_EQ(serve(), i);
    EXPECT_EQ(serve(), QueueLink::kNone);
    EXPECT_EQ(queue_->size(), 0u);
}

TEST_F(QueueTest, HigherPrioritiesGoFirst) {
    use({});
    for (const int priority : {3, 1, 2, 0, 3, 0}) put(priority, 0);
    std::vector<int> order;
    for (int i = 0; i < 6; ++i) order.push_back(priority_of(serve()));
    EXPECT_EQ(order, (std::vector<int>{0, 0, 1, 2, 3, 3}));
}

TEST_F(QueueTest, WhatComesBackGoesToTheHead) {
    use({});
    const std::uint32_t first = put(2, 0);
    put(2, 0);
    EXPECT_EQ(serve(), first);
    queue_->push_front(first);
    EXPECT_EQ(serve(), first);
}

TEST_F(QueueTest, RemovesFromAnywhere) {
    for (const auto order : {QueueSettings::Order::arrival, QueueSettings::Order::deadline}) {
        count_ = 0;
        use({.order = order});
        Random random(7);
        std::set<std::uint32_t> in;
        for (int i = 0; i < 2'000; ++i) {
            in.insert(put(static_cast<int>(random.below(4)),
                          static_cast<std::uint32_t>(random.below(5)), i,
                          static_cast<TimeNs>(random.below(1'000))));
            if (random.below(2) == 0) {
                auto victim = in.begin();
                std::advance(victim, static_cast<long>(random.below(in.size())));
                queue_->remove(*victim);
                in.erase(victim);
            }
        }
        EXPECT_EQ(queue_->size(), in.size());
        while (!in.empty()) ASSERT_EQ(in.erase(serve()), 1u);
        EXPECT_TRUE(queue_->empty(0));
    }
}

TEST_F(QueueTest, TheBacklogIsThatOfWhatWaits) {
    for (const auto order : {QueueSettings::Order::arrival, QueueSettings::Order::deadline}) {
        count_ = 0;
        use({.order = order});
        Random random(11);
        std::set<std::uint32_t> in;
        for (int i = 0; i < 2'000; ++i) {
            const auto tenant = static_cast<std::uint32_t>(random.below(5));
            const auto deadline = static_cast<TimeNs>(random.below(1'000));
            in.insert(put(static_cast<int>(random.below(4)), tenant, i, deadline));
            if (random.below(3) == 0) in.erase(serve());
            if (random.below(3) == 0 && !in.empty()) {
                const std::uint32_t index = *in.begin();
                queue_->remove(index);
                if (random.below(2) == 0) {
                    queue_->push_front(index);
                } else {
                    in.erase(index);
                }
            }
        }
        Backlog expected[kPriorities];
        for (const std::uint32_t index : in) {
            expected[priority_of(index)].add(table_.backlog_of(index), 1);
        }
        for (std::size_t priority = 0; priority < kPriorities; ++priority) {
            EXPECT_EQ(queue_->backlog(0, priority).requests, expected[priority].requests);
            EXPECT_EQ(queue_->backlog(0, priority).given_input, expected[priority].given_input);
        }
    }
}

TEST_F(QueueTest, PlacesComeTrue) {
    for (const auto order : {QueueSettings::Order::arrival, QueueSettings::Order::deadline}) {
        count_ = 0;
        use({.order = order, .ageing_ns = 0});
        Random random(13);
        std::map<std::uint32_t, std::uint64_t> ahead;
        for (int i = 0; i < 300; ++i) {
            const auto tenant = static_cast<std::uint32_t>(random.below(3));
            const auto deadline = static_cast<TimeNs>(random.below(1'000));
            ahead[put(static_cast<int>(random.below(4)), tenant, i, deadline)] = 0;
        }
        for (auto& [index, before] : ahead) {
            const auto places =
                queue_->ahead(table_.queue_place(index), queue_->position(index), 1);
            for (const std::uint64_t place : places) before += place;
        }
        // Equal costs: only the order among tenants at the same point is open.
        for (std::uint64_t place = 0; place < 300; ++place) {
            const std::uint64_t expected = ahead.at(serve(0, 1));
            EXPECT_LE(place < expected ? expected - place : place - expected, 3u);
        }
    }
}

TEST_F(QueueTest, OneTenantIsToldFromMore) {
    use({});
    std::uint64_t tenant = 0;
    EXPECT_FALSE(queue_->sole_tenant(0, 2, &tenant));
    put(2, 9);
    put(2, 9);
    EXPECT_TRUE(queue_->sole_tenant(0, 2, &tenant));
    EXPECT_EQ(tenant, 9u);
    put(2, 8);
    EXPECT_FALSE(queue_->sole_tenant(0, 2, &tenant));
}

TEST_F(QueueTest, TheNearestDeadlineGoesFirstWhereSoConfigured) {
    use({.order = QueueSettings::Order::deadline});
    Random random(5);
    for (int i = 0; i < 500; ++i) put(2, 0, i, static_cast<TimeNs>(random.below(10'000)));
    put(2, 0, 1'000);  // without a deadline
    TimeNs last = 0;
    for (int i = 0; i < 501; ++i) {
        const TimeNs deadline = table_.items[serve()].deadline_at;
        EXPECT_GE(deadline, last);
        last = deadline;
    }
    EXPECT_EQ(last, kNever);
}

TEST_F(QueueTest, BackloggedEqualTenantsStayWithinTwiceTheLargestCost) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        count_ = 0;
        use({});
        Random random(seed);
        for (int i = 0; i < 4'000; ++i) put(2, static_cast<std::uint32_t>(i % 2));
        std::map<std::uint64_t, TimeNs> served;
        TimeNs largest = 0;
        for (int i = 0; i < 1'500; ++i) {
            // Tenant 1's requests cost ten times as much.
            const std::uint32_t next = queue_->next(0, 0);
            const TimeNs cost =
                static_cast<TimeNs>(1 + random.below(tenant_of(next) == 1 ? 1'000'000 : 100'000));
            largest = std::max(largest, cost);
            queue_->take(next, cost);
            served[tenant_of(next)] += cost;
            ASSERT_LE(std::abs(served[0] - served[1]), 2 * largest) << "seed " << seed;
        }
    }
}

TEST_F(QueueTest, WeightsOfThreeToOneGiveThreeToOne) {
    use({.tenant_weights = {{1, 3}}});
    Random random(11);
    for (int i = 0; i < 40'000; ++i) put(2, static_cast<std::uint32_t>(i % 2));
    std::map<std::uint64_t, TimeNs> served;
    for (int i = 0; i < 20'000; ++i) {
        const std::uint32_t next = queue_->next(0, 0);
        const TimeNs cost = static_cast<TimeNs>(1'000 + random.below(100'000));
        queue_->take(next, cost);
        served[tenant_of(next)] += cost;
    }
    EXPECT_NEAR(static_cast<double>(served[1]) / static_cast<double>(served[0]), 3.0, 0.06);
}

TEST_F(QueueTest, AnIdleTenantSavesNoCreditUp) {
    use({});
    for (int i = 0; i < 1'000; ++i) put(2, 0);
    for (int i = 0; i < 500; ++i) serve();
    for (int i = 0; i < 100; ++i) put(2, 1);
    int of_newcomer = 0;
    for (int i = 0; i < 100; ++i) of_newcomer += tenant_of(serve()) == 1 ? 1 : 0;
    EXPECT_NEAR(of_newcomer, 50, 1);
}

TEST_F(QueueTest, AFewRequestsAfterEachOtherAreNoWayAroundFairness) {
    use({});
    for (int i = 0; i < 1'000; ++i) put(2, 0);
    int of_single = 0;
    put(2, 1);
    for (int i = 0; i < 400; ++i) {
        if (tenant_of(serve()) == 1) {
            ++of_single;
            put(2, 1);  // always one, never two
        }
    }
    EXPECT_NEAR(of_single, 200, 2);
}

TEST_F(QueueTest, AnUnderestimatedRequestIsChargedAfterwards) {
    use({});
    for (int i = 0; i < 200; ++i) put(2, static_cast<std::uint32_t>(i % 2));
    const std::uint32_t first = serve(0, kNsPerMs);
    queue_->charge(table_.queue_place(first), 20 * kNsPerMs);
    int of_other = 0;
    for (int i = 0; i < 20; ++i) of_other += tenant_of(serve()) != tenant_of(first) ? 1 : 0;
    EXPECT_EQ(of_other, 20);
}

TEST_F(QueueTest, ABulkTenantDoesNotDelayAnInteractiveOne) {
    use({});
    for (int i = 0; i < 100'000; ++i) put(2, 0);
    for (int i = 0; i < 50; ++i) serve();
    const std::uint32_t interactive = put(2, 1);
    EXPECT_TRUE(serve() == interactive || serve() == interactive);
}

TEST_F(QueueTest, WhatHasAgedGetsOneTurnOfFour) {
    use({.ageing_ns = 10 * kNsPerS});
    const std::uint32_t old = put(3, 0, 0);
    for (int i = 0; i < 100; ++i) put(0, 0, 10 * kNsPerS);
    EXPECT_EQ(priority_of(queue_->next(0, 9 * kNsPerS)), 0);
    int turns = 0;
    while (serve(20 * kNsPerS) != old) ++turns;
    EXPECT_LE(turns, 3);
}

TEST_F(QueueTest, AnAgedBacklogDoesNotHoldUpWhatIsUrgent) {
    use({.ageing_ns = kNsPerS});
    for (int i = 0; i < 1'000; ++i) put(3, 0, 0);
    const std::uint32_t urgent = put(0, 1, 100 * kNsPerS);
    EXPECT_TRUE(serve(100 * kNsPerS) == urgent || serve(100 * kNsPerS) == urgent);
}

TEST_F(QueueTest, WeightedPrioritiesShareByWeight) {
    use({.sharing = QueueSettings::Sharing::weighted, .weights = {8, 4, 2, 1}, .ageing_ns = 0});
    for (int i = 0; i < 40'000; ++i) put(i % 4, 0);
    std::map<int, int> served;
    for (int i = 0; i < 15'000; ++i) ++served[priority_of(serve())];
    for (int priority = 0; priority < 4; ++priority) {
        EXPECT_NEAR(served[priority], 1'000 * (8 >> priority), 20) << "priority " << priority;
    }
}

TEST_F(QueueTest, ABlockedLaneIsOpenedByANewHead) {
    use({});
    const std::uint32_t first = put(2, 0);
    queue_->block(0, 100);
    put(2, 0);
    EXPECT_EQ(queue_->blocked_until(0), 100) << "the head that blocked it is still there";
    put(0, 0);
    EXPECT_EQ(queue_->blocked_until(0), 0) << "a higher priority has a head of its own now";
    queue_->block(0, 100);
    queue_->remove(first);
    EXPECT_EQ(queue_->blocked_until(0), 0);
}

TEST_F(QueueTest, LanesDoNotBlockEachOther) {
    use({}, 2);
    put(2, 0, 0, kNever, 0);
    const std::uint32_t other = put(2, 0, 0, kNever, 1);
    queue_->block(0, 100);
    EXPECT_EQ(queue_->blocked_until(1), 0);
    EXPECT_EQ(serve(0, 1, 1), other);
    queue_->unblock_all();
    EXPECT_EQ(queue_->blocked_until(0), 0);
}

TEST_F(QueueTest, ATenantAtItsBoundIsPassedBy) {
    use({.tenant_max_in_flight = 2, .tenant_bounds = {{7, 1}}}, 2);
    for (int i = 0; i < 10; ++i) put(1, 5);
    for (int i = 0; i < 10; ++i) put(2, 6, 0, kNever, 1);
    put(1, 7);
    put(1, 7);
    const std::uint32_t other = put(3, 8);
    std::map<std::uint64_t, int> started;
    for (int i = 0; i < 3; ++i) ++started[tenant_of(serve())];
    EXPECT_EQ(started[5], 2);
    EXPECT_EQ(started[7], 1);
    EXPECT_EQ(serve(), other) << "a lower priority goes where the higher ones may not";
    EXPECT_EQ(serve(), QueueLink::kNone);
    EXPECT_FALSE(queue_->empty(0));
    EXPECT_EQ(queue_->waiting(0, 1), 9u);
    EXPECT_FALSE(queue_->any_may_go(0, 1));
    queue_->block(0, kNever);
    const std::uint32_t parked = put(1, 5);
    EXPECT_EQ(serve(), QueueLink::kNone) << "what comes to a tenant at its bound waits too";
    queue_->remove(parked);
    EXPECT_EQ(tenant_of(serve(0, 1, 1)), 6u);
    queue_->block(0, kNever);
    queue_->ended(5);
    EXPECT_EQ(queue_->blocked_until(0), 0);
    EXPECT_EQ(tenant_of(serve()), 5u);
    EXPECT_EQ(serve(), QueueLink::kNone);
    queue_->ended(7);
    EXPECT_EQ(tenant_of(serve()), 7u);
}

// However much waits, a tenant at its bound costs one step of its flow, and not of its requests.
TEST_F(QueueTest, ParkedFlowsSurviveWhatIsRemoved) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        count_ = 0;
        use({.tenant_max_in_flight = 2});
        Random random(seed);
        std::set<std::uint32_t> waiting;
        std::multiset<std::uint64_t> in_flight;
        for (int i = 0; i < 1'000; ++i) {
            const std::uint64_t what = random.below(4);
            if (what < 2) {
                waiting.insert(put(static_cast<int>(random.below(4)), random.below(6), i));
            } else if (what == 2 && !waiting.empty() && random.below(3) == 0) {
                queue_->remove(*waiting.begin());
                waiting.erase(waiting.begin());
            } else if (!in_flight.empty() && random.below(2) == 0) {
                queue_->ended(*in_flight.begin());
                in_flight.erase(in_flight.begin());
            }
            for (;;) {
                const std::uint32_t index = serve(i);
                if (index == QueueLink::kNone) break;
                ASSERT_EQ(waiting.erase(index), 1u) << "seed " << seed;
                in_flight.insert(tenant_of(index));
                ASSERT_LE(in_flight.count(tenant_of(index)), 2u) << "seed " << seed;
            }
            // Who waits has all in flight that it may.
            for (const std::uint32_t index : waiting) {
                ASSERT_EQ(in_flight.count(tenant_of(index)), 2u) << "seed " << seed;
            }
        }
    }
}

TEST_F(QueueTest, WhatIsBehindIsVisitedInBounds) {
    use({});
    const std::uint32_t head = put(2, 0);
    for (int i = 0; i < 50; ++i) put(2, static_cast<std::uint32_t>(i % 3));
    std::set<std::uint32_t> seen;
    queue_->for_some_behind(0, head, 8, [&](std::uint32_t index) {
        EXPECT_NE(index, head);
        EXPECT_TRUE(seen.insert(index).second);
        return true;
    });
    EXPECT_EQ(seen.size(), 8u);
}

}  // namespace
}  // namespace weir
