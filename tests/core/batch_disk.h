#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "batch/batch_machine.h"
#include "batch/journal.h"
#include "batch/journal_record.h"

namespace weir::test {

// All that a journal holds at once.
struct JournalContents : JournalState {
    std::vector<Entry> entries;
};
JournalContents contents_of(Journal* journal);
// `tickets` has one for each entry that is not dropped, in order.
void recover(BatchMachine* machine, const JournalContents& contents,
             const std::vector<std::uint64_t>& tickets, TimeNs now);

// What a journal's records come to, one by one: the meaning of the records in its simplest form.
// The SQLite journal is compared with it.
class JournalModel {
public:
    void apply(const JournalRecord& record);
    JournalContents state() const;
    const BatchBody& body(EntryId entry) const { return bodies_.at(entry); }
    bool empty() const { return entries_.empty() && submissions_.empty(); }
    bool has_entry(EntryId entry) const { return entries_.contains(entry); }
    // Tokens, of one name; 0 if there is none.
    std::int64_t day_use(const std::string& scope) const;
    // Whether what the entry used was ever part of the day's use.
    bool ever_charged(EntryId entry) const { return ever_charged_.contains(entry); }
    std::size_t ever_charged() const { return ever_charged_.size(); }

    std::string mark = "testmark";

private:
    void on(const AcceptRecord& record);
    void on(const IntentRecord& record);
    void on(const SentRecord& record);
    void on(const AcknowledgedRecord& record);
    void on(const EndedRecord& record);
    void on(const ReleasedRecord& record);
    void on(const RequeuedRecord& record);
    void on(const DeliveredRecord& record);
    void on(const CancelWantedRecord& record);
    void on(const ForgottenRecord& record);
    void on(const UseRecord& record);
    void on(const CostRecord& record);
    void erase(EntryId entry);
    void erase_dropped(SubmissionId submission);

    std::map<EntryId, JournalState::Entry> entries_;
    std::map<EntryId, BatchBody> bodies_;
    std::map<SubmissionId, JournalState::Submission> submissions_;
    std::map<std::string, DayUseRow> day_use_;
    std::set<EntryId> ever_charged_;
    EntryId last_entry_ = 0;
    SubmissionId last_submission_ = 0;
};

// A journal on a disk that loses what is not committed: one transaction at a time, with all the
// records that waited when it began.
class SimDisk {
public:
    void write(JournalRecord record) { waiting_.push_back(std::move(record)); }
    bool idle() const { return in_transaction_ == 0; }
    bool wants_commit() const { return idle() && !waiting_.empty(); }
    void begin() { in_transaction_ = waiting_.size(); }
    // The transaction is on the disk. Returns the place of its last record.
    JournalPosition commit();
    // Whatever was not committed, torn or waiting, has never been.
    void crash();

    const JournalModel& durable() const { return durable_; }

private:
    JournalModel durable_;
    std::deque<JournalRecord> waiting_;
    std::size_t in_transaction_ = 0;
    JournalPosition position_ = 0;
};

}  // namespace weir::test
