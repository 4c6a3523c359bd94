#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/random.h"
#include "batch/journal.h"
#include "batch_disk.h"
#include "torn_disk.h"

namespace weir::test {

// The journal's own file, on a disk that tears what is written when the power goes.
class TornJournal {
public:
    TornJournal(std::uint64_t seed, const std::string& mark);

    void apply(std::span<const JournalRecord> records) { journal_->apply(records); }
    // The power goes: at rest, while `transaction` is written, or while the file is closed. Then it
    // is opened again. Returns whether the transaction is there; `broken` says it where the file
    // holds neither what it did `before`, nor that with the whole transaction.
    bool lose_power(const JournalModel& before, std::span<const JournalRecord> transaction,
                    std::string* broken);

private:
    bool holds(const JournalModel& model);

    Random random_;
    std::string mark_;
    TornDisk disk_;
    std::unique_ptr<Journal> journal_;
};

}  // namespace weir::test
