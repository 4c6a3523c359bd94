#include "engine/batch_lane.h"

#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "base/random.h"
#include "engine/clock.h"
#include "engine/event.h"
#include "engine/failure.h"
#include "engine/terminal.h"
#include "routing/route_choice.h"
#include "weir/weir.h"

namespace weir {
namespace {

// While more answers than this wait to be polled, no more results are read.
constexpr std::size_t kResultsAhead = std::size_t{1} << 20;

// What marks a new journal's batches as its own.
std::string new_mark() {
    constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
    std::uint64_t seed[2] = {};
    if (::getrandom(seed, sizeof seed, 0) != sizeof seed) {
        throw Failure(WEIR_ERR_IO, ErrorSource::local, "the system has no random bytes");
    }
    Random random(seed[0] ^ Random(seed[1]).next());
    std::string mark = "w";
    for (int i = 0; i < 15; ++i) mark += kDigits[random.below(kDigits.size())];
    return mark;
}

std::vector<std::string> account_names(const Settings& settings) {
    std::vector<std::string> names;
    for (const AccountAccess& account : settings.accounts) names.push_back(account.name);
    return names;
}

std::string joined(const std::vector<std::string>* lines) {
    std::string text;
    if (lines == nullptr) return text;
    for (const std::string& line : *lines) text += (text.empty() ? "" : "\n") + line;
    return text;
}

// NULL if there is nothing to be kept of it.
std::shared_ptr<const BatchOrigin> origin_of(const Request& request, BatchWish wish,
                                             const RouteSettings& routes) {
    BatchOrigin origin{.tenant = request.tenant,
                       .tag = wish.tag,
                       .affinity = request.affinity,
                       .input_tokens = request.input_tokens,
                       .output_tokens = request.output_tokens,
                       .priority = request.priority,
                       .automatic = wish.lane == Lane::automatic};
    if (request.route.routed()) {
        origin.route = route_of(routes, request.route).name;
        origin.complexity = std::move(wish.complexity);
    }
    if (origin == BatchOrigin()) return nullptr;
    return std::make_shared<const BatchOrigin>(std::move(origin));
}

}  // namespace

BatchLane::BatchLane(const Settings* settings, RequestSlab* slab, Inbox* inbox, Outbox* outbox,
                     Host* host, Log* log, const KeyStore* keys, std::function<void()> wake)
    : settings_(*settings),
      slab_(slab),
      inbox_(inbox),
      outbox_(outbox),
      host_(host),
      log_(log),
      keys_(keys),
      machine_(settings->batch.machine, account_names(*settings), unix_now() - monotonic_now()),
      open_(settings->accounts.size()) {
    now_ = monotonic_now();
    unix_minus_now_ = unix_now() - now_;
    try {
        std::unique_ptr<Journal> journal = open_journal(settings_.batch.journal_path, new_mark());
        recover(journal.get(), now_);
        journal_ = std::make_unique<JournalThread>(std::move(journal), !settings_.caller_driven,
                                                   std::move(wake));
    } catch (const JournalError& error) {
        throw Failure(WEIR_ERR_IO, ErrorSource::local, error.message());
    }
}

BatchLane::~BatchLane() = default;

// ---- Inputs ----

bool BatchLane::wants(const Request& request, const BatchWish& wish, TimeNs now) const {
    if (wish.lane != Lane::automatic) return wish.lane == Lane::batch;
    if (!waits_.empty() || !journal_failure_.empty()) return false;
    const BodyHead& head = request.body->head();
    const bool in_time = request.deadline_at == kNever ||
                         request.deadline_at - now >= settings_.batch.auto_deadline_ns;
    return in_time && !head.stream && !head.fast && head.max_tokens != 0;
}

bool BatchLane::chooses(const Request& request, const BatchWish& wish, TimeNs now) {
    const bool wanted = wants(request, wish, now);
    if (wish.lane == Lane::automatic) ++(wanted ? auto_batch_ : auto_online_);
    return wanted;
}

void BatchLane::submit(RequestIndex index, BatchWish wish, TimeNs now) {
    now_ = now;
    if (!waits_.empty() || !journal_failure_.empty()) return refuse(index);
    Request& request = slab_->at(index);
    const std::uint64_t ticket = request.ticket.load(std::memory_order_relaxed);
    const auto owner = std::make_shared<const BodyRef>(request.body);
    BatchMachine::Accept accept;
    accept.ticket = ticket;
    accept.custom_id = std::move(wish.custom_id);
    accept.group.account = least_loaded_account();
    accept.group.model = request.body->model();
    accept.group.headers = joined(request.body->extra_headers());
    accept.deadline_at = request.deadline_at;
    if (request.deadline_at != kNever && wish.fallback_ns > 0) {
        accept.fallback_at = request.deadline_at - wish.fallback_ns;
    }
    accept.body = BatchBody(owner, request.body->bytes());
    const std::uint16_t account = accept.group.account;
    const bool automatic = wish.lane == Lane::automatic;
    accept.origin = origin_of(request, std::move(wish), settings_.core.routes);
    tickets_.emplace(ticket, Ticket{.entry = 0, .account = account, .automatic = automatic});
    ++open_[account];
    const EntryId entry = machine_.accept(std::move(accept), now, &out_);
    const auto it = tickets_.find(ticket);
    if (it != tickets_.end()) it->second.entry = entry;
    carry_out();
}

// Nothing is taken that the journal may never have.
void BatchLane::refuse(RequestIndex index) {
    const std::string& why = waits_.empty() ? journal_failure_ : waits_;
    host_->on_batch_end(index, make_refused(slab_->at(index), WEIR_ERR_IO, why));
}

std::uint16_t BatchLane::least_loaded_account() const {
    return static_cast<std::uint16_t>(std::min_element(open_.begin(), open_.end()) - open_.begin());
}

EntryId BatchLane::entry_of(std::uint64_t ticket) const {
    const auto it = tickets_.find(ticket);
    return it == tickets_.end() ? 0 : it->second.entry;
}

void BatchLane::run(const Inbox::Command& command) {
    switch (command.kind) {
        case Inbox::Command::Kind::cancel:
            return cancel(command.value);
        case Inbox::Command::Kind::cancel_tag:
            return cancel_group(inbox_->first_of_tag(command.value));
        case Inbox::Command::Kind::drop:
            return;  // what the lane has is never dropped
        case Inbox::Command::Kind::acknowledge:
            return acknowledge(command.value);
        case Inbox::Command::Kind::flush:
            return machine_.flush();
        case Inbox::Command::Kind::cancel_batch:
            machine_.cancel_submission(command.value, &out_);
            return carry_out();
        case Inbox::Command::Kind::report:
        case Inbox::Command::Kind::report_head:
        case Inbox::Command::Kind::report_progress:
            return;
    }
}

void BatchLane::cancel(std::uint64_t ticket) {
    const EntryId entry = entry_of(ticket);
    if (entry == 0) return;
    machine_.cancel(entry, &out_);
    carry_out();
}

void BatchLane::cancel_group(RequestIndex first) {
    std::vector<std::uint64_t> found;
    for (RequestIndex index = first; index != kNoRequest; index = slab_->next_of_tag(index)) {
        const auto it = tickets_.find(slab_->at(index).ticket.load(std::memory_order_relaxed));
        if (it != tickets_.end() && it->second.outstanding) found.push_back(it->first);
    }
    std::sort(found.begin(), found.end());
    for (const std::uint64_t ticket : found) cancel(ticket);
}

void BatchLane::acknowledge(std::uint64_t ticket) {
    const auto it = tickets_.find(ticket);
    if (it == tickets_.end() || it->second.outstanding) return;
    machine_.acknowledge(it->second.entry, &out_);
    tickets_.erase(it);
}

void BatchLane::close() {
    tell_recovered(recovered_.size());
    if (!waits_.empty()) on_journal_failed(waits_);
    if (!journal_failure_.empty()) tell_not_kept();
    machine_.close(settings_.batch.cancel_on_close, &out_);
    carry_out();
}

// ---- A turn ----

void BatchLane::turn(TimeNs now) {
    now_ = now;
    ended_.clear();
    tell_some_recovered();
    carry_out();
    take_from_journal();
    // Before a batch can be forgotten of which a late result was charged.
    if (has_charged()) host_->on_batch_charged();
    machine_.advance(now, &out_);
    carry_out();
    pace_results();
}

void BatchLane::take_from_journal() {
    if (!journal_failure_.empty()) return;
    JournalThread::Done done = journal_->take();
    if (!done.failure.empty()) return on_journal_failed(std::move(done.failure));
    if (done.waits != waits_) tell_waits(std::move(done.waits));
    for (auto& [submission, bodies] : done.loaded) {
        if (submission != 0) {
            machine_.on_bodies(submission, std::move(bodies));
        } else {
            for (const auto& [entry, body] : bodies) go_online(entry, body);
        }
    }
    machine_.on_durable(done.durable, &out_);
    carry_out();
}

// The disk is full: what was accepted and is not durable yet waits, and nothing is sent whose
// intent is not durable.
void BatchLane::tell_waits(std::string why) {
    if (why.empty()) {
        log_->write(WEIR_LOG_INFO, "the journal can be written again: the batch lane goes on");
    } else if (waits_.empty()) {
        log_->write(WEIR_LOG_ERROR, "the batch lane waits: {}", why);
    }
    waits_ = std::move(why);
}

TimeNs BatchLane::next_timer() const {
    if (tell_more_) return now_;
    const TimeNs next = machine_.next_timer();
    return waits_.empty() ? next : std::min(next, now_ + kNsPerS);
}

// What is in the journal goes on when an engine opens it again; here everything ends.
void BatchLane::on_journal_failed(std::string why) {
    waits_.clear();
    journal_failure_ = std::move(why);
    log_->write(WEIR_LOG_ERROR, "the batch lane has stopped: {}", journal_failure_);
    journal_->give_up(journal_failure_);
    machine_.on_journal_failed(&out_);
    carry_out();
    end_falling_back();
    if (const std::uint64_t requests = machine_.counts().requests_not_kept; requests > 0) {
        log_->write(WEIR_LOG_ERROR,
                    "{} requests were accepted and are not in the journal; submit them again",
                    requests);
    }
    tell_not_kept();
}

// The bodies of what was to go online are in the journal.
void BatchLane::end_falling_back() {
    for (const auto& [entry, request] : std::exchange(falling_back_, {})) {
        if (!slab_->outstanding(request.ticket)) continue;
        tickets_.erase(request.ticket);
        const RequestIndex index = RequestSlab::index_of(request.ticket);
        host_->on_batch_end(index, make_refused(slab_->at(index), WEIR_ERR_IO, journal_failure_));
    }
}

void BatchLane::tell_not_kept() {
    const std::uint64_t lost = machine_.counts().acknowledgements_not_kept;
    if (lost == told_not_kept_) return;
    log_->write(
        WEIR_LOG_ERROR,
        "{} acknowledgements are not in the journal: the next engine that opens it delivers "
        "those answers again",
        lost - told_not_kept_);
    told_not_kept_ = lost;
}

void BatchLane::pace_results() {
    read_bytes_ = 0;
    if (exchanges_.empty()) return;
    const bool pause = tell_recovered_ || outbox_->above(kResultsAhead);
    for (const auto& [id, exchange] : exchanges_) {
        if (exchange->call().kind != BatchCall::Kind::results || exchange->paused() == pause) {
            continue;
        }
        exchange->set_paused(pause);
        transport_->pause(id | kOurs, pause);
    }
}

void BatchLane::carry_out() {
    while (!out_.records.empty() || !out_.actions.empty()) {
        BatchOutput out = std::exchange(out_, BatchOutput());
        if (!out.records.empty()) journal_->write(std::move(out.records));
        for (BatchAction& action : out.actions) carry_out(&action);
    }
}

void BatchLane::carry_out(BatchAction* action) {
    switch (action->kind) {
        case BatchAction::Kind::call:
            return start(action);
        case BatchAction::Kind::abort_call: {
            const auto it = exchanges_.find(action->call_id);
            if (it == exchanges_.end()) return;
            if (transport_ != nullptr) transport_->abort(action->call_id | kOurs);
            ended_.push_back(std::move(it->second));  // its reader may be the one that is at work
            exchanges_.erase(it);
            return;
        }
        case BatchAction::Kind::load:
            return journal_->load(action->submission, std::move(action->entries));
        case BatchAction::Kind::durable:
            return tell_durable(*action);
        case BatchAction::Kind::deliver:
        case BatchAction::Kind::fail:
            return end_request(*action);
        case BatchAction::Kind::fall_back:
            falling_back_[action->entry] = {action->ticket, std::move(action->headers)};
            return journal_->load(0, {action->entry});
        case BatchAction::Kind::changed:
            return tell_changed(action->submission);
        case BatchAction::Kind::not_found:
            return tell_not_found(action->submission);
        case BatchAction::Kind::dropped:
            return charge(*action, action->tenant);
    }
}

void BatchLane::tell_durable(const BatchAction& action) {
    const auto it = tickets_.find(action.ticket);
    if (it != tickets_.end()) it->second.durable = true;
    // The journal has the body now.
    inbox_->release_body(RequestSlab::index_of(action.ticket));
    weir_event event = make_engine_event(0);
    event.type = WEIR_EVENT_DURABLE;
    event.ticket = action.ticket;
    event.user_data = slab_->at(RequestSlab::index_of(action.ticket)).user_data;
    host_->on_batch_event(event);
}

// ---- Endings ----

void BatchLane::end_request(const BatchAction& action) {
    tell_recovered(recovered_.size());  // nothing of a ticket comes before its first
    const RequestIndex index = RequestSlab::index_of(action.ticket);
    Request& request = slab_->at(index);
    const auto it = tickets_.find(action.ticket);
    if (it != tickets_.end()) {
        if (it->second.outstanding && it->second.account < open_.size()) {
            --open_[it->second.account];
        }
        it->second.outstanding = false;
    }
    request.attempts = static_cast<std::uint8_t>(std::min(action.attempts, 255u));
    if (action.kind == BatchAction::Kind::deliver && result_ != nullptr) {
        charge(action, request.tenant);
        return host_->on_batch_end(
            index, make_batch_done(request, *result_, settings_.accounts[action.account].name,
                                   price_.micros, settings_.core.routes, now_));
    }
    const bool durable = it != tickets_.end() && it->second.durable;
    if (it != tickets_.end() && !machine_.holds(action.entry)) tickets_.erase(it);
    request.maybe_executed = action.maybe_executed;
    if (result_ != nullptr && result_->type == BatchResult::Type::errored) {
        request.last_error = std::make_unique<ErrorDetail>();
        request.last_error->type = result_->error.type;
        request.last_error->message = result_->error.message;
        request.last_error->request_id = result_->error.request_id;
        request.last_error->from_provider = true;
    } else if (result_ != nullptr && result_->type == BatchResult::Type::other) {
        request.last_error = std::make_unique<ErrorDetail>();
        request.last_error->message = "its result is of a form that this weir does not know";
        request.last_error->answer = result_->bytes;
    } else if (*action.why != '\0') {
        request.last_error = std::make_unique<ErrorDetail>();
        request.last_error->message = action.why;
    } else if (detail_ != nullptr) {
        request.last_error = std::make_unique<ErrorDetail>(*detail_);
    }
    const bool journal_failed = !journal_failure_.empty() && action.status == WEIR_ERR_SHUTDOWN;
    host_->on_batch_end(index, journal_failed
                                   ? make_refused(request, WEIR_ERR_IO, failure_of(durable))
                                   : make_failed(request, action.status));
}

// Why a request ends with its journal, and what is to become of it.
std::string BatchLane::failure_of(bool durable) const {
    return journal_failure_ +
           (durable ? "; the request is in the journal, and goes on when an engine opens it again"
                    : "; the request is not in the journal: submit it again");
}

}  // namespace weir
