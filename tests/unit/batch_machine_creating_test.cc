#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "batch_machine_frame.h"
#include "weir/weir.h"

namespace weir {
namespace {

using test::MachineTest;

TEST_F(MachineTest, AnUnclearCreationIsLookedForAndSentAgainOnlyAfterTheWindow) {
    submit(1);
    to_creation();
    answer(expect_call(BatchCall::Kind::create), 500);
    const BatchPage empty;
    const TimeNs since = now_;
    for (;;) {
        const BatchCall call = calls_.at(0);
        if (call.kind == BatchCall::Kind::create) break;
        calls_.clear();
        answer(call, 200, nullptr, &empty);
        if (calls_.empty()) pass(machine_->next_timer() - now_);
    }
    EXPECT_GE(now_ - since, settings_.visibility_ns);
    EXPECT_EQ(machine_->counts().sent_again, 1u);
}

TEST_F(MachineTest, AForeignBatchOfTheSameSizeIsNotTakenForOurs) {
    submit(1);
    to_creation();
    answer(expect_call(BatchCall::Kind::create), 500);
    BatchPage page;
    page.batches.push_back(batch(BatchObject::Status::ended, 1));
    page.batches.back().id = "msgbatch_theirs";
    page.batches.push_back(batch(BatchObject::Status::ended, 1));
    page.batches.back().id = "msgbatch_ours";
    answer(expect_call(BatchCall::Kind::list), 200, nullptr, &page);
    BatchCall probe = expect_call(BatchCall::Kind::results);
    EXPECT_EQ(probe.remote_id, "msgbatch_theirs");
    result(probe, "row-1");
    answer(expect_call(BatchCall::Kind::list), 200, nullptr, &page);
    probe = expect_call(BatchCall::Kind::results);
    EXPECT_EQ(probe.remote_id, "msgbatch_ours");
    result(probe, "mk-1-0");
    pass(2 * kNsPerS);
    EXPECT_EQ(expect_call(BatchCall::Kind::retrieve).remote_id, "msgbatch_ours");
    EXPECT_EQ(machine_->counts().found, 1u);
}

TEST_F(MachineTest, WhatIsOlderThanTheIntentOrOfAnotherSizeIsNoCandidate) {
    submit(1);
    machine_->flush();
    run();
    BatchPage page;
    page.batches.push_back(batch(BatchObject::Status::ended, 1));
    page.batches.back().id = "msgbatch_before";
    page.batches.back().created_unix_ns = 10'000 * kNsPerS;
    answer(expect_call(BatchCall::Kind::list), 200, nullptr, &page);
    answer(expect_call(BatchCall::Kind::create), 500);
    page.batches.back().id = "msgbatch_long_before";
    page.batches.back().created_unix_ns -= settings_.server_skew_ns + 1;
    BatchObject other = batch(BatchObject::Status::ended, 2);
    other.id = "msgbatch_of_two";
    other.created_unix_ns = 10'001 * kNsPerS;
    page.batches.insert(page.batches.begin(), other);
    answer(expect_call(BatchCall::Kind::list), 200, nullptr, &page);
    ASSERT_TRUE(calls_.empty());
    BatchObject ours = batch(BatchObject::Status::ended, 1);
    ours.created_unix_ns = 10'001 * kNsPerS;
    page.batches.insert(page.batches.begin(), ours);
    pass(machine_->next_timer() - now_);
    answer(expect_call(BatchCall::Kind::list), 200, nullptr, &page);
    EXPECT_EQ(expect_call(BatchCall::Kind::results).remote_id, "msgbatch_1");
}

TEST_F(MachineTest, A529IsSentAgainAtOnceAndA401EndsIt) {
    submit(1);
    to_creation();
    answer(expect_call(BatchCall::Kind::create), 529);
    EXPECT_TRUE(calls_.empty());
    pass(kNsPerS);
    actions_.clear();
    answer(expect_call(BatchCall::Kind::create), 401);
    EXPECT_EQ(terminal(), WEIR_ERR_AUTHENTICATION);
    EXPECT_EQ(machine_->counts().reconciled, 0u);
}

TEST_F(MachineTest, AnAccountThatIsNoLongerConfiguredIsLeftAlone) {
    restart(left_behind(JournalState::Stage::acknowledged, "gone"));
    pass(1000 * kNsPerS);
    EXPECT_TRUE(calls_.empty());
    EXPECT_EQ(machine_->entries(), 1u);
}

}  // namespace
}  // namespace weir
