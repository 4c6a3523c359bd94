#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "batch/batch_action.h"
#include "batch/batch_types.h"
#include "batch/call_pacer.h"
#include "batch/journal_record.h"
#include "provider/batch_calls.h"

namespace weir {

// The parts of BatchMachine's state.

struct BatchEntry {
    enum class State : std::uint8_t {
        collected,  // waits in the collector
        placed,     // part of a submission, without an answer
        settled,    // its terminal action is out; kept until it is acknowledged
        dropped,    // nobody waits for it; but its place in its submission has to stay filled, or
                    // its result is still to come
        online,     // answered online; kept until that is acknowledged
    };
    State state = State::collected;
    std::uint8_t attempts = 0;  // batches that came to nothing for it
    std::uint16_t account = 0;
    std::uint32_t group = 0;
    std::uint64_t place = 0;  // in the collector
    std::uint64_t ticket = 0;
    std::uint64_t tenant = 0;
    TimeNs deadline_at = kNever;
    TimeNs fallback_at = kNever;
    // While its submission is being sent; else the journal alone has it.
    std::unique_ptr<BatchBody> body;
    std::uint64_t body_bytes = 0;
    SubmissionId submission = 0;
    std::uint32_t position = 0;
    bool late = false;     // it has ended, and its result is still to come: that is to be charged
    bool charged = false;  // an earlier run has charged what its result cost
};

struct BatchSubmission {
    enum class Stage : std::uint8_t {
        closed,        // waits for its turn to be sent
        loading,       // its bodies are being read from the journal
        intent,        // the intent is in the journal's queue or durable; then the creation is sent
        reconciling,   // it may have been created: the listing will tell
        acknowledged,  // it has a remote id, and is polled
        ended,         // its results are read
        settled,       // every entry has its terminal action
        removing,      // every answer is acknowledged: the batch is deleted at the provider
    };

    static constexpr EntryId kNotHere = 0;

    SubmissionId id = 0;
    Stage stage = Stage::closed;
    std::uint16_t account = 0;
    std::uint32_t group = 0;
    // By position. kNotHere: answered, or sent elsewhere.
    std::vector<EntryId> entries;
    std::uint32_t open = 0;         // entries placed
    std::uint32_t late = 0;         // entries whose late results are to be charged
    std::uint32_t unconfirmed = 0;  // entries settled or online: their answer is not acknowledged
    std::uint64_t bytes = 0;        // of the bodies
    bool intent_written = false;
    bool sent = false;            // a creation was begun, in this run or an earlier one
    std::uint32_t creations = 0;  // that may have made the batch
    std::uint32_t places = 0;     // taken in the account's processing queue
    bool holds_turn = false;      // of the account's creations at once
    bool cancel_wanted = false;
    bool cancel_sent = false;
    JournalPosition wait_for = 0;  // nothing is done before this is durable
    TimeNs due = 0;
    std::uint32_t failures = 0;  // calls in a row
    BatchCallId call = 0;        // in flight
    BatchCall::Kind call_kind = BatchCall::Kind::retrieve;

    std::string remote_id;
    UnixNs created_unix = kNoUnixTime;
    UnixNs expires_unix = kNoUnixTime;
    UnixNs watermark_unix = kNoUnixTime;
    TimeNs known_since = 0;    // when this run first knew its remote id
    TimeNs asked_at = kNever;  // when the provider last said how it is; kNever: not yet
    BatchTally tally;
    TimeNs not_found_since = kNever;    // the first 404 in a row
    TimeNs not_found_told_at = kNever;  // when that was last said

    // Whether the batch exists is not known, or nothing was sent yet; its entries cannot change.
    bool unresolved() const { return intent_written && remote_id.empty(); }

    // A creation that was refused for one of its requests is sent in halves.
    std::uint32_t refusals = 0;   // of the creations that this one is a part of
    SubmissionId other_half = 0;  // waits for what becomes of this one
    bool waits_for_half = false;  // is another one's other half

    // Reconciling.
    TimeNs doubt_since = 0;
    std::int32_t doubt_status = 0;      // of its requests, should the creation come to nothing
    std::uint32_t unusable_passes = 0;  // in a row
    TimeNs pass_began = 0;  // of the pass through the listing under way, or of the last one
    bool in_pass = false;
    std::string pass_after;               // the last id of the page before
    std::set<std::string> pass_ends;      // the last ids of all pages before
    std::vector<BatchObject> candidates;  // of that pass
    std::vector<std::string> refuted;     // batches of others
    BatchObject probed;                   // the candidate whose first result is being read
    std::uint32_t empty_probes = 0;

    // Results.
    std::vector<bool> seen;          // by position, in the download under way
    std::uint32_t downloads = 0;     // that were complete
    BatchCost reading;               // what the download under way has come to
    BatchCost cost;                  // the most that one has come to
    std::uint32_t kept_results = 0;  // the results in `cost`, as it was written last
};

struct BatchAccount {
    BatchAccount(std::string account_name, std::uint32_t calls_per_minute,
                 std::uint32_t queue_places)
        : name(std::move(account_name)), pacer(calls_per_minute), most_places(queue_places) {}

    std::string name;
    CallPacer pacer;
    std::uint64_t most_places;
    std::uint64_t places = 0;  // taken in the provider's processing queue
    std::uint32_t creating = 0;
    std::uint32_t downloading = 0;
    std::uint32_t live = 0;  // submissions that are polled

    // The provider's own time of the newest batch that we know of.
    UnixNs newest_unix = kNoUnixTime;
    bool newest_known = false;
    BatchCallId newest_call = 0;
    TimeNs newest_due = 0;
    std::uint32_t newest_failures = 0;
};

}  // namespace weir
