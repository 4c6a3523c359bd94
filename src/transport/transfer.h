#pragma once

#include <curl/curl.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/transport.h"
#include "transport/certificate_store.h"
#include "transport/deadline_heap.h"
#include "transport/settings.h"
#include "transport/socket_table.h"

namespace weir {

// What all transfers of a transport see.
struct TransferContext {
    TransportSettings settings;
    TransportSink* sink = nullptr;
    SocketTable* sockets = nullptr;
    CertificateStore certificates;
    bool share_certificates = false;  // else libcurl's TLS library reads ca_bundle for itself
    std::string ca_bundle;
    TimeNs now = 0;                // of the turn
    std::vector<ExchangeId> over;  // whose answers are whole, though their responses have not ended
    std::exception_ptr failure;    // thrown by a reader while libcurl called it
};

// An easy handle and the exchange that it carries. Handles are pooled: what every exchange has in
// common is set once, what differs is set for each.
class Transfer final : public DeadlineNode {
public:
    explicit Transfer(TransferContext* context);  // throws std::bad_alloc

    // Begins a new exchange, of which nothing is known yet.
    void begin(ExchangeId id);
    // Makes the handle carry `request`. Throws if that cannot be.
    void prepare(const HttpRequest& request, bool http2);
    // Lets go of everything that belongs to the exchange.
    void finish();

    CURL* easy() const { return easy_.get(); }
    ExchangeId id() const { return id_; }

    // The peer may have bytes of the request, or all of it, without which it does nothing. Valid
    // from begin() to finish().
    bool sending_begun() const;
    bool request_sent() const;
    bool response_begun() const { return response_begun_; }

    // The exchange is no longer wanted; its callbacks refuse from now on.
    void drop() { dropped_ = true; }

    // The answer is whole, and told: what still comes is read for the sake of the connection alone.
    void linger() { lingers_ = true; }
    bool lingers() const { return lingers_; }

    // While paused nothing is received.
    void pause();
    void resume();
    bool paused() const { return paused_; }

    // The timeout that comes first as things stand.
    struct Timeout {
        TimeNs at = kNever;
        WireEnd::Kind kind = WireEnd::Kind::total_timeout;
    };
    Timeout first_timeout() const;
    // A time before which no timeout can come, whatever happens until then.
    TimeNs no_timeout_before() const;

    // What an exchange that libcurl ended with `code` came to.
    WireEnd judge(CURLcode code) const;
    WireEnd end(WireEnd::Kind kind, std::string_view words) const noexcept;

private:
    enum class Refusal : std::uint8_t { none, too_large, unwanted, malformed, resend, failure };
    enum class Head : std::uint8_t { before, interim, inside, done };

    struct EasyFree {
        void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
    };

    static std::size_t on_header_line(char* data, std::size_t size, std::size_t count,
                                      void* self) noexcept;
    static std::size_t on_body_bytes(char* data, std::size_t size, std::size_t count,
                                     void* self) noexcept;
    static std::size_t on_read_body(char* out, std::size_t size, std::size_t count,
                                    void* self) noexcept;
    static int on_rewind(void* self, curl_off_t offset, int origin) noexcept;
    static int on_request(void* self, char*, char*, int, int) noexcept;
    static int on_transferred(void* self, curl_off_t, curl_off_t, curl_off_t,
                              curl_off_t sent) noexcept;
    static CURLcode on_tls_context(CURL*, void* tls_context, void* store) noexcept;

    void set_common_options();
    void use_certificates();
    Refusal take_header_line(std::string_view line);
    Refusal take_body(std::string_view bytes);
    template <class Take>
    bool guarded(Take take) noexcept;

    TransferContext* context_;
    std::unique_ptr<CURL, EasyFree> easy_;
    ExchangeId id_ = 0;
    std::string url_;
    std::vector<curl_slist> headers_;  // its strings are the request's own, and Expect's
    HttpTimeouts timeouts_;
    BodySource* source_ = nullptr;

    TimeNs started_at_ = 0;
    TimeNs last_byte_at_ = 0;      // either way, from the time the request began to go out
    TimeNs last_progress_at_ = 0;  // beyond pings
    curl_off_t sent_bytes_ = 0;
    curl_off_t most_sent_bytes_ = 0;
    curl_off_t body_bytes_ = 0;
    std::size_t header_bytes_ = 0;
    bool certificates_set_ = false;
    bool http2_ = false;
    bool request_begun_ = false;
    bool response_begun_ = false;
    bool dropped_ = false;
    bool paused_ = false;
    bool lingers_ = false;
    Refusal refusal_ = Refusal::none;
    Head head_ = Head::before;
    std::array<char, CURL_ERROR_SIZE> error_text_{};
};

}  // namespace weir
