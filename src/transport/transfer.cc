#include "transport/transfer.h"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <limits>
#include <new>
#include <stdexcept>
#include <utility>

#include "transport/header_line.h"

namespace weir {

namespace {

constexpr std::size_t kMaxHeaderBytes = 256 * 1024;  // no honest response comes near
constexpr long kUploadBufferBytes = 16 * 1024;       // libcurl's 64 KiB a handle are too many
constexpr long kDnsCacheSeconds = 60;

template <class Value>
void set(CURL* easy, CURLoption option, Value value) {
    const CURLcode code = curl_easy_setopt(easy, option, value);
    if (code == CURLE_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code != CURLE_OK) {
        throw std::runtime_error(fmt::format("libcurl refuses option {}: {}",
                                             static_cast<int>(option), curl_easy_strerror(code)));
    }
}

long whole_seconds(TimeNs time) {
    return static_cast<long>(std::clamp<TimeNs>(time / kNsPerS, 1, 24 * 3600));
}

// libcurl's own bound on connecting, which it also divides among a host's addresses. Its timeouts
// are whole milliseconds; ours is exact and comes first.
long connect_limit_ms(TimeNs connect_ns) {
    constexpr TimeNs kLongest = std::numeric_limits<std::int32_t>::max();
    return static_cast<long>(std::min(connect_ns / kNsPerMs + 1, kLongest));
}

curl_slist header_node(const char* text) {
    // libcurl only reads its header list.
    return {const_cast<char*>(text), nullptr};
}

}  // namespace

Transfer::Transfer(TransferContext* context) : context_(context), easy_(curl_easy_init()) {
    if (!easy_) throw std::bad_alloc();
    set_common_options();
}

void Transfer::set_common_options() {
    CURL* easy = easy_.get();
    const TransportSettings& settings = context_->settings;

    set(easy, CURLOPT_PRIVATE, this);
    set(easy, CURLOPT_ERRORBUFFER, error_text_.data());
    set(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header_line);
    set(easy, CURLOPT_HEADERDATA, this);
    set(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body_bytes);
    set(easy, CURLOPT_WRITEDATA, this);
    set(easy, CURLOPT_READFUNCTION, &Transfer::on_read_body);
    set(easy, CURLOPT_READDATA, this);
    set(easy, CURLOPT_SEEKFUNCTION, &Transfer::on_rewind);
    set(easy, CURLOPT_SEEKDATA, this);
    set(easy, CURLOPT_PREREQFUNCTION, &Transfer::on_request);
    set(easy, CURLOPT_PREREQDATA, this);
    set(easy, CURLOPT_XFERINFOFUNCTION, &Transfer::on_transferred);
    set(easy, CURLOPT_XFERINFODATA, this);
    set(easy, CURLOPT_NOPROGRESS, 0L);
    context_->sockets->attach_easy(easy);

    // Nothing goes anywhere but to the request's own host, and nothing is taken from the
    // environment: an empty proxy and an empty list of exceptions keep libcurl from asking it.
#if LIBCURL_VERSION_NUM >= 0x075500
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    set(easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_NETRC, long{CURL_NETRC_IGNORED});
    set(easy, CURLOPT_PROXY, "");
    set(easy, CURLOPT_NOPROXY, settings.no_proxy.c_str());
    // What a gateway compresses unasked is decoded all the same; the request asks for nothing.
    set(easy, CURLOPT_ACCEPT_ENCODING, "");
    set(easy, CURLOPT_HEADEROPT, long{CURLHEADER_SEPARATE});
    set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);

    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_TCP_NODELAY, 1L);
    set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    set(easy, CURLOPT_TCP_KEEPIDLE, whole_seconds(settings.keepalive_idle_ns));
    set(easy, CURLOPT_TCP_KEEPINTVL, whole_seconds(settings.keepalive_interval_ns));
    set(easy, CURLOPT_DNS_CACHE_TIMEOUT, kDnsCacheSeconds);
    set(easy, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBufferBytes);
#if LIBCURL_VERSION_NUM >= 0x075700
    // Else giving up on a name would wait for the resolver's thread.
    set(easy, CURLOPT_QUICK_EXIT, 1L);
#endif

    set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    set(easy, CURLOPT_SSLVERSION, long{CURL_SSLVERSION_TLSv1_2});
}

void Transfer::use_certificates() {
    CURL* easy = easy_.get();
    if (context_->share_certificates) {
        const std::string& token = context_->certificates.token_certificate();
        curl_blob blob{const_cast<char*>(token.data()), token.size(), CURL_BLOB_NOCOPY};
        set(easy, CURLOPT_CAINFO_BLOB, &blob);
        set(easy, CURLOPT_PROXY_CAINFO_BLOB, &blob);
        set(easy, CURLOPT_SSL_CTX_FUNCTION, &Transfer::on_tls_context);
        set(easy, CURLOPT_SSL_CTX_DATA, context_->certificates.get());
    } else {
        set(easy, CURLOPT_CAINFO, context_->ca_bundle.c_str());
        set(easy, CURLOPT_PROXY_CAINFO, context_->ca_bundle.c_str());
    }
    certificates_set_ = true;
}

void Transfer::begin(ExchangeId id) {
    id_ = id;
    timeouts_ = {};
    started_at_ = context_->now;
    sent_bytes_ = most_sent_bytes_ = 0;
    header_bytes_ = 0;
    request_begun_ = response_begun_ = dropped_ = paused_ = lingers_ = false;
    source_ = nullptr;
    refusal_ = Refusal::none;
    head_ = Head::before;
    error_text_[0] = '\0';
}

void Transfer::prepare(const HttpRequest& request, bool http2) {
    CURL* easy = easy_.get();
    timeouts_ = request.timeouts;
    http2_ = http2;

    // Without the slash the path would become part of the host.
    if (!request.path.starts_with('/')) {
        throw std::invalid_argument("a request's path must begin with a slash");
    }
    url_.assign(request.base_url);
    while (url_.ends_with('/')) url_.pop_back();
    url_.append(request.path);
    set(easy, CURLOPT_URL, url_.c_str());
    const bool https = is_https(url_);
    if (https && !certificates_set_) use_certificates();
    if (!context_->settings.proxy.empty()) {
        // A proxy could read what goes through it over plain http.
        set(easy, CURLOPT_PROXY, https ? context_->settings.proxy.c_str() : "");
    }

    headers_.clear();
    for (const std::string& header : *request.headers) {
        headers_.push_back(header_node(header.c_str()));
    }
    headers_.push_back(header_node("Accept-Encoding:"));
    headers_.push_back(header_node("Expect:"));
    for (std::size_t i = 0; i + 1 < headers_.size(); ++i) headers_[i].next = &headers_[i + 1];
    set(easy, CURLOPT_HTTPHEADER, headers_.data());

    body_bytes_ = static_cast<curl_off_t>(request.source != nullptr ? request.source->size()
                                                                    : request.body.size());
    const bool is_post = request.method == "POST";
    source_ = request.source;
    if (source_ != nullptr) {
        set(easy, CURLOPT_POST, 1L);
        set(easy, CURLOPT_POSTFIELDS, static_cast<char*>(nullptr));
        set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(source_->size()));
    } else if (is_post || !request.body.empty()) {
        set(easy, CURLOPT_POST, 1L);
        set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
        set(easy, CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
    } else {
        set(easy, CURLOPT_HTTPGET, 1L);
    }
    const bool is_usual = is_post || (request.method == "GET" && request.body.empty());
    set(easy, CURLOPT_CUSTOMREQUEST, is_usual ? nullptr : std::string(request.method).c_str());

    set(easy, CURLOPT_HTTP_VERSION, long{http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1});
    set(easy, CURLOPT_PIPEWAIT, http2 ? 1L : 0L);
    set(easy, CURLOPT_FRESH_CONNECT, request.fresh_connection ? 1L : 0L);
    set(easy, CURLOPT_CONNECTTIMEOUT_MS,
        timeouts_.connect_ns > 0 ? connect_limit_ms(timeouts_.connect_ns) : 0L);
}

void Transfer::finish() {
    set(easy_.get(), CURLOPT_HTTPHEADER, static_cast<curl_slist*>(nullptr));
    set(easy_.get(), CURLOPT_POSTFIELDS, "");
    headers_.clear();
    source_ = nullptr;
}

// Called by libcurl's owner or inside one of its callbacks.
void Transfer::pause() {
    paused_ = true;
    curl_easy_pause(easy_.get(), CURLPAUSE_RECV);
}

void Transfer::resume() {
    paused_ = false;
    last_byte_at_ = last_progress_at_ = context_->now;
    curl_easy_pause(easy_.get(), CURLPAUSE_CONT);
}

bool Transfer::sending_begun() const {
    if (!request_begun_) return false;
    long bytes = 1;
    curl_easy_getinfo(easy_.get(), CURLINFO_REQUEST_SIZE, &bytes);
    return bytes > 0;
}

// libcurl counts anew when it is about to send a second time; and with HTTP/2 what it counts has
// not always left.
bool Transfer::request_sent() const {
    if (!sending_begun()) return false;
    if (http2_ || refusal_ == Refusal::resend) return true;
    curl_off_t bytes = body_bytes_;
    curl_easy_getinfo(easy_.get(), CURLINFO_SIZE_UPLOAD_T, &bytes);
    return std::max(bytes, most_sent_bytes_) >= body_bytes_;
}

Transfer::Timeout Transfer::first_timeout() const {
    Timeout first;
    const auto consider = [&first](TimeNs since, TimeNs limit, WireEnd::Kind kind) {
        if (limit <= 0) return;
        const TimeNs at = later(since, limit);
        if (at < first.at) first = {at, kind};
    };
    consider(started_at_, timeouts_.total_ns, WireEnd::Kind::total_timeout);
    if (paused_) return first;
    if (request_begun_) {
        consider(last_byte_at_, timeouts_.idle_ns, WireEnd::Kind::idle_timeout);
        consider(last_progress_at_, timeouts_.stall_ns, WireEnd::Kind::stall_timeout);
    } else {
        consider(started_at_, timeouts_.connect_ns, WireEnd::Kind::connect_timeout);
    }
    return first;
}

TimeNs Transfer::no_timeout_before() const {
    TimeNs at = first_timeout().at;
    if (!request_begun_) {
        // The request may begin at any time now, and then these run.
        if (timeouts_.idle_ns > 0) at = std::min(at, later(context_->now, timeouts_.idle_ns));
        if (timeouts_.stall_ns > 0) at = std::min(at, later(context_->now, timeouts_.stall_ns));
    }
    return at;
}

template <class Take>
bool Transfer::guarded(Take take) noexcept {
    try {
        refusal_ = dropped_ ? Refusal::unwanted : take();
        if (dropped_) refusal_ = Refusal::unwanted;  // the reader's owner may drop us meanwhile
    } catch (...) {
        context_->failure = std::current_exception();
        refusal_ = Refusal::failure;
    }
    return refusal_ == Refusal::none;
}

Transfer::Refusal Transfer::take_header_line(std::string_view line) {
    response_begun_ = true;
    last_byte_at_ = last_progress_at_ = context_->now;
    header_bytes_ += line.size();
    if (header_bytes_ > kMaxHeaderBytes) return Refusal::too_large;
    if (head_ == Head::done) return Refusal::none;  // a trailer

    line = without_line_end(line);
    if (head_ == Head::before) {
        const int status = status_of_line(line);
        if (status == 0) return Refusal::malformed;
        head_ = status < 200 ? Head::interim : Head::inside;
        if (head_ == Head::interim) return Refusal::none;
        ResponseTaker* reader = context_->sink->reader(id_);
        if (reader == nullptr) return Refusal::unwanted;
        reader->on_status(status);
        return Refusal::none;
    }
    if (head_ == Head::interim) {
        if (line.empty()) head_ = Head::before;
        return Refusal::none;
    }
    ResponseTaker* reader = context_->sink->reader(id_);
    if (reader == nullptr) return Refusal::unwanted;
    std::string_view name;
    std::string_view value;
    if (line.empty()) {
        head_ = Head::done;
        reader->on_headers_end();
    } else if (split_header_line(line, &name, &value)) {
        reader->on_header(name, value);
    }
    return Refusal::none;
}

Transfer::Refusal Transfer::take_body(std::string_view bytes) {
    last_byte_at_ = context_->now;
    ResponseTaker* reader = context_->sink->reader(id_);
    if (reader == nullptr) return Refusal::unwanted;
    const bool was_over = reader->is_over();
    if (!reader->on_body(bytes)) return Refusal::too_large;
    if (reader->is_over() && !was_over) context_->over.push_back(id_);
    if (timeouts_.stall_ns > 0 && reader->take_progress()) last_progress_at_ = context_->now;
    return Refusal::none;
}

std::size_t Transfer::on_header_line(char* data, std::size_t size, std::size_t count,
                                     void* self) noexcept {
    auto* transfer = static_cast<Transfer*>(self);
    const std::string_view line(data, size * count);
    const bool taken = transfer->guarded([&] { return transfer->take_header_line(line); });
    return taken ? line.size() : ~line.size();
}

std::size_t Transfer::on_body_bytes(char* data, std::size_t size, std::size_t count,
                                    void* self) noexcept {
    auto* transfer = static_cast<Transfer*>(self);
    if (transfer->lingers_) return size * count;
    // libcurl forgets a pause that was asked for before the connection was there.
    if (transfer->paused_ && !transfer->dropped_) return CURL_WRITEFUNC_PAUSE;
    const std::string_view bytes(data, size * count);
    const bool taken = transfer->guarded([&] { return transfer->take_body(bytes); });
    return taken ? bytes.size() : ~bytes.size();
}

std::size_t Transfer::on_read_body(char* out, std::size_t size, std::size_t count,
                                   void* self) noexcept {
    auto* transfer = static_cast<Transfer*>(self);
    if (transfer->source_ == nullptr) return 0;
    try {
        return transfer->source_->read(out, size * count);
    } catch (...) {
        transfer->context_->failure = std::current_exception();
        transfer->refusal_ = Refusal::failure;
        return CURL_READFUNC_ABORT;
    }
}

// libcurl would send the body again. What it may do with a body in memory, which it does not ask
// for, it may do with one that can start again: on_request sees to it that nothing is sent twice.
int Transfer::on_rewind(void* self, curl_off_t offset, int origin) noexcept {
    auto* transfer = static_cast<Transfer*>(self);
    if (transfer->source_ != nullptr && offset == 0 && origin == SEEK_SET &&
        transfer->source_->restart()) {
        return CURL_SEEKFUNC_OK;
    }
    transfer->refusal_ = Refusal::resend;
    return CURL_SEEKFUNC_FAIL;
}

// libcurl calls this on an established connection just before it sends the request: again, if it
// sends it again on another connection because a reused one ended without a response. It would do
// that by itself, though the peer may have acted on the first.
int Transfer::on_request(void* self, char*, char*, int, int) noexcept {
    auto* transfer = static_cast<Transfer*>(self);
    if (transfer->sending_begun()) {
        transfer->refusal_ = Refusal::resend;
        return CURL_PREREQFUNC_ABORT;
    }
    transfer->request_begun_ = true;
    transfer->last_byte_at_ = transfer->last_progress_at_ = transfer->context_->now;
    return CURL_PREREQFUNC_OK;
}

int Transfer::on_transferred(void* self, curl_off_t, curl_off_t, curl_off_t,
                             curl_off_t sent) noexcept {
    auto* transfer = static_cast<Transfer*>(self);
    if (sent != transfer->sent_bytes_) {
        transfer->sent_bytes_ = sent;
        transfer->most_sent_bytes_ = std::max(transfer->most_sent_bytes_, sent);
        transfer->last_byte_at_ = transfer->last_progress_at_ = transfer->context_->now;
    }
    return 0;
}

CURLcode Transfer::on_tls_context(CURL*, void* tls_context, void* store) noexcept {
    SSL_CTX_set1_cert_store(static_cast<SSL_CTX*>(tls_context), static_cast<X509_STORE*>(store));
    return CURLE_OK;
}

}  // namespace weir
