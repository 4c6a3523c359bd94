#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "batch/batch_types.h"

namespace weir {

// What the journal is told, in order. A record is durable only when all before it are.
//
// An entry is a row from accepted to acknowledged. A submission is a row from its intent until
// nothing is wanted of it any more; while it has no remote id, whether its batch exists is unknown.

struct AcceptRecord {
    EntryId entry = 0;
    std::string custom_id;  // the caller's
    std::string account;    // by name: its index may be another tomorrow
    std::string model;
    std::string headers;
    UnixNs deadline_unix = kNoUnixTime;
    UnixNs fallback_unix = kNoUnixTime;  // from when on it is to be answered online instead
    BatchBody body;
    std::shared_ptr<const BatchOrigin> origin = nullptr;  // NULL: as a BatchOrigin is made
};

// Written and durable before the batch is created. Gives its entries their positions, 0 and up.
struct IntentRecord {
    SubmissionId submission = 0;
    std::string account;
    std::string model;
    std::string headers;
    UnixNs at_unix = kNoUnixTime;
    // The provider's own time of the newest batch known to be older than this one.
    UnixNs watermark_unix = kNoUnixTime;
    std::vector<EntryId> entries;
};

// The creation was sent, and how it ended is not known.
struct SentRecord {
    SubmissionId submission = 0;
};

// The batch does not exist, and its creation is sent once more: durable before it is.
struct RepeatedRecord {
    SubmissionId submission = 0;
};

struct AcknowledgedRecord {
    SubmissionId submission = 0;
    std::string remote_id;
    UnixNs created_unix = kNoUnixTime;
    UnixNs expires_unix = kNoUnixTime;
};

struct EndedRecord {
    SubmissionId submission = 0;
    BatchTally tally = {};
};

// The provider refused the batch as a whole: its entries are as they were before the intent.
struct ReleasedRecord {
    SubmissionId submission = 0;
};

// The entry's batch came to nothing for it; it is to be sent again.
struct RequeuedRecord {
    EntryId entry = 0;
    std::uint32_t attempts = 0;  // batches that it has been part of
};

// The caller has the answer in safe hands, or has given the request up. The entry is forgotten, but
// for two cases in which it is only dropped, until its submission goes. While it is unknown whether
// its batch exists, that may have to be created again, and then has to be the same. And where its
// result is still to come, somebody has to be charged for it.
struct DeliveredRecord {
    EntryId entry = 0;
    bool late = false;  // its result is still to come
};

// What has been used of a day, by the name of what it counts for. The last word on a name is all
// that matters.
struct DayUseRow {
    std::string scope;
    std::int64_t day = 0;  // since 1970
    std::int64_t tokens = 0;
    std::int64_t spend = 0;  // millionths of a dollar

    bool operator==(const DayUseRow&) const = default;
};

// Takes the place of what is kept for the same names; what is of earlier days goes. What `charged`
// have used is part of it, and is never added again.
struct UseRecord {
    std::vector<DayUseRow> day_use;
    std::vector<EntryId> charged;  // those that are forgotten are passed over
};

// What the batch's results have cost, as far as they have been read.
struct CostRecord {
    SubmissionId submission = 0;
    BatchCost cost;
};

struct CancelWantedRecord {
    SubmissionId submission = 0;
};

// Nothing is wanted of the submission any more, nor of what of it is dropped.
struct ForgottenRecord {
    SubmissionId submission = 0;
};

using JournalRecord =
    std::variant<AcceptRecord, IntentRecord, SentRecord, AcknowledgedRecord, EndedRecord,
                 ReleasedRecord, RequeuedRecord, DeliveredRecord, CancelWantedRecord,
                 ForgottenRecord, UseRecord, CostRecord, RepeatedRecord>;

// The place of a record in the journal's order: 1, 2, 3, ... from the start of each run.
using JournalPosition = std::uint64_t;

// A text that a hundred thousand entries have in common.
class SharedText {
public:
    SharedText() = default;
    SharedText(std::string text) : text_(std::make_shared<const std::string>(std::move(text))) {}
    SharedText(const char* text) : SharedText(std::string(text)) {}
    std::string_view view() const { return text_ ? std::string_view(*text_) : std::string_view(); }
    friend bool operator==(const SharedText& a, const SharedText& b) {
        return a.view() == b.view();
    }

private:
    std::shared_ptr<const std::string> text_;
};

// What a journal holds when it is opened. Its entries are read one by one.
struct JournalState {
    enum class Stage : std::uint8_t { intent = 1, sent, acknowledged, ended };
    struct Entry {
        EntryId id = 0;
        std::string custom_id = {};
        SharedText account = {};
        SharedText model = {};
        SharedText headers = {};
        UnixNs deadline_unix = kNoUnixTime;
        UnixNs fallback_unix = kNoUnixTime;
        std::uint64_t body_bytes = 0;  // 0 where it is not needed any more
        std::uint32_t attempts = 0;
        SubmissionId submission = 0;  // 0: waits to be collected
        std::uint32_t position = 0;
        bool dropped = false;  // nobody waits for its answer
        bool charged = false;  // what its answer used is in the day's use
        BatchOrigin origin = {};

        bool operator==(const Entry&) const = default;
    };
    struct Submission {
        SubmissionId id = 0;
        std::string account = {};
        std::string model = {};
        std::string headers = {};
        std::uint32_t count = 0;
        UnixNs at_unix = kNoUnixTime;
        UnixNs watermark_unix = kNoUnixTime;
        Stage stage = Stage::intent;
        std::uint32_t creations = 1;  // that may have made the batch
        std::string remote_id = {};
        UnixNs created_unix = kNoUnixTime;
        UnixNs expires_unix = kNoUnixTime;
        bool cancel_wanted = false;
        BatchTally tally = {};
        BatchCost cost = {};

        bool operator==(const Submission&) const = default;
    };
    std::string mark = {};  // this journal's own, random, made with it
    EntryId last_entry = 0;
    SubmissionId last_submission = 0;
    std::uint64_t entry_count = 0;
    std::vector<Submission> submissions = {};  // in the order of their ids
    std::vector<DayUseRow> day_use = {};
};

}  // namespace weir
