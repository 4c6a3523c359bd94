#include "http/server.h"

#include <fmt/format.h>

#include <csignal>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl/context.hpp>

#include "http/session.h"

namespace weir::model {

namespace {

namespace asio = boost::asio;

// Only HTTP/1.1 is spoken here; HTTP/2 is nghttpx's part.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_length,
                    const unsigned char* offered, unsigned int offered_length, void*) {
    static constexpr unsigned char kHttp11[] = "\x08http/1.1";
    unsigned char* chosen = nullptr;
    const int result = SSL_select_next_proto(&chosen, out_length, kHttp11, sizeof(kHttp11) - 1,
                                             offered, offered_length);
    *out = chosen;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

std::int64_t unix_now_ns() {
    return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

Config started_now(Config config) {
    config.unix_at_zero_ns = unix_now_ns();
    return config;
}

}  // namespace

struct Server::Parts {
    explicit Parts(const Options& given)
        : options(given),
          service(started_now(given.config), given.batches),
          acceptor(io, {asio::ip::make_address(given.address), given.port}),
          signals(io, SIGTERM, SIGINT) {}

    void accept() {
        acceptor.async_accept(
            [this](boost::system::error_code error, asio::ip::tcp::socket socket) {
                if (!error) serve(std::move(socket));
                accept();
            });
    }

    void serve(asio::ip::tcp::socket socket) {
        boost::system::error_code ignored;
        socket.set_option(asio::ip::tcp::no_delay(true), ignored);
        const ServerContext context{&service, &clock, options.tls() ? &tls : nullptr};
        if (options.tls()) {
            start_tls_session(std::move(socket), context);
        } else {
            start_plain_session(std::move(socket), context);
        }
    }

    Options options;
    ServerClock clock;
    Service service;
    asio::ssl::context tls{asio::ssl::context::tls_server};
    asio::io_context io{1};
    asio::ip::tcp::acceptor acceptor;
    asio::signal_set signals;
};

Server::Server(const Options& options) : parts_(std::make_unique<Parts>(options)) {
    if (options.tls()) {
        parts_->tls.use_certificate_chain_file(options.tls_cert_file);
        parts_->tls.use_private_key_file(options.tls_key_file, asio::ssl::context::pem);
        SSL_CTX_set_alpn_select_cb(parts_->tls.native_handle(), choose_protocol, nullptr);
    }
}

Server::~Server() = default;

std::string Server::url() const {
    const auto endpoint = parts_->acceptor.local_endpoint();
    const std::string address = endpoint.address().to_string();
    const bool v6 = endpoint.address().is_v6();
    return fmt::format("{}://{}{}{}:{}", parts_->options.tls() ? "https" : "http", v6 ? "[" : "",
                       address, v6 ? "]" : "", endpoint.port());
}

void Server::run() {
    parts_->signals.async_wait([this](boost::system::error_code, int) { parts_->io.stop(); });
    parts_->accept();
    parts_->io.run();
}

std::string Server::report() { return parts_->service.report(parts_->clock.now()); }

}  // namespace weir::model
