#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "batch/batch_types.h"
#include "batch/create_body.h"
#include "batch/journal_record.h"
#include "provider/batch_calls.h"

namespace weir {

// One call of the batch endpoints, to be made without any retry under it.
struct BatchCall {
    enum class Kind : std::uint8_t { create, retrieve, list, results, cancel, remove };
    BatchCallId id = 0;
    Kind kind = Kind::retrieve;
    std::uint16_t account = 0;
    SubmissionId submission = 0;
    std::string remote_id;             // retrieve, results, cancel, remove
    std::string after_id;              // list: the last id of the page before, or empty
    std::uint32_t page_size = 0;       // list
    std::string headers;               // create: of the group
    std::shared_ptr<CreateBody> body;  // create: on a fresh connection
};

struct BatchAction {
    enum class Kind : std::uint8_t {
        call,        // make `call`
        abort_call,  // end `call_id`; nothing more is said of it
        load,        // read the bodies of `entries` from the journal, for on_bodies
        durable,     // the entry has become durable
        deliver,     // terminal: the answer is the result line at hand
        fail,        // terminal: `status`, with the detail of the line or the call at hand
        fall_back,   // answer the entry online; the lane has let go of it
        changed,     // a submission has another state
        not_found,   // the provider does not know a submission that it has acknowledged
        dropped,     // nobody waits for the result line at hand any more; it has its price
    };
    Kind kind;
    std::int32_t status = 0;
    std::uint16_t account = 0;  // deliver, fail, fall_back, dropped
    EntryId entry = 0;
    std::uint64_t ticket = 0;
    std::uint64_t tenant = 0;  // dropped: of the entry
    SubmissionId submission = 0;
    BatchCallId call_id = 0;
    std::uint32_t attempts = 0;   // deliver, fail: batches that the request was part of
    bool maybe_executed = false;  // fail: the batch may yet do the work, or has done it
    std::shared_ptr<BatchCall> call = nullptr;
    const char* why = "";               // fail: where no line or call at hand says it
    std::string headers = {};           // fall_back: the request's own
    std::vector<EntryId> entries = {};  // load
};

// What a call returned, where it has succeeded; or what its refusal says.
struct BatchAnswer {
    const BatchObject* batch = nullptr;          // create, retrieve, cancel
    const BatchPage* page = nullptr;             // list
    std::vector<std::uint32_t> refused_at = {};  // create: the positions that the refusal names
};

// What an input came to. Both lists are in order. Records go to the journal at once; actions never
// have to wait for them: what must be durable first is asked for only after on_durable.
struct BatchOutput {
    std::vector<JournalRecord> records;
    std::vector<BatchAction> actions;
};

}  // namespace weir
