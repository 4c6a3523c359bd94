#include <algorithm>
#include <utility>

#include "batch/batch_machine.h"
#include "batch/poll_schedule.h"
#include "batch/wire_id.h"
#include "weir/weir.h"

namespace weir {

namespace {

// A result that is missing from a complete download may be there a little later.
constexpr std::uint32_t kDownloadsForMissing = 3;

bool retryable(OutcomeClass cls) {
    switch (cls) {
        case OutcomeClass::rate_limited:
        case OutcomeClass::acceleration:
        case OutcomeClass::overloaded:
        case OutcomeClass::server_error:
            return true;
        default:
            return false;
    }
}

std::int32_t status_of(OutcomeClass cls) {
    switch (cls) {
        case OutcomeClass::rate_limited:
        case OutcomeClass::acceleration:
            return WEIR_ERR_RATE_LIMITED;
        case OutcomeClass::overloaded:
            return WEIR_ERR_OVERLOADED;
        case OutcomeClass::server_error:
            return WEIR_ERR_SERVER;
        case OutcomeClass::spend_limit:
        case OutcomeClass::payer_limit:
            return WEIR_ERR_SPEND_LIMIT;
        case OutcomeClass::bad_key:
            return WEIR_ERR_AUTHENTICATION;
        case OutcomeClass::forbidden:
        case OutcomeClass::on_hold:
            return WEIR_ERR_PERMISSION;
        default:
            return WEIR_ERR_REJECTED;
    }
}

}  // namespace

TimeNs BatchMachine::step_ended(BatchSubmission* submission, TimeNs now, BatchOutput* out) {
    // What came too late for its caller is read for its price, once, unless all of it came to
    // nothing.
    const bool late_ones =
        submission->late > 0 && submission->downloads == 0 && submission->tally.succeeded != 0;
    if (submission->open == 0 && !late_ones) {
        submission->stage = BatchSubmission::Stage::settled;
        changed(*submission, out);
        return step(submission, now, out);
    }
    if (settings_.work != BatchWork::all) return kNever;
    Account& account = accounts_[submission->account];
    if (account.downloading >= settings_.max_downloads) return kNever;
    if (account.pacer.next() > now) return account.pacer.next();
    ++account.downloading;
    submission->seen.assign(submission->entries.size(), false);
    submission->reading = {};
    start_call(BatchCall::Kind::results, submission, now, out);
    return kNever;
}

// One result. A download that was cut off begins again: what has its terminal action is passed
// over, so that each entry gets one.
void BatchMachine::on_answer(BatchSubmission* submission, const BatchResult& result,
                             const ResultPrice& price, TimeNs now, BatchOutput* out) {
    WireId wire;
    if (!parse_wire_id(result.custom_id, mark_, &wire) || wire.submission != submission->id ||
        wire.position >= submission->entries.size()) {
        ++counts_.unknown_results;
        return;
    }
    if (submission->seen[wire.position]) {
        ++counts_.duplicate_results;
        return;
    }
    submission->seen[wire.position] = true;
    // Whoever the answer is for, the provider has charged for it.
    if (result.type == BatchResult::Type::succeeded || result.type == BatchResult::Type::other) {
        submission->reading.add(price);
        if (submission->reading.results() > submission->cost.results()) {
            submission->cost = submission->reading;
        }
    }
    const EntryId id = submission->entries[wire.position];
    Entry* const entry = find(id);
    if (entry == nullptr || entry->state != Entry::State::placed) {
        return on_late_answer(submission, id, out);
    }
    switch (result.type) {
        case BatchResult::Type::succeeded:
            return settle(id, entry, BatchAction::Kind::deliver, 0, out);
        case BatchResult::Type::other:
            settle(id, entry, BatchAction::Kind::fail, WEIR_ERR_BROKEN_RESPONSE, out);
            out->actions.back().maybe_executed = true;
            return;
        case BatchResult::Type::canceled:
            return settle(id, entry, BatchAction::Kind::fail, WEIR_ERR_CANCELLED, out);
        case BatchResult::Type::expired:
            return go_round(id, entry, WEIR_ERR_EXPIRED, now, out);
        case BatchResult::Type::errored:
            if (retryable(result.error_class)) {
                return go_round(id, entry, status_of(result.error_class), now, out);
            }
            return settle(id, entry, BatchAction::Kind::fail, status_of(result.error_class), out);
    }
}

// The result of an entry that has had its terminal action: by an earlier result, or without one.
void BatchMachine::on_late_answer(BatchSubmission* submission, EntryId id, BatchOutput* out) {
    const auto it = entries_.find(id);
    if (it == entries_.end() || !it->second.late) return;
    Entry& entry = it->second;
    entry.late = false;
    --submission->late;
    ++counts_.dropped_results;
    out->actions.push_back({.kind = BatchAction::Kind::dropped,
                            .account = submission->account,
                            .entry = id,
                            .ticket = entry.ticket,
                            .tenant = entry.tenant,
                            .submission = submission->id});
    if (entry.state != Entry::State::dropped) return;
    submission->entries[entry.position] = BatchSubmission::kNotHere;
    entries_.erase(it);
}

void BatchMachine::on_downloaded(BatchSubmission* submission, const Outcome& outcome, TimeNs now,
                                 BatchOutput* out) {
    keep_cost(submission, out);
    if (outcome.http_status == 404) return on_not_found(submission, now, out);
    if (outcome.http_status == 410 || outcome.http_status == 400) {
        return lose(submission, WEIR_ERR_BATCH_GONE, now, out);
    }
    if (outcome.cls != OutcomeClass::success) {
        ++counts_.downloads_cut;
        return on_failed_call(outcome, submission, now);
    }
    submission->failures = 0;
    found(submission);
    submission->due = now;
    ++submission->downloads;
    if (submission->open == 0) return;
    if (submission->downloads < kDownloadsForMissing) {
        submission->due = now + call_backoff(submission->downloads);
        return;
    }
    const std::vector<EntryId> entries = submission->entries;
    for (const EntryId id : entries) {
        Entry* const entry = find(id);
        if (entry == nullptr || entry->state != Entry::State::placed) continue;
        ++counts_.missing_results;
        go_round(id, entry, WEIR_ERR_BROKEN_RESPONSE, now, out);
    }
}

void BatchMachine::keep_cost(BatchSubmission* submission, BatchOutput* out) {
    if (submission->cost.results() == submission->kept_results) return;
    submission->kept_results = submission->cost.results();
    write(CostRecord{.submission = submission->id, .cost = submission->cost}, out);
}

// The batch came to nothing for this entry: it becomes part of another one, while it may.
void BatchMachine::go_round(EntryId id, Entry* entry, std::int32_t status, TimeNs now,
                            BatchOutput* out) {
    BatchSubmission& submission = submissions_.at(entry->submission);
    const std::uint32_t attempts = entry->attempts + submission.creations;
    if (attempts >= settings_.max_attempts || submission.cancel_wanted || closed_) {
        return settle(id, entry, BatchAction::Kind::fail, status, out);
    }
    ++counts_.requeued;
    entry->attempts = static_cast<std::uint8_t>(attempts);
    --submission.open;
    submission.entries[entry->position] = BatchSubmission::kNotHere;
    write(RequeuedRecord{.entry = id, .attempts = attempts}, out);
    collect(id, entry, now);
}

}  // namespace weir
