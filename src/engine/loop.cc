#include "engine/loop.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include <algorithm>
#include <utility>

#include "engine/clock.h"

namespace weir {
namespace {

constexpr TimeNs kWallEveryNs = kNsPerS;
constexpr TimeNs kRetryNs = 10 * kNsPerMs;  // after memory had run out
constexpr int kRoundsPerTurn = 4;

std::uint64_t seed_of(const Settings& settings) {
    std::uint64_t seed = settings.seed;
    if (seed == 0 && ::getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed) {
        seed = static_cast<std::uint64_t>(monotonic_now());
    }
    return seed;
}

}  // namespace

Loop::Loop(const Settings* settings, RequestSlab* slab, Inbox* inbox, KeyChanges* key_inbox,
           Outbox* outbox, Outlook* outlook, std::function<void()> on_events,
           const TransportFactory& make_transport)
    : settings_(*settings),
      slab_(slab),
      inbox_(inbox),
      key_inbox_(key_inbox),
      outbox_(outbox),
      outlook_(outlook),
      on_events_(std::move(on_events)),
      log_(outbox, settings->log_level),
      core_(settings->core, slab, seed_of(*settings)),
      keys_(*settings),
      transport_(make_transport(settings->transport, &poller_, this)) {
    if (!settings_.batch.journal_path.empty()) {
        batch_lane_ = std::make_unique<BatchLane>(&settings_, slab_, inbox_, outbox_,
                                                  static_cast<BatchLane::Host*>(this), &log_,
                                                  &keys_, [this] { wake(); });
        batch_lane_->attach(transport_.get());
        restore_day_use();
        wake();  // there may be something to go on with
    }
    // Before the first turn the configured limits are all that is known.
    in_use_.resize(settings_.core.limits.classes.size());
    classes_in_use_.reserve(in_use_.size());
    for (std::size_t i = 0; i < in_use_.size(); ++i) {
        const auto model_class = static_cast<std::uint16_t>(i);
        outlook_->publish(model_class, core_.outlook(model_class, 0));
    }
    key_files_ = KeyFiles::make(settings_, &poller_, static_cast<KeyFiles::Host*>(this));
    if (key_files_) wake();  // they are watched from the first turn on
    poller_.watch(wake_.fd(), EPOLLIN, this);
    poller_.watch(timer_.fd(), EPOLLIN, this);
}

Loop::~Loop() {
    transport_.reset();
    for (weir_event& event : events_) release_event(&event);
}

void Loop::on_ready(int fd, std::uint32_t) {
    if (fd == wake_.fd()) wake_.clear();
    if (fd == timer_.fd()) timer_.clear();
}

// ---- Waiting ----

void Loop::sleep() noexcept {
    const bool idle = inbox_->prepare_sleep();
    if (poller_failed_) {
        // What is left to do is to end, for which the wake descriptor is enough.
        pollfd wake{wake_.fd(), POLLIN, 0};
        if (idle && ::poll(&wake, 1, -1) > 0) wake_.clear();
        return;
    }
    try {
        poller_.turn(idle ? -1 : 0);
    } catch (const std::exception&) {
        poller_failed_ = true;
    }
}

void Loop::look() noexcept {
    try {
        poller_.turn(0);
    } catch (const std::exception&) {
        poller_failed_ = true;
    }
}

void Loop::arm() noexcept {
    if (!inbox_->prepare_sleep()) wake_.signal();
}

void Loop::set_timers() noexcept {
    TimeNs next = core_.next_timer();
    if (batch_lane_) next = std::min(next, batch_lane_->next_timer());
    if (transport_) next = std::min(next, transport_->next_timer());
    next = std::min(next, publish_again_at());
    const bool has_to_retry = next_action_ < actions_.size() || !key_changes_.empty() ||
                              (key_files_ && key_files_->has_to_retry());
    if (has_to_retry) next = std::min(next, now_ + kRetryNs);
    if (batch_lane_ && core_.limiter().day_use_version() != kept_version_) {
        next = std::min(next, keep_at_);
    }
    timer_.set(next);
    looks_again_at_ = next;
}

// ---- A turn ----

void Loop::turn(TimeNs now) noexcept {
    now_ = now;
    if (phase_ == Phase::stopped) return;
    try {
        if (poller_failed_ && !failed_) fail("the poller failed");
        if (must_fail_ && !failed_) fail("an exception at a permit");
        if (!failed_) step();
    } catch (const std::exception& exception) {
        fail(exception.what());
    } catch (...) {
        fail("an unknown exception");
    }
    if (failed_) fail_step();
}

void Loop::step() {
    if (now_ - wall_read_at_ >= kWallEveryNs) {
        wall_read_at_ = now_;
        wall_offset_ = unix_now() - now_;
        core_.limiter().set_wall_offset(wall_offset_);
    }
    take_inbox();
    // What starts is on its way within the turn, and what fails at once is tried again.
    for (int round = 0; round < kRoundsPerTurn; ++round) {
        move_transport();
        core_.advance(now_, &actions_);
        carry_out();
        if (batch_lane_) batch_lane_->turn(now_);
        if (!transport_ || transport_->next_timer() > now_) break;
    }
    publish_outlook();
    keep_day_use();
    const bool delivered = deliver();
    if (phase_ == Phase::closing && delivered && actions_.empty() &&
        (!batch_lane_ || batch_lane_->finished())) {
        keep_day_use(true);
        stop();
    }
    set_timers();
}

void Loop::move_transport() {
    if (!transport_) return;
    try {
        transport_->advance(now_);
    } catch (const std::bad_alloc&) {
        if (core_failed_) throw;
        // A response found no memory; its exchange has ended as broken.
        log(WEIR_LOG_ERROR, "a response was lost for want of memory");
    }
}

void Loop::take_inbox() {
    inbox_->take(&batch_);
    if (batch_.close) phase_ = Phase::closing;  // said once, whatever is thrown below
    // After the inbox was emptied and before anything of it is dealt with: a request finds the keys
    // that were set before it was submitted.
    change_keys();
    std::size_t command = 0;
    next_report_ = 0;
    const auto run_commands_after = [&](RequestIndex index) {
        while (command < batch_.commands.size() && batch_.commands[command].after == index) {
            run_command(batch_.commands[command++]);
        }
    };
    std::size_t next_wish = 0;
    run_commands_after(kNoRequest);
    for (RequestIndex index = batch_.first; index != kNoRequest;) {
        const RequestIndex next = slab_->at(index).link.next;
        submit(index, &next_wish);
        run_commands_after(index);
        index = next;
    }
    if (batch_.close) close();
}

void Loop::submit(RequestIndex index, std::size_t* next_wish) {
    const bool wishes =
        *next_wish < batch_.wishes.size() && batch_.wishes[*next_wish].request == index;
    if (wishes) {
        BatchWish& wish = batch_.wishes[(*next_wish)++].wish;
        if (batch_lane_ && batch_lane_->chooses(slab_->at(index), wish, now_)) {
            return batch_lane_->submit(index, std::move(wish), now_);
        }
    }
    note_class(slab_->at(index).model_class);
    core_.submit(index, now_, &actions_);
}

void Loop::run_command(const Inbox::Command& command) {
    if (batch_lane_) batch_lane_->run(command);
    switch (command.kind) {
        case Inbox::Command::Kind::cancel:
            return core_.cancel(command.value, now_, &actions_);
        case Inbox::Command::Kind::cancel_tag:
            return core_.cancel_group(inbox_->first_of_tag(command.value), now_, &actions_);
        case Inbox::Command::Kind::drop:
            return core_.drop(command.value, now_, &actions_);
        case Inbox::Command::Kind::acknowledge:
        case Inbox::Command::Kind::flush:
        case Inbox::Command::Kind::cancel_batch:
            return;
        case Inbox::Command::Kind::report:
            return take_report({command.value, command.attempt},
                               std::move(batch_.reports[next_report_++]));
        case Inbox::Command::Kind::report_head:
            return take_report_head({command.value, command.attempt},
                                    std::move(batch_.reports[next_report_++]));
        case Inbox::Command::Kind::report_progress:
            return take_report_progress({command.value, command.attempt}, command.amount);
    }
}

void Loop::close() {
    log(WEIR_LOG_INFO, "closing: {} requests are outstanding", inbox_->held().requests);
    core_.close(now_, &actions_);
    if (batch_lane_) batch_lane_->close();
}

// ---- The batch lane's side ----

void Loop::on_batch_event(weir_event event) {
    if (!make_room()) {
        release_event(&event);
        throw std::bad_alloc();
    }
    events_.push_back(event);
}

void Loop::on_batch_end(RequestIndex index, weir_event terminal) {
    on_batch_event(terminal);
    ended_.push_back(Inbox::Ended(index));
}

void Loop::on_batch_usage(std::uint16_t account, std::uint64_t tenant, const Usage& usage,
                          std::int64_t cost_micros) {
    const std::int64_t tokens = whole_input(usage) + std::max<std::int64_t>(usage.output_tokens, 0);
    core_.limiter().add_day_use(account, tenant, {.tokens = tokens, .spend = cost_micros}, now_);
}

void Loop::on_batch_fall_back(RequestIndex index) {
    note_class(slab_->at(index).model_class);
    core_.submit(index, now_, &actions_);
}

// ---- The transport's side ----

ResponseTaker* Loop::reader(ExchangeId id) {
    if (batch_lane_ && BatchLane::is_ours(id)) return batch_lane_->reader(id);
    Exchange* exchange = exchange_of(id);
    return exchange != nullptr && exchange->open() ? &exchange->reader() : nullptr;
}

void Loop::on_response_head(Exchange* exchange) {
    exchange->set_head_at(now_);
    ++responses_seen_;
    ++heads_seen_;
}

// What remains of a limit is stated without the request's own input, which is only estimated here
// until it is counted: before that, a wrong estimate would look like a wrong mirror.
void Loop::tell_head(Exchange* exchange) {
    if (exchange->head_at() == 0 || exchange->head_told()) return;
    exchange->set_head_told();
    const ResponseReader& reader = exchange->reader();
    const bool answered = reader.http_status() / 100 == 2;
    tell_core([&] { core_.on_head(exchange->attempt(), answered, reader.limits(), now_); });
}

void Loop::on_output_progress(Exchange* exchange, std::int64_t output_tokens) {
    tell_core([&] { core_.on_progress(exchange->attempt(), output_tokens, now_); });
}

void Loop::on_input_counted(Exchange* exchange, const Usage& usage) {
    tell_core([&] { core_.on_input_counted(exchange->attempt(), usage, now_); });
    tell_head(exchange);
}

void Loop::on_first_content(Exchange* exchange) {
    tell_core([&] { core_.on_content(exchange->attempt(), now_, &actions_); });
}

void Loop::on_stream_event(Exchange* exchange, std::string_view data) {
    if (exchange->stream_lost()) return;
    if (!exchange->passes_on()) {
        bool wanted = true;
        tell_core([&] { wanted = core_.on_content(exchange->attempt(), now_, &actions_); });
        if (!wanted) return;
    }
    try {
        if (!make_room()) throw std::bad_alloc();
        const Request& request = slab_->at(exchange->request());
        weir_event event = make_data_event(WEIR_EVENT_STREAM, data);
        event.ticket = request.ticket.load(std::memory_order_relaxed);
        event.user_data = request.user_data;
        event.index = exchange->next_event_index();
        events_.push_back(event);
    } catch (const std::bad_alloc&) {
        exchange->lose_stream();
    }
}

}  // namespace weir
