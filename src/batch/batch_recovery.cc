#include <algorithm>

#include "batch/batch_machine.h"

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
        begin_reconcile(&submission, now);
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

void BatchMachine::view(TimeNs now, std::vector<BatchView>* out) const {
    for (const auto& [id, submission] : submissions_) {
        BatchView view;
        view.id = id;
        view.account = submission.account;
        view.model = groups_[submission.group].model;
        view.remote_id = submission.remote_id;
        view.requests = static_cast<std::uint32_t>(submission.entries.size());
        view.open = submission.open;
        view.undelivered = submission.unconfirmed;
        view.cancel_wanted = submission.cancel_wanted;
        view.cancel_sent = submission.cancel_sent;
        view.tally = submission.tally;
        view.cost = submission.cost;
        if (submission.asked_at != kNever) view.asked_ago_ns = now - submission.asked_at;
        const UnixNs unix_now = now + unix_minus_now_;
        if (submission.created_unix != kNoUnixTime) {
            view.age_ns = std::max<TimeNs>(unix_now - submission.created_unix, 0);
        }
        if (submission.expires_unix != kNoUnixTime) {
            view.expires_in_ns = std::max<TimeNs>(submission.expires_unix - unix_now, 0);
        }
        switch (submission.stage) {
            case BatchSubmission::Stage::closed:
            case BatchSubmission::Stage::loading:
                view.state = submission.intent_written ? "sent" : "collected";
                break;
            case BatchSubmission::Stage::intent:
                view.state = "intent";
                break;
            case BatchSubmission::Stage::reconciling:
                view.state = "sent";
                break;
            case BatchSubmission::Stage::acknowledged:
                view.state = submission.cancel_wanted ? "cancelling" : "acknowledged";
                break;
            case BatchSubmission::Stage::ended:
                view.state = "ended";
                break;
            case BatchSubmission::Stage::settled:
            case BatchSubmission::Stage::removing:
                view.state = "delivered";
                break;
        }
        out->push_back(std::move(view));
    }
}

}  // namespace weir
