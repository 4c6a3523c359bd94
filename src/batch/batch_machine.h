#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "batch/batch_action.h"
#include "batch/batch_submission.h"
#include "batch/batch_types.h"
#include "batch/batch_view.h"
#include "batch/collector.h"
#include "batch/journal_record.h"
#include "provider/batch_calls.h"

namespace weir {

// The batch lane: a single-threaded state machine without clock, socket, thread or disk. Requests,
// answers, durable marks and time go in; journal records and actions come out.
//
// It creates each batch exactly once although the provider knows no idempotency key: the intent is
// durable before the creation is sent; a creation without a clear answer is looked for in the
// listing, and what is found there is ours only if its results carry our mark.
class BatchMachine {
public:
    // `accounts`: names by index. `unix_minus_now`: the wall clock, as the offset from monotonic
    // time.
    BatchMachine(const BatchSettings& settings, std::vector<std::string> accounts,
                 TimeNs unix_minus_now);

    // Takes over what the journal holds, then each of its entries; before any other input.
    // `ticket`: 0 for one that is dropped.
    void recover(const JournalState& state, TimeNs now);
    // The entry's account, which may be kNoAccount.
    std::uint16_t recover_entry(const JournalState::Entry& row, std::uint64_t ticket, TimeNs now);

    struct Accept {
        std::uint64_t ticket = 0;
        std::string custom_id;
        BatchGroup group;
        TimeNs deadline_at = kNever;
        TimeNs fallback_at = kNever;
        BatchBody body;
        std::shared_ptr<const BatchOrigin> origin;  // NULL: as a BatchOrigin is made
    };
    // The entry's id, or 0 if it has failed at once.
    EntryId accept(Accept request, TimeNs now, BatchOutput* out);
    void flush();
    // The caller gives the request up: its terminal action comes at once.
    void cancel(EntryId entry, BatchOutput* out);
    // Cancels a whole batch; 0: all that waits to become part of one. False if there is no such
    // submission.
    bool cancel_submission(SubmissionId submission, BatchOutput* out);
    // The answer has arrived where it was wanted.
    void acknowledge(EntryId entry, BatchOutput* out);
    // Ends the run: everything open fails with WEIR_ERR_SHUTDOWN, and stays in the journal. With
    // `cancel_batches` what has not been sent is given up, and the rest is cancelled first.
    void close(bool cancel_batches, BatchOutput* out);
    // The journal cannot be written any more: likewise, at once. Nothing is written to it or waited
    // for from here on; counts() has what of it was not durable.
    void on_journal_failed(BatchOutput* out);
    bool finished() const;  // after close: nothing is left to do or to write

    // All records up to this one are durable.
    void on_durable(JournalPosition position, BatchOutput* out);
    void on_bodies(SubmissionId submission, std::vector<std::pair<EntryId, BatchBody>> bodies);

    // The end of a call. `outcome` is not success if the answer could not be read.
    void on_call_end(BatchCallId call, const Outcome& outcome, const BatchAnswer& answer,
                     TimeNs now, BatchOutput* out);
    // `price`: what it cost, if it is an answer.
    void on_result(BatchCallId call, const BatchResult& result, const ResultPrice& price,
                   TimeNs now, BatchOutput* out);
    // What has been used of the day, that of the answers to `charged` included: it is durable
    // together, so that no later run charges them again.
    void keep_use(std::vector<DayUseRow> day_use, std::vector<EntryId> charged, BatchOutput* out);

    // Does what time makes due, and makes the calls that may be made. Called after every batch of
    // inputs, and at next_timer().
    void advance(TimeNs now, BatchOutput* out);
    TimeNs next_timer() const { return next_timer_; }

    const BatchCounts& counts() const { return counts_; }
    std::uint64_t collecting() const { return collector_.size(); }
    // Whether the entry still waits for its answer, or for that to be acknowledged.
    bool holds(EntryId entry) { return find(entry) != nullptr; }
    std::uint64_t entries() const { return entries_.size(); }
    void view(TimeNs now, std::vector<BatchView>* out) const;
    // False if there is none.
    bool view(SubmissionId submission, TimeNs now, BatchView* out) const;
    BatchLimitsView limits(std::uint16_t account, TimeNs now) const;

private:
    using Entry = BatchEntry;
    using Account = BatchAccount;

    // batch_machine.cc
    Entry* find(EntryId id);
    std::uint32_t group_index(const BatchGroup& group);
    void collect(EntryId id, Entry* entry, TimeNs since);
    void settle(EntryId id, Entry* entry, BatchAction::Kind kind, std::int32_t status,
                BatchOutput* out);
    void settle_early(EntryId id, Entry* entry, BatchAction::Kind kind, std::int32_t status,
                      BatchOutput* out);
    void expect_late(Entry* entry);
    void forget(EntryId id, BatchOutput* out);
    void arm(EntryId id, const Entry& entry);
    void cancel_collected(BatchOutput* out);
    TimeNs falls_back_at(const Entry& entry) const;
    void on_entry_timer(EntryId id, TimeNs now, BatchOutput* out);
    void write(JournalRecord record, BatchOutput* out);
    void changed(const BatchSubmission& submission, BatchOutput* out);
    TimeNs step_all(TimeNs now, BatchOutput* out);
    TimeNs step(BatchSubmission* submission, TimeNs now, BatchOutput* out);

    // batch_calls_out.cc
    BatchCall* start_call(BatchCall::Kind kind, BatchSubmission* submission, TimeNs now,
                          BatchOutput* out);
    void end_call(BatchSubmission* submission);
    void abort_call(BatchSubmission* submission, BatchOutput* out);
    void on_failed_call(const Outcome& outcome, BatchSubmission* submission, TimeNs now);

    // batch_sending.cc
    void close_groups(TimeNs now, BatchOutput* out);
    BatchSubmission* add_submission(std::uint32_t group, std::vector<EntryId> entries,
                                    BatchOutput* out);
    TimeNs step_closed(BatchSubmission* submission, TimeNs now, BatchOutput* out);
    TimeNs step_intent(BatchSubmission* submission, TimeNs now, BatchOutput* out);
    void leave_out_settled(BatchSubmission* submission);
    bool given_up(BatchSubmission* submission, BatchOutput* out);
    void write_intent(BatchSubmission* submission, TimeNs now, BatchOutput* out);
    void on_created(BatchSubmission* submission, const Outcome& outcome, const BatchAnswer& answer,
                    TimeNs now, BatchOutput* out);
    void acknowledged(BatchSubmission* submission, const BatchObject& batch, TimeNs now,
                      BatchOutput* out);
    void release(BatchSubmission* submission, BatchOutput* out);
    void give_turn_back(BatchSubmission* submission);
    void give_back(BatchSubmission* submission);
    TimeNs look_for_newest(std::uint16_t account, TimeNs now, BatchOutput* out);
    void on_newest(Account* account, const Outcome& outcome, const BatchPage* page, TimeNs now);

    // batch_refusal.cc
    void refused(BatchSubmission* submission, const Outcome& outcome,
                 const std::vector<std::uint32_t>& refused_at, std::int32_t status, TimeNs now,
                 BatchOutput* out);
    void refused_as_too_large(BatchSubmission* submission, TimeNs now, BatchOutput* out);
    std::vector<EntryId> placed_entries(const BatchSubmission& submission);
    void halve(std::uint32_t group, const std::vector<EntryId>& entries, std::uint32_t refusals,
               bool one_is_refused, BatchOutput* out);
    BatchSubmission* free_half(BatchSubmission* submission);
    void halve_unsent(BatchSubmission* submission, BatchOutput* out);

    // batch_reconciling.cc
    void begin_reconcile(BatchSubmission* submission, std::int32_t status, TimeNs now);
    TimeNs step_reconciling(BatchSubmission* submission, TimeNs now, BatchOutput* out);
    void on_page(BatchSubmission* submission, const Outcome& outcome, const BatchPage* page,
                 TimeNs now, BatchOutput* out);
    void end_pass(BatchSubmission* submission, TimeNs now, BatchOutput* out);
    bool makes_progress(BatchSubmission* submission, const BatchPage& page) const;
    void on_unusable_page(BatchSubmission* submission, const Outcome& outcome, TimeNs now,
                          BatchOutput* out);
    TimeNs visible_at(const BatchSubmission& submission) const;
    void send_again(BatchSubmission* submission, TimeNs now, BatchOutput* out);
    bool is_ours(const std::string& remote_id) const;
    bool may_be(const BatchSubmission& submission, const BatchObject& batch) const;
    void on_probe(BatchSubmission* submission, const BatchResult& result, TimeNs now,
                  BatchOutput* out);
    void on_probe_end(BatchSubmission* submission, const Outcome& outcome, TimeNs now);

    // batch_polling.cc
    TimeNs step_acknowledged(BatchSubmission* submission, TimeNs now, BatchOutput* out);
    TimeNs step_settled(BatchSubmission* submission, TimeNs now, BatchOutput* out);
    TimeNs step_removing(BatchSubmission* submission, TimeNs now, BatchOutput* out);
    void on_polled(BatchSubmission* submission, const Outcome& outcome, const BatchObject* batch,
                   TimeNs now, BatchOutput* out);
    void on_cancelled(BatchSubmission* submission, const Outcome& outcome, TimeNs now,
                      BatchOutput* out);
    void on_removed(BatchSubmission* submission, const Outcome& outcome, TimeNs now,
                    BatchOutput* out);
    void on_not_found(BatchSubmission* submission, TimeNs now, BatchOutput* out);
    void ended(BatchSubmission* submission, TimeNs now, BatchOutput* out);
    void found(BatchSubmission* submission);
    bool is_lost(const BatchSubmission& submission, TimeNs now) const;
    void lose(BatchSubmission* submission, std::int32_t status, TimeNs now, BatchOutput* out);
    void want_cancel(BatchSubmission* submission, BatchOutput* out);
    void forget_submission(BatchSubmission* submission, BatchOutput* out);

    // batch_results.cc
    TimeNs step_ended(BatchSubmission* submission, TimeNs now, BatchOutput* out);
    void on_answer(BatchSubmission* submission, const BatchResult& result, const ResultPrice& price,
                   TimeNs now, BatchOutput* out);
    void on_late_answer(BatchSubmission* submission, EntryId id, BatchOutput* out);
    void keep_cost(BatchSubmission* submission, BatchOutput* out);
    void on_downloaded(BatchSubmission* submission, const Outcome& outcome, TimeNs now,
                       BatchOutput* out);
    void go_round(EntryId id, Entry* entry, std::int32_t status, TimeNs now, BatchOutput* out);

    // batch_closing.cc
    TimeNs step_closing(BatchSubmission* submission, TimeNs now, BatchOutput* out);
    void fail_open(bool give_up_unsent, BatchOutput* out);
    bool cancels_while_closing(const BatchSubmission& submission) const;

    // batch_view.cc
    BatchView view_of(const BatchSubmission& submission, TimeNs now) const;

    // batch_recovery.cc
    std::uint16_t account_index(std::string_view name) const;
    void recover_submission(const JournalState::Submission& row, TimeNs now);

    BatchSettings settings_;
    std::string mark_;
    TimeNs unix_minus_now_;
    Collector collector_;
    std::vector<Account> accounts_;
    std::vector<BatchGroup> groups_;
    std::map<BatchGroup, std::uint32_t> group_indexes_;
    std::unordered_map<EntryId, Entry> entries_;
    std::map<SubmissionId, BatchSubmission> submissions_;
    std::unordered_map<BatchCallId, SubmissionId> calls_;

    // Deadlines and fallbacks, first first. An entry that has gone is skipped.
    using Due = std::pair<TimeNs, EntryId>;
    std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;

    std::deque<std::pair<JournalPosition, EntryId>> not_yet_durable_;
    std::deque<JournalPosition> acknowledgements_;  // that are not durable
    JournalPosition written_ = 0;
    JournalPosition durable_ = 0;
    EntryId last_entry_ = 0;
    SubmissionId last_submission_ = 0;
    BatchCallId last_call_ = 0;
    TimeNs next_timer_ = kNever;
    bool closed_ = false;
    bool journal_failed_ = false;
    BatchCounts counts_;
};

}  // namespace weir
