#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/messages_request.h"
#include "model/random.h"

namespace weir::model {

// How the batch endpoints behave, and what goes wrong there.
struct BatchBehaviour {
    double ends_s = 2;          // a batch takes so long
    double errored = 0;         // share of requests: overloaded_error
    double invalid = 0;         // share: invalid_request_error
    double expired = 0;         // share
    double missing = 0;         // share whose line is left out of the results
    double not_found_s = 0;     // 404 for so long after creation, and for results after the end
    double listing_late_s = 0;  // a batch appears in the listing only after this
    std::uint32_t overloaded_every = 0;  // 529 for every nth call
    std::uint32_t lost_creations = 0;    // the first n are accepted, and the connection closed
    std::uint32_t cut_downloads = 0;     // the first n end at the share `cut_at`
    double cut_at = 0.6;
    std::uint32_t strange_lines = 0;  // in all results: that come twice, and as many unknown ones
    std::uint32_t foreign = 0;        // batches of somebody else, of the size of the first one
    std::int64_t output_tokens = 50;
};

// "ends_s=2,errored=0.02,expired=0.03,...", by the names above. Throws ConfigError.
BatchBehaviour read_batch_behaviour(std::string_view text);

struct BatchItem {
    enum class Fate : std::uint8_t { succeeded, errored, invalid, expired, missing };
    std::string custom_id;
    MessagesRequest request;
    std::string problem;  // invalid: what is wrong with it
    Fate fate = Fate::succeeded;
};

struct Batch {
    std::string id;
    int account = 0;
    std::vector<BatchItem> items;
    TimeNs created_at = 0;
    TimeNs ends_at = 0;
    TimeNs cancelled_at = -1;
    bool deleted = false;
};

// The batches of all accounts. No clock, no socket; the same for the same seed and calls.
class BatchModel {
public:
    BatchModel(const BatchBehaviour& behaviour, std::uint64_t seed)
        : behaviour_(behaviour), random_(Random::mix(seed)) {}

    const BatchBehaviour& behaviour() const { return behaviour_; }

    // Whether this call is to be turned away with 529.
    bool overloaded();
    const Batch& create(int account, std::vector<BatchItem> items, TimeNs now);
    bool loses_creation() { return take(&lost_creations_, behaviour_.lost_creations); }
    bool cuts_download() { return take(&cut_downloads_, behaviour_.cut_downloads); }

    // NULL if the account has none of that id, or not yet.
    const Batch* find(int account, std::string_view id, TimeNs now) const;
    bool has_results(const Batch& batch, TimeNs now) const;
    // Newest first, from after `after_id` on; at most `limit`.
    std::vector<const Batch*> list(int account, std::string_view after_id,
                                   std::string_view before_id, std::size_t limit, bool* has_more,
                                   TimeNs now) const;
    void cancel(const Batch& batch, TimeNs now);
    void remove(const Batch& batch);

    // What was seen, as JSON: the batches, how many of their requests have no answer, the requests
    // that were part of more than one although an earlier one had answered them, and how often what
    // was to go wrong did.
    std::string report() const;

private:
    bool take(std::uint32_t* taken, std::uint32_t of) { return *taken < of && ++*taken <= of; }
    BatchItem::Fate draw_fate();

    BatchBehaviour behaviour_;
    Random random_;
    std::vector<Batch> batches_;                     // oldest first
    std::map<std::string, std::uint32_t> answered_;  // by marker: how often
    std::uint64_t calls_ = 0;
    std::uint64_t overloaded_ = 0;  // of them
    std::uint64_t creations_ = 0;
    std::uint32_t lost_creations_ = 0;
    std::uint32_t cut_downloads_ = 0;
};

}  // namespace weir::model
