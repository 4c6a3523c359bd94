#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "batch_machine_frame.h"
#include "weir/weir.h"

namespace weir {
namespace {

using test::MachineTest;

TEST_F(MachineTest, ABatchFromSubmitToForgotten) {
    const EntryId first = submit(1);
    submit(2);
    ASSERT_EQ(actions_.size(), 2u);
    EXPECT_EQ(actions_[0].kind, BatchAction::Kind::durable);
    actions_.clear();
    const BatchCall call = to_results(2);
    result(call, "mk-1-1");
    EXPECT_EQ(terminal(), 1);
    result(call, "mk-1-0", BatchResult::Type::errored);
    EXPECT_EQ(terminal(), WEIR_ERR_REJECTED);
    answer(call, 200);
    EXPECT_EQ(machine_->entries(), 2u);
    machine_->acknowledge(first, &out_);
    machine_->acknowledge(first + 1, &out_);
    run();
    EXPECT_EQ(machine_->entries(), 0u);
    EXPECT_TRUE(views().empty());
}

TEST_F(MachineTest, A413MakesSmallerBatches) {
    for (std::uint64_t i = 1; i <= 4; ++i) submit(i);
    to_creation();
    answer(expect_call(BatchCall::Kind::create), 413);
    ASSERT_GE(calls_.size(), 2u);
    for (const BatchCall& call : calls_) {
        EXPECT_EQ(call.kind, BatchCall::Kind::create);
    }
    EXPECT_EQ(terminal(), 0);
}

TEST_F(MachineTest, QueuePlacesHoldABatchBack) {
    settings_.queue_places = 100;
    settings_.account_limits = {{.queue_places = 3}};  // of this account
    restart();
    submit(1);
    submit(2);
    create(2);
    EXPECT_EQ(machine_->limits(0, now_).queue_places, 3u);
    EXPECT_EQ(machine_->limits(0, now_).places_taken, 2u);
    EXPECT_EQ(machine_->limits(0, now_).calls_per_minute, settings_.calls_per_minute);
    submit(3);
    submit(4);
    machine_->flush();
    run();
    EXPECT_TRUE(calls_.empty());
    pass(2 * kNsPerS);
    const BatchObject ended = batch(BatchObject::Status::ended, 2);
    answer(expect_call(BatchCall::Kind::retrieve), 200, &ended);
    ASSERT_EQ(calls_.size(), 2u);
    EXPECT_EQ(calls_[0].kind, BatchCall::Kind::results);
    EXPECT_EQ(calls_[1].kind, BatchCall::Kind::create);
}

class TwoAccountsTest : public MachineTest {
protected:
    void two_batches_for_each() {
        machine_ = std::make_unique<BatchMachine>(settings_, std::vector<std::string>{"a", "b"}, 0);
        machine_->recover(JournalState{.mark = "mk"}, now_);
        for (std::uint16_t i = 0; i < 4; ++i) {
            BatchMachine::Accept accept = request(i + 1u);
            accept.group.account = i % 2;
            accept.group.model = i < 2 ? "m" : "n";
            machine_->accept(std::move(accept), now_, &out_);
        }
        machine_->flush();
        run();
    }
};

TEST_F(TwoAccountsTest, AnAccountMayHaveFewerCallsThanTheOthers) {
    settings_.account_limits = {{.calls_per_minute = 1}, {}};
    two_batches_for_each();
    const std::vector<BatchCall> newest = std::exchange(calls_, {});
    const BatchPage empty;
    for (const BatchCall& call : newest) answer(call, 200, nullptr, &empty);
    pass(10 * kNsPerS);
    ASSERT_EQ(calls_.size(), 2u);
    EXPECT_EQ(calls_[0].account, 1);
    EXPECT_EQ(calls_[1].account, 1);
    pass(kNsPerMinute);
    EXPECT_EQ(calls_.size(), 3u);
}

TEST_F(TwoAccountsTest, EachAccountHasItsOwnPlacesAndCalls) {
    settings_.queue_places = 1;
    settings_.calls_per_minute = 1'000;
    settings_.account_limits = {{.calls_per_minute = 10}, {.calls_per_minute = 10}};  // one at once
    two_batches_for_each();
    // One call each at a time, though there are two batches for each.
    ASSERT_EQ(calls_.size(), 2u);
    EXPECT_NE(calls_[0].account, calls_[1].account);
    const std::vector<BatchCall> newest = std::exchange(calls_, {});
    const BatchPage empty;
    for (const BatchCall& call : newest) answer(call, 200, nullptr, &empty);
    pass(kNsPerMinute);
    // One place each.
    ASSERT_EQ(calls_.size(), 2u);
    EXPECT_EQ(calls_[0].kind, BatchCall::Kind::create);
    EXPECT_NE(calls_[0].account, calls_[1].account);
}

}  // namespace
}  // namespace weir
