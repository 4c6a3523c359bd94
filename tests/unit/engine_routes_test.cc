// Routes from the configuration to the wire.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/error_object.h"
#include "engine/failure.h"
#include "engine/response_object.h"
#include "engine/route_keys.h"
#include "engine_scripted_engine.h"

namespace weir {
namespace {

using Keys = std::vector<std::pair<std::string, std::string>>;

RouteSettings routes_of(const Keys& keys) {
    Config config;
    for (const auto& [key, value] : keys) config.set(key, value);
    return route_settings(config);
}

void expect_refused(const Keys& keys, const char* said) {
    try {
        routes_of(keys);
        ADD_FAILURE() << "accepted: " << keys.back().first;
    } catch (const Failure& failure) {
        EXPECT_EQ(failure.code(), WEIR_ERR_INVALID_VALUE);
        EXPECT_NE(failure.message().find(said), std::string::npos) << failure.message();
    }
}

TEST(RouteKeys, ATable) {
    const RouteSettings settings = routes_of({{"route.a.1.model", "claude-haiku-4-5"},
                                              {"route.a.1.max_input_tokens", "4000"},
                                              {"route.a.1.complexity", "low, trivial"},
                                              {"route.a.2.model", "claude-sonnet-4-5"},
                                              {"route.a.2.priority", "critical,low"},
                                              {"route.a.2.max_deadline_ms", "2000"},
                                              {"route.a.fallback", "overloaded, capacity"},
                                              {"route.a.max_wait_ms", "1500"},
                                              {"route.b.1.model", "any/model:v1"}});
    ASSERT_EQ(settings.routes.size(), 2u);
    const Route& a = settings.routes[0];
    EXPECT_EQ(a.name, "a");
    ASSERT_EQ(a.steps.size(), 2u);
    EXPECT_EQ(a.steps[0].max_input_tokens, 4000);
    EXPECT_EQ(a.steps[0].complexity, (std::vector<std::string>{"low", "trivial"}));
    EXPECT_EQ(a.steps[1].priorities, 0b1001);
    EXPECT_EQ(a.steps[1].max_deadline_ns, 2 * kNsPerS);
    EXPECT_TRUE(a.allows(RouteReason::overloaded));
    EXPECT_TRUE(a.allows(RouteReason::capacity));
    EXPECT_FALSE(a.allows(RouteReason::budget));
    EXPECT_EQ(a.max_wait_ns, 1500 * kNsPerMs);
    EXPECT_TRUE(settings.routes[1].allows(RouteReason::budget));
    EXPECT_EQ(settings.routes[1].max_wait_ns, 10 * kNsPerS);
}

TEST(RouteKeys, TheSameTreeInJson) {
    Config config;
    config.set_json(R"({"route": {"a": {"max_wait_ms": 7, "1": {"model": "m", "priority": "low"},
                                        "2": {"model": "n"}}}})");
    const RouteSettings settings = route_settings(config);
    ASSERT_EQ(settings.routes.size(), 1u);
    EXPECT_EQ(settings.routes[0].steps[1].model, "n");
    EXPECT_EQ(settings.routes[0].max_wait_ns, 7 * kNsPerMs);
    Config again;
    again.set_json(config.json());
    EXPECT_EQ(again.json(), config.json());
}

TEST(RouteKeys, WhatMakesNoSenseIsRefused) {
    expect_refused({{"route.a.max_wait_ms", "1"}}, "route.a.1.model: the route has no step");
    expect_refused({{"route.a.1.complexity", "low"}}, "route.a.1.model: the step has no model");
    expect_refused({{"route.a.2.model", "m"}}, "route.a.1.model: there is a step 2, and none");
    expect_refused({{"route.a.first.model", "m"}}, "route.a.first: a step is a number");
    expect_refused({{"route.a.1.model", "m"}, {"route.a.9.model", "m"}}, "from 1 to 8");
    expect_refused({{"route.a.1.model", "m"}, {"route.a.01.model", "m"}}, "route.a.01: a step");
    expect_refused({{"route.a.1.model", "say \"m\""}}, "is not the name of a model");
    expect_refused({{"route.a.1.model", "route:b"}}, "is not the name of a model");
    expect_refused({{"route.a.1.model", "m"},
                    {"route.a.1.min_input_tokens", "5"},
                    {"route.a.1.max_input_tokens", "4"}},
                   "route.a.1.min_input_tokens is above route.a.1.max_input_tokens");
    expect_refused({{"route.a.1.model", "m"},
                    {"route.a.1.min_deadline_ms", "5"},
                    {"route.a.1.max_deadline_ms", "4"}},
                   "route.a.1.min_deadline_ms is above");
    expect_refused({{"route.a.1.model", "m"}, {"route.a.1.priority", "urgent"}},
                   "route.a.1.priority: \"urgent\" is not one of");
    expect_refused({{"route.a.1.model", "m"}, {"route.a.fallback", "bored"}},
                   "route.a.fallback: \"bored\" is not one of");
    expect_refused({{"route.a.1.model", "m"}, {"route.a.fallback", "none,budget"}},
                   "none stands alone");
    expect_refused({{"route.a.1.model", "m"}, {"route.a.fallback", ""}}, "it is none");
    expect_refused(
        {{"route.a.1.model", "m"}, {"route.a.2.model", "n"}, {"route.a.fallback", "none"}},
        "route.a.2.model: no request could take the step");
}

class RoutedEngine : public ScriptedEngineTest {
protected:
    void open(const Keys& more = {}) {
        Config config;
        config.set("account.main.key", "sk-secret");
        config.set("route.pick.1.model", "claude-haiku-4-5");
        config.set("route.pick.1.complexity", "low");
        config.set("route.pick.2.model", "made-up-model");
        config.set("route.other.1.model", "claude-opus-5");
        config.set("route.other.1.max_input_tokens", "100");
        config.set("route.other.1.max_deadline_ms", "60000");
        for (const auto& [key, value] : more) config.set(key, value);
        open_engine(std::move(config));
        builder_.set_body(body("some-model"));
    }
    static std::string body(const std::string& model) {
        return R"({ "max_tokens" : 9,"messages":[{"role":"user","content":"\u00e4 \"model\":"}], )"
               R"("model"  :  ")" +
               model + R"(" , "metadata":{"user_id":"1.50"} })";
    }
    const weir_response* answer() {
        const auto events = poll();
        if (events.size() != 1 || events[0].type != WEIR_EVENT_DONE) {
            ADD_FAILURE() << "no answer";
            return nullptr;
        }
        return static_cast<const weir_response*>(events[0].object);
    }
    void expect_refused(const char* said) {
        try {
            engine_->submit(builder_);
            ADD_FAILURE() << "accepted";
        } catch (const Failure& failure) {
            EXPECT_EQ(failure.code(), WEIR_ERR_INVALID_VALUE);
            EXPECT_NE(failure.message().find(said), std::string::npos) << failure.message();
        }
        EXPECT_TRUE(poll().empty());
    }
};

TEST_F(RoutedEngine, TheModelAloneIsReplaced) {
    open();
    builder_.set("route", "pick");
    builder_.set("complexity", "low");
    engine_->submit(builder_);
    const weir_response* response = answer();
    ASSERT_NE(response, nullptr);
    EXPECT_EQ(transport_->bodies.begin()->second, body("claude-haiku-4-5"));
    EXPECT_STREQ(response->string(WEIR_STRING_ROUTE), "pick");
    EXPECT_STREQ(response->string(WEIR_STRING_ROUTE_REASON), "first choice");
    EXPECT_EQ(response->number(WEIR_NUMBER_ROUTE_STEP), 1);
    // A longer one.
    builder_.set("complexity", "");
    engine_->submit(builder_);
    response = answer();
    ASSERT_NE(response, nullptr);
    EXPECT_EQ(transport_->bodies.rbegin()->second, body("made-up-model"));
    EXPECT_EQ(response->number(WEIR_NUMBER_ROUTE_STEP), 2);
}

TEST_F(RoutedEngine, ItsTokensAreCountedForTheFirstChoice) {
    open({{"limits.count_tokens", "always"}});
    builder_.set("route", "pick");
    builder_.set("complexity", "low");
    transport_->answer_at_once = false;
    engine_->submit(builder_);
    EXPECT_TRUE(poll().empty());
    ASSERT_EQ(transport_->started.size(), 1u);
    EXPECT_EQ(transport_->bodies[transport_->started[0]],
              R"({"messages":[{"role":"user","content":"\u00e4 \"model\":"}],)"
              R"("model"  :  "claude-haiku-4-5"})");
    transport_->answer(transport_->started[0], 0, 200, R"({"input_tokens":77})");
    transport_->started.clear();
    transport_->answer_at_once = true;
    const weir_response* response = answer();
    ASSERT_NE(response, nullptr);
    EXPECT_EQ(transport_->bodies.size(), 2u);
    EXPECT_EQ(transport_->bodies.rbegin()->second, body("claude-haiku-4-5"));
    EXPECT_EQ(response->number(WEIR_NUMBER_ROUTE_STEP), 1);
    EXPECT_NE(engine_->stats().find(R"("token_counts":1,"token_counts_failed":0)"),
              std::string::npos)
        << engine_->stats();
}

TEST_F(RoutedEngine, ABodyMayAskForTheRoute) {
    open();
    builder_.set_body(body("route:pick"));
    engine_->submit(builder_);
    ASSERT_NE(answer(), nullptr);
    EXPECT_EQ(transport_->bodies.begin()->second, body("made-up-model"));
    // The key goes before it.
    builder_.set("route", "other");
    builder_.set_deadline_ms(1000);
    engine_->submit(builder_);
    ASSERT_NE(answer(), nullptr);
    EXPECT_EQ(transport_->bodies.rbegin()->second, body("claude-opus-5"));
}

TEST_F(RoutedEngine, WithoutARouteTheBodyGoesAsItIs) {
    open();
    builder_.set("complexity", "low");
    engine_->submit(builder_);
    const weir_response* response = answer();
    ASSERT_NE(response, nullptr);
    EXPECT_EQ(transport_->bodies.begin()->second, body("some-model"));
    EXPECT_STREQ(response->string(WEIR_STRING_ROUTE), "");
    EXPECT_EQ(response->number(WEIR_NUMBER_ROUTE_STEP), -1);
}

TEST_F(RoutedEngine, RefusedAtSubmit) {
    open();
    builder_.set("route", "nowhere");
    expect_refused("route: there is no route \"nowhere\"; there are other, pick");
    builder_.set("route", "");
    builder_.set_body(body("route:"));
    builder_.set_body(body("route:gone"));
    expect_refused("there is no route \"gone\"");
    builder_.set("route", "other");
    expect_refused("no step of other takes the request (");
    expect_refused("priority normal, no deadline)");
    builder_.set_deadline_ms(60'000);
    builder_.set("input_tokens", "101");
    builder_.set("complexity", "high");
    expect_refused(
        "(101 input tokens, complexity high, priority normal, 60000 ms to its deadline)");
    builder_.set("input_tokens", "100");
    engine_->submit(builder_);
    EXPECT_NE(answer(), nullptr);
    builder_.set_body(
        R"({"model":"m","max_tokens":9,"speed":"fast","messages":[{"role":"user","content":"x"}]})");
    expect_refused("speed: the models of a route do not all take it");
}

TEST_F(RoutedEngine, AnOverloadedModelIsLeftForTheNext) {
    open({{"route.pick.1.complexity", ""}});
    transport_->answer_at_once = false;
    builder_.set("route", "pick");
    engine_->submit(builder_);
    poll();
    ASSERT_EQ(transport_->started.size(), 1u);
    transport_->answer(transport_->started[0], 0, 529,
                       R"({"type":"error","error":{"type":"overloaded_error","message":"no"}})");
    EXPECT_TRUE(poll().empty());
    ASSERT_EQ(transport_->started.size(), 2u);
    EXPECT_EQ(transport_->bodies[transport_->started[1]], body("made-up-model"));
    transport_->answer(transport_->started[1], 0);
    const weir_response* response = answer();
    ASSERT_NE(response, nullptr);
    EXPECT_EQ(response->number(WEIR_NUMBER_ROUTE_STEP), 2);
    EXPECT_EQ(response->number(WEIR_NUMBER_ATTEMPTS), 2);
    EXPECT_STREQ(response->string(WEIR_STRING_ROUTE_REASON), "claude-haiku-4-5 was overloaded");
    const std::string stats = engine_->stats();
    EXPECT_NE(stats.find(R"({"name":"other","steps":[{"model":"claude-opus-5","first":0,)"),
              std::string::npos)
        << stats;
    EXPECT_NE(stats.find(R"({"name":"pick","steps":[{"model":"claude-haiku-4-5","first":1,)"
                         R"("moved_in":0,"succeeded":0,"left_overloaded":1,"left_budget":0,)"
                         R"("left_capacity":0},{"model":"made-up-model","first":0,"moved_in":1,)"
                         R"("succeeded":1,)"),
              std::string::npos)
        << stats;
}

TEST_F(RoutedEngine, WhatIsExpectedIsExpectedOfTheFirstChoice) {
    open();
    builder_.set("route", "pick");
    builder_.set("complexity", "low");
    EXPECT_NE(engine_->estimate(builder_).find(R"("model_class":"claude-haiku-4-5")"),
              std::string::npos);
    builder_.set("route", "nowhere");
    EXPECT_THROW(engine_->estimate(builder_), Failure);
}

// A deadline that the first model's budget cannot meet is no reason to refuse what has another.
TEST_F(RoutedEngine, WhatMayGoElsewhereIsNotRefusedForTheFirstModelsSake) {
    open({{"route.pick.1.complexity", ""},
          {"limit.claude-haiku-4-5.input_tokens_per_minute", "10"},
          {"limits.pinned", "true"}});
    engine_->submit(builder_);  // the outlook is told in a turn
    ASSERT_NE(answer(), nullptr);
    builder_.set("input_tokens", "5000");
    builder_.set("route", "pick");
    engine_->submit(builder_);
    const weir_response* response = answer();
    ASSERT_NE(response, nullptr);
    EXPECT_EQ(response->number(WEIR_NUMBER_ROUTE_STEP), 2);
    EXPECT_STREQ(response->string(WEIR_STRING_ROUTE_REASON),
                 "claude-haiku-4-5 had no budget for it");
}

// Written for a batch, the body is one piece with the model in it.
TEST(RoutedBody, AnotherModelInOnePiece) {
    RequestBuilder builder;
    builder.set_body(R"({"model":"a","max_tokens":1,"messages":[{"role":"user","content":"x"}]})");
    builder.set("header.anthropic-beta", "b");
    Submission submission = builder.submission(0, 0);
    const BodyRef changed(BodyBlock::make_with_model(*submission.body->get(), "longer-name"));
    EXPECT_EQ(
        changed->bytes(),
        R"({"model":"longer-name","max_tokens":1,"messages":[{"role":"user","content":"x"}]})");
    EXPECT_EQ(changed->model(), "longer-name");
    EXPECT_EQ(changed->head().max_tokens, 1u);
    ASSERT_NE(changed->extra_headers(), nullptr);
    EXPECT_EQ(changed->extra_headers()->front(), "anthropic-beta: b");
}

TEST(SplicedBody, InPiecesOfAnySize) {
    const std::string_view body = "head<old>tail";
    for (std::size_t capacity = 1; capacity < 20; ++capacity) {
        SplicedBody spliced(body, 5, 3, "new one");
        EXPECT_EQ(spliced.size(), 17u);
        for (int round = 0; round < 2; ++round) {
            std::string read;
            char piece[20];
            while (const std::size_t n = spliced.read(piece, capacity)) read.append(piece, n);
            EXPECT_EQ(read, "head<new one>tail");
            EXPECT_TRUE(spliced.restart());
        }
    }
}

}  // namespace
}  // namespace weir
