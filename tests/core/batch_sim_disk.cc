#include "batch_sim_disk.h"

#include <iterator>

namespace weir::test {

SimDisk::SimDisk(bool with_file, std::uint64_t seed) {
    if (with_file) file_ = std::make_unique<TornJournal>(seed, durable_.mark);
}

std::vector<JournalRecord> SimDisk::take_transaction() {
    const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(in_transaction_);
    std::vector<JournalRecord> records(std::make_move_iterator(waiting_.begin()),
                                       std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
    in_transaction_ = 0;
    return records;
}

JournalPosition SimDisk::commit() {
    const std::vector<JournalRecord> records = take_transaction();
    if (file_) file_->apply(records);
    for (const JournalRecord& record : records) durable_.apply(record);
    position_ += records.size();
    return position_;
}

void SimDisk::crash() {
    const std::vector<JournalRecord> records = take_transaction();
    waiting_.clear();
    position_ = 0;
    if (!file_ || !file_->lose_power(durable_, records, &broken)) return;
    ++written_in_crashes_;
    for (const JournalRecord& record : records) durable_.apply(record);
}

}  // namespace weir::test
