#include "transport/curl_transport.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <utility>

#include "transport/curl_runtime.h"

namespace weir {

namespace {

// libcurl often asks to be called again at once; so many times within one turn of the loop.
constexpr int kTimerRunsPerTurn = 4;

// The end of a response follows its last event within a round trip; a peer that keeps it open for
// longer loses the connection.
constexpr TimeNs kLingerNs = kNsPerS;

const char* words_for(WireEnd::Kind kind) {
    switch (kind) {
        case WireEnd::Kind::connect_timeout:
            return "no connection came about within the connect timeout";
        case WireEnd::Kind::idle_timeout:
            return "no byte came or went within the idle timeout";
        case WireEnd::Kind::stall_timeout:
            return "nothing but pings came within the stall timeout";
        default:
            return "the response was not complete within the total timeout";
    }
}

bool wants_http2(HttpVersion version) {
    switch (version) {
        case HttpVersion::automatic:
            return curl_http2_is_sound();
        case HttpVersion::http1:
            return false;
        case HttpVersion::http2:
            return curl_has_http2();
    }
    return false;
}

}  // namespace

CurlTransport::CurlTransport(Poller* poller, TransportSink* sink, TransportSettings settings)
    : sockets_(poller), multi_(curl_multi_init()) {
    if (!multi_) throw std::bad_alloc();
    context_.settings = std::move(settings);
    context_.sink = sink;
    context_.sockets = &sockets_;
    http2_ = wants_http2(context_.settings.http_version);
    set_up_multi();
}

void CurlTransport::set_up_multi() {
    sockets_.attach_multi(multi_.get());
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, &CurlTransport::on_timer);
    curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
    const std::uint32_t connections = std::clamp(context_.settings.max_connections, 1U, 1U << 20);
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(connections));
}

CurlTransport::~CurlTransport() {
    for (const auto& node : lingering_) {
        curl_multi_remove_handle(multi_.get(), node.mapped()->easy());
    }
    for (const auto& [id, transfer] : exchanges_) {
        curl_multi_remove_handle(multi_.get(), transfer->easy());
    }
}

bool CurlTransport::load_certificates(std::string* problem) {
    if (context_.certificates.loaded() || !context_.ca_bundle.empty()) return true;
    const std::string& ca_file = context_.settings.ca_file;
    context_.share_certificates = curl_shares_our_openssl();
    if (context_.share_certificates) return context_.certificates.load(ca_file, problem);
    const std::string bundle = certificate_bundle(ca_file);
    if (access(bundle.c_str(), R_OK) != 0) {
        *problem = fmt::format("no certificate can be read from {}", bundle);
        return false;
    }
    context_.ca_bundle = bundle;
    return true;
}

void CurlTransport::close_descriptors_only() { sockets_.close_descriptors_only(); }

Transfer* CurlTransport::take_transfer(ExchangeId id) {
    Transfer* transfer = nullptr;
    if (idle_.empty()) {
        auto made = std::make_unique<Transfer>(&context_);
        transfer = made.get();
        exchanges_.emplace(id, std::move(made));
    } else {
        Exchanges::node_type node = std::move(idle_.back());
        idle_.pop_back();
        node.key() = id;
        transfer = node.mapped().get();
        exchanges_.insert(std::move(node));
    }
    transfer->begin(id);
    return transfer;
}

// Whoever ends an exchange tells of it after this: without memory for the pool the handle goes, and
// nothing else.
void CurlTransport::give_back(Exchanges::node_type node) noexcept {
    Transfer* transfer = node.mapped().get();
    curl_multi_remove_handle(multi_.get(), transfer->easy());
    try {
        transfer->finish();
        if (idle_.size() < context_.settings.max_connections) idle_.push_back(std::move(node));
    } catch (const std::exception&) {
    }
}

void CurlTransport::prepare(Transfer* transfer, const HttpRequest& request, Started* started) {
    try {
        std::string problem;
        if (is_https(request.base_url) && !load_certificates(&problem)) {
            started->refused = true;
            started->end = {WireEnd::Kind::tls_failed, false, std::move(problem)};
            return;
        }
        transfer->prepare(request, http2_);
    } catch (const std::exception& exception) {
        started->refused = true;
        const bool no_memory = dynamic_cast<const std::bad_alloc*>(&exception) != nullptr;
        started->end = {no_memory ? WireEnd::Kind::no_memory : WireEnd::Kind::connect_failed, false,
                        exception.what()};
    }
}

void CurlTransport::start(ExchangeId id, const HttpRequest& request, TimeNs now) {
    context_.now = now;
    Started& started = started_.emplace_back();
    started.id = id;
    prepare(take_transfer(id), request, &started);
}

bool CurlTransport::abort(ExchangeId id) {
    const auto found = exchanges_.find(id);
    if (found == exchanges_.end()) return false;
    Transfer* transfer = found->second.get();
    const bool sent = transfer->request_sent();
    deadlines_.remove(transfer);
    if (inside_curl_) {
        transfer->drop();
        dropped_.emplace_back();
        dropped_.back() = exchanges_.extract(found);
    } else {
        give_back(exchanges_.extract(found));
    }
    return sent;
}

void CurlTransport::pause(ExchangeId id, bool paused) {
    const auto found = exchanges_.find(id);
    if (found == exchanges_.end() || found->second->paused() == paused) return;
    if (paused) {
        found->second->pause();
    } else {
        resumed_.push_back(id);
    }
}

void CurlTransport::resume_paused() {
    for (const ExchangeId id : std::exchange(resumed_, {})) {
        const auto found = exchanges_.find(id);
        if (found == exchanges_.end() || !found->second->paused()) continue;
        // What libcurl holds already is taken inside this call.
        inside_curl_ = true;
        found->second->resume();
        inside_curl_ = false;
        release_dropped();
    }
}

TimeNs CurlTransport::next_timer() const {
    if (!started_.empty() || !resumed_.empty() || sockets_.any_ready()) return context_.now;
    return std::min(curl_timer_at_, deadlines_.first_at());
}

void CurlTransport::advance(TimeNs now) {
    context_.now = now;
    add_started();
    resume_paused();
    run_ready();
    for (int i = 0; i < kTimerRunsPerTurn && curl_timer_at_ <= now; ++i) {
        curl_timer_at_ = kNever;
        run(CURL_SOCKET_TIMEOUT, 0);
    }
    finish_completed();
    end_whole_ones();
    expire();
    if (context_.failure) std::rethrow_exception(std::exchange(context_.failure, nullptr));
}

void CurlTransport::add_started() {
    // By index: an on_end may start more, which wait for the next turn.
    const std::size_t count = started_.size();
    for (std::size_t i = 0; i < count; ++i) {
        const Started started = std::move(started_[i]);
        const auto found = exchanges_.find(started.id);
        if (found == exchanges_.end()) continue;  // aborted meanwhile
        Transfer* transfer = found->second.get();
        if (started.refused) {
            end_exchange(transfer, started.end);
            continue;
        }
        const CURLMcode code = curl_multi_add_handle(multi_.get(), transfer->easy());
        if (code != CURLM_OK) {
            const auto kind = code == CURLM_OUT_OF_MEMORY ? WireEnd::Kind::no_memory
                                                          : WireEnd::Kind::connect_failed;
            end_exchange(transfer, transfer->end(kind, curl_multi_strerror(code)));
            continue;
        }
        deadlines_.insert(transfer, transfer->no_timeout_before());
    }
    started_.erase(started_.begin(), started_.begin() + static_cast<std::ptrdiff_t>(count));
}

void CurlTransport::run(curl_socket_t fd, int select_bits) {
    int running = 0;
    inside_curl_ = true;
    const CURLMcode code = curl_multi_socket_action(multi_.get(), fd, select_bits, &running);
    inside_curl_ = false;
    release_dropped();
    if (code != CURLM_OK) start_over(code);
}

void CurlTransport::run_ready() {
    curl_socket_t fd = CURL_SOCKET_BAD;
    int select_bits = 0;
    while (sockets_.take_ready(&fd, &select_bits)) run(fd, select_bits);
}

void CurlTransport::release_dropped() {
    while (!dropped_.empty()) {
        Exchanges::node_type node = std::move(dropped_.back());
        dropped_.pop_back();
        give_back(std::move(node));
    }
}

void CurlTransport::finish_completed() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        const CURLcode code = message->data.result;
        char* owner = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
        auto* transfer = static_cast<Transfer*>(static_cast<void*>(owner));
        if (transfer->lingers()) {
            end_lingering(transfer);
            continue;
        }
        if ((code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM) && !transfer->response_begun()) {
            http2_ = false;
        }
        end_exchange(transfer, transfer->judge(code));
    }
}

bool CurlTransport::make_room_to_linger() noexcept {
    try {
        if (lingering_.size() == lingering_.capacity())
            lingering_.reserve(2 * lingering_.size() + 8);
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

// An answer that is whole is told at once. Its connection may serve again if the response ends
// soon.
void CurlTransport::end_whole_ones() {
    for (const ExchangeId id : std::exchange(context_.over, {})) {
        const auto found = exchanges_.find(id);
        if (found == exchanges_.end())
            continue;  // its response has ended as well, or it was aborted
        Transfer* transfer = found->second.get();
        const WireEnd end = transfer->end(WireEnd::Kind::complete, "");
        deadlines_.remove(transfer);
        if (transfer->paused() || !end.request_sent || !make_room_to_linger()) {
            give_back(exchanges_.extract(found));
        } else {
            transfer->linger();
            lingering_.push_back(exchanges_.extract(found));
            deadlines_.insert(transfer, later(context_.now, kLingerNs));
        }
        context_.sink->on_end(id, end, context_.now);
    }
}

void CurlTransport::end_lingering(Transfer* transfer) {
    deadlines_.remove(transfer);
    const auto found =
        std::find_if(lingering_.begin(), lingering_.end(),
                     [transfer](const auto& node) { return node.mapped().get() == transfer; });
    std::swap(*found, lingering_.back());
    give_back(std::move(lingering_.back()));
    lingering_.pop_back();
}

void CurlTransport::expire() {
    while (deadlines_.first_at() <= context_.now) {
        auto* transfer = static_cast<Transfer*>(deadlines_.first());
        if (transfer->lingers()) {
            end_lingering(transfer);
            continue;
        }
        const Transfer::Timeout timeout = transfer->first_timeout();
        if (timeout.at <= context_.now) {
            end_exchange(transfer, transfer->end(timeout.kind, words_for(timeout.kind)));
        } else {
            deadlines_.move(transfer, transfer->no_timeout_before());
        }
    }
}

void CurlTransport::end_exchange(Transfer* transfer, const WireEnd& end) {
    const ExchangeId id = transfer->id();
    deadlines_.remove(transfer);
    give_back(exchanges_.extract(id));
    context_.sink->on_end(id, end, context_.now);
}

// Without memory of its own: the want of it may be why.
void CurlTransport::end_all(CURLMcode code) {
    // Our callbacks fail for want of memory alone.
    const bool no_memory = code == CURLM_OUT_OF_MEMORY || code == CURLM_ABORTED_BY_CALLBACK;
    const auto unsent = no_memory ? WireEnd::Kind::no_memory : WireEnd::Kind::connect_failed;
    while (!lingering_.empty()) end_lingering(lingering_.back().mapped().get());
    for (std::size_t left = exchanges_.size(); left > 0 && !exchanges_.empty(); --left) {
        Transfer* transfer = exchanges_.begin()->second.get();
        const auto kind = transfer->sending_begun() ? WireEnd::Kind::broken : unsent;
        end_exchange(transfer, transfer->end(kind, curl_multi_strerror(code)));
    }
}

// A multi handle that has failed as a whole is not used again, nor are its connections.
void CurlTransport::start_over(CURLMcode code) {
    end_all(code);
    std::unique_ptr<CURLM, MultiFree> fresh(curl_multi_init());
    if (!fresh) return;
    multi_ = std::move(fresh);
    curl_timer_at_ = kNever;
    set_up_multi();
}

int CurlTransport::on_timer(CURLM*, long timeout_ms, void* self) noexcept {
    auto* transport = static_cast<CurlTransport*>(self);
    transport->curl_timer_at_ =
        timeout_ms < 0 ? kNever : later(transport->context_.now, timeout_ms * kNsPerMs);
    return 0;
}

}  // namespace weir
