#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "batch_machine_frame.h"
#include "weir/weir.h"

namespace weir {
namespace {

using test::MachineTest;

TEST_F(MachineTest, ResultsThatAreNotOursAreCounted) {
    submit(1);
    const BatchCall call = to_results(1);
    actions_.clear();
    result(call, "row-1");
    result(call, "mk-1-7");
    result(call, "mk-2-0");
    EXPECT_EQ(terminal(), 0);
    result(call, "mk-1-0");
    result(call, "mk-1-0");
    EXPECT_EQ(machine_->counts().unknown_results, 3u);
    EXPECT_EQ(machine_->counts().duplicate_results, 1u);
    EXPECT_EQ(terminal(), 1);
}

TEST_F(MachineTest, WhatExpiresGoesRoundAgainUntilItsAttemptsAreUsedUp) {
    submit(1);
    actions_.clear();
    BatchCall call = to_results(1);
    for (int i = 1;; ++i) {
        result(call, "mk-" + std::to_string(i) + "-0", BatchResult::Type::expired);
        answer(call, 200);
        if (i == settings_.max_attempts) break;
        EXPECT_EQ(terminal(), 0);
        pass(settings_.max_age_ns);
        const BatchObject made = batch(BatchObject::Status::in_progress, 1);
        answer(expect_call(BatchCall::Kind::create), 200, &made);
        pass(2 * kNsPerS);
        const BatchObject ended = batch(BatchObject::Status::ended, 1);
        answer(expect_call(BatchCall::Kind::retrieve), 200, &ended);
        call = expect_call(BatchCall::Kind::results);
    }
    EXPECT_EQ(terminal(), WEIR_ERR_EXPIRED);
}

TEST_F(MachineTest, ACutDownloadBeginsAgainAndDeliversOnce) {
    submit(1);
    submit(2);
    BatchCall call = to_results(2);
    actions_.clear();
    result(call, "mk-1-0");
    EXPECT_EQ(terminal(), 1);
    cut_off(call);
    pass(kNsPerS);
    call = expect_call(BatchCall::Kind::results);
    result(call, "mk-1-0");
    EXPECT_EQ(terminal(), 0);
    result(call, "mk-1-1");
    EXPECT_EQ(terminal(), 1);
    EXPECT_EQ(machine_->counts().downloads_cut, 1u);
    EXPECT_EQ(machine_->counts().duplicate_results, 0u);
}

TEST_F(MachineTest, TheLateResultOfWhatWasAnsweredOnlineIsDroppedAndCountedOnce) {
    for (const bool acknowledged : {false, true}) {
        restart();
        const EntryId first = submit(1, now_ + 3600 * kNsPerS, now_ + 1 * kNsPerS);
        submit(2);
        BatchCall call = to_results(2);  // it falls back on the way
        actions_.clear();
        if (acknowledged) machine_->acknowledge(first, &out_);
        result(call, "mk-1-0");
        EXPECT_EQ(terminal(), 0);
        cut_off(call);
        run();
        pass(kNsPerS);
        call = expect_call(BatchCall::Kind::results);
        result(call, "mk-1-0");
        result(call, "mk-1-1");
        EXPECT_EQ(terminal(), 1);
        EXPECT_EQ(machine_->counts().dropped_results, 1u);
        position_ = 0;
    }
}

TEST_F(MachineTest, WhatABatchCostIsCountedOnceAResultHoweverOftenItIsRead) {
    const EntryId first = submit(1);
    submit(2);
    submit(3);
    submit(4);
    BatchCall call = to_results(4);
    machine_->cancel(first, &out_);  // its result is dropped, and has its price
    result(call, "mk-1-0");
    result(call, "mk-1-1");
    result(call, "mk-1-1");
    const auto cost = [&] { return views().at(0).cost; };
    EXPECT_EQ(cost(), (BatchCost{20, 18, 2, 0}));
    cut_off(call);
    ASSERT_FALSE(out_.records.empty());
    const auto* kept = std::get_if<CostRecord>(&out_.records.back());
    ASSERT_NE(kept, nullptr);
    EXPECT_EQ(kept->cost, (BatchCost{20, 18, 2, 0}));
    run();
    pass(kNsPerS);
    call = expect_call(BatchCall::Kind::results);
    result(call, "mk-1-0");
    EXPECT_EQ(cost(), (BatchCost{20, 18, 2, 0}));
    result(call, "mk-1-1");
    price_ = {};
    result(call, "mk-1-2");
    result(call, "mk-1-3", BatchResult::Type::errored);  // costs nothing
    EXPECT_EQ(cost(), (BatchCost{20, 18, 2, 1}));
}

TEST_F(MachineTest, WhatABatchHadCostIsKnownToTheNextRun) {
    test::JournalContents state = left_behind(JournalState::Stage::ended);
    state.submissions[0].cost = {5, 5, 1, 0};
    restart(state);
    EXPECT_EQ(views().at(0).cost, (BatchCost{5, 5, 1, 0}));
}

// ---- Results that nobody waits for any more ----

TEST_F(MachineTest, ALateResultIsChargedToTheTenantThatHadGivenItUp) {
    const EntryId first = submit_of_tenant(1, 77);
    submit(2);
    const BatchCall call = to_results(2);
    machine_->cancel(first, &out_);
    run();
    actions_.clear();
    result(call, "mk-1-0");
    ASSERT_EQ(actions_.size(), 1u);
    EXPECT_EQ(actions_[0].kind, BatchAction::Kind::dropped);
    EXPECT_EQ(actions_[0].entry, first);
    EXPECT_EQ(actions_[0].tenant, 77u);
    result(call, "mk-1-0");
    EXPECT_EQ(actions_.size(), 1u);
}

TEST_F(MachineTest, ALateResultIsChargedByALaterRunUnlessOneHas) {
    for (const bool charged : {false, true}) {
        test::JournalContents state = left_behind(JournalState::Stage::ended);
        state.entries[0].dropped = true;
        state.entries[0].charged = charged;
        state.entries[0].origin.tenant = 77;
        restart(state);
        if (charged) {
            EXPECT_TRUE(calls_.empty());
        } else {
            const BatchCall call = expect_call(BatchCall::Kind::results);
            result(call, "mk-1-0");
            ASSERT_EQ(actions_.size(), 1u);
            EXPECT_EQ(actions_[0].tenant, 77u);
            answer(call, 200);
        }
        EXPECT_TRUE(views().empty());
        EXPECT_EQ(machine_->entries(), 0u);
        position_ = 0;
    }
}

TEST_F(MachineTest, ABatchThatNobodyWaitsForIsReadForWhatItCost) {
    for (const std::int64_t succeeded : {0, 1}) {
        restart();
        const EntryId id = submit(1);
        const BatchObject made = create(1);
        machine_->cancel(id, &out_);
        pass(settings_.poll_min_ns);
        answer(expect_call(BatchCall::Kind::cancel), 200, &made);
        pass(settings_.poll_min_ns);
        BatchObject ended = batch(BatchObject::Status::ended, 0);
        ended.canceled = 1 - succeeded;
        ended.succeeded = succeeded;
        answer(expect_call(BatchCall::Kind::retrieve), 200, &ended);
        if (succeeded > 0) {
            const BatchCall call = expect_call(BatchCall::Kind::results);
            result(call, "mk-1-0");
            answer(call, 200);
        }
        EXPECT_EQ(machine_->counts().dropped_results, static_cast<std::uint64_t>(succeeded));
        EXPECT_TRUE(calls_.empty());
        EXPECT_TRUE(views().empty());
        EXPECT_EQ(machine_->entries(), 0u);
        position_ = 0;
    }
}

// ---- Results that do not come ----

TEST_F(MachineTest, AnAnswerOfAFormThatIsNotKnownEndsItsRequestAndIsNeverBoughtAgain) {
    submit(1);
    const BatchCall call = to_results(1);
    actions_.clear();
    result(call, "mk-1-0", BatchResult::Type::other);
    ASSERT_EQ(actions_.size(), 1u);
    EXPECT_TRUE(actions_[0].maybe_executed);
    EXPECT_EQ(terminal(), WEIR_ERR_BROKEN_RESPONSE);
    answer(call, 200);
    pass(settings_.max_age_ns);
    EXPECT_TRUE(calls_.empty());
    EXPECT_EQ(machine_->counts().requeued, 0u);
}

TEST_F(MachineTest, WhatIsMissingFromCompleteResultsGoesRoundAgain) {
    submit(1);
    submit(2);
    BatchCall call = to_results(2);
    result(call, "mk-1-0");
    actions_.clear();
    for (int i = 1; i < 3; ++i) {
        answer(call, 200);
        EXPECT_EQ(machine_->counts().missing_results, 0u);
        pass(10 * kNsPerS);
        call = expect_call(BatchCall::Kind::results);
        result(call, "mk-1-0");
    }
    answer(call, 200);
    EXPECT_EQ(machine_->counts().missing_results, 1u);
    EXPECT_EQ(machine_->counts().requeued, 1u);
    EXPECT_EQ(machine_->counts().duplicate_results, 0u);
    EXPECT_EQ(terminal(), 0);
    pass(settings_.max_age_ns);
    expect_call(BatchCall::Kind::create);
}

TEST_F(MachineTest, WhatErredGoesRoundAgainWhereThatCanHelpAndWithinItsDeadline) {
    submit(1);
    submit(2, now_ + 50 * kNsPerS);
    const BatchCall call = to_results(2);
    actions_.clear();
    for (const char* id : {"mk-1-0", "mk-1-1"}) {
        result(call, id, BatchResult::Type::errored, OutcomeClass::overloaded);
    }
    EXPECT_EQ(terminal(), 0);
    EXPECT_EQ(machine_->counts().requeued, 2u);
    answer(call, 200);
    pass(50 * kNsPerS);
    EXPECT_EQ(terminal(), WEIR_ERR_DEADLINE);
    pass(settings_.max_age_ns);
    expect_call(BatchCall::Kind::create);
    EXPECT_EQ(views().at(0).requests, 1u);
}

}  // namespace
}  // namespace weir
