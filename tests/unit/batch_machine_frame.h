#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../core/batch_disk.h"
#include "batch/batch_machine.h"

namespace weir::test {

// Drives a machine by hand: every record is durable at once.
class MachineTest : public testing::Test {
protected:
    MachineTest() { restart(); }

    void restart(const JournalContents& state = {{.mark = "mk"}, {}}) {
        machine_ = std::make_unique<BatchMachine>(settings_, std::vector<std::string>{"main"}, 0);
        recover(machine_.get(), state, std::vector<std::uint64_t>(state.entries.size(), 9), now_);
        run();
    }
    static BatchMachine::Accept request(std::uint64_t ticket) {
        BatchMachine::Accept accept;
        accept.ticket = ticket;
        accept.group.model = "m";
        accept.body = BatchBody::copy_of("{}");
        return accept;
    }
    EntryId submit(BatchMachine::Accept accept) {
        const EntryId id = machine_->accept(std::move(accept), now_, &out_);
        run();
        return id;
    }
    EntryId submit(std::uint64_t ticket, TimeNs deadline_at = kNever, TimeNs fallback_at = kNever) {
        BatchMachine::Accept accept = request(ticket);
        accept.deadline_at = deadline_at;
        accept.fallback_at = fallback_at;
        return submit(std::move(accept));
    }
    EntryId submit_of_tenant(std::uint64_t ticket, std::uint64_t tenant) {
        BatchMachine::Accept accept = request(ticket);
        accept.origin = std::make_shared<const BatchOrigin>(BatchOrigin{.tenant = tenant});
        return submit(std::move(accept));
    }
    void run() {
        for (int i = 0; i < 10; ++i) {
            position_ += out_.records.size();
            for (const JournalRecord& record : out_.records) on_record(record);
            BatchOutput out = std::exchange(out_, BatchOutput());
            for (BatchAction& action : out.actions) take(std::move(action));
            machine_->on_durable(position_, &out_);
            machine_->advance(now_, &out_);
        }
    }
    virtual void on_record(const JournalRecord&) {}
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
        EXPECT_EQ(call.kind, kind);
        return call;
    }
    void answer(const BatchCall& call, int status, const BatchObject* batch = nullptr,
                const BatchPage* page = nullptr) {
        Outcome outcome;
        outcome.http_status = status;
        if (status / 100 == 4) outcome.cls = OutcomeClass::bad_request;
        if (status == 429) outcome.cls = OutcomeClass::rate_limited;
        if (status == 401) outcome.cls = OutcomeClass::bad_key;
        if (status == 500) outcome.cls = OutcomeClass::server_error;
        if (status == 529) outcome.cls = OutcomeClass::overloaded;
        machine_->on_call_end(call.id, outcome, {batch, page, std::exchange(refused_at_, {})}, now_,
                              &out_);
        run();
    }
    // A 2xx that makes no sense.
    void answer_with_nonsense(const BatchCall& call) { cut_off(call), run(); }
    // Answers questions about the listing until there is another call, or nothing to wait for.
    void read_listing(const BatchPage& page) {
        for (int i = 0; i < 1000; ++i) {
            if (calls_.empty()) {
                if (machine_->next_timer() == kNever) return;
                pass(std::max<TimeNs>(machine_->next_timer() - now_, 0));
                continue;
            }
            if (calls_.back().kind != BatchCall::Kind::list) return;
            answer(expect_call(BatchCall::Kind::list), 200, nullptr, &page);
        }
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
    // What was submitted becomes a batch, the first of its account: its creation is under way,
    void to_creation() {
        machine_->flush();
        run();
        const BatchPage empty;
        answer(expect_call(BatchCall::Kind::list), 200, nullptr, &empty);
    }
    // or acknowledged,
    BatchObject create(std::int64_t requests) {
        to_creation();
        const BatchObject made = batch(BatchObject::Status::in_progress, requests);
        answer(expect_call(BatchCall::Kind::create), 200, &made);
        return made;
    }
    // or it has ended, and its results are being read.
    BatchCall to_results(std::int64_t requests) {
        create(requests);
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
    void cut_off(const BatchCall& download) {
        Outcome cut;
        cut.cls = OutcomeClass::broken;
        cut.http_status = 200;
        machine_->on_call_end(download.id, cut, {}, now_, &out_);
    }
    std::vector<BatchView> views() const {
        std::vector<BatchView> views;
        machine_->view(now_, &views);
        return views;
    }
    // Of another run: one batch, of one request.
    static JournalContents left_behind(JournalState::Stage stage,
                                       const std::string& account = "main") {
        JournalContents state{{.mark = "mk", .last_entry = 1, .last_submission = 1}, {}};
        state.entries.push_back({.id = 1, .account = account, .model = "m", .submission = 1});
        state.submissions.push_back({.id = 1,
                                     .account = account,
                                     .model = "m",
                                     .count = 1,
                                     .stage = stage,
                                     .remote_id = "msgbatch_1",
                                     .created_unix = 1});
        return state;
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
    std::vector<std::uint32_t> refused_at_;  // by the next answer
    std::vector<BatchAction> actions_;
    JournalPosition position_ = 0;
    TimeNs now_ = 1000 * kNsPerS;
};

}  // namespace weir::test
