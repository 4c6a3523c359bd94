#include "engine/engine.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>

#include <cerrno>
#include <memory>
#include <stdexcept>

#include "engine/clock.h"
#include "engine/failure.h"
#include "engine/json_writer.h"
#include "engine/request_route.h"
#include "engine/route_keys.h"
#include "engine/secret.h"
#include "transport/curl_runtime.h"
#include "transport/curl_transport.h"
#include "weir/weir.h"

namespace weir {
namespace {

std::unique_ptr<Transport> make_curl_transport(const TransportSettings& settings, Poller* poller,
                                               TransportSink* sink) {
    std::unique_ptr<CurlTransport> transport;
    try {
        transport = std::make_unique<CurlTransport>(poller, sink, settings);
    } catch (const std::runtime_error&) {
        // libcurl does not say why. If it was not for want of descriptors, which it takes in pairs,
        // then it was for want of memory.
        const EventDescriptor first, second;
        throw std::bad_alloc();
    }
    std::string problem;
    if (!settings.ca_file.empty() && !transport->load_certificates(&problem)) {
        throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::config, "transport.ca_file: " + problem);
    }
    return transport;
}

// A descriptor that is readable while one of the two is.
Descriptor epoll_of(int first, int second) {
    Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
    for (const int fd : {first, second}) {
        epoll_event event{};
        event.events = EPOLLIN;
        if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) == 0) continue;
        throw Failure(WEIR_ERR_IO, ErrorSource::local,
                      fmt::format("no epoll descriptor could be had: error {}", errno));
    }
    return epoll;
}

// The monotonic time at which a timeout that starts now ends. 0: do not wait.
TimeNs end_of(std::int64_t timeout_ms) {
    if (timeout_ms < 0) return kNever;
    if (timeout_ms == 0) return 0;
    const TimeNs longest = kNever / kNsPerMs;
    return later(monotonic_now(), timeout_ms > longest ? kNever : timeout_ms * kNsPerMs);
}

// Waits for one of the descriptors. False when time is up or a signal came.
template <std::size_t kCount>
bool wait_readable(pollfd (&fds)[kCount], TimeNs until) {
    timespec time{};
    const timespec* limit = nullptr;
    if (until != kNever) {
        const TimeNs left = until == 0 ? 0 : until - monotonic_now();
        if (left > 0) time = {left / kNsPerS, left % kNsPerS};
        limit = &time;
    }
    return ::ppoll(fds, kCount, limit, nullptr) > 0;
}

// Those of the settings, with the numbers that the routes' steps have.
ModelClasses model_classes_of(const CoreSettings& settings) {
    ModelClasses classes(settings.limits.classes, settings.limits.prices);
    RouteSettings routes = settings.routes;
    resolve_routes(&routes, &classes);
    return classes;
}

// The engines in whose dispatch callbacks this thread is, innermost first.
struct DispatchFrame {
    const Engine* engine;
    const DispatchFrame* outer;
};
constinit thread_local const DispatchFrame* dispatching = nullptr;

}  // namespace

// The right to drive a caller-driven engine, which one thread has at a time. Engines with a thread
// of their own need none.
class Engine::Driver {
public:
    explicit Driver(Engine* engine) : engine_(engine) {
        has_it_ = !engine->settings_.caller_driven ||
                  !engine->is_driven_.exchange(true, std::memory_order_acquire);
    }
    ~Driver() { let_go(); }
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    bool has_it() const { return has_it_; }
    void let_go() {
        if (has_it_ && engine_->settings_.caller_driven) {
            engine_->is_driven_.store(false, std::memory_order_release);
        }
        has_it_ = false;
    }

private:
    Engine* engine_;
    bool has_it_;
};

// ---- Life ----

Engine::Engine(const Config& config, const TransportFactory& make_transport)
    : config_(config),
      settings_(make_settings(config)),
      outlook_(settings_.core.limits.classes.size()),
      inbox_(&slab_, &outlook_, model_classes_of(settings_.core), settings_.bounds),
      key_changes_(settings_.accounts),
      outbox_(settings_.max_undelivered_bytes, settings_.max_undelivered_events),
      loop_(
          &settings_, &slab_, &inbox_, &key_changes_, &outbox_, &outlook_, [this] { hook_.call(); },
          make_transport) {
    if (settings_.caller_driven) either_ = epoll_of(loop_.fd(), outbox_.fd());
}

Engine* Engine::open(const Config& config) {
    std::string problem;
    if (!transport_global_init(&problem)) {
        throw Failure(WEIR_ERR_UNSUPPORTED, ErrorSource::transport, problem);
    }
    return open(config, make_curl_transport);
}

Engine* Engine::open(const Config& config, const TransportFactory& make_transport) {
    struct Delete {
        void operator()(Engine* engine) const { delete engine; }
    };
    std::unique_ptr<Engine, Delete> engine(new Engine(config, make_transport));
    if (!engine->settings_.caller_driven) {
        engine->retain();
        engine->thread_.start([](void* self) { static_cast<Engine*>(self)->run(); }, engine.get());
    }
    return engine.release();
}

void Engine::release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    const SigpipeBlock block;  // the transport may have something to say to its peers
    delete this;
}

void Engine::abandon() noexcept {
    loop_.close_descriptors_only();
    outbox_.close_descriptors_only();
    wakeup_.close();
    stopped_.close();
    either_.close();
}

// ---- Driving ----

void Engine::run() noexcept {
    while (!loop_.stopped()) {
        loop_.sleep();
        turn();
    }
    release();
}

void Engine::turn() noexcept {
    const std::lock_guard lock(turn_mutex_);
    if (loop_.stopped()) return;
    loop_.turn(monotonic_now());
    if (loop_.stopped()) stopped_.signal();
}

void Engine::turn_by_caller() noexcept {
    const SigpipeBlock block;
    loop_.look();
    turn();
    loop_.arm();
}

// ---- Requests ----

void Engine::refuse_if_no_account() const {
    if (!settings_.accounts.empty()) return;
    throw Failure(WEIR_ERR_NO_ACCOUNT, ErrorSource::config,
                  "no account is configured: set account.<name>.key, .key_env or .key_file");
}

std::uint64_t Engine::submit(const RequestBuilder& request) {
    refuse_if_no_account();
    refuse_if_no_batch(request);
    Submission submission = request.submission(monotonic_now(), settings_.default_deadline_ns);
    BodyRef rewritten;
    choose_route(settings_.core.routes, request, &submission, &rewritten);
    bool wake = false;
    submission.count_tokens |= settings_.count_tokens && submission.input_tokens == 0;
    const std::uint64_t ticket = inbox_.submit(submission, &wake);
    if (wake) loop_.wake();
    return ticket;
}

// What the batch lane would not take is refused before it is accepted.
void Engine::refuse_if_no_batch(const RequestBuilder& request) const {
    if (request.lane() == Lane::online) return;
    if (settings_.batch.journal_path.empty()) {
        throw Failure(WEIR_ERR_BAD_ARGUMENT, ErrorSource::config,
                      "lane: the batch lane needs journal.path to be set");
    }
    const RequestHead* head = request.head();
    if (head == nullptr || request.lane() == Lane::automatic) return;
    const char* what = head->stream            ? "stream"
                       : head->fast            ? "speed"
                       : head->max_tokens == 0 ? "max_tokens of 0"
                                               : nullptr;
    if (what == nullptr) return;
    throw Failure(
        WEIR_ERR_BAD_BODY, ErrorSource::local,
        fmt::format("{}: batches do not take it; leave it out, or take the lane online", what));
}

std::int32_t Engine::tell_batch_lane(Inbox::Command::Kind kind, std::uint64_t value) {
    if (settings_.batch.journal_path.empty()) return WEIR_ERR_NOT_FOUND;
    bool wake = false;
    inbox_.tell(kind, value, &wake);
    if (wake) loop_.wake();
    return WEIR_OK;
}

std::string Engine::batch_list() {
    JsonWriter json(false);
    const std::lock_guard lock(turn_mutex_);
    json.open('{').member("schema", 1).key("batches");
    if (const BatchLane* lane = loop_.batch_lane()) {
        const TimeNs now = monotonic_now();
        lane->write_list(now, &json);
        json.key("accounts");
        lane->write_limits(now, &json);
        lane->write_counts(&json);
    } else {
        json.open('[').close(']');
    }
    return json.close('}').take();
}

bool Engine::cancel(std::uint64_t ticket) {
    bool wake = false;
    const bool found = inbox_.cancel(ticket, &wake);
    if (wake) loop_.wake();
    return found;
}

bool Engine::cancel_tag(std::uint64_t tag) {
    bool wake = false;
    const bool found = inbox_.cancel_tag(tag, &wake);
    if (wake) loop_.wake();
    return found;
}

void Engine::close() noexcept {
    bool wake = false;
    key_changes_.close();
    inbox_.close(&wake);
    if (wake) loop_.wake();
}

// ---- Keys ----

void Engine::set_key(std::string_view account, std::string_view key, std::string_view secret) {
    if (!is_name(key)) {
        throw Failure(WEIR_ERR_BAD_ARGUMENT, ErrorSource::local,
                      "a key's name has 1 to 64 letters, digits, _ and -");
    }
    std::string checked = checked_secret(fmt::format("the secret of the key {}", key), secret);
    wipe(&checked);
    key_changes_.set(account, key, secret);
    loop_.wake();
}

void Engine::retire_key(std::string_view account, std::string_view key) {
    key_changes_.retire(account, key);
    loop_.wake();
}

// ---- Events ----

// Waits until there may be events, and says whether to look for them.
Engine::Woken Engine::wait_for_events(TimeNs until) noexcept {
    const int work = settings_.caller_driven ? loop_.fd() : outbox_.fd();
    pollfd fds[] = {{work, POLLIN, 0}, {wakeup_.fd(), POLLIN, 0}, {stopped_.fd(), POLLIN, 0}};
    if (!wait_readable(fds, until)) return Woken::give_up;
    if (fds[1].revents != 0 && fds[0].revents == 0 && wakeup_.clear()) return Woken::give_up;
    return Woken::look_again;
}

std::int32_t Engine::poll(void* events, std::size_t event_size, std::size_t capacity,
                          std::int64_t timeout_ms) {
    const Driver driver(this);
    if (!driver.has_it()) return WEIR_ERR_BUSY;
    const TimeNs until = end_of(timeout_ms);
    for (;;) {
        if (settings_.caller_driven) turn_by_caller();
        const Outbox::Taken taken = outbox_.take(events, event_size, capacity);
        if (taken.tell_loop) loop_.wake();
        if (taken.count > 0) return static_cast<std::int32_t>(taken.count);
        if (taken.finished) return WEIR_ERR_CLOSED;
        if (until == 0 || wait_for_events(until) == Woken::give_up) return 0;
    }
}

std::int32_t Engine::dispatch(weir_event_function function, void* user, std::size_t max_events,
                              std::int64_t timeout_ms) {
    for (const DispatchFrame* frame = dispatching; frame != nullptr; frame = frame->outer) {
        if (frame->engine == this) return WEIR_ERR_REENTRANT;
    }
    std::int32_t count = 0;
    while (static_cast<std::size_t>(count) < max_events) {
        // One at a time: the callback may poll, and what it takes must not be older.
        weir_event event{};
        const std::int32_t taken = poll(&event, sizeof event, 1, count == 0 ? timeout_ms : 0);
        if (taken < 0 && count == 0) return taken;
        if (taken <= 0) break;
        ++count;
        const DispatchFrame frame{this, dispatching};
        dispatching = &frame;
        [&]() noexcept { function(&event, user); }();
        dispatching = frame.outer;
        release_event(&event);
    }
    return count;
}

void Engine::set_wake_hook(weir_user_function function, void* user,
                           weir_user_function destroy) noexcept {
    hook_.set(function, user, destroy);
}

std::int32_t Engine::wait(std::int64_t timeout_ms) {
    const Driver driver(this);
    if (!driver.has_it()) return WEIR_ERR_BUSY;
    const TimeNs until = end_of(timeout_ms);
    pollfd fds[] = {{stopped_.fd(), POLLIN, 0}, {-1, POLLIN, 0}};
    if (settings_.caller_driven) fds[1].fd = loop_.fd();
    for (;;) {
        if (settings_.caller_driven) turn_by_caller();
        if (!wait_readable(fds, until)) return WEIR_ERR_TIMEOUT;
        if (fds[0].revents != 0) break;
    }
    thread_.join();
    return WEIR_OK;
}

}  // namespace weir
