#include <algorithm>
#include <vector>

#include "batch/batch_machine.h"
#include "weir/weir.h"

namespace weir {

namespace {
// A batch that can't be cancelled while an engine closes is cancelled by the next one.
constexpr std::uint32_t kCancelAttempts = 3;
}  // namespace

void BatchMachine::close(bool cancel_batches, BatchOutput* out) {
    if (closed_) return;
    closed_ = true;
    for (auto& [id, submission] : submissions_) abort_call(&submission, out);
    for (Account& account : accounts_) {
        if (account.newest_call == 0) continue;
        out->actions.push_back(
            {.kind = BatchAction::Kind::abort_call, .call_id = account.newest_call});
        account.newest_call = 0;
    }
    if (cancel_batches) {
        for (auto& [id, submission] : submissions_) {
            if (submission.sent && submission.stage < BatchSubmission::Stage::ended) {
                want_cancel(&submission, out);
            }
        }
    }
    fail_open(cancel_batches, out);
}

void BatchMachine::on_journal_failed(BatchOutput* out) {
    if (journal_failed_) return;
    journal_failed_ = true;
    counts_.requests_not_kept = not_yet_durable_.size();
    counts_.acknowledgements_not_kept = acknowledgements_.size();
    close(false, out);
    for (auto& [id, submission] : submissions_) abort_call(&submission, out);
}

// Ends all entries that have no terminal action. What stays in the journal goes on in the next run.
void BatchMachine::fail_open(bool give_up_unsent, BatchOutput* out) {
    std::vector<EntryId> open;
    for (const auto& [id, entry] : entries_) {
        const bool ended =
            entry.state == Entry::State::settled || entry.state == Entry::State::dropped;
        if (!ended) open.push_back(id);
    }
    std::sort(open.begin(), open.end());
    for (const EntryId id : open) {
        Entry& entry = entries_.at(id);
        const bool online = entry.state == Entry::State::online;
        if (!online) settle(id, &entry, BatchAction::Kind::fail, WEIR_ERR_SHUTDOWN, out);
        const bool sent = entry.submission != 0 && submissions_.at(entry.submission).sent;
        if (give_up_unsent && !sent) {
            forget(id, out);
            continue;
        }
        // Its shutdown is not an answer that could be acknowledged.
        if (entry.submission != 0) --submissions_.at(entry.submission).unconfirmed;
        entries_.erase(id);
    }
}

TimeNs BatchMachine::step_closing(BatchSubmission* submission, TimeNs now, BatchOutput* out) {
    if (!cancels_while_closing(*submission)) return kNever;
    const Account& account = accounts_[submission->account];
    if (account.pacer.next() > now) return account.pacer.next();
    start_call(BatchCall::Kind::cancel, submission, now, out);
    return kNever;
}

bool BatchMachine::cancels_while_closing(const BatchSubmission& submission) const {
    return !journal_failed_ && submission.account != kNoAccount &&
           submission.stage == BatchSubmission::Stage::acknowledged && submission.cancel_wanted &&
           !submission.cancel_sent && submission.failures < kCancelAttempts;
}

bool BatchMachine::finished() const {
    if (journal_failed_) return true;
    return closed_ && durable_ >= written_ &&
           std::none_of(submissions_.begin(), submissions_.end(),
                        [&](const auto& s) { return cancels_while_closing(s.second); });
}

}  // namespace weir
