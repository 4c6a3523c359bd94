#include <algorithm>

#include "batch/batch_machine.h"
#include "batch/poll_schedule.h"
#include "batch/wire_id.h"
#include "weir/weir.h"

namespace weir {

// A creation without a clear answer. The listing is read from the top until it is older than the
// batch can be. What has our number of requests may be ours; when it has ended, its first result
// tells. Only when a pass through the listing that began after the visibility window has shown no
// candidate is the batch sent again: the same requests in the same order under the same mark.

namespace {
constexpr std::uint32_t kPageSize = 100;
constexpr std::uint32_t kEmptyProbes = 3;
}  // namespace

void BatchMachine::begin_reconcile(BatchSubmission* submission, TimeNs now) {
    ++counts_.reconciled;
    give_turn_back(submission);
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
        submission->candidates.clear();
    }
    BatchCall* const call = start_call(BatchCall::Kind::list, submission, now, out);
    call->after_id = submission->pass_after;
    call->page_size = kPageSize;
    return kNever;
}

void BatchMachine::on_page(BatchSubmission* submission, const Outcome& outcome,
                           const BatchPage* page, TimeNs now, BatchOutput* out) {
    // A page that was promised and is empty: what the last one ended with has been deleted since,
    // and nothing says where the listing went on. The pass begins again.
    const bool lost_place =
        page != nullptr && page->batches.empty() && !submission->pass_after.empty();
    if (outcome.cls != OutcomeClass::success || page == nullptr || lost_place) {
        submission->in_pass = false;
        submission->candidates.clear();
        return on_failed_call(outcome, submission, now);
    }
    submission->failures = 0;
    const UnixNs oldest = submission->watermark_unix - settings_.server_skew_ns;
    bool older = false;
    for (const BatchObject& batch : page->batches) {
        older |= batch.created_unix_ns < oldest;
        if (may_be(*submission, batch)) submission->candidates.push_back(batch);
    }
    if (page->has_more && !older && !page->batches.empty()) {
        submission->pass_after = page->batches.back().id;
        submission->due = now;
        return;
    }
    end_pass(submission, now, out);
}

bool BatchMachine::may_be(const BatchSubmission& submission, const BatchObject& batch) const {
    if (batch.total() != static_cast<std::int64_t>(submission.entries.size())) return false;
    if (batch.created_unix_ns < submission.watermark_unix - settings_.server_skew_ns) return false;
    // Without its results it cannot be told whose it is, nor would it be of use.
    if (batch.archived) return false;
    const auto& refuted = submission.refuted;
    if (std::find(refuted.begin(), refuted.end(), batch.id) != refuted.end()) return false;
    return std::none_of(submissions_.begin(), submissions_.end(),
                        [&](const auto& other) { return other.second.remote_id == batch.id; });
}

void BatchMachine::end_pass(BatchSubmission* submission, TimeNs now, BatchOutput* out) {
    submission->in_pass = false;
    const Account& account = accounts_[submission->account];
    const TimeNs visible_at = later(submission->doubt_since, settings_.visibility_ns);
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
    } else if (submission->pass_began < visible_at) {
        submission->due = std::max(now, std::min(now + pause, visible_at));
    } else {
        ++counts_.sent_again;
        submission->stage = BatchSubmission::Stage::closed;
        submission->due = now;
        changed(*submission, out);
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
