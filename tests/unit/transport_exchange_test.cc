#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstdlib>

#include "transport_loop.h"
#include "transport_server.h"

namespace weir::testing {
namespace {

using Kind = WireEnd::Kind;

const std::string kMessage =
    R"({"type":"message","id":"msg_1","role":"assistant","model":"m","content":[],)"
    R"("stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}})";

// Answers every request on a connection with `response`, and keeps what it read.
class EchoingServer {
public:
    explicit EchoingServer(std::string response = ok_response("{}"))
        : response_(std::move(response)), server([this](Connection& peer, int) { serve(peer); }) {}

    std::vector<std::string> requests() {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

private:
    void serve(Connection& peer) {
        for (;;) {
            std::string request = peer.read_request();
            if (request.empty()) return;
            {
                const std::lock_guard lock(mutex_);
                requests_.push_back(std::move(request));
            }
            if (!peer.send(response_)) return;
        }
    }

    std::mutex mutex_;
    std::vector<std::string> requests_;
    std::string response_;

public:
    Server server;
};

TEST(TransportExchange, CarriesRequestAndResponse) {
    EchoingServer echo("HTTP/1.1 200 OK\r\nrequest-id:  req_1 \r\nContent-Length: " +
                       std::to_string(kMessage.size()) + "\r\n\r\n" + kMessage);
    Loop loop;
    Seen& seen = loop.fetch(echo.server.url());
    EXPECT_EQ(seen.kind(), Kind::complete) << seen.end.detail;
    EXPECT_TRUE(seen.end.request_sent);
    EXPECT_EQ(seen.reader.http_status(), 200);
    EXPECT_EQ(seen.header("request-id"), "req_1");
    EXPECT_EQ(seen.body(), kMessage);

    ASSERT_EQ(echo.requests().size(), 1U);
    const std::string request = echo.requests().front();
    EXPECT_EQ(request.rfind("POST /v1/messages HTTP/1.1\r\n", 0), 0U) << request;
    EXPECT_NE(request.find("x-api-key: secret-of-this-test\r\n"), std::string::npos);
    EXPECT_NE(request.find("Content-Length: 7\r\n"), std::string::npos);
    EXPECT_NE(request.find("\r\n\r\n{\"a\":1}"), std::string::npos);
    for (const char* unwanted : {"Expect:", "Accept-Encoding:", "Cookie:", "urlencoded"}) {
        EXPECT_EQ(request.find(unwanted), std::string::npos) << unwanted;
    }
}

TEST(TransportExchange, SpeaksOtherMethods) {
    EchoingServer echo;
    Loop loop;
    for (const char* method : {"GET", "DELETE", "POST"}) {
        Loop::Parts parts;
        parts.base_url = echo.server.url() + "/";
        parts.method = method;
        parts.path = "/v1/batches?limit=1";
        parts.body.clear();
        EXPECT_EQ(loop.finish(loop.start(parts)).kind(), Kind::complete);
        const std::string expected = std::string(method) + " /v1/batches?limit=1 HTTP/1.1\r\n";
        EXPECT_EQ(echo.requests().back().rfind(expected, 0), 0U) << echo.requests().back();
    }
    // A method of one exchange must not stick to the pooled handle of the next.
    loop.fetch(echo.server.url());
    EXPECT_EQ(echo.requests().back().rfind("POST /v1/messages ", 0), 0U);
}

TEST(TransportExchange, ReadsChunkedBodyAndSkipsTrailers) {
    EchoingServer echo(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1\r\n{\r\n" +
        chunk(kMessage.substr(1)) + "0\r\nlate: trailer\r\n\r\n");
    Loop loop;
    Seen& seen = loop.fetch(echo.server.url());
    EXPECT_EQ(seen.kind(), Kind::complete) << seen.end.detail;
    EXPECT_EQ(seen.header("late"), "");
    EXPECT_EQ(seen.body(), kMessage);
}

TEST(TransportExchange, KeepsInterimResponsesFromTheReader) {
    EchoingServer echo(
        "HTTP/1.1 100 Continue\r\nearly: yes\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    Loop loop;
    Seen& seen = loop.fetch(echo.server.url());
    EXPECT_EQ(seen.kind(), Kind::complete) << seen.end.detail;
    EXPECT_EQ(seen.reader.http_status(), 200);
    EXPECT_EQ(seen.header("early"), "");
    EXPECT_EQ(seen.header("link"), "");
}

TEST(TransportExchange, ReusesConnections) {
    EchoingServer echo;
    Loop loop;
    for (int i = 0; i < 5; ++i) EXPECT_EQ(loop.fetch(echo.server.url()).kind(), Kind::complete);
    EXPECT_EQ(echo.server.connections(), 1);

    Loop::Parts parts;
    parts.base_url = echo.server.url();
    parts.fresh_connection = true;
    EXPECT_EQ(loop.finish(loop.start(parts)).kind(), Kind::complete);
    EXPECT_EQ(echo.server.connections(), 2);
}

TEST(TransportExchange, TakesANewConnectionWhenTheIdleOneWasClosed) {
    Gate closed;
    Server server([&](Connection& peer, int number) {
        peer.read_request();
        peer.send(ok_response("{}"));
        if (number > 0) return peer.wait_for_close();
        peer.end();
        closed.open();
    });
    Loop loop;
    EXPECT_EQ(loop.fetch(server.url()).kind(), Kind::complete);
    ASSERT_TRUE(closed.wait());
    Seen& second = loop.fetch(server.url());
    EXPECT_EQ(second.kind(), Kind::complete) << second.end.detail;
    EXPECT_EQ(server.connections(), 2);
}

TEST(TransportExchange, CarriesManyAtATimeOverFewConnections) {
    EchoingServer echo;
    Loop loop;
    int ended = 0;
    int started = 0;
    const auto start_one = [&] {
        ++started;
        loop.start(echo.server.url());
    };
    loop.on_ended = [&](ExchangeId) {
        ++ended;
        if (started < 400) start_one();
    };
    for (int i = 0; i < 16; ++i) start_one();
    EXPECT_TRUE(loop.until([&] { return ended == 400; }));
    for (std::uint32_t i = 1; i <= 400; ++i) {
        const Seen& seen = loop.seen((std::uint64_t{7} << 32) + i);
        EXPECT_EQ(seen.ends, 1);
        EXPECT_EQ(seen.kind(), Kind::complete) << seen.end.detail;
    }
    EXPECT_LE(echo.server.connections(), 16);
    EXPECT_EQ(echo.requests().size(), 400U);
}

TEST(TransportExchange, CarriesALargeBody) {
    EchoingServer echo;
    Loop loop;
    Loop::Parts parts;
    parts.base_url = echo.server.url();
    parts.body.assign(5'000'000, 'x');
    EXPECT_EQ(loop.finish(loop.start(parts)).kind(), Kind::complete);
    ASSERT_EQ(echo.requests().size(), 1U);
    EXPECT_GT(echo.requests().front().size(), parts.body.size());
    EXPECT_EQ(echo.requests().front().find("Expect:"), std::string::npos);
}

TEST(TransportExchange, DoesNotFollowRedirects) {
    EchoingServer other;
    EchoingServer echo("HTTP/1.1 307 Temporary Redirect\r\nlocation: " + other.server.url() +
                       "/v1/messages\r\nContent-Length: 0\r\n\r\n");
    Loop loop;
    Seen& seen = loop.fetch(echo.server.url());
    EXPECT_EQ(seen.kind(), Kind::complete);
    EXPECT_EQ(seen.reader.http_status(), 307);
    EXPECT_EQ(other.server.connections(), 0);
}

TEST(TransportExchange, DoesNotLetAPathChangeTheHost) {
    EchoingServer other;
    Loop loop;
    Loop::Parts parts;
    parts.base_url = "http://127.0.0.1";
    parts.path = ":" + std::to_string(other.server.port()) + "/v1/messages";
    Seen& seen = loop.finish(loop.start(parts));
    EXPECT_EQ(seen.kind(), Kind::connect_failed);
    EXPECT_FALSE(seen.end.request_sent);
    EXPECT_EQ(other.server.connections(), 0);
}

TEST(TransportExchange, TakesNoProxyFromTheEnvironment) {
    EchoingServer proxy;
    EchoingServer echo;
    for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) {
        setenv(name, proxy.server.url().c_str(), 1);
    }
    {
        Loop loop;
        EXPECT_EQ(loop.fetch(echo.server.url()).kind(), Kind::complete);
    }
    for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) unsetenv(name);
    EXPECT_EQ(proxy.server.connections(), 0);
    EXPECT_EQ(echo.server.connections(), 1);
}

TEST(TransportExchange, KeepsPlainHttpFromTheProxy) {
    EchoingServer proxy;
    EchoingServer echo;
    TransportSettings settings;
    settings.proxy = proxy.server.url();
    Loop loop(settings);
    EXPECT_EQ(loop.fetch(echo.server.url()).kind(), Kind::complete);
    EXPECT_EQ(proxy.server.connections(), 0);
}

TEST(TransportExchange, LeavesNoSocketToChildrenOfExec) {
    Gate seen_request;
    Gate answer;
    Server server([&](Connection& peer, int) {
        peer.read_request();
        seen_request.open();
        answer.wait();
        peer.send(ok_response("{}"));
        peer.wait_for_close();
    });
    Loop loop;
    const ExchangeId id = loop.start(server.url());
    ASSERT_TRUE(loop.until([&] { return seen_request.is_open(); }));
    int checked = 0;
    for (int fd = 0; fd < 256; ++fd) {
        int domain = 0;  // of libcurl's own wake-up pair, which stays open, we have no say
        socklen_t size = sizeof domain;
        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) continue;
        if (domain != AF_INET) continue;
        EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << fd;
        ++checked;
    }
    EXPECT_GE(checked, 3);  // ours, the server's end and its listener
    answer.open();
    EXPECT_EQ(loop.finish(id).kind(), Kind::complete);
}

}  // namespace
}  // namespace weir::testing
