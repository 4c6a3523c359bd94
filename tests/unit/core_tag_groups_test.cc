#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "base/random.h"
#include "core/tag_groups.h"

namespace weir {
namespace {

struct Table {
    std::vector<TagLink> links;
    TagLink& tag_link(std::uint32_t index) { return links[index]; }
};

std::set<std::uint32_t> members(Table& table, const TagGroups<Table>& groups, std::uint64_t tag) {
    std::set<std::uint32_t> found;
    std::uint32_t index = groups.first(tag);
    for (; index != TagLink::kNone; index = table.tag_link(index).next) {
        if (!found.insert(index).second) break;  // it goes round
    }
    return found;
}

TEST(TagGroups, AreAsTheirMembersCameAndWent) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        Random random(seed);
        Table table{std::vector<TagLink>(400)};
        TagGroups<Table> groups(&table);
        std::vector<std::uint64_t> tag_of(table.links.size(), 0);
        std::map<std::uint64_t, std::set<std::uint32_t>> expected;
        // Few tags and many, small numbers and ones that are far apart.
        const std::uint64_t tags = 1 + random.below(500);
        const std::uint64_t factor = random.below(2) == 0 ? 1 : random.next() | 1;
        for (int step = 0; step < 3'000; ++step) {
            const auto index = static_cast<std::uint32_t>(random.below(table.links.size()));
            std::uint64_t& tag = tag_of[index];
            if (tag != 0) {
                groups.leave(index);
                expected[tag].erase(index);
                tag = 0;
            } else {
                tag = (1 + random.below(tags)) * factor;
                if (tag == 0) tag = 1;
                groups.join(index, tag);
                expected[tag].insert(index);
                EXPECT_EQ(groups.first(tag), index);
            }
            const std::uint64_t other = tag_of[random.below(tag_of.size())];
            if (other == 0) continue;
            ASSERT_EQ(members(table, groups, other), expected[other]) << "seed " << seed;
        }
        for (const auto& [tag, indices] : expected) {
            ASSERT_EQ(members(table, groups, tag), indices) << "seed " << seed;
        }
    }
}

TEST(TagGroups, WhatIsOfNoGroupLeavesNone) {
    Table table{std::vector<TagLink>(2)};
    TagGroups<Table> groups(&table);
    EXPECT_EQ(groups.first(1), TagLink::kNone);
    groups.leave(0);
    groups.join(1, 1);
    groups.leave(0);
    EXPECT_EQ(groups.first(1), 1u);
    groups.leave(1);
    groups.leave(1);
    EXPECT_EQ(groups.first(1), TagLink::kNone);
}

}  // namespace
}  // namespace weir
