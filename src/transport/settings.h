#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace weir {

enum class HttpVersion : std::uint8_t {
    automatic,  // 2 where the running libcurl does it well, else 1.1
    http1,
    http2,  // 2 where the server offers it
};

// How a transport connects. It takes nothing from the environment by itself: no proxy, no
// certificate file, no .netrc. (libcurl itself may obey SSLKEYLOGFILE, a debugging aid that it has
// no option against.)
struct TransportSettings {
    HttpVersion http_version = HttpVersion::automatic;
    std::string ca_file;   // trusted certificates as PEM; empty: the system's
    std::string proxy;     // for https alone; empty: none. May hold a password
    std::string no_proxy;  // the hosts that are reached without it, as libcurl reads them
    std::vector<std::string> plain_http_hosts;  // reached over http though not this machine
    TimeNs keepalive_idle_ns = 60 * kNsPerS;
    TimeNs keepalive_interval_ns = 60 * kNsPerS;
    std::uint32_t max_connections = 256;  // kept open between exchanges
};

// Whether keys and requests may be sent to `url`: https, or http to this machine or to one of the
// settings' plain_http_hosts; a host, and perhaps a port and a path, but no user, query or
// fragment. If not, `problem` says what to change, without quoting what may be secret.
bool check_base_url(const std::string& url, const TransportSettings& settings,
                    std::string* problem);

bool is_https(std::string_view url);

// Whether `proxy` can be used: empty, or scheme, host and port as libcurl wants them.
bool check_proxy(const std::string& proxy, std::string* problem);

}  // namespace weir
