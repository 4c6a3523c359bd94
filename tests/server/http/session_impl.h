#pragma once

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include "http/session.h"

namespace weir::model {

// A connection with keep-alive: reads a request, plays the script that answers it, and so on.
// `Stream` is a socket or TLS on one; `Stream::lowest_layer()` is the socket.
template <typename Stream>
class Session : public std::enable_shared_from_this<Session<Stream>> {
public:
    Session(Stream stream, const ServerContext& context)
        : stream_(std::move(stream)), context_(context), timer_(stream_.get_executor()) {}

    Stream& stream() { return stream_; }

    void read_head() {
        parser_.emplace();
        parser_->body_limit(Service::kMaxBodyOfAll);
        boost::beast::http::async_read_header(
            stream_, buffer_, *parser_,
            [self = this->shared_from_this()](Error error, std::size_t) { self->on_head(error); });
    }

private:
    using Error = boost::system::error_code;
    using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

    void on_head(Error error) {
        // A length above the limit is refused here already, before a byte of the body.
        if (error == boost::beast::http::error::body_limit) return on_body(error);
        if (error) return close();
        const auto& target = parser_->get().target();
        const std::size_t limit = Service::max_body({target.data(), target.size()});
        if (parser_->content_length().value_or(0) > limit) {
            return on_body(boost::beast::http::error::body_limit);
        }
        parser_->body_limit(limit);
        if (parser_->get()[boost::beast::http::field::expect] != "100-continue") return read_body();
        out_ = "HTTP/1.1 100 Continue\r\n\r\n";
        write([](Session* session) { session->read_body(); });
    }

    void read_body() {
        boost::beast::http::async_read(
            stream_, buffer_, *parser_,
            [self = this->shared_from_this()](Error error, std::size_t) { self->on_body(error); });
    }

    void on_body(Error error) {
        const TimeNs now = context_.clock->now();
        if (error == boost::beast::http::error::body_limit) {
            script_ = context_.service->too_large(now);
        } else if (error) {
            return close();
        } else {
            script_ = answer(now);
            if (!parser_->get().keep_alive() && script_.end == Script::End::keep) {
                script_.end = Script::End::close;
            }
        }
        next_step_ = 0;
        play();
    }

    Script answer(TimeNs now) {
        const auto& message = parser_->get();
        const auto view = [](boost::beast::string_view text) {
            return std::string_view(text.data(), text.size());
        };
        WireRequest request;
        request.method = view(message.method_string());
        request.target = view(message.target());
        request.api_key = view(message["x-api-key"]);
        request.version = view(message["anthropic-version"]);
        request.body = message.body();
        constexpr std::string_view kBearer = "Bearer ";
        const std::string_view authorization = view(message["authorization"]);
        if (request.api_key.empty() && authorization.substr(0, kBearer.size()) == kBearer) {
            request.api_key = authorization.substr(kBearer.size());
        }
        return context_.service->handle(request, now);
    }

    void play() {
        if (next_step_ == script_.steps.size()) {
            if (script_.more) out_ = script_.more();
            if (!script_.more || out_.empty()) return finish_script();
            return write([](Session* session) { session->play(); });
        }
        Script::Step& step = script_.steps[next_step_++];
        out_ = std::move(step.bytes);
        if (step.at <= context_.clock->now()) return write_step();
        watch();
        timer_.expires_at(context_.clock->at(step.at));
        timer_.async_wait([self = this->shared_from_this()](Error error) {
            if (!error && self->stream_.lowest_layer().is_open()) self->write_step();
        });
    }

    void write_step() {
        if (out_.empty()) return play();
        write([](Session* session) { session->play(); });
    }

    template <typename Next>
    void write(Next next) {
        boost::asio::async_write(stream_, boost::asio::buffer(out_),
                                 [self = this->shared_from_this(), next](Error error, std::size_t) {
                                     if (error) return self->close();
                                     next(self.get());
                                 });
    }

    void finish_script() {
        const Script::End end = std::exchange(script_, {}).end;
        Error ignored;
        if (end == Script::End::keep) {
            read_head();
        } else if (end == Script::End::reset) {
            stream_.lowest_layer().set_option(boost::asio::socket_base::linger(true, 0), ignored);
            close();
        } else {
            stream_.lowest_layer().shutdown(boost::asio::socket_base::shutdown_send, ignored);
            timer_.expires_after(std::chrono::seconds(2));
            timer_.async_wait([self = this->shared_from_this()](Error) { self->close(); });
            drain();
        }
    }

    // A socket that is closed with bytes unread sends a reset, which may overtake the response; so
    // the rest of what the client sends is read first.
    void drain() {
        stream_.lowest_layer().async_wait(
            boost::asio::socket_base::wait_read, [self = this->shared_from_this()](Error error) {
                std::array<char, 65'536> unread;
                auto got = ssize_t{-1};
                if (!error) got = self->receive(unread.data(), unread.size(), 0);
                if (got <= 0) return self->close();
                self->drain();
            });
    }

    ssize_t receive(void* into, std::size_t size, int flags) {
        return ::recv(stream_.lowest_layer().native_handle(), into, size, flags | MSG_DONTWAIT);
    }

    // While a script waits nobody reads; so this looks whether the client is still there.
    void watch() {
        if (watching_) return;
        watching_ = true;
        stream_.lowest_layer().async_wait(
            boost::asio::socket_base::wait_read,
            [self = this->shared_from_this()](Error error) { self->on_readable(error); });
    }

    void on_readable(Error error) {
        watching_ = false;
        if (error || script_.steps.empty()) return;
        char byte = 0;
        const auto got =
            ::recv(stream_.lowest_layer().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        // Under TLS the farewell is a record like any other; a client that is owed an answer has
        // nothing else to say.
        if (got == 0 || (got > 0 && kTls)) close();
    }

    void close() {
        if (!stream_.lowest_layer().is_open()) return;
        if (script_.running != 0) context_.service->abandon(script_.running, context_.clock->now());
        script_ = {};
        timer_.cancel();
        Error ignored;
        stream_.lowest_layer().close(ignored);
    }

    static constexpr bool kTls = !std::is_same_v<Stream, boost::asio::ip::tcp::socket>;

    Stream stream_;
    ServerContext context_;
    boost::asio::steady_timer timer_;
    boost::beast::flat_buffer buffer_;
    std::optional<Parser> parser_;
    Script script_;
    std::size_t next_step_ = 0;
    std::string out_;
    bool watching_ = false;
};

}  // namespace weir::model
