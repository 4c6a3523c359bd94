#include "batch/batch_machine.h"

#include <algorithm>
#include <utility>

#include "weir/weir.h"

namespace weir {

BatchMachine::BatchMachine(const BatchSettings& settings, std::vector<std::string> accounts,
                           TimeNs unix_minus_now)
    : settings_(settings),
      unix_minus_now_(unix_minus_now),
      collector_(settings.max_requests, settings.max_bytes, settings.max_age_ns) {
    for (std::string& name : accounts) {
        BatchSettings::AccountLimits own;
        if (accounts_.size() < settings.account_limits.size())
            own = settings.account_limits[accounts_.size()];
        accounts_.emplace_back(
            std::move(name),
            own.calls_per_minute > 0 ? own.calls_per_minute : settings.calls_per_minute,
            own.queue_places > 0 ? own.queue_places : settings.queue_places);
    }
}

// ---- Entries ----

EntryId BatchMachine::accept(Accept request, TimeNs now, BatchOutput* out) {
    const std::uint64_t body_bytes = request.body.bytes().size();
    std::int32_t refused = 0;
    if (closed_) refused = WEIR_ERR_SHUTDOWN;
    if (request.deadline_at <= now) refused = WEIR_ERR_DEADLINE;
    if (!collector_.ever_fits(body_bytes)) refused = WEIR_ERR_NEVER_FITS;
    if (refused != 0) {
        ++counts_.failed;
        out->actions.push_back(
            {.kind = BatchAction::Kind::fail, .status = refused, .ticket = request.ticket});
        return 0;
    }
    ++counts_.accepted;
    const EntryId id = ++last_entry_;
    Entry& entry = entries_[id];
    entry.ticket = request.ticket;
    entry.tenant = request.origin ? request.origin->tenant : 0;
    entry.account = request.group.account;
    entry.group = group_index(request.group);
    entry.deadline_at = request.deadline_at;
    entry.fallback_at = request.fallback_at;
    entry.body_bytes = body_bytes;
    const auto to_unix = [&](TimeNs at) {
        return at == kNever ? kNoUnixTime : at + unix_minus_now_;
    };
    write(AcceptRecord{.entry = id,
                       .custom_id = std::move(request.custom_id),
                       .account = accounts_[entry.account].name,
                       .model = std::move(request.group.model),
                       .headers = std::move(request.group.headers),
                       .deadline_unix = to_unix(entry.deadline_at),
                       .fallback_unix = to_unix(entry.fallback_at),
                       .body = std::move(request.body),
                       .origin = std::move(request.origin)},
          out);
    not_yet_durable_.emplace_back(written_, id);
    arm(id, entry);
    collect(id, &entry, now);
    return id;
}

void BatchMachine::flush() { collector_.flush(); }

void BatchMachine::cancel(EntryId id, BatchOutput* out) {
    Entry* entry = find(id);
    if (entry == nullptr) return;
    if (entry->state != Entry::State::collected && entry->state != Entry::State::placed) return;
    settle_early(id, entry, BatchAction::Kind::fail, WEIR_ERR_CANCELLED, out);
    forget(id, out);
}

void BatchMachine::acknowledge(EntryId id, BatchOutput* out) {
    const Entry* entry = find(id);
    if (entry == nullptr) return;
    if (entry->state == Entry::State::settled || entry->state == Entry::State::online) {
        forget(id, out);
    }
}

BatchMachine::Entry* BatchMachine::find(EntryId id) {
    const auto it = entries_.find(id);
    return it == entries_.end() || it->second.state == Entry::State::dropped ? nullptr
                                                                             : &it->second;
}

std::uint32_t BatchMachine::group_index(const BatchGroup& group) {
    const auto [it, made] =
        group_indexes_.emplace(group, static_cast<std::uint32_t>(groups_.size()));
    if (made) groups_.push_back(group);
    return it->second;
}

void BatchMachine::collect(EntryId id, Entry* entry, TimeNs now) {
    entry->state = Entry::State::collected;
    entry->submission = 0;
    entry->place = collector_.add(entry->group, id, entry->body_bytes, now);
}

// The entry's terminal action. The entry stays until it is acknowledged.
void BatchMachine::settle(EntryId id, Entry* entry, BatchAction::Kind kind, std::int32_t status,
                          BatchOutput* out) {
    BatchAction action{.kind = kind, .status = status, .entry = id, .ticket = entry->ticket};
    if (entry->state == Entry::State::collected) collector_.remove(entry->group, entry->place);
    if (entry->submission != 0) {
        BatchSubmission& submission = submissions_.at(entry->submission);
        --submission.open;
        ++submission.unconfirmed;
        action.maybe_executed = submission.sent && submission.stage < BatchSubmission::Stage::ended;
    }
    switch (kind) {
        case BatchAction::Kind::deliver:
            ++counts_.delivered;
            break;
        case BatchAction::Kind::fall_back:
            ++counts_.fell_back;
            break;
        default:
            ++counts_.failed;
            break;
    }
    entry->state =
        kind == BatchAction::Kind::fall_back ? Entry::State::online : Entry::State::settled;
    action.submission = entry->submission;
    action.account = entry->account;
    action.attempts = entry->attempts + (entry->submission != 0 ? 1u : 0u);
    if (kind == BatchAction::Kind::fall_back) action.headers = groups_[entry->group].headers;
    out->actions.push_back(std::move(action));
}

// The same for one that does not wait for its result.
void BatchMachine::settle_early(EntryId id, Entry* entry, BatchAction::Kind kind,
                                std::int32_t status, BatchOutput* out) {
    settle(id, entry, kind, status, out);
    expect_late(entry);
}

void BatchMachine::expect_late(Entry* entry) {
    if (entry->submission == 0 || entry->charged) return;
    BatchSubmission& submission = submissions_.at(entry->submission);
    if (!submission.intent_written) return;  // it is left out
    entry->late = true;
    ++submission.late;
}

// Nothing more is wanted of an entry that is settled.
void BatchMachine::forget(EntryId id, BatchOutput* out) {
    const auto it = entries_.find(id);
    Entry& entry = it->second;
    write(DeliveredRecord{.entry = id, .late = entry.late}, out);
    if (journal_failed_) {
        ++counts_.acknowledgements_not_kept;
    } else {
        acknowledgements_.push_back(written_);
    }
    if (entry.submission == 0) {
        entries_.erase(it);
        return;
    }
    BatchSubmission& submission = submissions_.at(entry.submission);
    --submission.unconfirmed;
    if (submission.unresolved() || entry.late) {
        entry.state = Entry::State::dropped;
        return;
    }
    submission.entries[entry.position] = BatchSubmission::kNotHere;
    entries_.erase(it);
}

void BatchMachine::arm(EntryId id, const Entry& entry) {
    const TimeNs at = std::min(entry.deadline_at, falls_back_at(entry));
    if (at != kNever) due_.emplace(at, id);
}

// A run that reads no results answers nothing online either.
TimeNs BatchMachine::falls_back_at(const Entry& entry) const {
    return settings_.work == BatchWork::all ? entry.fallback_at : kNever;
}

void BatchMachine::on_entry_timer(EntryId id, TimeNs now, BatchOutput* out) {
    Entry* entry = find(id);
    if (entry == nullptr) return;
    if (entry->state != Entry::State::collected && entry->state != Entry::State::placed) return;
    if (entry->deadline_at <= now) {
        settle_early(id, entry, BatchAction::Kind::fail, WEIR_ERR_DEADLINE, out);
    } else if (falls_back_at(*entry) <= now) {
        settle_early(id, entry, BatchAction::Kind::fall_back, 0, out);
    } else {
        arm(id, *entry);
    }
}

// ---- The journal ----

void BatchMachine::write(JournalRecord record, BatchOutput* out) {
    if (journal_failed_) return;
    out->records.push_back(std::move(record));
    ++written_;
}

void BatchMachine::on_durable(JournalPosition position, BatchOutput* out) {
    durable_ = std::max(durable_, position);
    while (!acknowledgements_.empty() && acknowledgements_.front() <= durable_) {
        acknowledgements_.pop_front();
    }
    while (!not_yet_durable_.empty() && not_yet_durable_.front().first <= durable_) {
        const EntryId id = not_yet_durable_.front().second;
        not_yet_durable_.pop_front();
        if (const Entry* entry = find(id)) {
            out->actions.push_back(
                {.kind = BatchAction::Kind::durable, .entry = id, .ticket = entry->ticket});
        }
    }
}

void BatchMachine::keep_use(std::vector<DayUseRow> day_use, std::vector<EntryId> charged,
                            BatchOutput* out) {
    write(UseRecord{.day_use = std::move(day_use), .charged = std::move(charged)}, out);
}

void BatchMachine::on_bodies(SubmissionId id, std::vector<std::pair<EntryId, BatchBody>> bodies) {
    const auto it = submissions_.find(id);
    if (it == submissions_.end() || it->second.stage != BatchSubmission::Stage::loading) return;
    for (auto& [entry_id, body] : bodies) {
        const auto entry = entries_.find(entry_id);
        if (entry == entries_.end() || entry->second.submission != id) continue;
        entry->second.body = std::make_unique<BatchBody>(std::move(body));
    }
    it->second.stage = BatchSubmission::Stage::closed;
}

void BatchMachine::changed(const BatchSubmission& submission, BatchOutput* out) {
    out->actions.push_back({.kind = BatchAction::Kind::changed, .submission = submission.id});
}

// ---- Time ----

void BatchMachine::advance(TimeNs now, BatchOutput* out) {
    while (!closed_ && !due_.empty() && due_.top().first <= now) {
        const EntryId id = due_.top().second;
        due_.pop();
        on_entry_timer(id, now, out);
    }
    const bool collects = !closed_ && settings_.work != BatchWork::look;
    if (collects) close_groups(now, out);
    next_timer_ = step_all(now, out);
    if (closed_) return;
    if (collects) next_timer_ = std::min(next_timer_, collector_.next_timer());
    if (!due_.empty()) next_timer_ = std::min(next_timer_, due_.top().first);
}

// Creations come first, then results, then questions: when the calls of a minute are short, work
// goes on and polling waits.
TimeNs BatchMachine::step_all(TimeNs now, BatchOutput* out) {
    const auto rank = [](BatchSubmission::Stage stage) {
        if (stage < BatchSubmission::Stage::reconciling) return 0;
        return stage == BatchSubmission::Stage::ended ? 1 : 2;
    };
    std::vector<std::pair<int, SubmissionId>> turn;
    turn.reserve(submissions_.size());
    for (const auto& [id, submission] : submissions_) {
        turn.emplace_back(rank(submission.stage), id);
    }
    std::sort(turn.begin(), turn.end());
    TimeNs next = kNever;
    for (const auto& [order, id] : turn) {
        const auto it = submissions_.find(id);
        if (it != submissions_.end()) next = std::min(next, step(&it->second, now, out));
    }
    for (std::size_t i = 0; i < accounts_.size(); ++i) {
        next = std::min(next, look_for_newest(static_cast<std::uint16_t>(i), now, out));
    }
    return next;
}

// Does what may be done for a submission. Returns when it wants to be asked again; kNever if it
// waits for an input. It may be gone afterwards.
TimeNs BatchMachine::step(BatchSubmission* submission, TimeNs now, BatchOutput* out) {
    if (submission->account == kNoAccount) return kNever;
    if (submission->call != 0 || submission->wait_for > durable_) return kNever;
    if (submission->due > now) return submission->due;
    if (closed_) return step_closing(submission, now, out);
    switch (submission->stage) {
        case BatchSubmission::Stage::closed:
            return step_closed(submission, now, out);
        case BatchSubmission::Stage::loading:
            return kNever;
        case BatchSubmission::Stage::intent:
            return step_intent(submission, now, out);
        case BatchSubmission::Stage::reconciling:
            return step_reconciling(submission, now, out);
        case BatchSubmission::Stage::acknowledged:
            return step_acknowledged(submission, now, out);
        case BatchSubmission::Stage::ended:
            return step_ended(submission, now, out);
        case BatchSubmission::Stage::settled:
            return step_settled(submission, now, out);
        case BatchSubmission::Stage::removing:
            return step_removing(submission, now, out);
    }
    return kNever;
}

}  // namespace weir
