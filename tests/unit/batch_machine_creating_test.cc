#include <gtest/gtest.h>

#include <string>
#include <variant>
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

TEST_F(MachineTest, A429IsSentAgainAtOnceAndA401EndsIt) {
    submit(1);
    to_creation();
    answer(expect_call(BatchCall::Kind::create), 429);
    EXPECT_TRUE(calls_.empty());
    pass(kNsPerS);
    actions_.clear();
    answer(expect_call(BatchCall::Kind::create), 401);
    EXPECT_EQ(terminal(), WEIR_ERR_AUTHENTICATION);
    EXPECT_EQ(machine_->counts().reconciled, 0u);
}

// Whatever the provider says but a 429, or that it has refused, the batch may exist.
TEST_F(MachineTest, AnAnswerThatMayStandBeforeABatchIsFollowedByTheListing) {
    for (const int status : {200, 500, 502, 503, 529}) {
        restart();
        calls_.clear();
        submit(1);
        to_creation();
        const BatchCall creation = expect_call(BatchCall::Kind::create);
        if (status == 200) {
            answer_with_nonsense(creation);
        } else {
            answer(creation, status);
        }
        BatchPage page;
        page.batches.push_back(batch(BatchObject::Status::ended, 1));
        answer(expect_call(BatchCall::Kind::list), 200, nullptr, &page);
        result(expect_call(BatchCall::Kind::results), "mk-1-0");
        EXPECT_EQ(machine_->counts().found, 1u) << status;
        EXPECT_EQ(machine_->counts().sent_again, 0u) << status;
    }
}

TEST_F(MachineTest, ACreationThatIsAnsweredWithTheIdOfAnotherBatchIsLookedFor) {
    submit(1);
    create(1);
    submit(2);
    machine_->flush();
    run();
    const BatchObject same = batch(BatchObject::Status::in_progress, 1);
    answer(expect_call(BatchCall::Kind::create), 200, &same);
    expect_call(BatchCall::Kind::list);
    EXPECT_EQ(machine_->counts().submitted, 1u);
}

TEST_F(MachineTest, UnclearCreationsAreBoundedEachWithAWindowTwiceTheOneBefore) {
    settings_.max_attempts = 3;
    restart();
    submit(1);
    to_creation();
    const BatchPage empty;
    TimeNs since = now_;
    for (const TimeNs window : {1, 2, 4}) {
        answer_with_nonsense(expect_call(BatchCall::Kind::create));
        EXPECT_EQ(terminal(), 0);
        read_listing(empty);
        EXPECT_GE(now_ - since, window * settings_.visibility_ns);
        since = now_;
    }
    EXPECT_TRUE(calls_.empty());
    ASSERT_FALSE(actions_.empty());
    EXPECT_EQ(actions_.back().attempts, 3u);
    EXPECT_NE(std::string(actions_.back().why), "");
    EXPECT_EQ(terminal(), WEIR_ERR_BROKEN_RESPONSE);
    EXPECT_TRUE(views().empty());
}

TEST_F(MachineTest, TheCreationsOfEarlierRunsCount) {
    settings_.max_attempts = 3;
    test::JournalContents state = left_behind(JournalState::Stage::sent);
    state.submissions[0].remote_id = "";
    state.submissions[0].created_unix = kNoUnixTime;
    state.submissions[0].creations = 2;
    restart(state);
    const BatchPage empty;
    read_listing(empty);
    answer(expect_call(BatchCall::Kind::create), 500);
    read_listing(empty);
    EXPECT_TRUE(calls_.empty());
    EXPECT_EQ(terminal(), WEIR_ERR_SERVER);
}

TEST_F(MachineTest, ARepeatedCreationIsDurableBeforeItIsSent) {
    submit(1);
    to_creation();
    answer(expect_call(BatchCall::Kind::create), 500);
    const BatchPage empty;
    answer(expect_call(BatchCall::Kind::list), 200, nullptr, &empty);
    pass(settings_.visibility_ns);
    const BatchCall call = expect_call(BatchCall::Kind::list);
    machine_->on_call_end(call.id, Outcome{.http_status = 200}, {nullptr, &empty}, now_, &out_);
    ASSERT_EQ(out_.records.size(), 1u);
    EXPECT_TRUE(std::holds_alternative<RepeatedRecord>(out_.records[0]));
    machine_->advance(now_, &out_);
    EXPECT_TRUE(calls_.empty());
    run();
    expect_call(BatchCall::Kind::create);
}

// A page that is promised and ends as one before it did, or is empty; a listing that is no JSON.
TEST_F(MachineTest, AListingThatTellsNothingEndsTheRequestsAndSendsNothingAgain) {
    for (const int form : {0, 1, 2}) {
        restart();
        calls_.clear();
        const EntryId id = submit(1);
        to_creation();
        answer(expect_call(BatchCall::Kind::create), 500);
        BatchPage page;
        page.has_more = true;
        if (form == 0) page.batches.push_back(batch(BatchObject::Status::in_progress, 7));
        actions_.clear();
        int listings = 0;
        const TimeNs since = now_;
        while (actions_.empty() && now_ - since < 3600 * kNsPerS) {
            if (calls_.empty()) pass(machine_->next_timer() - now_);
            ++listings;
            const BatchCall call = expect_call(BatchCall::Kind::list);
            form == 2 ? answer_with_nonsense(call) : answer(call, 200, nullptr, &page);
        }
        EXPECT_LT(listings, 40) << form;
        ASSERT_EQ(actions_.size(), 1u) << form;
        EXPECT_TRUE(actions_[0].maybe_executed);
        EXPECT_EQ(terminal(), WEIR_ERR_BROKEN_RESPONSE);
        // What it costs, should it exist, is charged when the listing tells.
        machine_->acknowledge(id, &out_);
        run();
        page.has_more = false;
        page.batches = {batch(BatchObject::Status::ended, 1)};
        read_listing(page);
        result(expect_call(BatchCall::Kind::results), "mk-1-0");
        EXPECT_EQ(machine_->counts().found, 1u);
        EXPECT_EQ(machine_->counts().sent_again, 0u);
    }
}

TEST_F(MachineTest, AnAccountThatIsNoLongerConfiguredIsLeftAlone) {
    restart(left_behind(JournalState::Stage::acknowledged, "gone"));
    pass(1000 * kNsPerS);
    EXPECT_TRUE(calls_.empty());
    EXPECT_EQ(machine_->entries(), 1u);
}

}  // namespace
}  // namespace weir
