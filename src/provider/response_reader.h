#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "provider/outcome.h"

namespace weir {

// How the transport saw an exchange end.
struct WireEnd {
    enum class Kind : std::uint8_t {
        complete,        // the response ended as HTTP says it should
        connect_failed,  // no connection: nothing was sent
        tls_failed,
        connect_timeout,
        idle_timeout,   // no byte for too long
        stall_timeout,  // bytes, but nothing beyond pings for too long
        total_timeout,
        broken,  // the connection ended before the response did
        too_large,
        aborted,  // we ended it
    };
    Kind kind = Kind::complete;
    bool request_sent = false;  // bytes of the request may have reached the provider
    std::string detail;         // the transport's words, with nothing secret in them
};

// Reads one HTTP response of the Messages API, whole or streamed, as it arrives, and judges what
// the attempt came to. Trusts nothing that it reads.
class ResponseReader {
public:
    // Gets what a streamed answer holds as it comes. Until the first content is seen the events are
    // held back, so that an attempt that fails earlier can be repeated unnoticed.
    class Sink {
    public:
        virtual ~Sink() = default;
        // The response's status and headers are known.
        virtual void on_head(const ResponseReader& reader) = 0;
        // One server-sent event, in order; pings are not passed on.
        virtual void on_event(std::string_view name, std::string_view data) = 0;
        // Output tokens that the stream has shown so far, exact (message_delta) or estimated from
        // the text; never falls.
        virtual void on_progress(std::int64_t output_tokens) = 0;
    };

    using Header = std::pair<std::string, std::string>;

    // `unix_ns` is the wall clock at the start; it serves to read dates where the response has
    // none.
    void reset(bool stream, std::size_t max_bytes, std::int64_t unix_ns, Sink* sink);

    void on_status(int http_status);  // again after a 1xx: forgets the headers so far
    void on_header(std::string_view name, std::string_view value);
    void on_headers_end();
    // False if the response is above max_bytes: the transport then ends with too_large.
    bool on_body(std::string_view bytes);
    // True if the bytes so far held anything beyond pings since the last call: the watchdog's food.
    bool take_progress();

    // The judgement. Called once, at the end.
    void finish(const WireEnd& end, Outcome* outcome, ErrorDetail* detail);

    int http_status() const;
    const std::vector<Header>& headers() const;
    const LimitReadings& limits() const;  // valid from on_headers_end
    TimeNs retry_after_ns() const;
    std::string_view request_id() const;
    std::string_view model() const;  // as the answer names it
    std::string_view stop_reason() const;
    std::string take_body();  // the whole body of an unstreamed answer; after finish
};

}  // namespace weir
