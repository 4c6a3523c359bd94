#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "http/clock.h"
#include "wire/service.h"

namespace boost::asio::ssl {
class context;
}

namespace weir::model {

struct ServerContext {
    Service* service;
    const ServerClock* clock;
    boost::asio::ssl::context* tls;  // NULL: without
};

// Serve one connection until it ends. They own themselves.
void start_plain_session(boost::asio::ip::tcp::socket socket, const ServerContext& context);
void start_tls_session(boost::asio::ip::tcp::socket socket, const ServerContext& context);

}  // namespace weir::model
