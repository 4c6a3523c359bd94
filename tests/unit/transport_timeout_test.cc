#include <gtest/gtest.h>

#include "transport_loop.h"
#include "transport_server.h"

namespace weir::testing {
namespace {

using Kind = WireEnd::Kind;

constexpr const char* kStreamHead =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

const std::string kPingEvent = chunk("event: ping\ndata: {\"type\": \"ping\"}\n\n");
const std::string kStartEvent = chunk(
    "event: message_start\ndata: "
    "{\"type\":\"message_start\",\"message\":{\"type\":\"message\"}}\n\n");

const std::string kDeltaEvent = chunk(
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
    "\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n");

// Sends what it is told to, when it is told to.
class Stepper {
public:
    Stepper()
        : server([this](Connection& peer, int) {
              peer.read_request();
              requested_.open();
              std::unique_lock lock(mutex_);
              for (;;) {
                  changed_.wait(lock, [this] { return over_ || !next_.empty(); });
                  if (over_) return;
                  const std::string bytes = std::exchange(next_, std::string());
                  lock.unlock();
                  peer.send(bytes);
                  lock.lock();
              }
          }) {}
    ~Stepper() {
        const std::lock_guard lock(mutex_);
        over_ = true;
        changed_.notify_all();
    }
    void send(const std::string& bytes) {
        const std::lock_guard lock(mutex_);
        next_ += bytes;
        changed_.notify_all();
    }
    bool requested() { return requested_.is_open(); }

private:
    Gate requested_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string next_;
    bool over_ = false;

public:
    Server server;
};

// An exchange whose request has arrived, with bytes counted as its reader is asked for.
struct Waiting {
    explicit Waiting(const HttpTimeouts& timeouts, bool stream = true) {
        Loop::Parts parts;
        parts.base_url = stepper.server.url();
        parts.timeouts = timeouts;
        parts.stream = stream;
        id = loop.start(parts);
        loop.on_reader = [this](ExchangeId) { ++calls; };
        EXPECT_TRUE(loop.until([&] { return stepper.requested(); }));
        loop.turn(0);
    }
    void receive(const std::string& bytes) {
        const int before = calls;
        stepper.send(bytes);
        EXPECT_TRUE(loop.until([&] { return calls > before; }));
        // libcurl may hand the bytes over in several turns.
        for (int i = 0; i < 4; ++i) loop.turn(1);
    }
    void after(TimeNs by) {
        loop.put_forward(by);
        loop.turn(0);
    }
    bool ended() { return loop.seen(id).ends > 0; }
    Kind kind() { return loop.seen(id).kind(); }

    Stepper stepper;
    Loop loop;
    ExchangeId id = 0;
    int calls = 0;
};

TEST(TransportTimeout, IdleEndsASilentExchange) {
    Waiting waiting({.idle_ns = 60 * kNsPerS});
    waiting.after(58 * kNsPerS);
    EXPECT_FALSE(waiting.ended());
    waiting.after(3 * kNsPerS);
    ASSERT_TRUE(waiting.ended());
    EXPECT_EQ(waiting.kind(), Kind::idle_timeout);
    EXPECT_TRUE(waiting.loop.seen(waiting.id).end.request_sent);
}

TEST(TransportTimeout, EveryByteRestartsIdle) {
    Waiting waiting({.idle_ns = 60 * kNsPerS});
    waiting.receive(kStreamHead);
    for (int i = 0; i < 5; ++i) {
        waiting.after(50 * kNsPerS);
        ASSERT_FALSE(waiting.ended()) << i;
        waiting.receive(kPingEvent);
    }
    waiting.after(61 * kNsPerS);
    ASSERT_TRUE(waiting.ended());
    EXPECT_EQ(waiting.kind(), Kind::idle_timeout);
}

TEST(TransportTimeout, StallSeesThroughPings) {
    Waiting waiting({.idle_ns = 60 * kNsPerS, .stall_ns = 120 * kNsPerS});
    waiting.receive(kStreamHead);
    waiting.receive(kStartEvent);
    for (int i = 0; i < 2; ++i) {
        waiting.after(50 * kNsPerS);
        ASSERT_FALSE(waiting.ended());
        waiting.receive(kPingEvent);
    }
    waiting.after(30 * kNsPerS);
    ASSERT_TRUE(waiting.ended());
    EXPECT_EQ(waiting.kind(), Kind::stall_timeout);
    EXPECT_TRUE(waiting.loop.seen(waiting.id).end.request_sent);
}

TEST(TransportTimeout, ContentRestartsStall) {
    Waiting waiting({.stall_ns = 120 * kNsPerS});
    waiting.receive(kStreamHead);
    for (int i = 0; i < 5; ++i) {
        waiting.after(100 * kNsPerS);
        ASSERT_FALSE(waiting.ended()) << i;
        waiting.receive(i == 0 ? kStartEvent : kDeltaEvent);
    }
    waiting.after(121 * kNsPerS);
    EXPECT_TRUE(waiting.ended());
}

TEST(TransportTimeout, TotalEndsABusyExchange) {
    Waiting waiting({.idle_ns = 60 * kNsPerS, .total_ns = 100 * kNsPerS});
    waiting.receive(kStreamHead);
    waiting.after(50 * kNsPerS);
    waiting.receive(kStartEvent);
    waiting.after(45 * kNsPerS);
    EXPECT_FALSE(waiting.ended());
    waiting.after(6 * kNsPerS);
    ASSERT_TRUE(waiting.ended());
    EXPECT_EQ(waiting.kind(), Kind::total_timeout);
}

TEST(TransportTimeout, ZeroIsOff) {
    Waiting waiting({});
    waiting.after(10'000 * kNsPerS);
    EXPECT_FALSE(waiting.ended());
}

TEST(TransportTimeout, ConnectEndsAHandshakeThatHangs) {
    Server server([&](Connection& peer, int) { peer.wait_for_close(); });
    std::string url = server.url();
    url.replace(0, 4, "https");
    Loop loop;
    Loop::Parts parts;
    parts.base_url = url;
    parts.timeouts = {.connect_ns = 10 * kNsPerS, .idle_ns = kNsPerS, .stall_ns = kNsPerS};
    const ExchangeId id = loop.start(parts);
    ASSERT_TRUE(loop.until([&] { return server.connections() > 0; }));
    // Idle and stall do not run before there is a connection.
    loop.put_forward(9 * kNsPerS);
    loop.turn(0);
    loop.turn(0);
    EXPECT_EQ(loop.seen(id).ends, 0);
    loop.put_forward(2 * kNsPerS);
    Seen& seen = loop.finish(id);
    EXPECT_EQ(seen.kind(), Kind::connect_timeout) << seen.end.detail;
    EXPECT_FALSE(seen.end.request_sent);
}

TEST(TransportTimeout, SendingRestartsIdle) {
    Gate read_more;
    std::atomic<std::size_t> taken{0};
    Server server([&](Connection& peer, int) {
        read_more.wait();
        while (taken < 8'000'000) taken += peer.read_some(1U << 20);
        peer.wait_for_close();
    });
    Loop loop;
    Loop::Parts parts;
    parts.base_url = server.url();
    parts.body.assign(64'000'000, 'x');
    parts.timeouts = {.idle_ns = 60 * kNsPerS};
    const ExchangeId id = loop.start(parts);
    ASSERT_TRUE(loop.until([&] { return server.connections() > 0; }));
    for (int i = 0; i < 20; ++i) loop.turn(5);  // until the socket takes no more
    loop.put_forward(50 * kNsPerS);
    read_more.open();
    ASSERT_TRUE(loop.until([&] { return taken >= 8'000'000; }));
    loop.put_forward(50 * kNsPerS);
    loop.turn(0);
    EXPECT_EQ(loop.seen(id).ends, 0);
}

TEST(TransportTimeout, DeadlinesComeInOrder) {
    // Exchanges with timeouts of their own, so that the heap has something to sort.
    Stepper stepper;
    Loop loop;
    std::vector<ExchangeId> ended;
    loop.on_ended = [&](ExchangeId id) { ended.push_back(id); };
    std::map<int, ExchangeId> by_total;
    for (int i = 0; i < 20; ++i) {
        const int seconds = 100 + (i * 7) % 20;
        Loop::Parts parts;
        parts.base_url = stepper.server.url();
        parts.timeouts = {.idle_ns = 500 * kNsPerS, .total_ns = seconds * kNsPerS};
        by_total[seconds] = loop.start(parts);
    }
    for (int i = 0; i < 5; ++i) loop.turn(1);
    loop.put_forward(90 * kNsPerS);
    std::vector<ExchangeId> expected;
    for (const auto& [seconds, id] : by_total) expected.push_back(id);
    for (int i = 0; i < 40; ++i) {
        loop.put_forward(kNsPerS);
        loop.turn(0);
    }
    EXPECT_EQ(ended, expected);
}

}  // namespace
}  // namespace weir::testing
