#include <gtest/gtest.h>

#include "transport_loop.h"
#include "transport_server.h"

namespace weir::testing {
namespace {

using Kind = WireEnd::Kind;

TEST(TransportFailure, ConnectionRefused) {
    std::string url;
    {
        const Server gone([](Connection&, int) {});
        url = gone.url();
    }
    Loop loop;
    Seen& seen = loop.fetch(url);
    EXPECT_EQ(seen.kind(), Kind::connect_failed);
    EXPECT_FALSE(seen.end.request_sent);
    EXPECT_NE(seen.end.detail, "");
}

TEST(TransportFailure, UnknownHost) {
    Loop loop;
    Seen& seen = loop.fetch("https://no-such-host.invalid");
    EXPECT_EQ(seen.kind(), Kind::connect_failed) << seen.end.detail;
    EXPECT_FALSE(seen.end.request_sent);
}

TEST(TransportFailure, ClosedInTheMiddleOfTheBody) {
    Server server([](Connection& peer, int) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"b\":");
    });
    Loop loop;
    Seen& seen = loop.fetch(server.url());
    EXPECT_EQ(seen.kind(), Kind::broken);
    EXPECT_TRUE(seen.end.request_sent);
    EXPECT_EQ(seen.reader.http_status(), 200);
}

TEST(TransportFailure, ClosedInTheMiddleOfAChunk) {
    Server server([](Connection& peer, int) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"b\":");
    });
    Loop loop;
    EXPECT_EQ(loop.fetch(server.url()).kind(), Kind::broken);
}

TEST(TransportFailure, ResetBeforeTheRequestWasRead) {
    Server server([](Connection& peer, int) { peer.reset(); });
    Loop loop;
    Seen& seen = loop.fetch(server.url());
    EXPECT_TRUE(seen.kind() == Kind::broken || seen.kind() == Kind::connect_failed);
    EXPECT_EQ(server.connections(), 1);
}

TEST(TransportFailure, ResetAfterTheRequest) {
    Server server([](Connection& peer, int) {
        peer.read_request();
        peer.reset();
    });
    Loop loop;
    Seen& seen = loop.fetch(server.url());
    EXPECT_EQ(seen.kind(), Kind::broken);
    EXPECT_TRUE(seen.end.request_sent);
    EXPECT_EQ(server.connections(), 1);
}

TEST(TransportFailure, NotHttp) {
    Server server([](Connection& peer, int) {
        peer.read_request();
        peer.send("220 mail.example.com ESMTP\r\n");
    });
    Loop loop;
    Seen& seen = loop.fetch(server.url());
    EXPECT_EQ(seen.kind(), Kind::broken) << seen.end.detail;
    EXPECT_TRUE(seen.end.request_sent);
}

TEST(TransportFailure, HeadersWithoutEnd) {
    Server server([](Connection& peer, int) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\n");
        while (peer.send("name: " + std::string(1000, 'v') + "\r\n")) {
        }
    });
    Loop loop;
    const Kind kind = loop.fetch(server.url()).kind();
    EXPECT_TRUE(kind == Kind::too_large || kind == Kind::broken);
}

TEST(TransportFailure, TooLarge) {
    Server server([](Connection& peer, int) {
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while (peer.send("400\r\n" + std::string(1024, 'x') + "\r\n")) {
        }
    });
    Loop loop;
    Loop::Parts parts;
    parts.base_url = server.url();
    parts.max_bytes = 10'000;
    Seen& seen = loop.finish(loop.start(parts));
    EXPECT_EQ(seen.kind(), Kind::too_large);
    EXPECT_TRUE(seen.end.request_sent);
}

// libcurl would send the request again on a new connection, though the server has read it.
void expect_no_second_sending(std::size_t body_size) {
    std::atomic<int> requests{0};
    Server server([&](Connection& peer, int) {
        if (!peer.read_request().empty()) ++requests;
        peer.send(ok_response("{}"));
        // The second request is read, and the connection ends without a word.
        if (!peer.read_request().empty()) ++requests;
    });
    Loop loop;
    EXPECT_EQ(loop.fetch(server.url()).kind(), Kind::complete);
    Loop::Parts parts;
    parts.base_url = server.url();
    parts.body.assign(body_size, 'x');
    Seen& seen = loop.finish(loop.start(parts));
    EXPECT_EQ(seen.kind(), Kind::broken) << seen.end.detail;
    EXPECT_TRUE(seen.end.request_sent);
    EXPECT_EQ(requests.load(), 2);

    // The handle is as good as new afterwards.
    EXPECT_EQ(loop.fetch(server.url()).kind(), Kind::complete);
}

TEST(TransportFailure, NothingIsSentTwice) { expect_no_second_sending(100); }

TEST(TransportFailure, NothingLargeIsSentTwice) { expect_no_second_sending(1'000'000); }

TEST(TransportFailure, AnExceptionOfTheReaderReachesTheLoop) {
    Server server([](Connection& peer, int) {
        while (!peer.read_request().empty()) peer.send(ok_response("{}"));
    });
    Loop loop;
    const ExchangeId id = loop.start(server.url());
    loop.on_reader = [](ExchangeId) { throw std::bad_alloc(); };
    EXPECT_THROW(loop.until([&] { return loop.seen(id).ends > 0; }), std::bad_alloc);
    EXPECT_EQ(loop.seen(id).ends, 1);
    EXPECT_EQ(loop.seen(id).kind(), Kind::broken);
    loop.on_reader = nullptr;
    EXPECT_EQ(loop.fetch(server.url()).kind(), Kind::complete);
}

TEST(TransportFailure, AnUnwantedExchangeEndsAsAborted) {
    Server server([](Connection& peer, int) {
        peer.read_request();
        peer.send(ok_response("{}"));
        peer.wait_for_close();
    });
    Loop loop;
    const ExchangeId id = loop.start(server.url());
    loop.seen(id).wanted = false;
    EXPECT_EQ(loop.finish(id).kind(), Kind::aborted);
}

}  // namespace
}  // namespace weir::testing
