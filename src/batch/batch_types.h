#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"

namespace weir {

// The room's words. An entry is one request of the batch lane, from its acceptance until its answer
// is acknowledged, across any number of runs of the program. A submission is what becomes one batch
// at the provider: a fixed list of entries, each at its position. Both are numbered in the journal
// and never reused within it.
using EntryId = std::uint64_t;
using SubmissionId = std::uint64_t;

// The engine's name for one call of the batch endpoints.
using BatchCallId = std::uint64_t;

// Nanoseconds since 1970, for what has to mean the same after a restart.
using UnixNs = std::int64_t;
inline constexpr UnixNs kNoUnixTime = 0;

// The bytes of a request's body, kept alive by whoever made them. Empty: only the journal has them.
class BatchBody {
public:
    BatchBody() = default;
    BatchBody(std::shared_ptr<const void> owner, std::string_view bytes)
        : owner_(std::move(owner)), bytes_(bytes) {}
    static BatchBody copy_of(std::string_view bytes) {
        auto text = std::make_shared<const std::string>(bytes);
        const std::string_view view = *text;
        return BatchBody(std::move(text), view);
    }
    std::string_view bytes() const { return bytes_; }
    explicit operator bool() const { return owner_ != nullptr; }

private:
    std::shared_ptr<const void> owner_;
    std::string_view bytes_;
};

// What may share a batch: one account, one model, one set of headers that hold for the whole call.
struct BatchGroup {
    std::uint16_t account = 0;
    std::string model;
    std::string headers;  // "name: value", one a line

    auto operator<=>(const BatchGroup&) const = default;
};

// What a request is beside its body: for its accounts, for whoever cancels it, and for a later run
// that answers it online.
struct BatchOrigin {
    std::uint64_t tenant = 0;        // name_hash_64
    std::uint64_t tag = 0;           // the caller's
    std::uint32_t affinity = 0;      // name_hash
    std::uint32_t input_tokens = 0;  // the caller's figures; 0: none
    std::uint32_t output_tokens = 0;
    std::uint8_t priority = 2;
    bool automatic = false;       // lane = auto has chosen the batch lane for it
    std::string route = {};       // its name; empty: none
    std::string complexity = {};  // what its conditions look at; empty: none

    bool operator==(const BatchOrigin&) const = default;
};

// The account of a journal that this configuration has not: its work is kept, and rests.
inline constexpr std::uint16_t kNoAccount = 0xFFFFu;

// How much of its journal's work a lane does.
enum class BatchWork : std::uint8_t {
    all,
    submit,  // batches are created and asked about; their results are left for another run
    look,    // nothing is created either
};

// What a batch has come to, once it has ended; -1: not known.
struct BatchTally {
    std::int64_t succeeded = -1;
    std::int64_t errored = -1;
    std::int64_t canceled = -1;
    std::int64_t expired = -1;

    bool operator==(const BatchTally&) const = default;
};

// What a result cost, in millionths of a dollar, and how much less than online; -1: its model's
// price is not known.
struct ResultPrice {
    std::int64_t micros = -1;
    std::int64_t saved_micros = -1;
};

// What the results of a batch have cost, as far as they have been read.
struct BatchCost {
    std::int64_t micros = 0;  // of those whose price is known
    std::int64_t saved_micros = 0;
    std::uint32_t priced = 0;    // how many these are
    std::uint32_t unpriced = 0;  // and the others

    void add(const ResultPrice& price) {
        if (price.micros < 0) {
            ++unpriced;
            return;
        }
        ++priced;
        micros += price.micros;
        saved_micros += price.saved_micros;
    }
    std::uint32_t results() const { return priced + unpriced; }
    bool operator==(const BatchCost&) const = default;
};

struct BatchSettings {
    BatchWork work = BatchWork::all;

    // What closes a batch that is being collected.
    std::uint32_t max_requests = 100'000;
    std::uint64_t max_bytes = 256'000'000;
    TimeNs max_age_ns = 60 * kNsPerS;

    // The provider's limits, for each account.
    std::uint32_t calls_per_minute = 1'000;
    std::uint32_t queue_places = 200'000;
    // By account, where one has limits of its own; 0 is as above.
    struct AccountLimits {
        std::uint32_t calls_per_minute = 0;
        std::uint32_t queue_places = 0;
    };
    std::vector<AccountLimits> account_limits;

    // Polling begins at the shortest interval and grows with the batch's age.
    TimeNs poll_min_ns = 2 * kNsPerS;
    TimeNs poll_max_ns = 60 * kNsPerS;

    // How long after a creation without an answer the batch may still be missing from the listing.
    TimeNs visibility_ns = 300 * kNsPerS;
    // How long a batch that is known to exist may be answered with 404 before that is said.
    TimeNs not_found_ns = 600 * kNsPerS;
    // The clocks of the provider's machines differ by less than this.
    TimeNs server_skew_ns = 60 * kNsPerS;

    std::uint8_t max_attempts = 5;  // batches that one request may be part of
    bool delete_when_delivered = false;

    std::uint32_t max_creates = 2;    // at once, for each account; each holds its bodies
    std::uint32_t max_downloads = 2;  // at once, for each account
};

}  // namespace weir
