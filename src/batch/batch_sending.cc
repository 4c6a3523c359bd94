#include <algorithm>
#include <utility>

#include "batch/batch_machine.h"
#include "batch/poll_schedule.h"
#include "weir/weir.h"

namespace weir {

namespace {

// The provider, or the network before it, has certainly not made the batch: sending it again
// cannot make a second one. Any answer of 5xx may stand before a batch that was made, 529 included.
bool certainly_not_created(const Outcome& outcome) {
    return outcome.http_status == 429 || (outcome.http_status == 0 && !outcome.maybe_executed);
}

// What an unclear creation says of its requests.
std::int32_t unclear_status(OutcomeClass cls) {
    switch (cls) {
        case OutcomeClass::overloaded:
            return WEIR_ERR_OVERLOADED;
        case OutcomeClass::server_error:
            return WEIR_ERR_SERVER;
        case OutcomeClass::timeout:
            return WEIR_ERR_ATTEMPT_TIMEOUT;
        case OutcomeClass::success:
        case OutcomeClass::broken:
        case OutcomeClass::unreadable:
        case OutcomeClass::too_large:
            return WEIR_ERR_BROKEN_RESPONSE;
        default:
            return WEIR_ERR_CONNECTION;
    }
}

// The status of a creation that will never be accepted, or 0.
std::int32_t final_status(const Outcome& outcome) {
    switch (outcome.cls) {
        case OutcomeClass::spend_limit:
        case OutcomeClass::payer_limit:
            return WEIR_ERR_SPEND_LIMIT;
        case OutcomeClass::bad_key:
            return WEIR_ERR_AUTHENTICATION;
        case OutcomeClass::forbidden:
        case OutcomeClass::on_hold:
            return WEIR_ERR_PERMISSION;
        case OutcomeClass::bad_request:
            return WEIR_ERR_REJECTED;
        case OutcomeClass::tls:
            return outcome.maybe_executed ? 0 : WEIR_ERR_TLS;
        default:
            return 0;
    }
}

}  // namespace

void BatchMachine::close_groups(TimeNs now, BatchOutput* out) {
    Collector::GroupIndex group = 0;
    std::vector<EntryId> entries;
    while (collector_.take(now, &group, &entries)) {
        add_submission(group, std::move(entries), out);
        entries.clear();
    }
}

BatchSubmission* BatchMachine::add_submission(std::uint32_t group, std::vector<EntryId> entries,
                                              BatchOutput* out) {
    const SubmissionId id = ++last_submission_;
    BatchSubmission& submission = submissions_[id];
    submission.id = id;
    submission.account = groups_[group].account;
    submission.group = group;
    submission.open = static_cast<std::uint32_t>(entries.size());
    submission.entries = std::move(entries);
    for (std::uint32_t i = 0; i < submission.entries.size(); ++i) {
        Entry& entry = entries_.at(submission.entries[i]);
        entry.state = Entry::State::placed;
        entry.submission = id;
        entry.position = i;
    }
    submission.wait_for = written_;  // its bodies are read from the journal
    changed(submission, out);
    return &submission;
}

// Before the intent: is there room for the batch, and are its bodies here?
TimeNs BatchMachine::step_closed(BatchSubmission* submission, TimeNs now, BatchOutput* out) {
    Account& account = accounts_[submission->account];
    if (!submission->intent_written) leave_out_settled(submission);
    if (given_up(submission, out)) return kNever;
    if (submission->waits_for_half || settings_.work == BatchWork::look) return kNever;
    if (!account.newest_known) return kNever;  // look_for_newest is at it
    if (!submission->holds_turn) {
        if (account.creating >= settings_.max_creates) return kNever;
        if (submission->places == 0) {
            const auto count = static_cast<std::uint32_t>(submission->entries.size());
            if (account.places > 0 && account.places + count > account.most_places) {
                return kNever;
            }
            account.places += count;
            submission->places = count;
        }
        ++account.creating;
        submission->holds_turn = true;
    }
    BatchAction load{.kind = BatchAction::Kind::load, .submission = submission->id};
    for (const EntryId id : submission->entries) {
        const auto it = entries_.find(id);
        if (it != entries_.end() && !it->second.body) load.entries.push_back(id);
    }
    if (!load.entries.empty()) {
        submission->stage = BatchSubmission::Stage::loading;
        out->actions.push_back(std::move(load));
        return kNever;
    }
    if (!submission->intent_written) write_intent(submission, now, out);
    submission->stage = BatchSubmission::Stage::intent;
    return step(submission, now, out);
}

// Nobody wants a batch that does not exist yet: it is not sent. True if it is gone.
bool BatchMachine::given_up(BatchSubmission* submission, BatchOutput* out) {
    if (submission->cancel_wanted) {
        submission->sent = false;
        for (const EntryId id : submission->entries) {
            Entry* const entry = find(id);
            if (entry == nullptr || entry->state != Entry::State::placed) continue;
            settle(id, entry, BatchAction::Kind::fail, WEIR_ERR_CANCELLED, out);
        }
    }
    if (submission->open > 0) return false;
    give_back(submission);
    if (!submission->intent_written) leave_out_settled(submission);
    release(submission, out);
    return true;
}

// From here on the list of entries is fixed.
void BatchMachine::write_intent(BatchSubmission* submission, TimeNs now, BatchOutput* out) {
    std::erase(submission->entries, BatchSubmission::kNotHere);
    std::uint32_t position = 0;
    for (const EntryId id : submission->entries) entries_.at(id).position = position++;
    const BatchGroup& group = groups_[submission->group];
    submission->watermark_unix = accounts_[submission->account].newest_unix;
    write(IntentRecord{.submission = submission->id,
                       .account = accounts_[submission->account].name,
                       .model = group.model,
                       .headers = group.headers,
                       .at_unix = now + unix_minus_now_,
                       .watermark_unix = submission->watermark_unix,
                       .entries = submission->entries},
          out);
    submission->intent_written = true;
    submission->creations = 1;
    submission->wait_for = written_;
    changed(*submission, out);
}

// The intent is durable: the creation is sent.
TimeNs BatchMachine::step_intent(BatchSubmission* submission, TimeNs now, BatchOutput* out) {
    if (given_up(submission, out)) return kNever;
    const TimeNs at = accounts_[submission->account].pacer.next();
    if (at > now) return at;
    std::vector<BatchBody> bodies;
    bodies.reserve(submission->entries.size());
    for (const EntryId id : submission->entries) bodies.push_back(*entries_.at(id).body);
    submission->sent = true;
    BatchCall* const call = start_call(BatchCall::Kind::create, submission, now, out);
    call->headers = groups_[submission->group].headers;
    call->body = std::make_shared<CreateBody>(mark_, submission->id, std::move(bodies));
    return kNever;
}

// An entry that came to its end before the intent is not sent.
void BatchMachine::leave_out_settled(BatchSubmission* submission) {
    for (EntryId& id : submission->entries) {
        const auto it = entries_.find(id);
        if (it == entries_.end() || it->second.state == Entry::State::placed) continue;
        it->second.submission = 0;
        it->second.late = false;
        --submission->unconfirmed;
        id = BatchSubmission::kNotHere;
    }
}

void BatchMachine::on_created(BatchSubmission* submission, const Outcome& outcome,
                              const BatchAnswer& answer, TimeNs now, BatchOutput* out) {
    // The id of another batch is no answer either.
    if (outcome.cls == OutcomeClass::success && answer.batch != nullptr &&
        !is_ours(answer.batch->id)) {
        return acknowledged(submission, *answer.batch, now, out);
    }
    if (const std::int32_t status = final_status(outcome); status != 0) {
        return refused(submission, outcome, answer.refused_at, status, now, out);
    }
    if (certainly_not_created(outcome)) return on_failed_call(outcome, submission, now);
    write(SentRecord{.submission = submission->id}, out);
    begin_reconcile(submission, unclear_status(outcome.cls), now);
    changed(*submission, out);
}

void BatchMachine::acknowledged(BatchSubmission* submission, const BatchObject& batch, TimeNs now,
                                BatchOutput* out) {
    Account& account = accounts_[submission->account];
    ++counts_.submitted;
    submission->stage = BatchSubmission::Stage::acknowledged;
    submission->remote_id = batch.id;
    submission->created_unix = batch.created_unix_ns;
    submission->expires_unix = batch.expires_unix_ns;
    submission->known_since = now;
    submission->asked_at = now;
    submission->failures = 0;
    submission->candidates.clear();
    submission->refuted.clear();
    account.newest_unix = std::max(account.newest_unix, batch.created_unix_ns);
    give_turn_back(submission);
    ++account.live;
    write(AcknowledgedRecord{.submission = submission->id,
                             .remote_id = submission->remote_id,
                             .created_unix = submission->created_unix,
                             .expires_unix = submission->expires_unix},
          out);
    for (const EntryId id : submission->entries) {
        const auto it = entries_.find(id);
        if (it != entries_.end()) it->second.body.reset();
    }
    submission->due =
        now + poll_interval(settings_, static_cast<std::uint32_t>(submission->entries.size()), 0,
                            account.live, account.pacer.interval());
    changed(*submission, out);
    if (BatchSubmission* const other = free_half(submission)) halve_unsent(other, out);
}

// The entries are as they were before the intent. The submission is gone afterwards.
void BatchMachine::release(BatchSubmission* submission, BatchOutput* out) {
    if (submission->intent_written) write(ReleasedRecord{.submission = submission->id}, out);
    for (const EntryId id : submission->entries) {
        const auto it = entries_.find(id);
        if (it == entries_.end()) continue;
        it->second.submission = 0;
        it->second.late = false;
        it->second.body.reset();
        if (it->second.state == Entry::State::dropped) entries_.erase(it);
    }
    free_half(submission);
    submissions_.erase(submission->id);
}

void BatchMachine::give_turn_back(BatchSubmission* submission) {
    if (!submission->holds_turn) return;
    submission->holds_turn = false;
    --accounts_[submission->account].creating;
}

void BatchMachine::give_back(BatchSubmission* submission) {
    give_turn_back(submission);
    accounts_[submission->account].places -= submission->places;
    submission->places = 0;
}

// ---- The newest batch ----

// What is in the listing before our first batch tells later which batches cannot be ours, in the
// provider's own time: clocks here play no part in it.
TimeNs BatchMachine::look_for_newest(std::uint16_t index, TimeNs now, BatchOutput* out) {
    Account& account = accounts_[index];
    if (settings_.work == BatchWork::look) return kNever;
    if (closed_ || account.newest_known || account.newest_call != 0) return kNever;
    const bool needed = std::any_of(submissions_.begin(), submissions_.end(), [&](const auto& s) {
        return s.second.account == index && s.second.stage == BatchSubmission::Stage::closed;
    });
    if (!needed) return kNever;
    const TimeNs at = std::max(account.newest_due, account.pacer.next());
    if (at > now) return at;
    account.pacer.take(now);
    auto call = std::make_shared<BatchCall>();
    call->id = ++last_call_;
    call->kind = BatchCall::Kind::list;
    call->account = index;
    call->page_size = 1;
    account.newest_call = call->id;
    out->actions.push_back(
        {.kind = BatchAction::Kind::call, .call_id = call->id, .call = std::move(call)});
    return kNever;
}

void BatchMachine::on_newest(Account* account, const Outcome& outcome, const BatchPage* page,
                             TimeNs now) {
    account->newest_call = 0;
    // Where the listing is refused, the creation is too; if it is not, anything may be ours.
    if (final_status(outcome) != 0) account->newest_known = true;
    if (outcome.cls != OutcomeClass::success || page == nullptr) {
        const TimeNs pause = call_backoff(++account->newest_failures);
        account->newest_due = later(now, std::max(pause, outcome.retry_after_ns));
        return;
    }
    account->newest_known = true;
    for (const BatchObject& batch : page->batches) {
        account->newest_unix = std::max(account->newest_unix, batch.created_unix_ns);
    }
}

}  // namespace weir
