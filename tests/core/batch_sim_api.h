#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "batch/batch_types.h"
#include "provider/batch_calls.h"

namespace weir::test {

// A small model of the batch endpoints, with what they are known to do: batches that the listing
// shows late, 404 for a batch just made, counters that say nothing until the end, results in any
// order. It notices when a request is submitted that is already on its way.
class SimBatchApi {
public:
    enum class Fate : std::uint8_t { succeeded, overloaded, invalid, expired, missing };
    struct Item {
        std::string custom_id;
        std::string params;
        Fate fate = Fate::succeeded;
    };
    struct Batch {
        BatchObject object;
        std::vector<Item> items;  // in the order of the results
        TimeNs readable_at = 0;
        TimeNs visible_at = 0;
        TimeNs ends_at = 0;
        TimeNs results_at = 0;
        bool foreign = false;
    };

    SimBatchApi(std::uint64_t seed, TimeNs visibility_ns, UnixNs unix_at_zero);

    // The provider takes a creation in. Sets `broken` if that must not have happened.
    const Batch& create(const std::string& body, TimeNs now);
    void create_foreign(std::size_t count, TimeNs now);
    const Batch* find(const std::string& id) const;
    BatchObject object(const Batch& batch, TimeNs now) const;
    BatchPage list(const std::string& after, std::size_t limit, TimeNs now) const;
    void cancel(const std::string& id, TimeNs now);
    void remove(const std::string& id);

    const std::vector<Batch>& batches() const { return batches_; }
    std::string broken;  // the first thing that must not happen
    std::uint64_t created = 0;

private:
    void check(const Item& item, TimeNs now);
    Batch& add(std::vector<Item> items, TimeNs now);

    Random random_;
    TimeNs visibility_ns_;
    UnixNs unix_at_zero_;
    std::vector<Batch> batches_;  // oldest first
    std::map<std::string, std::pair<std::size_t, Fate>>
        last_;  // by params: its last batch and fate
};

}  // namespace weir::test
