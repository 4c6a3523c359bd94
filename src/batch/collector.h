#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/time.h"
#include "batch/batch_types.h"

namespace weir {

// The entries that wait to become a batch, by group, oldest first. A group is closed when it has
// the requests or the bytes of a batch, when its oldest entry has waited long enough, or by flush.
class Collector {
public:
    using GroupIndex = std::uint32_t;

    Collector(std::uint32_t max_requests, std::uint64_t max_bytes, TimeNs max_age_ns)
        : max_requests_(max_requests), max_bytes_(max_bytes), max_age_ns_(max_age_ns) {}

    // What a request with a body of this size takes of a batch, at most.
    static std::uint64_t size_in_batch(std::uint64_t body_bytes);
    bool ever_fits(std::uint64_t body_bytes) const;

    // The entry's place in its group, for remove.
    std::uint64_t add(GroupIndex group, EntryId entry, std::uint64_t body_bytes, TimeNs now);
    void remove(GroupIndex group, std::uint64_t place);
    void flush();  // all that waits now is closed by the next take
    // The provider took less than it says: smaller batches from now on.
    void lower_max_bytes(std::uint64_t max_bytes);

    // Takes the entries of one batch that is to be closed now. False if there is none.
    bool take(TimeNs now, GroupIndex* group, std::vector<EntryId>* entries);
    TimeNs next_timer() const;

    std::uint64_t size() const { return size_; }

private:
    struct Waiting {
        EntryId entry = 0;
        std::uint64_t bytes = 0;  // in a batch
        TimeNs since = 0;
    };
    struct Group {
        std::map<std::uint64_t, Waiting> entries;  // by place
        std::uint64_t bytes = 0;
        std::uint64_t flushed = 0;  // places up to this one are to be closed
    };
    TimeNs ripe_at(const Group& group) const;

    std::uint32_t max_requests_;
    std::uint64_t max_bytes_;
    TimeNs max_age_ns_;
    std::vector<Group> groups_;
    std::uint64_t last_place_ = 0;
    std::uint64_t size_ = 0;
};

}  // namespace weir
