#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "provider/body_source.h"
#include "provider/response_reader.h"
#include "provider/response_taker.h"

namespace weir {

// What the engine needs of a transport, and what a transport needs of the engine's loop. libcurl
// is behind it in production (transport/), a script in tests.

// The loop's descriptors, for a transport that has sockets of its own.
class Poller {
public:
    class Watcher {
    public:
        virtual ~Watcher() = default;
        virtual void on_ready(int fd, std::uint32_t epoll_events) = 0;
    };
    virtual ~Poller() = default;
    virtual void watch(int fd, std::uint32_t epoll_events,
                       Watcher* watcher) = 0;  // adds or changes
    virtual void unwatch(int fd) = 0;
};

struct HttpTimeouts {
    TimeNs connect_ns = 0;
    TimeNs idle_ns = 0;   // no byte at all; pings are bytes
    TimeNs stall_ns = 0;  // nothing but pings; 0: off
    TimeNs total_ns = 0;
};

// One request as it goes on the wire. The views stay valid until on_end or abort.
struct HttpRequest {
    std::string_view method = "POST";
    std::string_view base_url;  // scheme and host; the key below belongs to it alone
    std::string_view path;
    const std::vector<std::string>* headers = nullptr;  // "name: value", the key's among them
    std::string_view body;
    BodySource* source = nullptr;  // instead of a body
    HttpTimeouts timeouts;
    bool fresh_connection = false;  // never on a reused one, where libcurl may send twice
};

// The engine's name for an exchange: the attempt that it belongs to.
using ExchangeId = std::uint64_t;

class TransportSink {
public:
    virtual ~TransportSink() = default;
    // Who takes the response's bytes; NULL if the exchange is no longer wanted.
    virtual ResponseTaker* reader(ExchangeId id) = 0;
    // The exchange is over. The transport has forgotten it.
    virtual void on_end(ExchangeId id, const WireEnd& end, TimeNs now) = 0;
};

class Transport {
public:
    virtual ~Transport() = default;
    // Starts an exchange. A failure to start is reported by on_end, in a later turn, never inside.
    virtual void start(ExchangeId id, const HttpRequest& request, TimeNs now) = 0;
    // Ends an exchange without an on_end. True if all of the request may have been sent.
    virtual bool abort(ExchangeId id) = 0;
    // While it is paused no more of the response is taken, nor does a timeout run but the total.
    virtual void pause(ExchangeId id, bool paused) = 0;
    // When the transport next wants advance(), or kNever.
    virtual TimeNs next_timer() const = 0;
    // Does what time makes due. `now` is the loop's clock.
    virtual void advance(TimeNs now) = 0;
    // For the child of a fork: closes what was inherited. The transport must then be leaked.
    virtual void close_descriptors_only() {}
};

}  // namespace weir
