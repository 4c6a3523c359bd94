#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "batch_machine_frame.h"
#include "weir/weir.h"

namespace weir {
namespace {

using test::MachineTest;

class RefusalTest : public MachineTest {
protected:
    // Creations of n requests, where the provider refuses what holds one of `bad`. Returns how many
    // creations there were.
    std::size_t create_all(std::size_t n, const std::set<std::uint64_t>& bad, bool named) {
        bad_ = bad;
        named_ = named;
        restart();
        calls_.clear();
        failed_.clear();
        for (std::uint64_t ticket = 1; ticket <= n; ++ticket) {
            submit(with_body(ticket));
        }
        to_creation();
        std::size_t creations = 0;
        while (!calls_.empty()) {
            const BatchCall call = calls_.front();
            calls_.erase(calls_.begin());
            if (call.kind == BatchCall::Kind::create) {
                ++creations;
                answer_creation(call);
            }
        }
        for (const BatchAction& action : actions_) {
            if (action.kind != BatchAction::Kind::fail) continue;
            EXPECT_EQ(action.status, WEIR_ERR_REJECTED);
            EXPECT_FALSE(action.maybe_executed);
            failed_.insert(action.ticket);
        }
        actions_.clear();
        return creations;
    }
    void answer_creation(const BatchCall& call) {
        const std::vector<std::uint64_t> tickets = tickets_of(call);
        for (std::size_t i = 0; i < tickets.size(); ++i) {
            if (!bad_.contains(tickets[i])) continue;
            if (named_) refused_at_ = {static_cast<std::uint32_t>(i)};
            return answer(call, 400);
        }
        BatchObject made =
            batch(BatchObject::Status::in_progress, static_cast<std::int64_t>(tickets.size()));
        made.id = "msgbatch_" + std::to_string(call.submission);
        answer(call, 200, &made);
    }
    static BatchMachine::Accept with_body(std::uint64_t ticket) {
        BatchMachine::Accept accept = request(ticket);
        accept.custom_id = std::to_string(ticket);
        return accept;
    }
    // Entries are numbered as tickets are here.
    std::vector<std::uint64_t> tickets_of(const BatchCall& call) const {
        return placed_.at(call.submission);
    }
    void on_record(const JournalRecord& record) override {
        if (const auto* intent = std::get_if<IntentRecord>(&record)) {
            placed_[intent->submission] = intent->entries;
        }
    }
    std::size_t in_batches() const {
        std::size_t requests = 0;
        for (const BatchView& view : views()) requests += view.open;
        return requests;
    }

    std::set<std::uint64_t> bad_;
    bool named_ = false;
    std::set<std::uint64_t> failed_;
    std::map<SubmissionId, std::vector<EntryId>> placed_;
};

TEST_F(RefusalTest, ARequestThatTheRefusalNamesFailsAloneAndTheRestGoesInOneBatch) {
    EXPECT_EQ(create_all(50, {8}, true), 2u);
    EXPECT_EQ(failed_, (std::set<std::uint64_t>{8}));
    EXPECT_EQ(in_batches(), 49u);
    EXPECT_EQ(machine_->counts().submitted, 1u);
    EXPECT_EQ(create_all(1, {1}, true), 1u);
    EXPECT_EQ(failed_.size(), 1u);
}

TEST_F(RefusalTest, ManyThatAreNamedCostTwoCreationsEachAtMost) {
    std::set<std::uint64_t> bad;
    for (std::uint64_t ticket = 1; ticket <= 200; ticket += 4) bad.insert(ticket);
    EXPECT_LE(create_all(200, bad, true), 2 * bad.size() + 1);
    EXPECT_EQ(failed_, bad);
    EXPECT_EQ(in_batches(), 150u);
}

TEST_F(RefusalTest, OneThatIsNotNamedIsFoundByHalving) {
    for (const std::size_t n : {1u, 2u, 3u, 5u, 7u, 8u, 9u, 17u, 33u, 50u}) {
        const double bound = 2 * std::log2(static_cast<double>(n)) + 2;
        for (std::uint64_t bad = 1; bad <= n; ++bad) {
            ASSERT_LE(static_cast<double>(create_all(n, {bad}, false)), bound) << n << ' ' << bad;
            ASSERT_EQ(failed_, (std::set<std::uint64_t>{bad}));
            ASSERT_EQ(in_batches(), n - 1);
        }
    }
}

TEST_F(RefusalTest, SeveralAreFoundByHalving) {
    const std::set<std::uint64_t> bad{1, 2, 31, 64, 100};
    const double bound = 5 * (2 * std::log2(100.0) + 2);
    EXPECT_LE(static_cast<double>(create_all(100, bad, false)), bound);
    EXPECT_EQ(failed_, bad);
    EXPECT_EQ(in_batches(), 95u);
}

// A position that there is not is no name.
TEST_F(RefusalTest, APositionBeyondTheBatchIsHalvedFor) {
    submit(1);
    submit(2);
    to_creation();
    refused_at_ = {7};
    answer(expect_call(BatchCall::Kind::create), 400);
    EXPECT_EQ(terminal(), 0);
    EXPECT_EQ(expect_call(BatchCall::Kind::create).submission, 2u);
}

TEST_F(RefusalTest, ARefusalDoesNotCountAgainstTheAttempts) {
    settings_.max_attempts = 1;
    EXPECT_EQ(create_all(20, {8, 9, 10}, true), 4u);
    EXPECT_EQ(in_batches(), 17u);
}

TEST_F(RefusalTest, WhatIsOfTheAccountOrThePathEndsAll) {
    for (const int status : {401, 404}) {
        restart();
        calls_.clear();
        submit(1);
        submit(2);
        to_creation();
        answer(expect_call(BatchCall::Kind::create), status);
        EXPECT_TRUE(calls_.empty());
        EXPECT_EQ(std::count_if(actions_.begin(), actions_.end(),
                                [](const BatchAction& action) {
                                    return action.kind == BatchAction::Kind::fail;
                                }),
                  2);
        actions_.clear();
    }
}

// The second half goes on by itself where the first one's creation is in doubt.
TEST_F(RefusalTest, ADoubtOfTheFirstHalfDoesNotHoldTheSecondBack) {
    for (std::uint64_t ticket = 1; ticket <= 4; ++ticket) submit(ticket);
    to_creation();
    answer(expect_call(BatchCall::Kind::create), 400);
    answer(expect_call(BatchCall::Kind::create), 500);
    ASSERT_EQ(calls_.size(), 2u);
    EXPECT_EQ(calls_[0].kind, BatchCall::Kind::list);
    EXPECT_EQ(calls_[1].kind, BatchCall::Kind::create);
}

}  // namespace
}  // namespace weir
