#include <algorithm>
#include <vector>

#include "batch/batch_machine.h"
#include "batch/poll_schedule.h"
#include "weir/weir.h"

namespace weir {

namespace {
// Deleting is a courtesy: a batch that cannot be deleted is left to the provider's own retention.
constexpr std::uint32_t kDeleteAttempts = 10;
// So long the provider keeps the results of a batch.
constexpr TimeNs kKeptNs = 29 * 24 * 60 * kNsPerMinute;
constexpr TimeNs kTellAgainNs = 60 * kNsPerMinute;
}  // namespace

TimeNs BatchMachine::step_acknowledged(BatchSubmission* submission, TimeNs now, BatchOutput* out) {
    Account& account = accounts_[submission->account];
    // When nobody waits for any of it any more, it need not be worked off.
    if (submission->open == 0 && submission->unconfirmed == 0) want_cancel(submission, out);
    if (account.pacer.next() > now) return account.pacer.next();
    const bool cancel = submission->cancel_wanted && !submission->cancel_sent;
    start_call(cancel ? BatchCall::Kind::cancel : BatchCall::Kind::retrieve, submission, now, out);
    return kNever;
}

void BatchMachine::on_polled(BatchSubmission* submission, const Outcome& outcome,
                             const BatchObject* batch, TimeNs now, BatchOutput* out) {
    if (outcome.http_status == 404) return on_not_found(submission, now, out);
    if (outcome.http_status == 410) return lose(submission, WEIR_ERR_BATCH_GONE, now, out);
    if (outcome.cls != OutcomeClass::success || batch == nullptr) {
        return on_failed_call(outcome, submission, now);
    }
    submission->failures = 0;
    found(submission);
    submission->asked_at = now;
    if (batch->status == BatchObject::Status::ended) {
        submission->tally = {batch->succeeded, batch->errored, batch->canceled, batch->expired};
        ended(submission, now, out);
        if (batch->archived) lose(submission, WEIR_ERR_BATCH_GONE, now, out);
        return;
    }
    const Account& account = accounts_[submission->account];
    const TimeNs age = now + unix_minus_now_ - submission->created_unix;
    submission->due =
        now + poll_interval(settings_, static_cast<std::uint32_t>(submission->entries.size()),
                            std::max<TimeNs>(age, 0), account.live, account.pacer.interval());
    // At its time limit it ends, and that is known beforehand.
    const TimeNs expires_at = submission->expires_unix - unix_minus_now_;
    if (submission->expires_unix != kNoUnixTime && expires_at > now) {
        submission->due = std::min(submission->due, expires_at + kNsPerS);
    }
}

// Shortly after a creation or an end the provider may not know yet what it said. Later on the key
// may be of another workspace than the batch: it is asked about while there may be results.
void BatchMachine::on_not_found(BatchSubmission* submission, TimeNs now, BatchOutput* out) {
    if (submission->not_found_since == kNever) submission->not_found_since = now;
    if (now + unix_minus_now_ - submission->created_unix > kKeptNs) {
        return lose(submission, WEIR_ERR_BATCH_GONE, now, out);
    }
    on_failed_call(Outcome(), submission, now);
    const bool told_lately = submission->not_found_told_at != kNever &&
                             now - submission->not_found_told_at < kTellAgainNs;
    // One that was made long ago is known everywhere.
    const bool made_lately =
        now + unix_minus_now_ - submission->created_unix < settings_.not_found_ns;
    const bool known = submission->stage == BatchSubmission::Stage::acknowledged && !made_lately;
    if (told_lately || !(known || is_lost(*submission, now))) return;
    submission->not_found_told_at = now;
    out->actions.push_back({.kind = BatchAction::Kind::not_found, .submission = submission->id});
}

bool BatchMachine::is_lost(const BatchSubmission& submission, TimeNs now) const {
    return submission.not_found_since != kNever &&
           now - submission.not_found_since >= settings_.not_found_ns;
}

void BatchMachine::found(BatchSubmission* submission) {
    submission->not_found_since = kNever;
    submission->not_found_told_at = kNever;
}

void BatchMachine::ended(BatchSubmission* submission, TimeNs now, BatchOutput* out) {
    Account& account = accounts_[submission->account];
    submission->stage = BatchSubmission::Stage::ended;
    submission->due = now;
    submission->failures = 0;
    found(submission);
    --account.live;
    give_back(submission);
    write(EndedRecord{.submission = submission->id, .tally = submission->tally}, out);
    changed(*submission, out);
}

// The results are not to be had any more.
void BatchMachine::lose(BatchSubmission* submission, std::int32_t status, TimeNs now,
                        BatchOutput* out) {
    if (submission->stage == BatchSubmission::Stage::acknowledged) ended(submission, now, out);
    for (const EntryId id : placed_entries(*submission)) {
        settle(id, &entries_.at(id), BatchAction::Kind::fail, status, out);
        out->actions.back().maybe_executed = true;
    }
    submission->stage = BatchSubmission::Stage::settled;
}

// ---- Cancelling ----

void BatchMachine::want_cancel(BatchSubmission* submission, BatchOutput* out) {
    if (submission->cancel_wanted) return;
    submission->cancel_wanted = true;
    submission->due = 0;
    write(CancelWantedRecord{.submission = submission->id}, out);
    changed(*submission, out);
}

bool BatchMachine::cancel_submission(SubmissionId id, BatchOutput* out) {
    if (id == 0) {
        cancel_collected(out);
        return true;
    }
    const auto it = submissions_.find(id);
    if (it == submissions_.end()) return false;
    BatchSubmission& submission = it->second;
    if (submission.stage >= BatchSubmission::Stage::ended) return true;
    if (submission.intent_written) {
        want_cancel(&submission, out);
        return true;
    }
    const std::vector<EntryId> entries = submission.entries;
    for (const EntryId entry : entries) cancel(entry, out);
    return true;
}

void BatchMachine::cancel_collected(BatchOutput* out) {
    std::vector<EntryId> collected;
    for (const auto& [id, entry] : entries_) {
        if (entry.state == Entry::State::collected) collected.push_back(id);
    }
    std::sort(collected.begin(), collected.end());
    for (const EntryId id : collected) cancel(id, out);
}

void BatchMachine::on_cancelled(BatchSubmission* submission, const Outcome& outcome, TimeNs now,
                                BatchOutput* out) {
    if (outcome.http_status == 404) {
        on_not_found(submission, now, out);
        // Who gives up a batch that is not found need not wait for it.
        if (submission->open > 0 && is_lost(*submission, now)) {
            lose(submission, WEIR_ERR_CANCELLED, now, out);
        }
        return;
    }
    // A 4xx means that there is nothing left to cancel; the next question tells.
    const bool refused = outcome.cls == OutcomeClass::bad_request;
    if (outcome.cls != OutcomeClass::success && !refused) {
        return on_failed_call(outcome, submission, now);
    }
    submission->cancel_sent = true;
    submission->failures = 0;
    found(submission);
    submission->due = now + settings_.poll_min_ns;
}

// ---- The end ----

TimeNs BatchMachine::step_settled(BatchSubmission* submission, TimeNs now, BatchOutput* out) {
    if (submission->unconfirmed > 0) return kNever;
    if (!settings_.delete_when_delivered) {
        forget_submission(submission, out);
        return kNever;
    }
    // Every answer must be known to be delivered, here and on the disk, before it is deleted there.
    submission->stage = BatchSubmission::Stage::removing;
    submission->wait_for = written_;
    submission->failures = 0;
    return step(submission, now, out);
}

TimeNs BatchMachine::step_removing(BatchSubmission* submission, TimeNs now, BatchOutput* out) {
    const Account& account = accounts_[submission->account];
    if (account.pacer.next() > now) return account.pacer.next();
    start_call(BatchCall::Kind::remove, submission, now, out);
    return kNever;
}

void BatchMachine::on_removed(BatchSubmission* submission, const Outcome& outcome, TimeNs now,
                              BatchOutput* out) {
    const bool removed = outcome.cls == OutcomeClass::success || outcome.http_status == 404;
    if (!removed && submission->failures < kDeleteAttempts) {
        return on_failed_call(outcome, submission, now);
    }
    forget_submission(submission, out);
}

void BatchMachine::forget_submission(BatchSubmission* submission, BatchOutput* out) {
    write(ForgottenRecord{.submission = submission->id}, out);
    changed(*submission, out);
    for (const EntryId id : submission->entries) entries_.erase(id);  // what is dropped
    submissions_.erase(submission->id);
}

}  // namespace weir
