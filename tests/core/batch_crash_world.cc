#include "batch_crash_world.h"

#include <algorithm>
#include <utility>

#include "batch/wire_id.h"
#include "batch_crash_parts.h"
#include "weir/weir.h"

namespace weir::test {

namespace {

std::string body_of(std::size_t i) { return "{\"i\":" + std::to_string(i) + "}"; }
std::uint64_t tenant_of(std::size_t i) { return i % 3; }

}  // namespace

// ---- Runs ----

void CrashWorld::start() {
    ++run_;
    BatchSettings settings;
    settings.max_requests = 8 + static_cast<std::uint32_t>(random_.below(30));
    settings.queue_places = 60;
    settings.max_age_ns = 20 * kNsPerS;
    settings.visibility_ns = kVisibility;
    settings.max_attempts = 20;
    settings.delete_when_delivered = random_.below(2) == 0;
    // Now and then a run does a part of the work, and dies.
    work_ = BatchWork::all;
    if (result_.partial_runs < settings_.crashes && chance(30)) {
        ++result_.partial_runs;
        work_ = chance(50) ? BatchWork::submit : BatchWork::look;
        events_left_ = 1 + random_.below(200);
    }
    settings.work = work_;
    // The wall clock is another after a restart, by up to an hour; nothing may depend on it.
    const TimeNs wrong = after(0, 3600 * kNsPerS);
    machine_ = std::make_unique<BatchMachine>(settings, std::vector<std::string>{"main"},
                                              kUnixAtZero + wrong);
    const JournalContents state = disk_.durable().state();
    used_ = state.day_use.empty() ? 0 : state.day_use[0].tokens;
    charged_.clear();
    std::vector<std::uint64_t> tickets;
    for (Request& request : requests_) {
        request.submitted = request.terminal = request.charged = request.answered = false;
        request.entry = 0;
    }
    for (const JournalState::Entry& row : state.entries) {
        if (row.dropped) continue;
        const std::size_t i = std::stoul(row.custom_id);
        if (requests_[i].submitted) fail("in the journal twice: " + row.custom_id);
        requests_[i].submitted = requests_[i].known_durable = true;
        requests_[i].entry = row.id;
        requests_[i].charged = row.charged;
        tickets.push_back(i + 1);
    }
    for (std::size_t i = 0; i < requests_.size(); ++i) {
        const Request& request = requests_[i];
        if (request.known_durable && !request.submitted && !request.done) {
            fail("lost: " + std::to_string(i));
        }
        if (!request.submitted && !request.done) {
            at(std::max(now_, request.submit_at), [this, i] { submit(i); });
        }
    }
    recover(machine_.get(), state, tickets, now_);
    turn();
}

void CrashWorld::end_of_run() {
    result_.reconciled += machine_->counts().reconciled;
    result_.found += machine_->counts().found;
    result_.sent_again += machine_->counts().sent_again;
}

void CrashWorld::crash() {
    ++result_.crashes;
    end_of_run();
    machine_.reset();
    disk_.crash();
    if (!disk_.broken.empty()) fail(disk_.broken);
    out_ = BatchOutput();
    live_calls_.clear();
    timer_at_ = kNever;
    std::erase_if(events_, [&](const auto& e) { return e.second.run == run_; });
    now_ = after(now_, 200 * kNsPerS);
}

bool CrashWorld::over() const {
    return disk_.durable().empty() && disk_.idle() && !disk_.wants_commit() &&
           std::all_of(requests_.begin(), requests_.end(),
                       [](const Request& request) { return request.done; });
}

CrashResult CrashWorld::run() {
    start();
    while (result_.broken.empty() && !over()) {
        if (++result_.events > settings_.max_events) {
            fail("it does not come to an end");
            break;
        }
        const bool dies = random_.unit() < settings_.crash_chance;
        if (dies && result_.crashes < settings_.crashes) {
            crash();
            start();
            continue;
        }
        const bool cut_short = work_ != BatchWork::all && (events_.empty() || events_left_-- == 0);
        if (cut_short) {
            crash();
            start();
            continue;
        }
        if (events_.empty()) {
            fail("nothing happens any more");
            break;
        }
        const auto next = events_.begin();
        now_ = std::max(now_, next->first);
        const Event event = std::move(next->second);
        events_.erase(next);
        event.happen();
        turn();
        if (!api_.broken.empty()) fail(api_.broken);
    }
    end_of_run();
    if (result_.broken.empty()) check_all_charged();
    result_.batches = api_.created;
    result_.written_in_crashes = disk_.written_in_crashes();
    return result_;
}

// One turn of the loop, as the engine makes it.
void CrashWorld::turn() {
    drain();
    keep_use();
    machine_->advance(now_, &out_);
    drain();
    if (disk_.wants_commit()) {
        disk_.begin();
        const TimeNs takes = chance(2) ? 2 * kNsPerS : 20 * kNsPerMs;
        at(after(now_, takes), [this] {
            const JournalPosition position = disk_.commit();
            check_use();
            at(after(now_, 5 * kNsPerMs),
               [this, position] { machine_->on_durable(position, &out_); });
        });
    }
    const TimeNs timer = machine_->next_timer();
    if (timer < timer_at_ || timer_at_ <= now_) {
        timer_at_ = timer;
        if (timer != kNever) at(std::max(timer, now_ + 1), [] {});
    }
}

void CrashWorld::drain() {
    while (!out_.records.empty() || !out_.actions.empty()) {
        BatchOutput out = std::exchange(out_, BatchOutput());
        for (JournalRecord& record : out.records) disk_.write(std::move(record));
        for (BatchAction& action : out.actions) do_action(std::move(action));
    }
}

// ---- What is charged ----

// As the engine does it: in the turn in which an answer is delivered, and once over all runs.
void CrashWorld::charge(std::size_t i) {
    Request& request = requests_[i];
    request.answered = true;
    if (std::exchange(request.charged, true)) return;
    ++used_;
    charged_.push_back(request.entry);
}

// Whoever ended before its result: the result is paid all the same, by the same tenant.
void CrashWorld::charge_late(const BatchAction& action) {
    if (action.tenant != tenant_of(owners_.at(action.entry))) fail("charged to another tenant");
    if (result_at_hand_->type != BatchResult::Type::succeeded) return;
    ++result_.late;
    ++used_;
    charged_.push_back(action.entry);
}

// What the provider has answered is what was charged, whether anybody waited for it or not.
void CrashWorld::check_all_charged() {
    std::int64_t answered = 0;
    for (const SimBatchApi::Batch& batch : api_.batches()) {
        for (const SimBatchApi::Item& item : batch.items) {
            if (batch.foreign || item.fate != SimBatchApi::Fate::succeeded) continue;
            ++answered;
            const bool charged =
                std::any_of(owners_.begin(), owners_.end(), [&](const auto& owner) {
                    return item.params == body_of(owner.second) &&
                           disk_.durable().ever_charged(owner.first);
                });
            if (!charged) fail("a result is never charged: " + item.params);
        }
    }
    if (disk_.durable().day_use("all") != answered) fail("not as much is charged as was answered");
}

void CrashWorld::keep_use() {
    if (charged_.empty()) return;
    machine_->keep_use({{"all", 1, used_, used_}}, std::exchange(charged_, {}), &out_);
    drain();
}

// Each answer is charged once in all, and none is acknowledged for ever that is not.
void CrashWorld::check_use() {
    const JournalModel& journal = disk_.durable();
    const auto used = static_cast<std::size_t>(journal.day_use("all"));
    if (used != journal.ever_charged()) {
        fail("charged: " + std::to_string(used) + " of " + std::to_string(journal.ever_charged()));
    }
    for (const Request& request : requests_) {
        const bool forgotten = request.answered && !journal.has_entry(request.entry);
        if (forgotten && !journal.ever_charged(request.entry)) fail("an answer is not charged");
    }
}

// ---- The caller ----

void CrashWorld::submit(std::size_t i) {
    Request& request = requests_[i];
    request.submitted = true;
    BatchMachine::Accept accept;
    accept.ticket = i + 1;
    accept.custom_id = std::to_string(i);
    accept.group.model = i % 5 == 0 ? "claude-opus" : "claude-haiku";
    accept.body = BatchBody::copy_of(body_of(i));
    accept.origin =
        std::make_shared<const BatchOrigin>(BatchOrigin{.tenant = tenant_of(i), .tag = i});
    if (request.hurried) {
        accept.deadline_at = now_ + kNsPerS + after(0, 1000 * kNsPerS);
        if (i % 2 == 0) accept.fallback_at = accept.deadline_at - kNsPerS;
    }
    request.entry = machine_->accept(std::move(accept), now_, &out_);
    owners_[request.entry] = i;
    trace(request.entry);
    if (request.cancel) {
        at(after(now_, 1000 * kNsPerS), [this, i] {
            if (!requests_[i].terminal) machine_->cancel(requests_[i].entry, &out_);
        });
    }
}

void CrashWorld::on_terminal(const BatchAction& action) {
    const auto i = static_cast<std::size_t>(action.ticket - 1);
    Request& request = requests_[i];
    const std::string name = std::to_string(i);
    trace(action.ticket * 31 + static_cast<std::uint64_t>(-action.status));
    if (request.terminal) fail("two terminals: " + name);
    request.terminal = true;
    if (request.done) {
        ++result_.answered_again;
        if (!disk_.durable().has_entry(request.entry)) fail("answered for ever, again: " + name);
    }
    const bool refused = action.status == WEIR_ERR_REJECTED && result_at_hand_ == nullptr;
    if (refused && !request.bad) fail("taken down by another: " + name);
    if (refused) ++result_.refused;
    if (action.status == WEIR_ERR_BROKEN_RESPONSE && *action.why != '\0') ++result_.unknown;
    ++result_.answers;
    request.done = true;
    if (action.status == WEIR_ERR_CANCELLED) return;
    at(after(now_, 3 * kNsPerS), [this, i] { machine_->acknowledge(requests_[i].entry, &out_); });
}

void CrashWorld::do_action(BatchAction action) {
    trace(static_cast<std::uint64_t>(action.kind) + action.entry * 7 + action.submission * 13);
    switch (action.kind) {
        case BatchAction::Kind::call:
            if (work_ == BatchWork::look && action.call->kind == BatchCall::Kind::create) {
                fail("a run that only looks has created a batch");
            }
            return call(action.call);
        case BatchAction::Kind::abort_call:
            live_calls_.erase(action.call_id);
            return;
        case BatchAction::Kind::load: {
            std::vector<std::pair<EntryId, BatchBody>> bodies;
            for (const EntryId id : action.entries) {
                if (!disk_.durable().has_entry(id)) return fail("a body that is not durable");
                bodies.emplace_back(id, disk_.durable().body(id));
            }
            at(after(now_, 50 * kNsPerMs),
               [this, id = action.submission, bodies] { machine_->on_bodies(id, bodies); });
            return;
        }
        case BatchAction::Kind::durable:
            if (!disk_.durable().has_entry(action.entry)) fail("called durable, and is not");
            requests_[action.ticket - 1].known_durable = true;
            return;
        case BatchAction::Kind::deliver:
            if (work_ != BatchWork::all) fail("a run that reads no results has delivered one");
            charge(action.ticket - 1);
            return on_terminal(action);
        case BatchAction::Kind::fail:
        case BatchAction::Kind::fall_back:  // it is answered online at once
            return on_terminal(action);
        case BatchAction::Kind::dropped:
            return charge_late(action);
        case BatchAction::Kind::changed:
        case BatchAction::Kind::not_found:
            return;
    }
}

CrashResult run_crash_schedule(std::uint64_t seed, const CrashSettings& settings) {
    return CrashWorld(seed, settings).run();
}

}  // namespace weir::test
