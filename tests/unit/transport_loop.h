#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/epoll_poller.h"
#include "provider/json_parser.h"
#include "transport/curl_runtime.h"
#include "transport/curl_transport.h"

namespace weir::testing {

// What became of an exchange.
struct Seen {
    JsonParser parser;
    ResponseReader reader{&parser};
    bool wanted = true;
    int ends = 0;
    WireEnd end;

    WireEnd::Kind kind() const { return end.kind; }
    std::string body() {
        Outcome outcome;
        ErrorDetail detail;
        reader.finish(end, &outcome, &detail);
        return reader.take_body();
    }
    std::string header(const std::string& name) const {
        for (const ResponseReader::Header& header : reader.headers()) {
            if (header.first == name) return header.second;
        }
        return {};
    }
};

// A transport with its loop, driven by a clock that a test may put forward.
class Loop final : public TransportSink {
public:
    explicit Loop(TransportSettings settings = {}) {
        std::string problem;
        EXPECT_TRUE(transport_global_init(&problem)) << problem;
        transport = std::make_unique<CurlTransport>(&poller, this, std::move(settings));
    }

    TimeNs now() const {
        const auto since = std::chrono::steady_clock::now().time_since_epoch();
        return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count() + put_forward_;
    }
    void put_forward(TimeNs by) { put_forward_ += by; }

    // Starts an exchange; its parts are kept until the loop ends.
    struct Parts {
        std::string method = "POST";
        std::string base_url;
        std::string path = "/v1/messages";
        std::vector<std::string> headers = {"x-api-key: secret-of-this-test",
                                            "content-type: application/json"};
        std::string body = "{\"a\":1}";
        HttpTimeouts timeouts;
        bool fresh_connection = false;
        bool stream = false;
        std::size_t max_bytes = 1U << 20;
    };
    ExchangeId start(Parts parts) {
        const ExchangeId id = (std::uint64_t{7} << 32) + ++last_id_;
        const Parts& kept = parts_[id] = std::move(parts);
        Seen& seen = seen_[id];
        seen.reader.reset(kept.stream, kept.max_bytes, 0, nullptr);
        HttpRequest request;
        request.method = kept.method;
        request.base_url = kept.base_url;
        request.path = kept.path;
        request.headers = &kept.headers;
        request.body = kept.body;
        request.timeouts = kept.timeouts;
        request.fresh_connection = kept.fresh_connection;
        transport->start(id, request, now());
        EXPECT_EQ(seen.ends, 0) << "on_end inside start";
        return id;
    }
    ExchangeId start(const std::string& base_url) {
        Parts parts;
        parts.base_url = base_url;
        return start(std::move(parts));
    }

    // One turn, which waits at most `wait_ms`.
    void turn(int wait_ms) {
        const TimeNs due_in = transport->next_timer() == kNever
                                  ? kNever
                                  : std::max<TimeNs>(transport->next_timer() - now(), 0);
        if (due_in < wait_ms * kNsPerMs) wait_ms = static_cast<int>(due_in / kNsPerMs);
        poller.turn(wait_ms);
        transport->advance(now());
    }
    // Turns until `done`, for ten seconds at most.
    bool until(const std::function<bool()>& done) {
        const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!done()) {
            if (std::chrono::steady_clock::now() > limit) return false;
            turn(5);
        }
        return true;
    }
    Seen& finish(ExchangeId id) {
        EXPECT_TRUE(until([&] { return seen_[id].ends > 0; })) << "the exchange does not end";
        return seen_[id];
    }
    Seen& fetch(const std::string& base_url) { return finish(start(base_url)); }
    Seen& seen(ExchangeId id) { return seen_[id]; }

    ResponseTaker* reader(ExchangeId id) override {
        if (on_reader) on_reader(id);
        return seen_[id].wanted ? &seen_[id].reader : nullptr;
    }
    void on_end(ExchangeId id, const WireEnd& end, TimeNs) override {
        ++seen_[id].ends;
        seen_[id].end = end;
        if (on_ended) on_ended(id);
    }

    EpollPoller poller;
    std::unique_ptr<CurlTransport> transport;
    std::function<void(ExchangeId)> on_reader;
    std::function<void(ExchangeId)> on_ended;

private:
    TimeNs put_forward_ = 0;
    std::uint32_t last_id_ = 0;
    std::map<ExchangeId, Parts> parts_;
    std::map<ExchangeId, Seen> seen_;
};

}  // namespace weir::testing
