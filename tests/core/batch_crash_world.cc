#include "batch_crash_world.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "batch/wire_id.h"
#include "weir/weir.h"

namespace weir::test {

namespace {

constexpr UnixNs kUnixAtZero = 1'800'000'000 * kNsPerS;
constexpr TimeNs kVisibility = 120 * kNsPerS;

class World {
public:
    World(std::uint64_t seed, const CrashSettings& settings)
        : settings_(settings), random_(seed), api_(seed ^ 0x5EED, kVisibility / 2, kUnixAtZero) {
        for (std::size_t i = 0; i < settings.requests; ++i) {
            Request request;
            request.submit_at = after(0, 300 * kNsPerS);
            request.cancel = random_.below(40) == 0;
            requests_.push_back(request);
        }
        for (int i = 0; i < 3; ++i) api_.create_foreign(1 + random_.below(settings.requests), 0);
    }

    CrashResult run();

private:
    struct Request {
        TimeNs submit_at = 0;
        bool cancel = false;
        bool known_durable = false;
        bool done = false;      // the caller has its answer in safe hands
        bool answered = false;  // with a result
        // In this run.
        bool submitted = false;
        bool terminal = false;
        bool charged = false;  // by this run, or as the journal says by an earlier one
        EntryId entry = 0;
    };
    struct Event {
        std::uint64_t run;  // 0: outlives a crash
        std::function<void()> happen;
    };

    TimeNs after(TimeNs from, TimeNs up_to) {
        return from + static_cast<TimeNs>(random_.below(static_cast<std::uint64_t>(up_to)));
    }
    bool chance(std::uint64_t percent) { return random_.below(100) < percent; }
    void at(TimeNs time, std::function<void()> happen) {
        events_.emplace(time, Event{run_, std::move(happen)});
    }
    void at_provider(TimeNs time, std::function<void()> happen) {
        events_.emplace(time, Event{0, std::move(happen)});
    }
    void fail(const std::string& what) {
        if (result_.broken.empty()) result_.broken = what;
    }
    void trace(std::uint64_t value) {
        result_.trace_hash = (result_.trace_hash ^ value) * 0x100000001B3u;
    }

    void start();
    void crash();
    bool over() const;
    void turn();
    void drain();
    void submit(std::size_t i);
    void end_of_run();

    void charge(std::size_t i);
    void keep_use();
    void check_use();

    void do_action(BatchAction action);
    void on_terminal(const BatchAction& action);
    void acknowledge(std::size_t i);
    void call(std::shared_ptr<BatchCall> call);
    void create(const std::shared_ptr<BatchCall>& call);
    void reply(BatchCallId id, Outcome outcome, std::optional<BatchObject> batch,
               std::optional<BatchPage> page);
    void download(BatchCallId id, const std::string& remote_id, std::size_t next, std::size_t cut);

    CrashSettings settings_;
    Random random_;
    SimBatchApi api_;
    SimDisk disk_;
    std::vector<Request> requests_;
    std::multimap<TimeNs, Event> events_;
    std::unique_ptr<BatchMachine> machine_;
    BatchOutput out_;
    std::map<BatchCallId, bool> live_calls_;
    std::uint64_t run_ = 0;
    BatchWork work_ = BatchWork::all;
    std::uint64_t events_left_ = 0;  // of a run that does a part of the work
    TimeNs now_ = 0;
    TimeNs timer_at_ = kNever;
    std::int64_t used_ = 0;  // results that were charged, of all runs as far as this one knows
    std::vector<EntryId> charged_;  // of these, what the journal has not been told
    CrashResult result_;
};

Outcome answered(int status) {
    Outcome outcome;
    outcome.http_status = status;
    if (status == 429) outcome.cls = OutcomeClass::rate_limited;
    if (status == 404) outcome.cls = OutcomeClass::bad_request;
    if (status == 500) outcome.cls = OutcomeClass::server_error;
    if (status == 529) outcome.cls = OutcomeClass::overloaded;
    outcome.maybe_executed = status == 500;
    return outcome;
}

Outcome lost(bool maybe_executed) {
    Outcome outcome;
    outcome.cls = OutcomeClass::connection;
    outcome.maybe_executed = maybe_executed;
    return outcome;
}

// ---- Runs ----

void World::start() {
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

void World::end_of_run() {
    result_.reconciled += machine_->counts().reconciled;
    result_.found += machine_->counts().found;
    result_.sent_again += machine_->counts().sent_again;
}

void World::crash() {
    ++result_.crashes;
    end_of_run();
    machine_.reset();
    disk_.crash();
    out_ = BatchOutput();
    live_calls_.clear();
    timer_at_ = kNever;
    std::erase_if(events_, [&](const auto& e) { return e.second.run == run_; });
    now_ = after(now_, 200 * kNsPerS);
}

bool World::over() const {
    return disk_.durable().empty() && disk_.idle() && !disk_.wants_commit() &&
           std::all_of(requests_.begin(), requests_.end(),
                       [](const Request& request) { return request.done; });
}

CrashResult World::run() {
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
    result_.batches = api_.created;
    return result_;
}

// One turn of the loop, as the engine makes it.
void World::turn() {
    drain();
    machine_->advance(now_, &out_);
    drain();
    keep_use();
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

void World::drain() {
    while (!out_.records.empty() || !out_.actions.empty()) {
        BatchOutput out = std::exchange(out_, BatchOutput());
        for (JournalRecord& record : out.records) disk_.write(std::move(record));
        for (BatchAction& action : out.actions) do_action(std::move(action));
    }
}

// ---- What is charged ----

// As the engine does it: in the turn in which an answer is delivered, and once over all runs.
void World::charge(std::size_t i) {
    Request& request = requests_[i];
    request.answered = true;
    if (std::exchange(request.charged, true)) return;
    ++used_;
    charged_.push_back(request.entry);
}

void World::keep_use() {
    if (charged_.empty()) return;
    machine_->keep_use({{"all", 1, used_, used_}}, std::exchange(charged_, {}), &out_);
    drain();
}

// Each answer is charged once in all, and none is acknowledged for ever that is not.
void World::check_use() {
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

void World::submit(std::size_t i) {
    Request& request = requests_[i];
    request.submitted = true;
    BatchMachine::Accept accept;
    accept.ticket = i + 1;
    accept.custom_id = std::to_string(i);
    accept.group.model = i % 5 == 0 ? "claude-opus" : "claude-haiku";
    accept.body = BatchBody::copy_of("{\"i\":" + std::to_string(i) + "}");
    request.entry = machine_->accept(std::move(accept), now_, &out_);
    trace(request.entry);
    if (request.cancel) {
        at(after(now_, 3000 * kNsPerS), [this, i] {
            if (!requests_[i].terminal) machine_->cancel(requests_[i].entry, &out_);
        });
    }
}

void World::on_terminal(const BatchAction& action) {
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
    ++result_.answers;
    request.done = true;
    if (action.status == WEIR_ERR_CANCELLED) return;
    at(after(now_, 3 * kNsPerS), [this, i] { machine_->acknowledge(requests_[i].entry, &out_); });
}

void World::do_action(BatchAction action) {
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
            return on_terminal(action);
        case BatchAction::Kind::fall_back:
        case BatchAction::Kind::changed:
        case BatchAction::Kind::dropped:
            return;
    }
}

// ---- The network ----

void World::reply(BatchCallId id, Outcome outcome, std::optional<BatchObject> batch,
                  std::optional<BatchPage> page) {
    at(after(now_, 200 * kNsPerMs),
       [this, id, outcome, batch = std::move(batch), page = std::move(page)] {
           if (live_calls_.erase(id) == 0) return;
           machine_->on_call_end(id, outcome, batch ? &*batch : nullptr, page ? &*page : nullptr,
                                 now_, &out_);
       });
}

void World::call(std::shared_ptr<BatchCall> call) {
    live_calls_[call->id] = true;
    if (call->kind == BatchCall::Kind::create) return create(call);
    at(after(now_, 300 * kNsPerMs), [this, call] {
        if (chance(5)) return reply(call->id, answered(529), {}, {});
        if (chance(2)) return reply(call->id, answered(429), {}, {});
        if (chance(3)) return reply(call->id, lost(true), {}, {});
        if (call->kind == BatchCall::Kind::list) {
            return reply(call->id, answered(200), {},
                         api_.list(call->after_id, std::min(call->page_size, 2u), now_));
        }
        const SimBatchApi::Batch* batch = api_.find(call->remote_id);
        const bool results = call->kind == BatchCall::Kind::results;
        if (batch == nullptr || batch->readable_at > now_ ||
            (results && batch->results_at > now_)) {
            return reply(call->id, answered(404), {}, {});
        }
        if (results) {
            const std::size_t cut =
                chance(30) ? random_.below(batch->items.size() + 1) : batch->items.size() + 1;
            return download(call->id, call->remote_id, 0, cut);
        }
        if (call->kind == BatchCall::Kind::cancel) api_.cancel(call->remote_id, now_);
        const BatchObject object = api_.object(*batch, now_);
        if (call->kind == BatchCall::Kind::remove) api_.remove(call->remote_id);
        reply(call->id, answered(200), object, {});
    });
}

// What happens on the way to the provider happens even if this program has died since.
void World::create(const std::shared_ptr<BatchCall>& call) {
    std::string body(call->body->size(), ' ');
    std::size_t size = 0;
    while (const std::size_t n = call->body->read(body.data() + size, 7)) size += n;
    if (size != body.size()) fail("the size of a creation is not what was said");
    if (chance(5)) return reply(call->id, lost(false), {}, {});
    if (chance(14)) return reply(call->id, answered(529), {}, {});
    if (chance(4)) return reply(call->id, answered(429), {}, {});
    if (chance(4)) return reply(call->id, answered(500), {}, {});
    if (chance(4)) return reply(call->id, lost(true), {}, {});
    const bool reply_lost = chance(20);
    const bool says_500 = chance(5);
    if (chance(10)) api_.create_foreign(call->body->size() / 44 + 1, now_);
    const TimeNs on_the_way = after(0, chance(10) ? kVisibility / 3 : kNsPerS);
    at_provider(now_ + on_the_way, [this, id = call->id, run = run_, body, reply_lost, says_500] {
        const BatchObject object = api_.object(api_.create(body, now_), now_);
        trace(object.created_unix_ns > 0);
        if (run != run_) return;
        if (reply_lost) return reply(id, lost(true), {}, {});
        if (says_500) return reply(id, answered(500), {}, {});
        reply(id, answered(200), object, {});
    });
    // A connection that breaks before the provider is done.
    if (chance(8)) reply(call->id, lost(true), {}, {});
}

void World::download(BatchCallId id, const std::string& remote_id, std::size_t next,
                     std::size_t cut) {
    at(after(now_, 300 * kNsPerMs), [this, id, remote_id, next, cut] {
        const SimBatchApi::Batch* batch = api_.find(remote_id);
        std::size_t i = next;
        for (std::size_t n = 0; n < 5; ++n, ++i) {
            if (!live_calls_.contains(id)) return;
            if (i == cut) return reply(id, lost(true), {}, {});
            if (batch == nullptr || i == batch->items.size()) {
                return reply(id, answered(200), {}, {});
            }
            const SimBatchApi::Item& item = batch->items[i];
            if (item.fate == SimBatchApi::Fate::missing) continue;
            BatchResult result;
            result.custom_id = item.custom_id;
            if (item.fate == SimBatchApi::Fate::expired) result.type = BatchResult::Type::expired;
            if (item.fate == SimBatchApi::Fate::overloaded ||
                item.fate == SimBatchApi::Fate::invalid) {
                result.type = BatchResult::Type::errored;
                result.error_class = item.fate == SimBatchApi::Fate::invalid
                                         ? OutcomeClass::bad_request
                                         : OutcomeClass::overloaded;
            }
            const ResultPrice price{.micros = 1, .saved_micros = 1};
            machine_->on_result(id, result, price, now_, &out_);
            if (chance(2)) machine_->on_result(id, result, price, now_, &out_);
            drain();
        }
        download(id, remote_id, i, cut);
    });
}

}  // namespace

CrashResult run_crash_schedule(std::uint64_t seed, const CrashSettings& settings) {
    return World(seed, settings).run();
}

}  // namespace weir::test
