// Whether a failed request may have been executed, and whether it is repeated: for every stage at
// which an exchange can end, seen from the public API.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "transport_certificates.h"
#include "transport_server.h"
#include "weir/weir.h"

namespace weir::testing {
namespace {

constexpr std::size_t kLargeBody = std::size_t{24} << 20;  // more than sockets hold

const char kStreamHead[] =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

std::string event(const char* name, const char* data) {
    return chunk(std::string("event: ") + name + "\ndata: " + data + "\n\n");
}
std::string message_start() {
    return event(
        "message_start",
        R"({"type":"message_start","message":{"id":"m","type":"message","role":"assistant",)"
        R"("model":"claude-x","content":[],"stop_reason":null,"usage":)"
        R"({"input_tokens":3,"output_tokens":1}}})");
}
std::string block_start() {
    return event("content_block_start",
                 R"({"type":"content_block_start","index":0,"content_block":)"
                 R"({"type":"text","text":""}})");
}
std::string content() {
    return block_start() + event("content_block_delta",
                                 R"({"type":"content_block_delta","index":0,"delta":)"
                                 R"({"type":"text_delta","text":"Hello"}})");
}
std::string error_event() {
    return event("error",
                 R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})");
}
std::string refusal(int status) {
    const std::string body = R"({"type":"error","error":{"type":"x_error","message":"no"}})";
    return "HTTP/1.1 " + std::to_string(status) + " No\r\ncontent-type: application/json\r\n" +
           "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

enum class Peer { plain, tls, untrusted, refused, not_tls };
enum class Repeated { never, if_allowed, always };

struct Stage {
    const char* name;
    Server::Script script;
    std::int32_t status;
    bool executed;  // maybe
    Repeated repeated;
    Peer peer = Peer::plain;
    bool stream = false;
    bool large = false;
    std::vector<std::pair<const char*, const char*>> settings = {};
};

Server::Script after_request(std::string bytes, bool reset = false) {
    return [bytes, reset](Connection& peer, int) {
        peer.read_request();
        peer.send(bytes);
        if (reset) peer.reset();
    };
}
Server::Script silent_after_request(std::string bytes) {
    return [bytes](Connection& peer, int) {
        peer.read_request();
        peer.send(bytes);
        peer.wait_for_close();
    };
}
void pings(Connection& peer, int) {
    peer.read_request();
    peer.send(kStreamHead + message_start());
    while (peer.send(event("ping", R"({"type":"ping"})"))) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}
void part_of_request(Connection& peer, int) {
    peer.read_some(1000);
    peer.reset();
}
void part_of_request_and_silence(Connection& peer, int) {
    peer.read_some(1000);
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
}

const std::string kHalfAnswer =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"type\":";

std::vector<Stage> stages() {
    const std::pair<const char*, const char*> connect{"timeout.connect_ms", "300"};
    const std::pair<const char*, const char*> idle{"timeout.idle_ms", "300"};
    const std::pair<const char*, const char*> stall{"timeout.stall_ms", "300"};
    const std::pair<const char*, const char*> total{"timeout.total_ms", "300"};
    using R = Repeated;
    const auto nothing = [](Connection&, int) {};
    const auto silence = [](Connection& peer, int) { peer.wait_for_close(); };
    return {
        {"connection refused", nothing, WEIR_ERR_CONNECTION, false, R::always, Peer::refused},
        {"certificate refused", nothing, WEIR_ERR_TLS, false, R::never, Peer::untrusted},
        {"closed in the handshake", nothing, WEIR_ERR_CONNECTION, false, R::always, Peer::not_tls},
        {"silent in the handshake",
         silence,
         WEIR_ERR_ATTEMPT_TIMEOUT,
         false,
         R::always,
         Peer::not_tls,
         false,
         false,
         {connect}},
        {"reset in the request", part_of_request, WEIR_ERR_CONNECTION, false, R::always,
         Peer::plain, false, true},
        {"silent in the request",
         part_of_request_and_silence,
         WEIR_ERR_ATTEMPT_TIMEOUT,
         false,
         R::always,
         Peer::plain,
         false,
         true,
         {idle}},
        {"closed after the request", after_request(""), WEIR_ERR_CONNECTION, true, R::if_allowed},
        {"reset after the request", after_request("", true), WEIR_ERR_CONNECTION, true,
         R::if_allowed},
        {"reset after a large request", after_request("", true), WEIR_ERR_CONNECTION, true,
         R::if_allowed, Peer::plain, false, true},
        {"closed after the request, TLS", after_request(""), WEIR_ERR_CONNECTION, true,
         R::if_allowed, Peer::tls},
        {"silent after the request",
         silent_after_request(""),
         WEIR_ERR_ATTEMPT_TIMEOUT,
         true,
         R::if_allowed,
         Peer::plain,
         false,
         false,
         {idle}},
        {"too late after the request",
         silent_after_request(""),
         WEIR_ERR_ATTEMPT_TIMEOUT,
         true,
         R::if_allowed,
         Peer::plain,
         false,
         false,
         {total}},
        {"closed in the head", after_request("HTTP/1.1 200 OK\r\ncontent-"), WEIR_ERR_CONNECTION,
         true, R::if_allowed},
        {"silent in the head",
         silent_after_request("HTTP/1.1 200 OK\r\ncontent-"),
         WEIR_ERR_ATTEMPT_TIMEOUT,
         true,
         R::if_allowed,
         Peer::plain,
         false,
         false,
         {idle}},
        {"closed in the body", after_request(kHalfAnswer), WEIR_ERR_BROKEN_RESPONSE, true,
         R::if_allowed},
        {"reset in the body", after_request(kHalfAnswer, true), WEIR_ERR_BROKEN_RESPONSE, true,
         R::if_allowed},
        {"silent in the body",
         silent_after_request(kHalfAnswer),
         WEIR_ERR_ATTEMPT_TIMEOUT,
         true,
         R::if_allowed,
         Peer::plain,
         false,
         false,
         {idle}},
        {"no message", after_request(ok_response("{}")), WEIR_ERR_BROKEN_RESPONSE, true,
         R::if_allowed},
        {"closed before content", after_request(kStreamHead + message_start()),
         WEIR_ERR_STREAM_BROKEN, true, R::if_allowed, Peer::plain, true},
        {"silent before content",
         silent_after_request(kStreamHead + message_start()),
         WEIR_ERR_ATTEMPT_TIMEOUT,
         true,
         R::if_allowed,
         Peer::plain,
         true,
         false,
         {idle}},
        {"pings before content",
         pings,
         WEIR_ERR_ATTEMPT_TIMEOUT,
         true,
         R::if_allowed,
         Peer::plain,
         true,
         false,
         {stall}},
        {"closed as a block begins", after_request(kStreamHead + message_start() + block_start()),
         WEIR_ERR_STREAM_BROKEN, true, R::if_allowed, Peer::plain, true},
        {"error before content", after_request(kStreamHead + message_start() + error_event()),
         WEIR_ERR_STREAM_BROKEN, true, R::if_allowed, Peer::plain, true},
        {"closed after content", after_request(kStreamHead + message_start() + content()),
         WEIR_ERR_STREAM_BROKEN, true, R::never, Peer::plain, true},
        {"silent after content",
         silent_after_request(kStreamHead + message_start() + content()),
         WEIR_ERR_ATTEMPT_TIMEOUT,
         true,
         R::never,
         Peer::plain,
         true,
         false,
         {idle}},
        {"error after content",
         after_request(kStreamHead + message_start() + content() + error_event()),
         WEIR_ERR_STREAM_BROKEN, true, R::never, Peer::plain, true},
        {"500", after_request(refusal(500)), WEIR_ERR_SERVER, true, R::if_allowed},
        {"529", after_request(refusal(529)), WEIR_ERR_OVERLOADED, false, R::always},
        {"529 that breaks off", after_request(refusal(529).substr(0, 110)), WEIR_ERR_OVERLOADED,
         false, R::always},
        {"408", after_request(refusal(408)), WEIR_ERR_SERVER, false, R::always},
        {"400", after_request(refusal(400)), WEIR_ERR_REJECTED, false, R::never},
        {"401", after_request(refusal(401)), WEIR_ERR_AUTHENTICATION, false, R::never},
    };
}

struct Release {
    void operator()(weir_config* p) const { weir_config_release(p); }
    void operator()(weir_engine* p) const { weir_engine_release(p); }
    void operator()(weir_request* p) const { weir_request_release(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Release>;

class Client {
public:
    void set(const char* key, const std::string& value) {
        if (!config_) {
            weir_config* config = nullptr;
            weir_config_new(&config, nullptr);
            config_.reset(config);
        }
        ASSERT_EQ(
            weir_config_set(config_.get(), key, WEIR_NUL, value.data(), value.size(), nullptr),
            WEIR_OK)
            << key;
    }
    void submit(bool stream, bool large, bool stream_restart = false) {
        weir_engine* engine = nullptr;
        ASSERT_EQ(weir_engine_open(config_.get(), &engine, nullptr), WEIR_OK);
        engine_.reset(engine);
        weir_request* made = nullptr;
        weir_request_new(&made, nullptr);
        const Owned<weir_request> request(made);
        const std::string body = R"({"model":"claude-sonnet-4-5","max_tokens":9,"stream":)" +
                                 std::string(stream ? "true" : "false") +
                                 R"(,"messages":[{"role":"user","content":")" +
                                 std::string(large ? kLargeBody : 1, 'x') + R"("}]})";
        ASSERT_EQ(weir_request_set_body(made, body.data(), body.size(), nullptr), WEIR_OK);
        weir_request_set(made, "input_tokens", WEIR_NUL, "10", WEIR_NUL, nullptr);
        if (stream_restart) {
            ASSERT_EQ(weir_request_set(made, "stream_restart", WEIR_NUL, "true", WEIR_NUL, nullptr),
                      WEIR_OK);
        }
        ASSERT_EQ(weir_submit(engine, made, nullptr, nullptr), WEIR_OK);
    }
    // The next event; type 0 if none comes.
    weir_event next() { return next_within(15'000); }
    weir_event next_within(std::int64_t timeout_ms) {
        weir_event event{};
        weir_poll(engine_.get(), &event, sizeof event, 1, timeout_ms);
        return event;
    }

    std::string stats() {
        weir_text* text = nullptr;
        if (weir_engine_stats(engine_.get(), &text, nullptr) != WEIR_OK) return "";
        std::string stats = weir_text_data(text, nullptr);
        weir_text_release(text);
        return stats;
    }

private:
    Owned<weir_config> config_;
    Owned<weir_engine> engine_;
};

// The address of a server that is gone.
std::string nobody() {
    return Server([](Connection&, int) {}).url();
}

const Certificates& certificates() {
    static const Certificates made;
    return made;
}

std::string name_of(const ::testing::TestParamInfo<std::size_t>& info) {
    std::string name = stages()[info.param].name;
    for (char& c : name) {
        if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
    }
    return name;
}

class Executed : public ::testing::TestWithParam<std::size_t> {};

TEST_P(Executed, IsSaidRightlyAndRepeatedAsConfigured) {
    const Stage stage = stages()[GetParam()];
    const bool tls = stage.peer == Peer::tls || stage.peer == Peer::untrusted;
    for (const bool after_timeout : {true, false}) {
        SCOPED_TRACE(after_timeout ? "after_timeout = true" : "after_timeout = false");
        const Server server(stage.script, tls ? certificates().for_localhost() : nullptr);
        std::string url = stage.peer == Peer::refused ? nobody() : server.url();
        if (stage.peer == Peer::not_tls) url.replace(0, 4, "https");
        Client client;
        client.set("account.main.key", "k");
        client.set("transport.base_url", url);
        client.set("retry.max_attempts", "2");
        client.set("retry.base_ms", "1");
        client.set("retry.cap_ms", "1");
        client.set("retry.after_timeout", after_timeout ? "true" : "false");
        if (stage.peer == Peer::tls) client.set("transport.ca_file", certificates().ca_file());
        for (const auto& [key, value] : stage.settings) client.set(key, value);
        client.submit(stage.stream, stage.large);
        weir_event event = client.next();
        while (event.type != 0 && !WEIR_EVENT_IS_TERMINAL(event.type)) {
            weir_events_release(&event, sizeof event, 1);
            event = client.next();
        }
        ASSERT_EQ(event.type, WEIR_EVENT_FAILED);
        const auto* error = static_cast<const weir_error*>(event.object);
        EXPECT_EQ(event.status, stage.status) << weir_error_message(error);
        EXPECT_EQ(weir_error_is(error, WEIR_ERROR_MAYBE_EXECUTED), stage.executed ? 1 : 0)
            << weir_error_message(error);
        const bool repeated = stage.repeated == Repeated::always ||
                              (stage.repeated == Repeated::if_allowed && after_timeout);
        EXPECT_EQ(weir_error_attempts(error), repeated ? 2u : 1u) << weir_error_message(error);
        weir_events_release(&event, sizeof event, 1);
    }
}

INSTANTIATE_TEST_SUITE_P(Stages, Executed, ::testing::Range<std::size_t>(0, stages().size()),
                         name_of);

// ---- Streams that begin again ----

std::string whole_stream() {
    return kStreamHead + message_start() + content() +
           event("content_block_stop", R"({"type":"content_block_stop","index":0})") +
           event("message_delta", R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},)"
                                  R"("usage":{"output_tokens":5}})") +
           event("message_stop", R"({"type":"message_stop"})") + "0\r\n\r\n";
}

struct Heard {
    std::uint32_t type;
    std::uint32_t index;
    bool operator==(const Heard&) const = default;
};

std::vector<Heard> hear(Client* client, std::uint32_t* flags) {
    std::vector<Heard> heard;
    do {
        weir_event event = client->next();
        heard.push_back({event.type, event.index});
        *flags = event.flags;
        weir_events_release(&event, sizeof event, 1);
    } while (heard.back().type != 0 && !WEIR_EVENT_IS_TERMINAL(heard.back().type));
    return heard;
}

constexpr Heard stream_event(std::uint32_t index) { return {WEIR_EVENT_STREAM, index}; }
constexpr Heard kRestart{WEIR_EVENT_STREAM_RESTART, 0};

Client restarting_client(const Server& server, const char* max_attempts) {
    Client client;
    client.set("account.main.key", "k");
    client.set("transport.base_url", server.url());
    client.set("retry.max_attempts", max_attempts);
    client.set("retry.base_ms", "1");
    client.set("retry.cap_ms", "1");
    client.set("retry.after_timeout", "false");
    client.submit(true, false, true);
    return client;
}

TEST(StreamRestart, MakesTheEventsSoFarVoid) {
    const Server server([](Connection& peer, int number) {
        peer.read_request();
        peer.send(number < 2 ? kStreamHead + message_start() + content() + error_event()
                             : whole_stream());
    });
    Client client = restarting_client(server, "3");
    std::uint32_t flags = 0;
    const std::vector<Heard> expected{
        stream_event(0), stream_event(1), stream_event(2), kRestart,        stream_event(0),
        stream_event(1), stream_event(2), kRestart,        stream_event(0), stream_event(1),
        stream_event(2), stream_event(3), stream_event(4), stream_event(5), {WEIR_EVENT_DONE, 0}};
    EXPECT_EQ(hear(&client, &flags), expected);
}

TEST(StreamRestart, IsNotSaidOfAnAttemptWithoutContent) {
    const Server server([](Connection& peer, int number) {
        peer.read_request();
        if (number == 0) peer.send(kStreamHead + message_start() + content());
        if (number == 1) peer.send(refusal(529));
        if (number == 2) peer.send(whole_stream());
    });
    Client client = restarting_client(server, "3");
    std::uint32_t flags = 0;
    const std::vector<Heard> expected{stream_event(0), stream_event(1),     stream_event(2),
                                      kRestart,        stream_event(0),     stream_event(1),
                                      stream_event(2), stream_event(3),     stream_event(4),
                                      stream_event(5), {WEIR_EVENT_DONE, 0}};
    EXPECT_EQ(hear(&client, &flags), expected);
}

TEST(StreamRestart, EndsWithTheAttempts) {
    const Server server([](Connection& peer, int) {
        peer.read_request();
        peer.send(kStreamHead + message_start() + content());
    });
    Client client = restarting_client(server, "2");
    std::uint32_t flags = 0;
    const std::vector<Heard> expected{stream_event(0), stream_event(1),       stream_event(2),
                                      kRestart,        stream_event(0),       stream_event(1),
                                      stream_event(2), {WEIR_EVENT_FAILED, 0}};
    EXPECT_EQ(hear(&client, &flags), expected);
    EXPECT_TRUE(flags & WEIR_ERROR_MAYBE_EXECUTED);
}

// ---- A second attempt beside a slow one ----

// The first request, at whichever account, begins its answer, and shows nothing of it for a long
// time.
TEST(Hedging, TheFasterAccountAloneIsHeard) {
    std::atomic<int> requests{0};
    Gate given_up;
    const Server::Script script = [&](Connection& peer, int) {
        if (peer.read_request().empty()) return;
        if (requests++ > 0) {
            peer.send(whole_stream());
            peer.wait_for_close();
            return;
        }
        peer.send(kStreamHead + message_start() + block_start());
        peer.wait_for_close();
        given_up.open();
        peer.send(content());
    };
    const Server one(script);
    const Server two(script);
    for (const bool hedged : {true, false}) {
        requests = hedged ? 0 : 1;
        Client client;
        client.set("account.one.key", "k");
        client.set("account.one.base_url", one.url());
        client.set("account.two.key", "k");
        client.set("account.two.base_url", two.url());
        client.set("hedge.after_ms", "150");
        client.submit(true, false);
        std::vector<std::uint32_t> indices;
        weir_event event = client.next();
        while (event.type == WEIR_EVENT_STREAM) {
            indices.push_back(event.index);
            weir_events_release(&event, sizeof event, 1);
            event = client.next();
        }
        EXPECT_EQ(indices, (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5}));
        ASSERT_EQ(event.type, WEIR_EVENT_DONE);
        const auto* response = static_cast<const weir_response*>(event.object);
        EXPECT_EQ(weir_response_number(response, WEIR_NUMBER_HEDGED), hedged ? 1 : 0);
        EXPECT_EQ(weir_response_number(response, WEIR_NUMBER_ATTEMPTS), hedged ? 2 : 1);
        weir_events_release(&event, sizeof event, 1);
        EXPECT_TRUE(!hedged || given_up.wait()) << "the slower attempt goes on";
        EXPECT_EQ(client.next_within(200).type, 0u) << "something follows the terminal event";
        const std::string stats = client.stats();
        const std::string expected =
            hedged ? R"("hedges":1,"hedges_won":1,)" : R"("hedges":0,"hedges_won":0,)";
        EXPECT_NE(stats.find(expected), std::string::npos) << stats;
        EXPECT_NE(stats.find(R"("in_flight":0,)"), std::string::npos) << stats;
    }
    EXPECT_EQ(requests.load(), 2);
}

// Both fail: one event says so, and both are counted.
TEST(Hedging, BothMayFail) {
    std::atomic<int> requests{0};
    const Server::Script script = [&](Connection& peer, int) {
        if (peer.read_request().empty()) return;
        if (requests++ > 0) return peer.send(refusal(529)), void();
        peer.send(kStreamHead + message_start());
        std::this_thread::sleep_for(std::chrono::milliseconds(600));
        peer.reset();
    };
    const Server one(script);
    const Server two(script);
    Client client;
    client.set("account.one.key", "k");
    client.set("account.one.base_url", one.url());
    client.set("account.two.key", "k");
    client.set("account.two.base_url", two.url());
    client.set("hedge.after_ms", "150");
    client.set("retry.max_attempts", "2");
    client.submit(true, false);
    weir_event event = client.next();
    ASSERT_EQ(event.type, WEIR_EVENT_FAILED);
    const auto* error = static_cast<const weir_error*>(event.object);
    EXPECT_EQ(weir_error_attempts(error), 2u);
    EXPECT_TRUE(weir_error_is(error, WEIR_ERROR_MAYBE_EXECUTED));
    weir_events_release(&event, sizeof event, 1);
    EXPECT_EQ(requests.load(), 2);
    EXPECT_EQ(client.next_within(200).type, 0u) << "something follows the terminal event";
}

}  // namespace
}  // namespace weir::testing
