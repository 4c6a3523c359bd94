#include "engine/engine.h"

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <string>
#include <vector>

#include "engine/error_object.h"
#include "engine/failure.h"
#include "engine/response_object.h"
#include "engine_scripted_engine.h"

namespace weir {
namespace {

class EngineTest : public ScriptedEngineTest {
protected:
    void open(std::initializer_list<std::pair<const char*, const char*>> more = {}) {
        Config config;
        config.set("account.main.key", "sk-secret");
        config.set("retry.max_attempts", "1");
        for (const auto& [key, value] : more) config.set(key, value);
        open_engine(std::move(config));
    }
};

TEST_F(EngineTest, ARequestTravelsTheWholeWay) {
    open();
    builder_.set_user_data(77);
    const std::uint64_t ticket = engine_->submit(builder_);
    const auto events = poll();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].type, WEIR_EVENT_DONE);
    EXPECT_EQ(events[0].ticket, ticket);
    EXPECT_EQ(events[0].user_data, 77u);
    EXPECT_EQ(std::string_view(static_cast<const char*>(events[0].data), events[0].data_length),
              ScriptedTransport::kAnswer);
    const auto* response = static_cast<const weir_response*>(events[0].object);
    EXPECT_EQ(response->http_status, 200);
    EXPECT_EQ(response->number(WEIR_NUMBER_OUTPUT_TOKENS), 2);
    EXPECT_EQ(response->number(WEIR_NUMBER_ATTEMPTS), 1);
    EXPECT_STREQ(response->string(WEIR_STRING_ACCOUNT), "main");
    EXPECT_STREQ(response->string(WEIR_STRING_REQUEST_ID), "req_1");
    const std::vector<std::string>& headers = transport_->headers.begin()->second;
    EXPECT_NE(std::find(headers.begin(), headers.end(), "x-api-key: sk-secret"), headers.end());
    EXPECT_NE(std::find(headers.begin(), headers.end(), "anthropic-version: 2023-06-01"),
              headers.end());
}

TEST_F(EngineTest, TheKeyIsCoveredInWhatTheProviderSays) {
    open({{"log.level", "debug"}});
    transport_->answer_at_once = false;
    engine_->submit(builder_);
    poll();
    ASSERT_EQ(transport_->started.size(), 1u);
    transport_->answer(transport_->started[0], 0, 401,
                       R"({"type":"error","error":{"type":"authentication_error",)"
                       R"("message":"sk-secret is no key; sk-secret"}})");
    bool failed = false;
    for (const weir_event& event : poll()) {
        if (event.type == WEIR_EVENT_LOG) {
            EXPECT_EQ(std::string(static_cast<const char*>(event.data)).find("sk-secret"),
                      std::string::npos);
        }
        if (event.type != WEIR_EVENT_FAILED) continue;
        failed = true;
        EXPECT_EQ(event.status, WEIR_ERR_AUTHENTICATION);
        const auto* error = static_cast<const weir_error*>(event.object);
        EXPECT_EQ(std::string(error->message).find("sk-secret"), std::string::npos);
        EXPECT_NE(std::string(error->message).find("is no key"), std::string::npos);
        EXPECT_STREQ(error->provider_type, "authentication_error");
        EXPECT_EQ(error->http_status, 401);
        EXPECT_EQ(error->attempts, 1u);
    }
    EXPECT_TRUE(failed);
}

TEST_F(EngineTest, ACancelledAttemptSaysThatItMayHaveBeenExecuted) {
    open();
    transport_->answer_at_once = false;
    const std::uint64_t ticket = engine_->submit(builder_);
    poll();
    EXPECT_TRUE(engine_->cancel(ticket));
    const auto events = poll();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].status, WEIR_ERR_CANCELLED);
    EXPECT_EQ(events[0].flags, WEIR_ERROR_CANCELLED | WEIR_ERROR_MAYBE_EXECUTED);
    EXPECT_EQ(transport_->aborted, transport_->started);
    EXPECT_FALSE(engine_->cancel(ticket));
}

TEST_F(EngineTest, CancelTagSparesWhatCameAfter) {
    open();
    transport_->answer_at_once = false;
    builder_.set_tag(5);
    const std::uint64_t before = engine_->submit(builder_);
    EXPECT_TRUE(engine_->cancel_tag(5));
    engine_->submit(builder_);
    const auto events = poll();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].ticket, before);
}

TEST_F(EngineTest, NothingStartsWhileEventsAreNotTaken) {
    open({{"engine.max_undelivered_events", "1"}});
    for (int i = 0; i < 3; ++i) engine_->cancel(engine_->submit(builder_));
    weir_event event{};
    ASSERT_EQ(engine_->poll(&event, sizeof event, 1, 0), 1);  // two more wait
    events_.push_back(event);
    const std::uint64_t ticket = engine_->submit(builder_);
    ASSERT_EQ(engine_->poll(&event, sizeof event, 1, 0), 1);
    events_.push_back(event);
    EXPECT_TRUE(transport_->bodies.empty());
    const auto events = poll();  // the third, and what could start once it was taken
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[1].ticket, ticket);
    EXPECT_EQ(transport_->bodies.size(), 1u);
}

TEST_F(EngineTest, CloseEndsEverythingOnce) {
    open();
    transport_->answer_at_once = false;
    for (int i = 0; i < 5; ++i) engine_->submit(builder_);
    poll();
    engine_->submit(builder_);
    engine_->close();
    engine_->close();
    const auto events = poll();
    ASSERT_EQ(events.size(), 7u);
    for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(events[i].status, WEIR_ERR_SHUTDOWN);
    EXPECT_EQ(events[6].type, WEIR_EVENT_ENGINE);
    EXPECT_EQ(events[6].index, WEIR_ENGINE_CLOSED);
    EXPECT_EQ(status_, WEIR_ERR_CLOSED);
    EXPECT_EQ(engine_->wait(0), WEIR_OK);
}

TEST_F(EngineTest, ADefectLosesNoTerminalEvent) {
    open({{"log.level", "off"}});
    transport_->answer_at_once = false;
    std::vector<std::uint64_t> tickets;
    for (int i = 0; i < 700; ++i) tickets.push_back(engine_->submit(builder_));
    poll();
    tickets.push_back(engine_->submit(builder_));
    transport_->throw_next = true;
    const auto events = poll();
    ASSERT_EQ(events.size(), tickets.size() + 1);
    std::vector<std::uint64_t> ended;
    for (const weir_event& event : events) {
        if (event.type != WEIR_EVENT_FAILED) continue;
        EXPECT_EQ(event.status, WEIR_ERR_INTERNAL);
        ended.push_back(event.ticket);
    }
    std::sort(ended.begin(), ended.end());
    std::sort(tickets.begin(), tickets.end());
    EXPECT_EQ(ended, tickets);
    EXPECT_EQ(events.back().type, WEIR_EVENT_ENGINE);
    EXPECT_EQ(events.back().index, WEIR_ENGINE_FAILED);
    EXPECT_THROW(engine_->submit(builder_), Failure);
    EXPECT_FALSE(engine_->cancel(tickets[0]));
    engine_->close();
    const auto last = poll();
    ASSERT_EQ(last.size(), 1u);
    EXPECT_EQ(last[0].index, WEIR_ENGINE_CLOSED);
    EXPECT_EQ(status_, WEIR_ERR_CLOSED);
}

TEST_F(EngineTest, AnAttemptThatFindsNoMemoryIsAFailedAttempt) {
    open();
    transport_->fail_starts = true;
    engine_->submit(builder_);
    const auto events = poll();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].status, WEIR_ERR_NOMEM);
}

TEST_F(EngineTest, DeadlinesPassWhileWaiting) {
    open({{"request.deadline_ms", "1"}});
    transport_->answer_at_once = false;
    engine_->submit(builder_);
    weir_event event{};
    ASSERT_EQ(engine_->poll(&event, sizeof event, 1, -1), 1);
    events_.push_back(event);
    EXPECT_EQ(event.status, WEIR_ERR_DEADLINE);
}

TEST_F(EngineTest, WithoutAnAccountNothingIsAccepted) {
    Engine* engine =
        Engine::open(Config(), [](const TransportSettings&, Poller*, TransportSink* sink) {
            return std::make_unique<ScriptedTransport>(sink);
        });
    RequestBuilder builder;
    EXPECT_THROW(engine->submit(builder), Failure);
    engine->close();
    EXPECT_EQ(engine->wait(-1), WEIR_OK);
    engine->release();
}

TEST_F(EngineTest, StatisticsCount) {
    open();
    engine_->submit(builder_);
    poll();
    const std::string stats = engine_->stats();
    EXPECT_NE(stats.find("\"schema\":1"), std::string::npos);
    EXPECT_NE(stats.find("\"accepted\":1"), std::string::npos);
    EXPECT_NE(stats.find("\"succeeded\":1"), std::string::npos);
    EXPECT_EQ(stats.find("sk-secret"), std::string::npos);
}

// What remains was stated without the request's input, of which three tokens were expected: the
// mirror is not wrong because of that.
TEST_F(EngineTest, TheInputIsCountedBeforeTheReadingsThatIncludeIt) {
    open();
    transport_->answer_body =
        R"({"id":"msg_1","type":"message","role":"assistant","model":"claude-opus-5",)"
        R"("content":[],"stop_reason":"end_turn","stop_sequence":null,)"
        R"("usage":{"input_tokens":40000,"output_tokens":2}})";
    for (const char* remaining : {"60000", "20000"}) {
        transport_->more_headers = {{"anthropic-ratelimit-input-tokens-limit", "100000"},
                                    {"anthropic-ratelimit-input-tokens-remaining", remaining}};
        engine_->submit(builder_);
        poll();
    }
    // 20,000 are left and what has refilled; 40,000 fewer if the difference counts twice.
    const std::string stats = engine_->stats();
    const std::size_t at = stats.find(R"("kind":"input_tokens")");
    ASSERT_NE(at, std::string::npos) << stats;
    const std::size_t level = stats.find(R"("level":)", at);
    ASSERT_NE(level, std::string::npos) << stats;
    EXPECT_GE(std::stod(stats.substr(level + 8)), 19'000) << stats;
}

TEST_F(EngineTest, StatisticsShowWhatIsLeftOfPriorityTier) {
    open();
    transport_->more_headers = {
        {"anthropic-priority-output-tokens-limit", "8000"},
        {"anthropic-priority-output-tokens-remaining", "5000"},
        {"anthropic-priority-output-tokens-reset", std::to_string(::time(nullptr) + 60)}};
    EXPECT_NE(engine_->stats().find(R"("priority_tier":[])"), std::string::npos);
    engine_->submit(builder_);
    poll();
    const std::string stats = engine_->stats();
    EXPECT_NE(stats.find(R"("priority_tier":[{"account":"main","class":"claude-opus-5",)"
                         R"("kind":"output_tokens","limit":8000,"remaining":5000,"full_in_ms":)"),
              std::string::npos)
        << stats;
}

}  // namespace
}  // namespace weir
