#include <algorithm>
#include <utility>

#include "batch/batch_machine.h"
#include "batch/poll_schedule.h"

namespace weir {

// The calls of the batch endpoints, out and back. A submission has one at a time.

BatchCall* BatchMachine::start_call(BatchCall::Kind kind, BatchSubmission* submission, TimeNs now,
                                    BatchOutput* out) {
    auto call = std::make_shared<BatchCall>();
    call->id = ++last_call_;
    call->kind = kind;
    call->account = submission->account;
    call->submission = submission->id;
    call->remote_id = submission->remote_id;
    accounts_[submission->account].pacer.take(now);
    submission->call = call->id;
    submission->call_kind = kind;
    calls_.emplace(call->id, submission->id);
    BatchCall* const raw = call.get();
    out->actions.push_back({.kind = BatchAction::Kind::call,
                            .submission = submission->id,
                            .call_id = call->id,
                            .call = std::move(call)});
    return raw;
}

void BatchMachine::end_call(BatchSubmission* submission) {
    calls_.erase(submission->call);
    if (submission->call_kind == BatchCall::Kind::results) {
        --accounts_[submission->account].downloading;
    }
    submission->call = 0;
}

void BatchMachine::abort_call(BatchSubmission* submission, BatchOutput* out) {
    if (submission->call == 0) return;
    out->actions.push_back({.kind = BatchAction::Kind::abort_call,
                            .submission = submission->id,
                            .call_id = submission->call});
    end_call(submission);
}

// A call failed in a way that says nothing about the batch: the pause before the next one. A rate
// limit holds for all calls of the account.
void BatchMachine::on_failed_call(const Outcome& outcome, BatchSubmission* submission, TimeNs now) {
    ++submission->failures;
    const TimeNs pause = std::max(call_backoff(submission->failures), outcome.retry_after_ns);
    submission->due = later(now, pause);
    if (outcome.http_status == 429) accounts_[submission->account].pacer.pause(submission->due);
}

void BatchMachine::on_call_end(BatchCallId call, const Outcome& outcome, const BatchAnswer& answer,
                               TimeNs now, BatchOutput* out) {
    const auto it = calls_.find(call);
    if (it == calls_.end()) {
        for (Account& account : accounts_) {
            if (account.newest_call == call) on_newest(&account, outcome, answer.page, now);
        }
        return;
    }
    BatchSubmission* const submission = &submissions_.at(it->second);
    end_call(submission);
    switch (submission->call_kind) {
        case BatchCall::Kind::create:
            return on_created(submission, outcome, answer, now, out);
        case BatchCall::Kind::retrieve:
            return on_polled(submission, outcome, answer.batch, now, out);
        case BatchCall::Kind::list:
            return on_page(submission, outcome, answer.page, now, out);
        case BatchCall::Kind::results:
            if (submission->stage == BatchSubmission::Stage::reconciling) {
                return on_probe_end(submission, outcome, now);
            }
            return on_downloaded(submission, outcome, now, out);
        case BatchCall::Kind::cancel:
            return on_cancelled(submission, outcome, now, out);
        case BatchCall::Kind::remove:
            return on_removed(submission, outcome, now, out);
    }
}

void BatchMachine::on_result(BatchCallId call, const BatchResult& result, const ResultPrice& price,
                             TimeNs now, BatchOutput* out) {
    const auto it = calls_.find(call);
    if (it == calls_.end()) return;
    BatchSubmission* const submission = &submissions_.at(it->second);
    if (submission->stage == BatchSubmission::Stage::reconciling) {
        on_probe(submission, result, now, out);
    } else {
        on_answer(submission, result, price, now, out);
    }
}

}  // namespace weir
