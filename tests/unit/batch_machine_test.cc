#include "batch/batch_machine.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "../core/batch_disk.h"
#include "weir/weir.h"

namespace weir {
namespace {

// Drives a machine by hand: every record is durable at once.
class MachineTest : public testing::Test {
protected:
    MachineTest() { restart(); }

    void restart(const test::JournalContents& state = {{.mark = "mk"}, {}}) {
        machine_ = std::make_unique<BatchMachine>(settings_, std::vector<std::string>{"main"}, 0);
        test::recover(machine_.get(), state, std::vector<std::uint64_t>(state.entries.size(), 9),
                      now_);
        run();
    }
    EntryId submit(std::uint64_t ticket, TimeNs deadline_at = kNever, TimeNs fallback_at = kNever) {
        BatchMachine::Accept accept;
        accept.ticket = ticket;
        accept.group.model = "m";
        accept.deadline_at = deadline_at;
        accept.fallback_at = fallback_at;
        accept.body = BatchBody::copy_of("{}");
        const EntryId id = machine_->accept(std::move(accept), now_, &out_);
        run();
        return id;
    }
    void run() {
        for (int i = 0; i < 10; ++i) {
            position_ += out_.records.size();
            BatchOutput out = std::exchange(out_, BatchOutput());
            for (BatchAction& action : out.actions) take(std::move(action));
            machine_->on_durable(position_, &out_);
            machine_->advance(now_, &out_);
        }
    }
    void take(BatchAction action) {
        if (action.kind == BatchAction::Kind::load) {
            std::vector<std::pair<EntryId, BatchBody>> bodies;
            for (const EntryId id : action.entries) {
                bodies.emplace_back(id, BatchBody::copy_of("{}"));
            }
            machine_->on_bodies(action.submission, std::move(bodies));
        } else if (action.kind == BatchAction::Kind::call) {
            calls_.push_back(*action.call);
        } else if (action.kind != BatchAction::Kind::changed) {
            actions_.push_back(std::move(action));
        }
    }
    // The call that waits; there must be one, and of this kind.
    BatchCall expect_call(BatchCall::Kind kind) {
        EXPECT_EQ(calls_.size(), 1u);
        if (calls_.empty()) return BatchCall();
        const BatchCall call = calls_.back();
        calls_.clear();
        EXPECT_EQ(static_cast<int>(call.kind), static_cast<int>(kind));
        return call;
    }
    void answer(const BatchCall& call, int status, const BatchObject* batch = nullptr,
                const BatchPage* page = nullptr) {
        Outcome outcome;
        outcome.http_status = status;
        if (status == 404 || status == 400 || status == 413) {
            outcome.cls = OutcomeClass::bad_request;
        }
        if (status == 401) outcome.cls = OutcomeClass::bad_key;
        if (status == 500) outcome.cls = OutcomeClass::server_error;
        if (status == 529) outcome.cls = OutcomeClass::overloaded;
        machine_->on_call_end(call.id, outcome, batch, page, now_, &out_);
        run();
    }
    void pass(TimeNs time) {
        now_ += time;
        run();
    }
    static BatchObject batch(BatchObject::Status status, std::int64_t requests) {
        BatchObject object;
        object.id = "msgbatch_1";
        object.status = status;
        object.processing = requests;
        object.created_unix_ns = 1;
        return object;
    }
    // A batch of what was submitted, as far as its end.
    BatchCall to_results(std::int64_t requests) {
        machine_->flush();
        run();
        const BatchPage empty;
        answer(expect_call(BatchCall::Kind::list), 200, nullptr, &empty);
        const BatchObject made = batch(BatchObject::Status::in_progress, requests);
        answer(expect_call(BatchCall::Kind::create), 200, &made);
        pass(2 * kNsPerS);
        const BatchObject ended = batch(BatchObject::Status::ended, requests);
        answer(expect_call(BatchCall::Kind::retrieve), 200, &ended);
        return expect_call(BatchCall::Kind::results);
    }
    void result(const BatchCall& call, const std::string& custom_id,
                BatchResult::Type type = BatchResult::Type::succeeded,
                OutcomeClass error = OutcomeClass::bad_request) {
        BatchResult result;
        result.custom_id = custom_id;
        result.type = type;
        result.error_class = error;
        machine_->on_result(call.id, result, price_, now_, &out_);
        run();
    }
    // The terminal action since the last look; 1 for an answer, else the status.
    std::int32_t terminal() {
        std::int32_t found = 0;
        for (const BatchAction& action : actions_) {
            if (action.kind == BatchAction::Kind::deliver) found = 1;
            if (action.kind == BatchAction::Kind::fail) found = action.status;
        }
        actions_.clear();
        return found;
    }

    BatchSettings settings_;
    ResultPrice price_{.micros = 10, .saved_micros = 9};  // of the results
    std::unique_ptr<BatchMachine> machine_;
    BatchOutput out_;
    std::vector<BatchCall> calls_;
    std::vector<BatchAction> actions_;
    JournalPosition position_ = 0;
    TimeNs now_ = 1000 * kNsPerS;
};

TEST_F(MachineTest, ABatchFromSubmitToForgotten) {
    const EntryId first = submit(1);
    submit(2);
    ASSERT_EQ(actions_.size(), 2u);
    EXPECT_EQ(static_cast<int>(actions_[0].kind), static_cast<int>(BatchAction::Kind::durable));
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
    std::vector<BatchView> views;
    machine_->view(now_, &views);
    EXPECT_TRUE(views.empty());
}

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
    Outcome cut;
    cut.cls = OutcomeClass::broken;
    cut.http_status = 200;
    machine_->on_call_end(call.id, cut, nullptr, nullptr, now_, &out_);
    pass(kNsPerS);
    call = expect_call(BatchCall::Kind::results);
    result(call, "mk-1-0");
    EXPECT_EQ(terminal(), 0);
    result(call, "mk-1-1");
    EXPECT_EQ(terminal(), 1);
    EXPECT_EQ(machine_->counts().downloads_cut, 1u);
    EXPECT_EQ(machine_->counts().duplicate_results, 0u);
}

TEST_F(MachineTest, AnUnclearCreationIsLookedForAndSentAgainOnlyAfterTheWindow) {
    submit(1);
    machine_->flush();
    run();
    const BatchPage empty;
    answer(expect_call(BatchCall::Kind::list), 200, nullptr, &empty);
    answer(expect_call(BatchCall::Kind::create), 500);
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
    machine_->flush();
    run();
    BatchPage page;
    answer(expect_call(BatchCall::Kind::list), 200, nullptr, &page);
    answer(expect_call(BatchCall::Kind::create), 500);
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

TEST_F(MachineTest, A529IsSentAgainAtOnceAndA401EndsIt) {
    submit(1);
    machine_->flush();
    run();
    const BatchPage empty;
    answer(expect_call(BatchCall::Kind::list), 200, nullptr, &empty);
    answer(expect_call(BatchCall::Kind::create), 529);
    EXPECT_TRUE(calls_.empty());
    pass(kNsPerS);
    actions_.clear();
    answer(expect_call(BatchCall::Kind::create), 401);
    EXPECT_EQ(terminal(), WEIR_ERR_AUTHENTICATION);
    EXPECT_EQ(machine_->counts().reconciled, 0u);
}

TEST_F(MachineTest, A413MakesSmallerBatches) {
    for (std::uint64_t i = 1; i <= 4; ++i) submit(i);
    machine_->flush();
    run();
    const BatchPage empty;
    answer(expect_call(BatchCall::Kind::list), 200, nullptr, &empty);
    answer(expect_call(BatchCall::Kind::create), 413);
    ASSERT_GE(calls_.size(), 2u);
    for (const BatchCall& call : calls_) {
        EXPECT_EQ(static_cast<int>(call.kind), static_cast<int>(BatchCall::Kind::create));
    }
    EXPECT_EQ(terminal(), 0);
}

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
    machine_->flush();
    run();
    const BatchPage empty;
    answer(expect_call(BatchCall::Kind::list), 200, nullptr, &empty);
    const BatchObject made = batch(BatchObject::Status::in_progress, 2);
    answer(expect_call(BatchCall::Kind::create), 200, &made);
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
    EXPECT_EQ(static_cast<int>(actions_[0].kind), static_cast<int>(BatchAction::Kind::fall_back));
    pass(50 * kNsPerS);
    EXPECT_EQ(actions_.size(), 1u);
    EXPECT_TRUE(calls_.empty());
}

TEST_F(MachineTest, A404AfterCreationIsForgivenAndOneForGoodIsNot) {
    submit(1);
    machine_->flush();
    run();
    const BatchPage empty;
    answer(expect_call(BatchCall::Kind::list), 200, nullptr, &empty);
    const BatchObject made = batch(BatchObject::Status::in_progress, 1);
    answer(expect_call(BatchCall::Kind::create), 200, &made);
    actions_.clear();
    const TimeNs since = now_;
    while (terminal() == 0 && now_ - since < 3600 * kNsPerS) {
        if (calls_.empty()) {
            pass(machine_->next_timer() - now_);
            continue;
        }
        const BatchCall call = expect_call(BatchCall::Kind::retrieve);
        machine_->on_call_end(
            call.id,
            [] {
                Outcome outcome;
                outcome.http_status = 404;
                outcome.cls = OutcomeClass::bad_request;
                return outcome;
            }(),
            nullptr, nullptr, now_, &out_);
        run();
    }
    EXPECT_GE(now_ - since, settings_.not_found_ns);
    EXPECT_LE(now_ - since, 2 * settings_.not_found_ns);
}

TEST_F(MachineTest, QueuePlacesHoldABatchBack) {
    settings_.queue_places = 100;
    settings_.account_limits = {{.queue_places = 3}};  // of this account
    restart();
    submit(1);
    submit(2);
    machine_->flush();
    run();
    const BatchPage empty;
    answer(expect_call(BatchCall::Kind::list), 200, nullptr, &empty);
    const BatchObject made = batch(BatchObject::Status::in_progress, 2);
    answer(expect_call(BatchCall::Kind::create), 200, &made);
    submit(3);
    submit(4);
    machine_->flush();
    run();
    EXPECT_TRUE(calls_.empty());
    pass(2 * kNsPerS);
    const BatchObject ended = batch(BatchObject::Status::ended, 2);
    answer(expect_call(BatchCall::Kind::retrieve), 200, &ended);
    ASSERT_EQ(calls_.size(), 2u);
    EXPECT_EQ(static_cast<int>(calls_[0].kind), static_cast<int>(BatchCall::Kind::results));
    EXPECT_EQ(static_cast<int>(calls_[1].kind), static_cast<int>(BatchCall::Kind::create));
}

TEST_F(MachineTest, ClosingLeavesTheBatchesOrCancelsThem) {
    for (const bool cancel : {false, true}) {
        restart();
        calls_.clear();
        submit(1);
        machine_->flush();
        run();
        const BatchPage empty;
        answer(expect_call(BatchCall::Kind::list), 200, nullptr, &empty);
        const BatchObject made = batch(BatchObject::Status::in_progress, 1);
        answer(expect_call(BatchCall::Kind::create), 200, &made);
        actions_.clear();
        machine_->close(cancel, &out_);
        run();
        EXPECT_EQ(terminal(), WEIR_ERR_SHUTDOWN);
        EXPECT_EQ(machine_->finished(), !cancel);
        if (cancel) answer(expect_call(BatchCall::Kind::cancel), 200, &made);
        EXPECT_TRUE(machine_->finished());
    }
}

TEST_F(MachineTest, AnAccountThatIsNoLongerConfiguredIsLeftAlone) {
    test::JournalContents state{{.mark = "mk", .last_entry = 1, .last_submission = 1}, {}};
    state.entries.push_back({.id = 1, .account = "gone", .model = "m", .submission = 1});
    state.submissions.push_back({.id = 1,
                                 .account = "gone",
                                 .model = "m",
                                 .count = 1,
                                 .stage = JournalState::Stage::acknowledged,
                                 .remote_id = "msgbatch_1"});
    restart(state);
    pass(1000 * kNsPerS);
    EXPECT_TRUE(calls_.empty());
    EXPECT_EQ(machine_->entries(), 1u);
}

TEST_F(MachineTest, ARunThatOnlySubmitsLeavesTheResultsToAnother) {
    settings_.work = BatchWork::submit;
    restart();
    submit(1, now_ + 3600 * kNsPerS, now_ + 10 * kNsPerS);
    machine_->flush();
    run();
    const BatchPage empty;
    answer(expect_call(BatchCall::Kind::list), 200, nullptr, &empty);
    const BatchObject made = batch(BatchObject::Status::in_progress, 1);
    answer(expect_call(BatchCall::Kind::create), 200, &made);
    pass(10 * kNsPerS);  // nor does it fall back
    BatchObject ended = batch(BatchObject::Status::ended, 0);
    ended.succeeded = 1;
    answer(expect_call(BatchCall::Kind::retrieve), 200, &ended);
    pass(100 * kNsPerS);
    EXPECT_TRUE(calls_.empty());
    std::vector<BatchView> views;
    machine_->view(now_, &views);
    ASSERT_EQ(views.size(), 1u);
    EXPECT_STREQ(views[0].state, "ended");
    EXPECT_EQ(views[0].tally, (BatchTally{1, 0, 0, 0}));
    EXPECT_EQ(views[0].asked_ago_ns, 100 * kNsPerS);
    for (const BatchAction& action : actions_) {
        EXPECT_EQ(static_cast<int>(action.kind), static_cast<int>(BatchAction::Kind::durable));
    }
    EXPECT_GT(machine_->next_timer(), now_);
}

TEST_F(MachineTest, ARunThatOnlyLooksCreatesNothing) {
    settings_.work = BatchWork::look;
    test::JournalContents state{{.mark = "mk", .last_entry = 2, .last_submission = 1}, {}};
    state.entries.push_back({.id = 1, .account = "main", .model = "m", .submission = 1});
    state.entries.push_back({.id = 2, .account = "main", .model = "m"});
    state.submissions.push_back({.id = 1,
                                 .account = "main",
                                 .model = "m",
                                 .count = 1,
                                 .stage = JournalState::Stage::acknowledged,
                                 .remote_id = "msgbatch_1",
                                 .created_unix = 1});
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
    std::vector<BatchView> views;
    machine_->view(now_, &views);
    ASSERT_EQ(views.size(), 1u);
    EXPECT_TRUE(views[0].cancel_sent);
}

TEST_F(MachineTest, AnArchivedBatchIsGone) {
    submit(1);
    machine_->flush();
    run();
    const BatchPage empty;
    answer(expect_call(BatchCall::Kind::list), 200, nullptr, &empty);
    const BatchObject made = batch(BatchObject::Status::in_progress, 1);
    answer(expect_call(BatchCall::Kind::create), 200, &made);
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
    machine_->flush();
    run();
    const BatchPage empty;
    answer(expect_call(BatchCall::Kind::list), 200, nullptr, &empty);
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
        Outcome cut;
        cut.cls = OutcomeClass::broken;
        machine_->on_call_end(call.id, cut, nullptr, nullptr, now_, &out_);
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

TEST_F(MachineTest, AnAccountMayHaveFewerCallsThanTheOthers) {
    settings_.account_limits = {{.calls_per_minute = 1}, {}};
    machine_ = std::make_unique<BatchMachine>(settings_, std::vector<std::string>{"a", "b"}, 0);
    machine_->recover(JournalState{.mark = "mk"}, now_);
    for (std::uint16_t i = 0; i < 4; ++i) {
        BatchMachine::Accept accept;
        accept.ticket = i + 1u;
        accept.group.account = i % 2;
        accept.group.model = i < 2 ? "m" : "n";
        accept.body = BatchBody::copy_of("{}");
        machine_->accept(std::move(accept), now_, &out_);
    }
    machine_->flush();
    run();
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
    const auto cost = [&] {
        std::vector<BatchView> views;
        machine_->view(now_, &views);
        return views.at(0).cost;
    };
    EXPECT_EQ(cost(), (BatchCost{20, 18, 2, 0}));
    Outcome cut;
    cut.cls = OutcomeClass::broken;
    machine_->on_call_end(call.id, cut, nullptr, nullptr, now_, &out_);
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
    test::JournalContents state{{.mark = "mk", .last_entry = 1, .last_submission = 1}, {}};
    state.entries.push_back({.id = 1, .account = "main", .model = "m", .submission = 1});
    state.submissions.push_back({.id = 1,
                                 .account = "main",
                                 .model = "m",
                                 .count = 1,
                                 .stage = JournalState::Stage::ended,
                                 .remote_id = "msgbatch_1",
                                 .cost = {5, 5, 1, 0}});
    restart(state);
    std::vector<BatchView> views;
    machine_->view(now_, &views);
    EXPECT_EQ(views.at(0).cost, (BatchCost{5, 5, 1, 0}));
}

TEST_F(MachineTest, EachAccountHasItsOwnPlacesAndCalls) {
    settings_.queue_places = 1;
    settings_.calls_per_minute = 1'000;
    settings_.account_limits = {{.calls_per_minute = 10}, {.calls_per_minute = 10}};  // one at once
    machine_ = std::make_unique<BatchMachine>(settings_, std::vector<std::string>{"a", "b"}, 0);
    machine_->recover(JournalState{.mark = "mk"}, now_);
    for (std::uint16_t i = 0; i < 4; ++i) {
        BatchMachine::Accept accept;
        accept.ticket = i + 1u;
        accept.group.account = i % 2;
        accept.group.model = i < 2 ? "m" : "n";
        accept.body = BatchBody::copy_of("{}");
        machine_->accept(std::move(accept), now_, &out_);
    }
    machine_->flush();
    run();
    // One call each at a time, though there are two batches for each.
    ASSERT_EQ(calls_.size(), 2u);
    EXPECT_NE(calls_[0].account, calls_[1].account);
    const std::vector<BatchCall> newest = std::exchange(calls_, {});
    const BatchPage empty;
    for (const BatchCall& call : newest) answer(call, 200, nullptr, &empty);
    pass(kNsPerMinute);
    // One place each.
    ASSERT_EQ(calls_.size(), 2u);
    EXPECT_EQ(static_cast<int>(calls_[0].kind), static_cast<int>(BatchCall::Kind::create));
    EXPECT_NE(calls_[0].account, calls_[1].account);
}

}  // namespace
}  // namespace weir
