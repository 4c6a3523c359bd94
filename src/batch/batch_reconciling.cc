#include <algorithm>

#include "batch/batch_machine.h"
#include "batch/poll_schedule.h"
#include "batch/wire_id.h"
#include "weir/weir.h"

namespace weir {

// A creation without a clear answer. The listing is read from the top until it is older than the
// batch can be. What has our number of requests may be ours; when it has ended, its first result
// tells. Only when a pass through the listing that began after the visibility window has shown no
// candidate is the batch sent again: the same requests in the same order under the same mark. Each
// window is twice the one before, and batch.max_attempts bounds how often.

namespace {
constexpr std::uint32_t kPageSize = 100;
constexpr std::uint32_t kEmptyProbes = 3;
// A listing that has come to nothing so often in a row tells nothing.
constexpr std::uint32_t kUnusablePasses = 4;
// So many batches are not made in a window.
constexpr std::size_t kMostPages = 1000;
constexpr std::uint32_t kMostDoublings = 4;
}  // namespace

void BatchMachine::begin_reconcile(BatchSubmission* submission, std::int32_t status, TimeNs now) {
    ++counts_.reconciled;
    give_turn_back(submission);
    free_half(submission);
    submission->doubt_status = status;
    submission->unusable_passes = 0;
    submission->stage = BatchSubmission::Stage::reconciling;
    submission->doubt_since = now;
    submission->in_pass = false;
    submission->candidates.clear();
    submission->failures = 0;
    submission->due = now;
    // If it has to be sent again, its bodies are read again.
    for (const EntryId id : submission->entries) {
        const auto it = entries_.find(id);
        if (it != entries_.end()) it->second.body.reset();
    }
}

TimeNs BatchMachine::step_reconciling(BatchSubmission* submission, TimeNs now, BatchOutput* out) {
    Account& account = accounts_[submission->account];
    if (account.pacer.next() > now) return account.pacer.next();
    if (!submission->in_pass) {
        const auto ended = std::find_if(
            submission->candidates.begin(), submission->candidates.end(),
            [](const BatchObject& batch) { return batch.status == BatchObject::Status::ended; });
        if (ended != submission->candidates.end()) {
            if (submission->probed.id != ended->id) submission->empty_probes = 0;
            submission->probed = *ended;
            submission->candidates.clear();
            ++account.downloading;
            start_call(BatchCall::Kind::results, submission, now, out)->remote_id =
                submission->probed.id;
            return kNever;
        }
        submission->in_pass = true;
        submission->pass_began = now;
        submission->pass_after.clear();
        submission->pass_ends.clear();
        submission->candidates.clear();
    }
    BatchCall* const call = start_call(BatchCall::Kind::list, submission, now, out);
    call->after_id = submission->pass_after;
    call->page_size = kPageSize;
    return kNever;
}

void BatchMachine::on_page(BatchSubmission* submission, const Outcome& outcome,
                           const BatchPage* page, TimeNs now, BatchOutput* out) {
    if (outcome.cls != OutcomeClass::success || page == nullptr ||
        !makes_progress(submission, *page)) {
        return on_unusable_page(submission, outcome, now, out);
    }
    const UnixNs oldest = submission->watermark_unix - settings_.server_skew_ns;
    bool older = false;
    for (const BatchObject& batch : page->batches) {
        older |= batch.created_unix_ns < oldest;
        if (may_be(*submission, batch)) submission->candidates.push_back(batch);
    }
    if (page->has_more && !older) {
        submission->pass_after = page->batches.back().id;
        submission->due = now;
        return;
    }
    submission->failures = 0;
    submission->unusable_passes = 0;
    end_pass(submission, now, out);
}

// A page that was promised and is empty: what the last one ended with has been deleted since, and
// nothing says where the listing went on. One that ends as an earlier one did leads in a circle.
bool BatchMachine::makes_progress(BatchSubmission* submission, const BatchPage& page) const {
    if (page.batches.empty()) return submission->pass_after.empty() && !page.has_more;
    if (!page.has_more) return true;
    return submission->pass_ends.insert(page.batches.back().id).second &&
           submission->pass_ends.size() < kMostPages;
}

// The pass begins again. Where the listing answers, and never tells, whether the batch exists stays
// unknown: its requests end, and nothing is sent again for them.
void BatchMachine::on_unusable_page(BatchSubmission* submission, const Outcome& outcome, TimeNs now,
                                    BatchOutput* out) {
    submission->in_pass = false;
    submission->candidates.clear();
    on_failed_call(outcome, submission, now);
    if (outcome.http_status / 100 != 2) return;
    if (++submission->unusable_passes < kUnusablePasses || now < visible_at(*submission)) return;
    for (const EntryId id : placed_entries(*submission)) {
        Entry* const entry = &entries_.at(id);
        settle_early(id, entry, BatchAction::Kind::fail, WEIR_ERR_BROKEN_RESPONSE, out);
        out->actions.back().why =
            "no answer to the creation of its batch was clear, and the listing of batches makes no "
            "sense: whether the batch exists is unknown";
    }
}

TimeNs BatchMachine::visible_at(const BatchSubmission& submission) const {
    const std::uint32_t doublings =
        std::min(std::max(submission.creations, 1u) - 1, kMostDoublings);
    return later(submission.doubt_since, settings_.visibility_ns << doublings);
}

bool BatchMachine::may_be(const BatchSubmission& submission, const BatchObject& batch) const {
    if (batch.total() != static_cast<std::int64_t>(submission.entries.size())) return false;
    if (batch.created_unix_ns < submission.watermark_unix - settings_.server_skew_ns) return false;
    // Without its results it cannot be told whose it is, nor would it be of use.
    if (batch.archived) return false;
    const auto& refuted = submission.refuted;
    if (std::find(refuted.begin(), refuted.end(), batch.id) != refuted.end()) return false;
    return !is_ours(batch.id);
}

// Whether it is known to be the batch of a submission.
bool BatchMachine::is_ours(const std::string& remote_id) const {
    return std::any_of(submissions_.begin(), submissions_.end(),
                       [&](const auto& s) { return s.second.remote_id == remote_id; });
}

void BatchMachine::end_pass(BatchSubmission* submission, TimeNs now, BatchOutput* out) {
    submission->in_pass = false;
    const Account& account = accounts_[submission->account];
    const TimeNs visible = visible_at(*submission);
    const bool ended = std::any_of(
        submission->candidates.begin(), submission->candidates.end(),
        [](const BatchObject& batch) { return batch.status == BatchObject::Status::ended; });
    const TimeNs pause =
        poll_interval(settings_, static_cast<std::uint32_t>(submission->entries.size()),
                      now - submission->doubt_since, account.live + 1, account.pacer.interval());
    if (ended) {
        submission->due = now;
    } else if (!submission->candidates.empty()) {
        submission->due = now + pause;
    } else if (submission->pass_began < visible) {
        submission->due = std::max(now, std::min(now + pause, visible));
    } else {
        send_again(submission, now, out);
    }
}

// The batch does not exist. Where one of its requests has been sent as often as it may, that one
// ends, and the others become part of another batch.
void BatchMachine::send_again(BatchSubmission* submission, TimeNs now, BatchOutput* out) {
    const std::uint32_t creations = submission->creations;
    const auto used_up = [&](EntryId id) {
        return entries_.at(id).attempts + creations >= settings_.max_attempts;
    };
    std::vector<EntryId> entries = placed_entries(*submission);
    const auto ended = std::stable_partition(entries.begin(), entries.end(), used_up);
    if (ended == entries.begin()) {
        ++counts_.sent_again;
        ++submission->creations;
        write(RepeatedRecord{.submission = submission->id}, out);
        submission->wait_for = written_;
        submission->stage = BatchSubmission::Stage::closed;
        submission->due = now;
        return changed(*submission, out);
    }
    for (auto it = entries.begin(); it != ended; ++it) {
        Entry* const entry = &entries_.at(*it);
        entry->attempts = static_cast<std::uint8_t>(entry->attempts + creations - 1);
        settle(*it, entry, BatchAction::Kind::fail, submission->doubt_status, out);
        out->actions.back().why =
            "no answer to the creation of its batch was clear, and the listing does not show it";
    }
    give_back(submission);
    release(submission, out);
    for (auto it = ended; it != entries.end(); ++it) {
        Entry* const entry = &entries_.at(*it);
        entry->attempts = static_cast<std::uint8_t>(entry->attempts + creations);
        write(RequeuedRecord{.entry = *it, .attempts = entry->attempts}, out);
        collect(*it, entry, now - settings_.max_age_ns);
    }
}

// The first result of a candidate.
void BatchMachine::on_probe(BatchSubmission* submission, const BatchResult& result, TimeNs now,
                            BatchOutput* out) {
    abort_call(submission, out);
    WireId id;
    submission->failures = 0;
    submission->due = now;
    if (parse_wire_id(result.custom_id, mark_, &id) && id.submission == submission->id) {
        ++counts_.found;
        return acknowledged(submission, submission->probed, now, out);
    }
    submission->refuted.push_back(submission->probed.id);
}

// It could not be read; the next pass finds it again. Results that stay empty are of no use, ours
// or not.
void BatchMachine::on_probe_end(BatchSubmission* submission, const Outcome& outcome, TimeNs now) {
    const bool empty = outcome.cls == OutcomeClass::success;
    if (empty && ++submission->empty_probes >= kEmptyProbes) {
        submission->empty_probes = 0;
        submission->refuted.push_back(submission->probed.id);
    }
    on_failed_call(outcome, submission, now);
}

}  // namespace weir
