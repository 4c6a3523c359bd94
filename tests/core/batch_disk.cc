#include "batch_disk.h"

#include <algorithm>
#include <stdexcept>
#include <variant>

namespace weir::test {

JournalContents contents_of(Journal* journal) {
    JournalContents contents{journal->load(), {}};
    journal->load_entries(
        [&](const JournalState::Entry& entry) { contents.entries.push_back(entry); });
    return contents;
}

void recover(BatchMachine* machine, const JournalContents& contents,
             const std::vector<std::uint64_t>& tickets, TimeNs now) {
    machine->recover(contents, now);
    auto ticket = tickets.begin();
    for (const JournalState::Entry& entry : contents.entries) {
        machine->recover_entry(entry, entry.dropped ? 0 : *ticket++, now);
    }
}

void JournalModel::apply(const JournalRecord& record) {
    std::visit([this](const auto& r) { on(r); }, record);
}

JournalContents JournalModel::state() const {
    JournalContents state;
    state.mark = mark;
    state.last_entry = last_entry_;
    state.last_submission = last_submission_;
    state.entry_count = entries_.size();
    for (const auto& [id, entry] : entries_) state.entries.push_back(entry);
    for (const auto& [id, submission] : submissions_) state.submissions.push_back(submission);
    for (const auto& [scope, row] : day_use_) state.day_use.push_back(row);
    return state;
}

std::int64_t JournalModel::day_use(const std::string& scope) const {
    const auto it = day_use_.find(scope);
    return it == day_use_.end() ? 0 : it->second.tokens;
}

void JournalModel::on(const AcceptRecord& r) {
    JournalState::Entry& entry = entries_[r.entry];
    entry.id = r.entry;
    entry.custom_id = r.custom_id;
    entry.account = r.account;
    entry.model = r.model;
    entry.headers = r.headers;
    entry.deadline_unix = r.deadline_unix;
    entry.fallback_unix = r.fallback_unix;
    entry.body_bytes = r.body.bytes().size();
    if (r.origin != nullptr) entry.origin = *r.origin;
    bodies_[r.entry] = r.body;
    last_entry_ = std::max(last_entry_, r.entry);
}

void JournalModel::on(const IntentRecord& r) {
    JournalState::Submission& submission = submissions_[r.submission];
    submission.id = r.submission;
    submission.account = r.account;
    submission.model = r.model;
    submission.headers = r.headers;
    submission.count = static_cast<std::uint32_t>(r.entries.size());
    submission.at_unix = r.at_unix;
    submission.watermark_unix = r.watermark_unix;
    std::uint32_t position = 0;
    for (const EntryId id : r.entries) {
        JournalState::Entry& entry = entries_.at(id);
        if (entry.submission != 0) throw std::logic_error("an entry in two submissions");
        entry.submission = r.submission;
        entry.position = position++;
    }
    last_submission_ = std::max(last_submission_, r.submission);
}

void JournalModel::on(const SentRecord& r) {
    submissions_.at(r.submission).stage = JournalState::Stage::sent;
}

void JournalModel::on(const RepeatedRecord& r) { ++submissions_.at(r.submission).creations; }

void JournalModel::on(const AcknowledgedRecord& r) {
    JournalState::Submission& submission = submissions_.at(r.submission);
    if (submission.stage >= JournalState::Stage::acknowledged) {
        throw std::logic_error("a submission acknowledged twice");
    }
    submission.stage = JournalState::Stage::acknowledged;
    submission.remote_id = r.remote_id;
    submission.created_unix = r.created_unix;
    submission.expires_unix = r.expires_unix;
    for (auto& [id, entry] : entries_) {
        if (entry.submission == r.submission && entry.dropped) empty(&entry);
    }
}

void JournalModel::on(const EndedRecord& r) {
    submissions_.at(r.submission).stage = JournalState::Stage::ended;
    submissions_.at(r.submission).tally = r.tally;
}

void JournalModel::on(const ReleasedRecord& r) {
    erase_dropped(r.submission);
    for (auto& [id, entry] : entries_) {
        if (entry.submission != r.submission) continue;
        entry.submission = 0;
        entry.position = 0;
    }
    submissions_.erase(r.submission);
}

void JournalModel::on(const RequeuedRecord& r) {
    JournalState::Entry& entry = entries_.at(r.entry);
    entry.submission = 0;
    entry.position = 0;
    entry.attempts = r.attempts;
}

void JournalModel::on(const DeliveredRecord& r) {
    JournalState::Entry& entry = entries_.at(r.entry);
    const auto it = submissions_.find(entry.submission);
    const bool in_doubt =
        it != submissions_.end() && it->second.stage < JournalState::Stage::acknowledged;
    if (in_doubt) {
        entry.dropped = true;
    } else if (it != submissions_.end() && r.late) {
        entry.dropped = true;
        empty(&entry);
    } else {
        erase(r.entry);
    }
}

void JournalModel::on(const CancelWantedRecord& r) {
    submissions_.at(r.submission).cancel_wanted = true;
}

void JournalModel::on(const ForgottenRecord& r) {
    erase_dropped(r.submission);
    for (const auto& [id, entry] : entries_) {
        if (entry.submission == r.submission) throw std::logic_error("forgotten with an entry");
    }
    submissions_.erase(r.submission);
}

void JournalModel::on(const UseRecord& r) {
    std::int64_t today = INT64_MIN;
    for (const DayUseRow& row : r.day_use) {
        today = std::max(today, row.day);
        day_use_[row.scope] = row;
    }
    std::erase_if(day_use_, [&](const auto& row) { return row.second.day < today; });
    for (const EntryId entry : r.charged) {
        const auto it = entries_.find(entry);
        if (it == entries_.end()) continue;
        it->second.charged = true;
        ever_charged_.insert(entry);
    }
}

void JournalModel::on(const CostRecord& r) { submissions_.at(r.submission).cost = r.cost; }

void JournalModel::empty(JournalState::Entry* entry) {
    entry->body_bytes = 0;
    bodies_.erase(entry->id);
}

void JournalModel::erase(EntryId entry) {
    entries_.erase(entry);
    bodies_.erase(entry);
}

void JournalModel::erase_dropped(SubmissionId submission) {
    std::erase_if(entries_, [&](const auto& row) {
        if (row.second.submission != submission || !row.second.dropped) return false;
        bodies_.erase(row.first);
        return true;
    });
}

}  // namespace weir::test
