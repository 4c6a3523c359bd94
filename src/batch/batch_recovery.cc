#include <algorithm>

#include "batch/batch_machine.h"
#include "weir/weir.h"

namespace weir {

void BatchMachine::recover(const JournalState& state, TimeNs now) {
    mark_ = state.mark;
    last_entry_ = state.last_entry;
    last_submission_ = state.last_submission;
    for (const JournalState::Submission& row : state.submissions) recover_submission(row, now);
    entries_.reserve(state.entry_count);
}

std::uint16_t BatchMachine::account_index(std::string_view name) const {
    const auto it = std::find_if(accounts_.begin(), accounts_.end(),
                                 [&](const Account& account) { return account.name == name; });
    return it == accounts_.end() ? kNoAccount : static_cast<std::uint16_t>(it - accounts_.begin());
}

void BatchMachine::recover_submission(const JournalState::Submission& row, TimeNs now) {
    BatchSubmission& submission = submissions_[row.id];
    submission.id = row.id;
    submission.account = account_index(row.account);
    submission.group = group_index({submission.account, row.model, row.headers});
    submission.entries.assign(row.count, BatchSubmission::kNotHere);
    submission.intent_written = true;
    submission.sent = true;
    submission.creations = row.creations;
    submission.cancel_wanted = row.cancel_wanted;
    submission.watermark_unix = row.watermark_unix;
    submission.remote_id = row.remote_id;
    submission.created_unix = row.created_unix;
    submission.expires_unix = row.expires_unix;
    submission.tally = row.tally;
    submission.cost = row.cost;
    submission.kept_results = row.cost.results();
    if (submission.account == kNoAccount) return;
    Account& account = accounts_[submission.account];
    account.newest_unix = std::max(account.newest_unix, row.created_unix);
    account.newest_known |= row.created_unix != kNoUnixTime;
    if (row.stage == JournalState::Stage::ended) {
        submission.stage = BatchSubmission::Stage::ended;
        return;
    }
    account.places += row.count;
    submission.places = row.count;
    if (row.stage == JournalState::Stage::acknowledged) {
        submission.stage = BatchSubmission::Stage::acknowledged;
        ++account.live;
    } else {
        // Whether the creation was sent is not known; the window opens anew, because it may have
        // been sent just before the end.
        begin_reconcile(&submission, WEIR_ERR_CONNECTION, now);
    }
}

std::uint16_t BatchMachine::recover_entry(const JournalState::Entry& row, std::uint64_t ticket,
                                          TimeNs now) {
    const auto to_now = [&](UnixNs at) {
        return at == kNoUnixTime ? kNever : at - unix_minus_now_;
    };
    // What was charged for and is dropped keeps a place in the journal alone.
    if (row.dropped && row.charged) return account_index(row.account.view());
    Entry& entry = entries_[row.id];
    entry.ticket = ticket;
    entry.tenant = row.origin.tenant;
    entry.charged = row.charged;
    entry.attempts = static_cast<std::uint8_t>(std::min<std::uint32_t>(row.attempts, 255));
    entry.account = account_index(row.account.view());
    entry.group = group_index(
        {entry.account, std::string(row.model.view()), std::string(row.headers.view())});
    entry.deadline_at = to_now(row.deadline_unix);
    entry.fallback_at = to_now(row.fallback_unix);
    entry.body_bytes = row.body_bytes;
    const auto it = submissions_.find(row.submission);
    if (it != submissions_.end() && row.position < it->second.entries.size()) {
        entry.state = row.dropped ? Entry::State::dropped : Entry::State::placed;
        entry.submission = row.submission;
        entry.position = row.position;
        it->second.entries[row.position] = row.id;
        if (row.dropped) {
            expect_late(&entry);
        } else {
            ++it->second.open;
        }
    } else {
        collect(row.id, &entry, now);
    }
    if (!row.dropped) {
        ++counts_.recovered;
        arm(row.id, entry);
    }
    return entry.account;
}

}  // namespace weir
