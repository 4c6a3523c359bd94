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

// kMessage as gzip has it, and 50,000 spaces.
const std::string kZippedMessage(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x55\x8c\x31\x0a\xc4\x30\x0c\x04\xff\xa2\xda\x4d"
    "\x5a\x7f\xe5\x08\xc6\x9c\x45\x30\x49\x24\x63\xad\x8b\x10\xf2\xf7\xc8\xd7\x5d\xb7\x3b\xb3"
    "\xec\x4d\xb8\x1a\x53\xa4\x93\xcd\xf2\xc6\x14\xa8\x96\x59\x6d\x4b\x8b\x97\xae\xc7\xb4\xd9"
    "\xac\x1a\xb2\xc0\xd1\xa9\x85\x8f\x39\xf1\xfc\x55\x01\x3b\x8d\x9f\x35\x90\x41\x5b\xea\x9c"
    "\x4d\xc5\x35\x4b\x49\x18\x5d\x7c\x35\x7e\xcf\xf1\xa6\x2a\x6d\x20\x41\x77\x16\xa3\xb8\x04"
    "\xd2\x81\x3f\xf2\x3c\x2f\x49\x1b\x49\x32\x91\x00\x00\x00",
    124);
const std::string kZippedSpaces(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x01\x0d\x00\x00\x00\xc2\xa0\x2a\xef\x9f"
    "\xd2\x1e\x0e\x28\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x9e\x0c\x4b\x9f\x44\xb3\x50\xc3\x00\x00",
    84);

std::string zipped_response(const std::string& bytes) {
    return "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " +
           std::to_string(bytes.size()) + "\r\n\r\n" + bytes;
}

TEST(TransportExchange, DecodesWhatIsCompressedUnasked) {
    EchoingServer echo(zipped_response(kZippedMessage));
    Loop loop;
    Seen& seen = loop.fetch(echo.server.url());
    EXPECT_EQ(seen.kind(), Kind::complete) << seen.end.detail;
    EXPECT_EQ(seen.body(), kMessage);
}

TEST(TransportExchange, WhatIsDecodedIsBoundedToo) {
    EchoingServer echo(zipped_response(kZippedSpaces));
    Loop loop;
    Loop::Parts parts;
    parts.base_url = echo.server.url();
    parts.max_bytes = 10'000;
    EXPECT_EQ(loop.finish(loop.start(std::move(parts))).kind(), Kind::too_large);
}

TEST(TransportExchange, BrokenCompressionIsABrokenResponse) {
    EchoingServer echo(zipped_response(kZippedMessage.substr(0, 40) + "nonsense"));
    Loop loop;
    EXPECT_EQ(loop.fetch(echo.server.url()).kind(), Kind::broken);
}

const std::string kStream =
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"type\":\"message\","
    "\"content\":[],\"usage\":{}}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

std::string stream_head() {
    return "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nTransfer-Encoding: "
           "chunked\r\n\r\n";
}

Loop::Parts streamed(const Server& server) {
    Loop::Parts parts;
    parts.base_url = server.url();
    parts.stream = true;
    return parts;
}

// Whether or not the server ends the response.
TEST(TransportExchange, AWholeStreamIsTheEnd) {
    Server server([&](Connection& peer, int) {
        peer.read_request();
        peer.send(stream_head() + chunk(kStream));
        peer.wait_for_close();
    });
    Loop loop;
    Seen& seen = loop.finish(loop.start(streamed(server)));
    EXPECT_EQ(seen.kind(), Kind::complete);
    EXPECT_EQ(seen.ends, 1);
    // The connection is given up in the end, which the server waits for.
    loop.put_forward(2 * kNsPerS);
    loop.turn(5);
}

TEST(TransportExchange, AResponseThatEndsALittleLaterKeepsItsConnection) {
    Gate told;
    Gate sent;
    Server server([&](Connection& peer, int) {
        peer.read_request();
        peer.send(stream_head() + chunk(kStream));
        told.wait();
        peer.send(chunk(""));
        sent.open();
        peer.read_request();
        peer.send(ok_response(kMessage));
        peer.wait_for_close();
    });
    Loop loop;
    EXPECT_EQ(loop.finish(loop.start(streamed(server))).kind(), Kind::complete);
    told.open();
    EXPECT_TRUE(loop.until([&] { return sent.is_open(); }));
    for (int i = 0; i < 5; ++i) loop.turn(5);
    EXPECT_EQ(loop.fetch(server.url()).kind(), Kind::complete);
    EXPECT_EQ(server.connections(), 1);
}

}  // namespace
}  // namespace weir::testing
