#include <gtest/gtest.h>

#include <vector>

#include "batch/collector.h"

namespace weir {
namespace {

class CollectorTest : public testing::Test {
protected:
    void add(std::uint32_t group, EntryId entry, std::uint64_t bytes = 100, TimeNs now = 0) {
        places_.resize(entry + 1);
        places_[entry] = collector_.add(group, entry, bytes, now);
    }
    std::vector<EntryId> take(TimeNs now) {
        std::vector<EntryId> entries;
        std::uint32_t group = 0;
        return collector_.take(now, &group, &entries) ? entries : std::vector<EntryId>();
    }

    Collector collector_{4, 2000, 60 * kNsPerS};
    std::vector<std::uint64_t> places_;
};

using Entries = std::vector<EntryId>;

TEST_F(CollectorTest, IsClosedByCount) {
    for (EntryId id = 1; id <= 3; ++id) add(0, id);
    EXPECT_EQ(take(0), Entries());
    add(0, 4);
    add(0, 5);
    EXPECT_EQ(collector_.next_timer(), 0);
    EXPECT_EQ(take(0), (Entries{1, 2, 3, 4}));
    EXPECT_EQ(take(0), Entries());
    EXPECT_EQ(collector_.size(), 1u);
}

TEST_F(CollectorTest, IsClosedByBytesAndNeverAboveThem) {
    add(0, 1, 1000);
    EXPECT_EQ(take(0), Entries());
    add(0, 2, 1000);
    EXPECT_EQ(take(0), Entries{1});
    EXPECT_EQ(take(0), Entries());
    EXPECT_FALSE(collector_.ever_fits(2000));
    EXPECT_TRUE(collector_.ever_fits(1800));
}

TEST_F(CollectorTest, IsClosedByAge) {
    add(0, 1, 100, 5);
    add(0, 2, 100, 30 * kNsPerS);
    EXPECT_EQ(collector_.next_timer(), 60 * kNsPerS + 5);
    EXPECT_EQ(take(60 * kNsPerS), Entries());
    EXPECT_EQ(take(60 * kNsPerS + 5), (Entries{1, 2}));
    EXPECT_EQ(collector_.next_timer(), kNever);
}

TEST_F(CollectorTest, AFlushClosesWhatIsThereAndNoMore) {
    add(0, 1);
    add(1, 2);
    collector_.flush();
    add(2, 3);
    EXPECT_EQ(take(0), Entries{1});
    EXPECT_EQ(take(0), Entries{2});
    EXPECT_EQ(take(0), Entries());
}

TEST_F(CollectorTest, GroupsDoNotMix) {
    for (EntryId id = 1; id <= 7; ++id) add(id % 2, id);
    EXPECT_EQ(take(0), (Entries{1, 3, 5, 7}));
    EXPECT_EQ(take(0), Entries());
}

TEST_F(CollectorTest, WhatIsRemovedIsNotTaken) {
    for (EntryId id = 1; id <= 4; ++id) add(0, id);
    collector_.remove(0, places_[2]);
    EXPECT_EQ(take(0), Entries());
    add(0, 5);
    EXPECT_EQ(take(0), (Entries{1, 3, 4, 5}));
    EXPECT_EQ(collector_.size(), 0u);
}

TEST_F(CollectorTest, SmallerBatchesOnceTheProviderWantsThem) {
    for (EntryId id = 1; id <= 4; ++id) add(0, id, 300);
    collector_.lower_max_bytes(900);
    EXPECT_EQ(take(0), (Entries{1, 2}));
    // One that alone is above the bound still goes: the provider has the last word.
    collector_.lower_max_bytes(10);
    EXPECT_EQ(take(0), Entries{3});
}

}  // namespace
}  // namespace weir
