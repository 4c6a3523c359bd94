#include <algorithm>
#include <utility>

#include "batch/batch_machine.h"
#include "weir/weir.h"

namespace weir {

// A creation that was refused: it has made nothing. Where one request is the reason, the others are
// sent without it. The provider may say which one; else the batch is sent in halves. The second
// half waits for what becomes of the first: where that is accepted, the second one has the reason
// in it, and is halved unsent. So one bad request of n costs 2 log2 n + 2 creations at most.

namespace {

// Each refusal names one request, and costs the upload of all others. After so many of them the
// rest is halved as well, so that many bad requests do not cost as many uploads of everything.
constexpr std::uint32_t kRefusalsWhole = 8;

// The statuses that may be about one request of many.
bool may_be_of_one(const Outcome& outcome) {
    return outcome.cls == OutcomeClass::bad_request &&
           (outcome.http_status == 400 || outcome.http_status == 422);
}

}  // namespace

void BatchMachine::refused(BatchSubmission* submission, const Outcome& outcome,
                           const std::vector<std::uint32_t>& refused_at, std::int32_t status,
                           TimeNs now, BatchOutput* out) {
    give_back(submission);
    submission->sent = false;
    const std::size_t count = submission->entries.size();
    if (outcome.http_status == 413 && count > 1) {
        return refused_as_too_large(submission, now, out);
    }
    bool named = false;
    if (may_be_of_one(outcome)) {
        for (const std::uint32_t position : refused_at) {
            if (position >= count) continue;
            named = true;
            const EntryId id = submission->entries[position];
            Entry* const entry = find(id);
            if (entry == nullptr || entry->state != Entry::State::placed) continue;
            settle(id, entry, BatchAction::Kind::fail, status, out);
        }
    }
    if (!may_be_of_one(outcome) || (!named && count == 1)) {
        for (const EntryId id : placed_entries(*submission)) {
            settle(id, &entries_.at(id), BatchAction::Kind::fail, status, out);
        }
    }
    const std::vector<EntryId> rest = placed_entries(*submission);
    const std::uint32_t group = submission->group;
    const std::uint32_t refusals = submission->refusals + 1;
    release(submission, out);
    if (rest.empty()) return;
    if (rest.size() == 1 || (named && refusals <= kRefusalsWhole)) {
        add_submission(group, rest, out)->refusals = refusals;
    } else {
        halve(group, rest, refusals, !named, out);
    }
}

void BatchMachine::refused_as_too_large(BatchSubmission* submission, TimeNs now, BatchOutput* out) {
    const std::vector<EntryId> entries = placed_entries(*submission);
    std::uint64_t bytes = 0;
    for (const EntryId id : entries) bytes += Collector::size_in_batch(entries_.at(id).body_bytes);
    release(submission, out);
    collector_.lower_max_bytes(bytes / 2);
    // They have waited their time.
    const TimeNs since = now - settings_.max_age_ns;
    for (const EntryId id : entries) collect(id, &entries_.at(id), since);
}

std::vector<EntryId> BatchMachine::placed_entries(const BatchSubmission& submission) {
    std::vector<EntryId> placed;
    for (const EntryId id : submission.entries) {
        const Entry* const entry = find(id);
        if (entry != nullptr && entry->state == Entry::State::placed) placed.push_back(id);
    }
    return placed;
}

// `one_is_refused`: for one of the entries at least the provider refuses a batch.
void BatchMachine::halve(std::uint32_t group, const std::vector<EntryId>& entries,
                         std::uint32_t refusals, bool one_is_refused, BatchOutput* out) {
    const auto middle = entries.begin() + static_cast<std::ptrdiff_t>(entries.size() / 2);
    BatchSubmission* const first = add_submission(group, {entries.begin(), middle}, out);
    BatchSubmission* const second = add_submission(group, {middle, entries.end()}, out);
    first->refusals = second->refusals = refusals;
    if (!one_is_refused) return;
    first->other_half = second->id;
    second->waits_for_half = true;
}

// The first half has come to something: the other one waits no more. NULL if there is none.
BatchSubmission* BatchMachine::free_half(BatchSubmission* submission) {
    const auto it = submissions_.find(std::exchange(submission->other_half, 0));
    if (it == submissions_.end()) return nullptr;
    it->second.waits_for_half = false;
    return &it->second;
}

// The first half was accepted, so the reason of the refusal is in this one.
void BatchMachine::halve_unsent(BatchSubmission* submission, BatchOutput* out) {
    leave_out_settled(submission);
    const std::vector<EntryId> entries = placed_entries(*submission);
    if (entries.size() < 2) return;  // sent alone, it has a refusal of its own
    const std::uint32_t group = submission->group;
    const std::uint32_t refusals = submission->refusals;
    release(submission, out);
    halve(group, entries, refusals, true, out);
}

}  // namespace weir
