#include <gtest/gtest.h>

#include <set>

#include "core/request_slab.h"

namespace weir {
namespace {

TEST(RequestSlab, ATicketFindsItsSlotUntilItIsGivenBack) {
    RequestSlab slab;
    const RequestIndex index = slab.take();
    const std::uint64_t ticket = slab.at(index).ticket;
    EXPECT_EQ(RequestSlab::index_of(ticket), index);
    EXPECT_TRUE(slab.outstanding(ticket));
    slab.give_back(index);
    EXPECT_FALSE(slab.outstanding(ticket));
}

TEST(RequestSlab, NoTicketIsGivenTwice) {
    RequestSlab slab;
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 20'000; ++i) {
        const RequestIndex index = slab.take();
        EXPECT_TRUE(seen.insert(slab.at(index).ticket).second);
        if (i % 3 != 0) slab.give_back(index);
    }
}

TEST(RequestSlab, UnknownTicketsAreNotOutstanding) {
    RequestSlab slab;
    EXPECT_FALSE(slab.outstanding(0));
    EXPECT_FALSE(slab.outstanding(1));
    EXPECT_FALSE(slab.outstanding(~0ull));
    slab.take();
    EXPECT_FALSE(slab.outstanding(1));  // the slot is taken, but by another generation
}

TEST(RequestSlab, AGivenBackSlotComesBackAsNew) {
    RequestSlab slab;
    const RequestIndex index = slab.take();
    Request& request = slab.at(index);
    slab.set_tag(index, 7);
    request.attempts = 3;
    request.last_error = std::make_unique<ErrorDetail>();
    slab.give_back(index);
    ASSERT_EQ(slab.take(), index);
    EXPECT_EQ(slab.first_of_tag(7), kNoRequest);
    EXPECT_EQ(request.attempts, 0);
    EXPECT_EQ(request.last_error, nullptr);
}

}  // namespace
}  // namespace weir
