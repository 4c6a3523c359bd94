#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "engine/engine.h"
#include "engine_scripted_transport.h"

namespace weir {

// Engines that the caller drives, over a scripted transport.
class ScriptedEngineTest : public ::testing::Test {
protected:
    void open_engine(Config config) {
        config.set("engine.drive", "caller");
        engine_ =
            Engine::open(config, [this](const TransportSettings&, Poller*, TransportSink* sink) {
                auto transport = std::make_unique<ScriptedTransport>(sink);
                transport_ = transport.get();
                return transport;
            });
        builder_.set_body(
            R"({"model":"claude-opus-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]})");
    }
    void TearDown() override {
        for (weir_event& event : events_) release_event(&event);
        if (engine_ != nullptr) engine_->release();
    }
    // Polls until nothing comes; gives the events of this call, which live as long as the test.
    std::vector<weir_event> poll() {
        std::vector<weir_event> found;
        for (;;) {
            weir_event event{};
            status_ = engine_->poll(&event, sizeof event, 1, 0);
            if (status_ != 1) return found;
            found.push_back(event);
            events_.push_back(event);
        }
    }

    Engine* engine_ = nullptr;
    ScriptedTransport* transport_ = nullptr;
    RequestBuilder builder_;
    std::int32_t status_ = 0;  // of the last poll
    std::vector<weir_event> events_;
};

}  // namespace weir
