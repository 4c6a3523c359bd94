#pragma once

#include <cstdint>
#include <string>

#include "batch/batch_types.h"

namespace weir {

// What a listing shows of a submission.
struct BatchView {
    SubmissionId id = 0;
    const char* state = "";  // collected, intent, sent, acknowledged, ended, delivered
    std::uint16_t account = 0;
    std::string model;
    std::string remote_id;
    std::uint32_t requests = 0;
    std::uint32_t open = 0;         // without an answer yet
    std::uint32_t undelivered = 0;  // answers that nobody has acknowledged
    std::uint32_t late = 0;         // results to be read for what they cost alone
    TimeNs age_ns = -1;             // since the provider created it; -1: not yet
    TimeNs expires_in_ns = -1;
    TimeNs asked_ago_ns = -1;  // since the provider was last asked; -1: not in this run
    BatchTally tally;
    BatchCost cost;
    bool not_found = false;  // though the provider has acknowledged it
    bool cancel_wanted = false;
    bool cancel_sent = false;  // in this run
};

// The provider's limits on an account's batches, and how much of them is taken.
struct BatchLimitsView {
    std::int64_t calls_per_minute = 0;
    TimeNs next_call_in_ns = 0;  // 0: now
    std::uint64_t queue_places = 0;
    std::uint64_t places_taken = 0;
};

struct BatchCounts {
    std::uint64_t accepted = 0;
    std::uint64_t recovered = 0;
    std::uint64_t submitted = 0;   // batches whose creation was acknowledged or found
    std::uint64_t reconciled = 0;  // creations that ended without an answer
    std::uint64_t found = 0;       // of these, found by the listing
    std::uint64_t sent_again = 0;  // of these, sent again
    std::uint64_t delivered = 0;
    std::uint64_t failed = 0;
    std::uint64_t requeued = 0;   // expired, retryable or missing: sent in another batch
    std::uint64_t fell_back = 0;  // answered online before their deadline
    std::uint64_t unknown_results = 0;
    std::uint64_t duplicate_results = 0;
    std::uint64_t missing_results = 0;
    std::uint64_t dropped_results = 0;  // of requests that were cancelled or ended before
    std::uint64_t downloads_cut = 0;
    // When the journal failed: what it had been told and has not kept.
    std::uint64_t requests_not_kept = 0;
    std::uint64_t acknowledgements_not_kept = 0;
};

}  // namespace weir
