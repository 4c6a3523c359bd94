#include "torn_journal.h"

namespace weir::test {

namespace {

constexpr const char* kPath = "/torn/journal";
// A transaction, and a file's closing, come to about so many operations of the disk.
constexpr std::uint64_t kOperations = 40;

}  // namespace

TornJournal::TornJournal(std::uint64_t seed, const std::string& mark)
    : random_(seed), mark_(mark), journal_(open_journal(kPath, mark)) {}

bool TornJournal::lose_power(const JournalModel& before, std::span<const JournalRecord> transaction,
                             std::string* broken) {
    bool written = false;
    if (random_.below(4) != 0) disk_.cut_power_after(random_.below(kOperations));
    if (!transaction.empty()) {
        try {
            journal_->apply(transaction);
            written = true;
        } catch (const JournalError&) {
        }
    }
    // Either it is closed, as far as the power lasts, or it goes now.
    if (random_.below(2) == 0) disk_.cut_power_after(0);
    journal_.reset();
    disk_.restore_power(&random_);
    try {
        journal_ = open_journal(kPath, mark_);
        JournalModel after = before;
        for (const JournalRecord& record : transaction) after.apply(record);
        if (!transaction.empty() && holds(after)) return true;
        if (!written && holds(before)) return false;
        *broken = "the file holds neither what was before its last transaction nor that";
    } catch (const JournalError& error) {
        *broken = error.message();
    }
    return written;
}

bool TornJournal::holds(const JournalModel& model) {
    const JournalContents expected = model.state();
    const JournalContents found = contents_of(journal_.get());
    const bool same =
        found.mark == expected.mark && found.last_entry == expected.last_entry &&
        found.last_submission == expected.last_submission && found.entries == expected.entries &&
        found.submissions == expected.submissions && found.day_use == expected.day_use;
    if (!same) return false;
    for (const JournalState::Entry& entry : found.entries) {
        if (entry.body_bytes == 0) continue;
        const EntryId id = entry.id;
        if (journal_->bodies({&id, 1})[0].second.bytes() != model.body(id).bytes()) return false;
    }
    return true;
}

}  // namespace weir::test
