#pragma once

#include <cstdint>
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
    void on(const RepeatedRecord& record);
    void on(const AcknowledgedRecord& record);
    void on(const EndedRecord& record);
    void on(const ReleasedRecord& record);
    void on(const RequeuedRecord& record);
    void on(const DeliveredRecord& record);
    void on(const CancelWantedRecord& record);
    void on(const ForgottenRecord& record);
    void on(const UseRecord& record);
    void on(const CostRecord& record);
    void empty(JournalState::Entry* entry);
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

}  // namespace weir::test
