#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "batch_machine_frame.h"
#include "weir/weir.h"

namespace weir {
namespace {

using test::MachineTest;

TEST_F(MachineTest, ACancelBeforeTheIntentLeavesNothingBehind) {
    const EntryId id = submit(1);
    actions_.clear();
    machine_->cancel(id, &out_);
    run();
    EXPECT_EQ(terminal(), WEIR_ERR_CANCELLED);
    EXPECT_EQ(machine_->entries(), 0u);
    machine_->flush();
    run();
    EXPECT_TRUE(calls_.empty());
}

TEST_F(MachineTest, ACancelAfterwardsDropsTheResultAndSaysSo) {
    const EntryId id = submit(1);
    submit(2);
    const BatchCall call = to_results(2);
    actions_.clear();
    machine_->cancel(id, &out_);
    run();
    ASSERT_EQ(actions_.size(), 1u);
    EXPECT_EQ(terminal(), WEIR_ERR_CANCELLED);
    result(call, "mk-1-0");
    EXPECT_EQ(terminal(), 0);
    EXPECT_EQ(machine_->counts().dropped_results, 1u);
}

TEST_F(MachineTest, ADeadlineEndsTheRequestAndLeavesTheBatch) {
    submit(1, now_ + 100 * kNsPerS);
    submit(2);
    create(2);
    actions_.clear();
    pass(100 * kNsPerS);
    ASSERT_EQ(actions_.size(), 1u);
    EXPECT_TRUE(actions_[0].maybe_executed);
    EXPECT_EQ(terminal(), WEIR_ERR_DEADLINE);
}

TEST_F(MachineTest, ItFallsBackBeforeTheDeadlineIfItMay) {
    submit(1, now_ + 100 * kNsPerS, now_ + 50 * kNsPerS);
    actions_.clear();
    pass(50 * kNsPerS);
    ASSERT_EQ(actions_.size(), 1u);
    EXPECT_EQ(actions_[0].kind, BatchAction::Kind::fall_back);
    pass(50 * kNsPerS);
    EXPECT_EQ(actions_.size(), 1u);
    EXPECT_TRUE(calls_.empty());
}

TEST_F(MachineTest, ClosingLeavesTheBatchesOrCancelsThem) {
    for (const bool cancel : {false, true}) {
        restart();
        calls_.clear();
        submit(1);
        const BatchObject made = create(1);
        actions_.clear();
        machine_->close(cancel, &out_);
        run();
        EXPECT_EQ(terminal(), WEIR_ERR_SHUTDOWN);
        EXPECT_EQ(machine_->finished(), !cancel);
        if (cancel) answer(expect_call(BatchCall::Kind::cancel), 200, &made);
        EXPECT_TRUE(machine_->finished());
    }
}

TEST_F(MachineTest, ABrokenJournalIsNeitherWrittenNorWaitedFor) {
    const EntryId answered = submit(1);
    submit(2);
    const BatchCall call = to_results(2);
    result(call, "mk-1-0");
    EXPECT_TRUE(machine_->cancel_submission(1, &out_));  // what would be waited for
    machine_->accept(request(3), now_, &out_);
    machine_->on_journal_failed(&out_);
    EXPECT_TRUE(machine_->finished());
    out_ = BatchOutput();
    machine_->acknowledge(answered, &out_);
    machine_->close(true, &out_);
    machine_->advance(now_ + kNsPerS, &out_);
    EXPECT_TRUE(out_.records.empty());
    EXPECT_TRUE(machine_->finished());
    EXPECT_EQ(machine_->counts().requests_not_kept, 1u);
    EXPECT_EQ(machine_->counts().acknowledgements_not_kept, 1u);
}

TEST_F(MachineTest, ARunThatOnlySubmitsLeavesTheResultsToAnother) {
    settings_.work = BatchWork::submit;
    restart();
    submit(1, now_ + 3600 * kNsPerS, now_ + 10 * kNsPerS);
    create(1);
    pass(10 * kNsPerS);  // nor does it fall back
    BatchObject ended = batch(BatchObject::Status::ended, 0);
    ended.succeeded = 1;
    answer(expect_call(BatchCall::Kind::retrieve), 200, &ended);
    pass(100 * kNsPerS);
    EXPECT_TRUE(calls_.empty());
    const std::vector<BatchView> views = this->views();
    ASSERT_EQ(views.size(), 1u);
    EXPECT_STREQ(views[0].state, "ended");
    EXPECT_EQ(views[0].tally, (BatchTally{1, 0, 0, 0}));
    EXPECT_EQ(views[0].asked_ago_ns, 100 * kNsPerS);
    for (const BatchAction& action : actions_) {
        EXPECT_EQ(action.kind, BatchAction::Kind::durable);
    }
    EXPECT_GT(machine_->next_timer(), now_);
}

TEST_F(MachineTest, ARunThatOnlyLooksCreatesNothing) {
    settings_.work = BatchWork::look;
    test::JournalContents state = left_behind(JournalState::Stage::acknowledged);
    state.last_entry = 2;
    state.entries.push_back({.id = 2, .account = "main", .model = "m"});
    restart(state);
    machine_->flush();
    pass(settings_.max_age_ns);
    const BatchObject going = batch(BatchObject::Status::in_progress, 1);
    answer(expect_call(BatchCall::Kind::retrieve), 200, &going);
    EXPECT_TRUE(calls_.empty());
    EXPECT_EQ(machine_->collecting(), 1u);
    EXPECT_GT(machine_->next_timer(), now_);
    // It can cancel, though.
    EXPECT_TRUE(machine_->cancel_submission(1, &out_));
    run();
    answer(expect_call(BatchCall::Kind::cancel), 200, &going);
    const std::vector<BatchView> views = this->views();
    ASSERT_EQ(views.size(), 1u);
    EXPECT_TRUE(views[0].cancel_sent);
}

}  // namespace
}  // namespace weir
