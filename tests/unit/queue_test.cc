#include "queue/queue.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

struct Table {
    std::vector<QueueLink> links = std::vector<QueueLink>(16);
    QueueLink& queue_link(std::uint32_t index) { return links[index]; }
};
using TestQueue = Queue<Table, 4>;

TEST(Queue, IsFirstInFirstOutInAPriority) {
    Table table;
    TestQueue queue(&table, 1);
    for (std::uint32_t i = 0; i < 5; ++i) queue.push_back(0, 2, i);
    for (std::uint32_t i = 0; i < 5; ++i) {
        EXPECT_EQ(queue.head(0, 2), i);
        queue.remove(0, 2, i);
    }
    EXPECT_TRUE(queue.empty(0));
    EXPECT_EQ(queue.size(), 0u);
}

TEST(Queue, WhatComesBackGoesToTheHead) {
    Table table;
    TestQueue queue(&table, 1);
    queue.push_back(0, 1, 3);
    queue.push_front(0, 1, 4);
    EXPECT_EQ(queue.head(0, 1), 4u);
    queue.remove(0, 1, 4);
    EXPECT_EQ(queue.head(0, 1), 3u);
}

TEST(Queue, RemovesFromTheMiddleAndTheEnd) {
    Table table;
    TestQueue queue(&table, 1);
    for (std::uint32_t i = 0; i < 4; ++i) queue.push_back(0, 0, i);
    queue.remove(0, 0, 1);
    queue.remove(0, 0, 3);
    queue.push_back(0, 0, 5);
    for (const std::uint32_t expected : {0u, 2u, 5u}) {
        EXPECT_EQ(queue.head(0, 0), expected);
        queue.remove(0, 0, expected);
    }
    EXPECT_TRUE(queue.empty(0));
}

TEST(Queue, ABlockedLaneIsOpenedByANewHead) {
    Table table;
    TestQueue queue(&table, 2);
    queue.push_back(0, 2, 0);
    queue.block(0, 100);
    queue.push_back(0, 2, 1);
    EXPECT_EQ(queue.blocked_until(0), 100) << "the head that blocked it is still there";
    queue.push_back(0, 0, 2);
    EXPECT_EQ(queue.blocked_until(0), 0) << "a higher priority has a head of its own now";
    queue.block(0, 100);
    queue.remove(0, 2, 0);
    EXPECT_EQ(queue.blocked_until(0), 0);
}

TEST(Queue, LanesDoNotBlockEachOther) {
    Table table;
    TestQueue queue(&table, 2);
    queue.push_back(0, 2, 0);
    queue.push_back(1, 2, 1);
    queue.block(0, 100);
    EXPECT_EQ(queue.blocked_until(1), 0);
    queue.unblock_all();
    EXPECT_EQ(queue.blocked_until(0), 0);
}

}  // namespace
}  // namespace weir
