#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "batch_machine_frame.h"
#include "weir/weir.h"

namespace weir {
namespace {

using test::MachineTest;

class NotFoundTest : public MachineTest {
protected:
    // Answers every question with 404, for so long. Returns how often it was told.
    std::size_t not_found_for(TimeNs time) {
        actions_.clear();
        const TimeNs until = now_ + time;
        while (now_ < until) {
            if (!calls_.empty()) {
                answer(BatchCall(std::exchange(calls_, {}).back()), 404);
                continue;
            }
            if (machine_->next_timer() == kNever) break;
            pass(std::min(machine_->next_timer(), until) - now_);
        }
        return static_cast<std::size_t>(std::count_if(
            actions_.begin(), actions_.end(),
            [](const BatchAction& action) { return action.kind == BatchAction::Kind::not_found; }));
    }
};

TEST_F(NotFoundTest, ABatchThatIsNotFoundIsToldAndWaitedFor) {
    now_ = 0;
    restart();
    submit(1);
    create(1);
    EXPECT_EQ(not_found_for(settings_.not_found_ns / 2), 0u);
    EXPECT_EQ(not_found_for(settings_.not_found_ns), 1u);
    EXPECT_TRUE(views()[0].not_found);
    EXPECT_EQ(not_found_for(10 * 3600 * kNsPerS), 10u);
    EXPECT_EQ(terminal(), 0);
    // The right key finds it.
    if (calls_.empty()) pass(machine_->next_timer() - now_);
    const BatchObject ended = batch(BatchObject::Status::ended, 1);
    answer(expect_call(BatchCall::Kind::retrieve), 200, &ended);
    EXPECT_FALSE(views()[0].not_found);
    result(expect_call(BatchCall::Kind::results), "mk-1-0");
    EXPECT_EQ(terminal(), 1);
}

TEST_F(NotFoundTest, ABatchOfAnEarlierRunThatIsNotFoundIsToldAtOnce) {
    test::JournalContents state = left_behind(JournalState::Stage::acknowledged);
    restart(state);
    actions_.clear();
    answer(expect_call(BatchCall::Kind::retrieve), 404);
    ASSERT_EQ(actions_.size(), 1u);
    EXPECT_EQ(actions_[0].kind, BatchAction::Kind::not_found);
}

TEST_F(NotFoundTest, AfterItsResultsAreGoneItIsGone) {
    now_ = 0;
    restart();
    submit(1);
    create(1);
    constexpr TimeNs day = 24 * 3600 * kNsPerS;
    pass(28 * day);
    not_found_for(3600 * kNsPerS);
    EXPECT_EQ(terminal(), 0);
    pass(day);
    not_found_for(3600 * kNsPerS);
    EXPECT_EQ(terminal(), WEIR_ERR_BATCH_GONE);
}

TEST_F(NotFoundTest, ResultsThatAreNotFoundAreWaitedForToo) {
    submit(1);
    calls_ = {to_results(1)};
    EXPECT_GE(not_found_for(3600 * kNsPerS), 1u);
    EXPECT_EQ(terminal(), 0);
}

TEST_F(NotFoundTest, WhoeverCancelsABatchThatIsNotFoundDoesNotWaitForIt) {
    const EntryId id = submit(1);
    create(1);
    not_found_for(2 * settings_.not_found_ns);
    actions_.clear();
    EXPECT_TRUE(machine_->cancel_submission(1, &out_));
    not_found_for(120 * kNsPerS);
    EXPECT_EQ(terminal(), WEIR_ERR_CANCELLED);
    machine_->acknowledge(id, &out_);
    run();
    EXPECT_TRUE(views().empty());
}

TEST_F(MachineTest, WhatTheProviderSaysIsGoneIsGone) {
    submit(1);
    create(1);
    pass(2 * kNsPerS);
    actions_.clear();
    answer(expect_call(BatchCall::Kind::retrieve), 410);
    ASSERT_FALSE(actions_.empty());
    EXPECT_TRUE(actions_[0].maybe_executed);
    EXPECT_EQ(terminal(), WEIR_ERR_BATCH_GONE);
    for (const int status : {400, 410}) {
        restart();
        calls_.clear();
        submit(2);
        answer(to_results(1), status);
        EXPECT_EQ(terminal(), WEIR_ERR_BATCH_GONE) << status;
        EXPECT_TRUE(calls_.empty());
    }
}

TEST_F(MachineTest, AnArchivedBatchIsGone) {
    submit(1);
    create(1);
    pass(2 * kNsPerS);
    BatchObject archived = batch(BatchObject::Status::ended, 1);
    archived.archived = true;
    answer(expect_call(BatchCall::Kind::retrieve), 200, &archived);
    EXPECT_TRUE(calls_.empty());
    ASSERT_FALSE(actions_.empty());
    EXPECT_TRUE(actions_.back().maybe_executed);
    EXPECT_EQ(terminal(), WEIR_ERR_BATCH_GONE);
}

TEST_F(MachineTest, AtItsTimeLimitABatchIsAskedAbout) {
    submit(1);
    to_creation();
    BatchObject made = batch(BatchObject::Status::in_progress, 1);
    made.created_unix_ns = now_;
    made.expires_unix_ns = now_ + 630 * kNsPerS;
    answer(expect_call(BatchCall::Kind::create), 200, &made);
    pass(600 * kNsPerS);
    answer(expect_call(BatchCall::Kind::retrieve), 200, &made);
    pass(30 * kNsPerS);
    EXPECT_TRUE(calls_.empty());
    pass(1 * kNsPerS);
    expect_call(BatchCall::Kind::retrieve);
}

}  // namespace
}  // namespace weir
