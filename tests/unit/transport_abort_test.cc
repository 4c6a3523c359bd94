#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "transport_loop.h"
#include "transport_server.h"

namespace weir::testing {
namespace {

using Kind = WireEnd::Kind;

// Answers the first half of a response, and the rest when it is let.
class HalfServer {
public:
    HalfServer()
        : server([this](Connection& peer, int) {
              while (!peer.read_request().empty()) {
                  requested.open();
                  peer.send("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"b\"");
                  rest.wait();
                  peer.send(":2}");
              }
          }) {}
    ~HalfServer() { rest.open(); }

    Gate requested;
    Gate rest;
    Server server;
};

// How many of this process's connections have `port` as their own or their peer's.
int connections_of(int port) {
    int count = 0;
    for (int fd = 0; fd < 256; ++fd) {
        sockaddr_in own{};
        sockaddr_in peer{};
        socklen_t own_size = sizeof own;
        socklen_t peer_size = sizeof peer;
        if (getsockname(fd, static_cast<sockaddr*>(static_cast<void*>(&own)), &own_size) != 0 ||
            getpeername(fd, static_cast<sockaddr*>(static_cast<void*>(&peer)), &peer_size) != 0) {
            continue;
        }
        if (ntohs(own.sin_port) == port || ntohs(peer.sin_port) == port) ++count;
    }
    return count;
}

// Nothing may follow an abort.
void expect_silence(Loop& loop, ExchangeId id) {
    for (int i = 0; i < 5; ++i) loop.turn(2);
    EXPECT_EQ(loop.seen(id).ends, 0);
    EXPECT_FALSE(loop.transport->abort(id));
}

TEST(TransportAbort, BeforeAnythingHappened) {
    HalfServer half;
    Loop loop;
    const ExchangeId id = loop.start(half.server.url());
    EXPECT_FALSE(loop.transport->abort(id));
    expect_silence(loop, id);
    EXPECT_EQ(half.server.connections(), 0);
}

TEST(TransportAbort, WhileResolving) {
    Loop loop;
    const ExchangeId id = loop.start("https://no-such-host.invalid");
    loop.turn(0);
    if (loop.seen(id).ends > 0) return;  // a resolver as fast as that leaves nothing to test
    EXPECT_FALSE(loop.transport->abort(id));
    expect_silence(loop, id);
}

// libcurl closes a socket that is not connected yet without a word. The next connection has its
// number, and nothing of it.
TEST(TransportAbort, WhileConnecting) {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = static_cast<sockaddr*>(static_cast<void*>(&address));
    ASSERT_EQ(bind(listener, generic, size), 0);
    ASSERT_EQ(getsockname(listener, generic, &size), 0);
    ASSERT_EQ(listen(listener, 0), 0);
    const int filler = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(connect(filler, generic, size), 0);  // whoever comes now waits to be accepted

    Server server([](Connection& peer, int) {
        while (!peer.read_request().empty()) {
            peer.send("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"b\":2}");
        }
    });
    Loop loop;
    for (int i = 0; i < 3; ++i) {
        const ExchangeId id =
            loop.start("http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)));
        for (int turns = 0; turns < 3; ++turns) loop.turn(2);
        ASSERT_EQ(loop.seen(id).ends, 0);
        EXPECT_FALSE(loop.transport->abort(id));
        EXPECT_EQ(loop.fetch(server.url()).kind(), Kind::complete);
    }
    close(filler);
    close(listener);
}

TEST(TransportAbort, DuringTheHandshake) {
    Server server([&](Connection& peer, int) { peer.wait_for_close(); });
    std::string url = server.url();
    url.replace(0, 4, "https");
    Loop loop;
    const ExchangeId id = loop.start(url);
    ASSERT_TRUE(loop.until([&] { return server.connections() > 0; }));
    EXPECT_FALSE(loop.transport->abort(id));
    expect_silence(loop, id);
}

TEST(TransportAbort, AfterTheRequest) {
    HalfServer half;
    Loop loop;
    const ExchangeId id = loop.start(half.server.url());
    ASSERT_TRUE(loop.until([&] { return half.requested.is_open(); }));
    EXPECT_TRUE(loop.transport->abort(id));
    expect_silence(loop, id);
    half.rest.open();
    EXPECT_EQ(loop.fetch(half.server.url()).kind(), Kind::complete);
}

TEST(TransportAbort, OfItselfInsideTheReader) {
    HalfServer half;
    Loop loop;
    const ExchangeId id = loop.start(half.server.url());
    bool aborted = false;
    loop.on_reader = [&](ExchangeId) {
        if (!aborted) {
            EXPECT_TRUE(loop.transport->abort(id));
        }
        aborted = true;
    };
    ASSERT_TRUE(loop.until([&] { return aborted; }));
    loop.on_reader = nullptr;
    expect_silence(loop, id);
    half.rest.open();
    EXPECT_EQ(loop.fetch(half.server.url()).kind(), Kind::complete);
}

TEST(TransportAbort, OfAnotherInsideTheReader) {
    HalfServer half;
    HalfServer other;
    Loop loop;
    const ExchangeId victim = loop.start(other.server.url());
    ASSERT_TRUE(loop.until([&] { return loop.seen(victim).reader.http_status() == 200; }));
    const ExchangeId id = loop.start(half.server.url());
    bool aborted = false;
    loop.on_reader = [&](ExchangeId) {
        if (!aborted) {
            EXPECT_TRUE(loop.transport->abort(victim));
        }
        aborted = true;
    };
    half.rest.open();
    EXPECT_EQ(loop.finish(id).kind(), Kind::complete);
    expect_silence(loop, victim);
}

TEST(TransportAbort, OfAnotherInsideOnEnd) {
    HalfServer half;
    HalfServer other;
    Loop loop;
    const ExchangeId victim = loop.start(other.server.url());
    const ExchangeId id = loop.start(half.server.url());
    loop.on_ended = [&](ExchangeId) { loop.transport->abort(victim); };
    half.rest.open();
    EXPECT_EQ(loop.finish(id).kind(), Kind::complete);
    loop.on_ended = nullptr;
    expect_silence(loop, victim);
}

TEST(TransportAbort, StartInsideTheReader) {
    HalfServer half;
    half.rest.open();
    Loop loop;
    const ExchangeId first = loop.start(half.server.url());
    ExchangeId second = 0;
    loop.on_reader = [&](ExchangeId) {
        if (second == 0) second = loop.start(half.server.url());
    };
    EXPECT_EQ(loop.finish(first).kind(), Kind::complete);
    EXPECT_EQ(loop.finish(second).kind(), Kind::complete);
}

TEST(TransportAbort, DestroyedUnderTraffic) {
    HalfServer half;
    for (int turns = 0; turns < 6; ++turns) {
        Loop loop;
        for (int i = 0; i < 20; ++i) loop.start(half.server.url());
        for (int i = 0; i < turns; ++i) loop.turn(1);
    }
}

TEST(TransportAbort, DestroyDoesNotWaitForTheResolver) {
    Loop loop;
    for (int i = 0; i < 3; ++i) loop.start("https://no-such-host-at-all.invalid");
    loop.turn(0);
}

TEST(TransportAbort, AForkedChildLeavesTheConnectionsWhole) {
    HalfServer half;
    half.rest.open();
    Loop loop;
    EXPECT_EQ(loop.fetch(half.server.url()).kind(), Kind::complete);

    EXPECT_EQ(connections_of(half.server.port()), 2);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        loop.transport->close_descriptors_only();
        loop.poller.close_descriptors_only();
        _exit(connections_of(half.server.port()));  // the server's end alone is left
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 1);
    EXPECT_EQ(loop.fetch(half.server.url()).kind(), Kind::complete);
    EXPECT_EQ(half.server.connections(), 1);
}

}  // namespace
}  // namespace weir::testing
