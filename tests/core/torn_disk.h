#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"

namespace weir::test {

// A disk in memory, which SQLite takes for the file system while this lives. What was written to it
// is safe only once it is synced: when the power goes, any part of the rest may be there or not, in
// whatever order it was written, and one of the writes is torn.
class TornDisk {
public:
    TornDisk();
    ~TornDisk();
    TornDisk(const TornDisk&) = delete;
    TornDisk& operator=(const TornDisk&) = delete;

    // The power goes before the nth write, sync or deletion from now on; from then on all fail.
    void cut_power_after(std::uint64_t operations) { operations_left_ = operations; }
    bool has_power() const { return powered_; }
    // It is back, with what the disk holds.
    void restore_power(Random* random);

    struct File;

private:
    friend struct TornDiskCalls;
    bool use_power();  // false: it has gone

    static constexpr std::uint64_t kNever = ~std::uint64_t{0};
    sqlite3_vfs vfs_{};
    sqlite3_vfs* real_ = nullptr;
    std::map<std::string, std::shared_ptr<File>> files_;
    std::uint64_t operations_left_ = kNever;
    bool powered_ = true;
};

}  // namespace weir::test
