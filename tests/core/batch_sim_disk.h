#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "batch_disk.h"
#include "torn_journal.h"

namespace weir::test {

// A journal on a disk that loses what is not committed: one transaction at a time, with all the
// records that waited when it began. With a file, the journal's own is written beside it, and has
// to hold the same after each crash.
class SimDisk {
public:
    SimDisk(bool with_file, std::uint64_t seed);

    void write(JournalRecord record) { waiting_.push_back(std::move(record)); }
    bool idle() const { return in_transaction_ == 0; }
    bool wants_commit() const { return idle() && !waiting_.empty(); }
    void begin() { in_transaction_ = waiting_.size(); }
    // The transaction is on the disk. Returns the place of its last record.
    JournalPosition commit();
    // What waits has never been. A transaction that was being written has not either; or it has,
    // where the file says so.
    void crash();

    const JournalModel& durable() const { return durable_; }
    std::uint64_t written_in_crashes() const { return written_in_crashes_; }
    std::string broken;  // the first thing that must not happen

private:
    std::vector<JournalRecord> take_transaction();

    JournalModel durable_;
    std::unique_ptr<TornJournal> file_;
    std::deque<JournalRecord> waiting_;
    std::size_t in_transaction_ = 0;
    JournalPosition position_ = 0;
    std::uint64_t written_in_crashes_ = 0;  // transactions
};

}  // namespace weir::test
