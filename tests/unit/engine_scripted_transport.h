#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/transport.h"

namespace weir {

// A transport that does what a test says, in the turn after.
class ScriptedTransport final : public Transport {
public:
    explicit ScriptedTransport(TransportSink* sink) : sink_(sink) {}

    void start(ExchangeId id, const HttpRequest& request, TimeNs) override {
        if (fail_starts) throw std::bad_alloc();
        started.push_back(id);
        headers[id] = *request.headers;
        bodies[id] = request.body;
        if (request.source == nullptr) return;
        std::string& body = bodies[id];
        body.resize(request.source->size());
        body.resize(request.source->read(body.data(), body.size()));
    }
    bool abort(ExchangeId id) override {
        aborted.push_back(id);
        return true;
    }
    void pause(ExchangeId, bool) override {}
    TimeNs next_timer() const override { return answer_at_once && !started.empty() ? 0 : kNever; }
    void advance(TimeNs now) override {
        if (throw_next) {
            throw_next = false;
            throw std::logic_error("a defect");
        }
        if (!answer_at_once) return;
        std::vector<ExchangeId> ids;
        ids.swap(started);
        for (const ExchangeId id : ids) answer(id, now, 200, answer_body);
    }

    static constexpr std::string_view kAnswer =
        R"({"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-5",)"
        R"("content":[{"type":"text","text":"hello"}],"stop_reason":"end_turn",)"
        R"("stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":2}})";

    void answer(ExchangeId id, TimeNs now, int status = 200, std::string_view body = kAnswer) {
        ResponseTaker* reader = sink_->reader(id);
        if (reader == nullptr) return;
        reader->on_status(status);
        reader->on_header("content-type", "application/json");
        reader->on_header("request-id", "req_1");
        for (const auto& [name, value] : more_headers) reader->on_header(name, value);
        reader->on_headers_end();
        reader->on_body(body);
        sink_->on_end(id, {WireEnd::Kind::complete, true, ""}, now);
    }

    bool answer_at_once = true;
    std::string answer_body{kAnswer};
    std::map<std::string, std::string> more_headers;  // of each answer
    bool fail_starts = false;
    bool throw_next = false;
    std::vector<ExchangeId> started;
    std::vector<ExchangeId> aborted;
    std::map<ExchangeId, std::vector<std::string>> headers;
    std::map<ExchangeId, std::string> bodies;

private:
    TransportSink* sink_;
};

}  // namespace weir
