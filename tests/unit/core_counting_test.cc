#include <gtest/gtest.h>

#include <vector>

#include "core/core.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr TimeNs kNow = 1'000 * kNsPerS;

class CountingTest : public testing::Test {
protected:
    static CoreSettings settings() {
        CoreSettings settings;
        settings.retry.max_attempts = 1;
        settings.accounts.accounts.resize(1);
        settings.limits.accounts.push_back({.name = "main", .limits = {}});
        settings.limits.classes.push_back({.name = "any", .models = {"*"}, .limits = {}});
        settings.limits.classes[0].limits.requests_per_minute = 6000;
        settings.limits.token_count.requests_per_minute = 600;
        return settings;
    }
    void SetUp() override {
        RequestHead head;
        head.max_tokens = 100;
        head.ascii_letters = 4000;
        body = BodyRef(BodyBlock::make("{}", head, {}));
    }
    RequestIndex submit() {
        const RequestIndex index = slab.take();
        Request& request = slab.at(index);
        request.submitted_at = now;
        request.body = body;
        request.counting = true;
        core.submit(index, now, &actions);
        return index;
    }
    // Lets time pass; the kinds of what is wanted since the last time.
    std::vector<Action::Kind> advance(TimeNs by = 0) {
        now += by;
        core.advance(now, &actions);
        std::vector<Action::Kind> kinds;
        for (const Action& action : actions) kinds.push_back(action.kind);
        done.swap(actions);
        actions.clear();
        return kinds;
    }
    void end(OutcomeClass cls, std::int64_t input_tokens = -1) {
        Outcome outcome;
        outcome.cls = cls;
        outcome.usage.input_tokens = input_tokens;
        core.on_end(done.back().attempt, outcome, nullptr, now, &actions);
    }

    RequestSlab slab;
    Core core{settings(), &slab, 1};
    TimeNs now = kNow;
    BodyRef body;
    std::vector<Action> actions;
    std::vector<Action> done;
};

using Kinds = std::vector<Action::Kind>;

TEST_F(CountingTest, TheFigureIsUsedAndLearntFrom) {
    const RequestIndex index = submit();
    EXPECT_EQ(advance(), Kinds{Action::Kind::count});
    EXPECT_EQ(core.counts().attempts, 0u);
    end(OutcomeClass::success, 1234);
    EXPECT_EQ(advance(), Kinds{Action::Kind::start});
    EXPECT_EQ(slab.at(index).input_tokens, 1234u);
    EXPECT_EQ(slab.at(index).attempts, 1);
    EXPECT_EQ(core.limiter().estimate_quality(0).input_samples, 1);
    end(OutcomeClass::success, 1234);
    EXPECT_EQ(advance(), Kinds{Action::Kind::succeed});
    EXPECT_EQ(core.counts().token_counts, 1u);
    EXPECT_EQ(core.counts().token_counts_failed, 0u);
    EXPECT_EQ(core.next_timer(), kNever);
}

TEST_F(CountingTest, WhateverGoesWrongTheRequestGoesOn) {
    for (int cls = 1; cls < kOutcomeClasses; ++cls) {
        SCOPED_TRACE(cls);
        Core fresh(settings(), &slab, 1);
        const RequestIndex index = slab.take();
        slab.at(index).submitted_at = now;
        slab.at(index).body = body;
        slab.at(index).counting = true;
        fresh.submit(index, now, &actions);
        fresh.advance(now, &actions);
        ASSERT_EQ(actions.back().kind, Action::Kind::count);
        Outcome outcome;
        outcome.cls = static_cast<OutcomeClass>(cls);
        fresh.on_end(actions.back().attempt, outcome, nullptr, now, &actions);
        fresh.advance(now, &actions);
        // What says that the key is of no use is true of the request itself, too.
        const bool useless = outcome.cls == OutcomeClass::bad_key ||
                             outcome.cls == OutcomeClass::on_hold ||
                             outcome.cls == OutcomeClass::spend_limit;
        EXPECT_EQ(actions.back().kind, useless ? Action::Kind::fail : Action::Kind::start);
        EXPECT_EQ(slab.at(index).attempts, useless ? 0 : 1);
        EXPECT_EQ(slab.at(index).refusals, 0);
        EXPECT_FALSE(slab.at(index).maybe_executed);
        EXPECT_EQ(slab.at(index).input_tokens, 0u);
        actions.clear();
    }
}

TEST_F(CountingTest, IsGivenUpAfterFiveSeconds) {
    const RequestIndex index = submit();
    EXPECT_EQ(advance(), Kinds{Action::Kind::count});
    EXPECT_EQ(advance(4 * kNsPerS), Kinds{});
    EXPECT_EQ(advance(2 * kNsPerS), (Kinds{Action::Kind::abort, Action::Kind::start}));
    EXPECT_FALSE(slab.at(index).maybe_executed);
    EXPECT_EQ(core.counts().in_flight, 1u);
    EXPECT_EQ(core.counts().token_counts_failed, 1u);
}

// A route whose budget is waited for less long than the count keeps its hands off until then.
TEST_F(CountingTest, WithARouteItIsForTheModelWhereTheRequestIs) {
    CoreSettings routed = settings();
    routed.limits.classes.push_back({.name = "other", .models = {"other"}, .limits = {}});
    routed.limits.classes[1].limits.requests_per_minute = 6000;
    Route route{.name = "r", .steps = {}, .fallback = 0xFF, .max_wait_ns = 0};
    route.steps = {{.model = "first", .model_class = 1}, {.model = "second", .model_class = 0}};
    routed.routes.routes = {route};
    for (const bool answered : {true, false}) {
        Core of(routed, &slab, 1);
        const RequestIndex index = slab.take();
        Request& request = slab.at(index);
        request.submitted_at = now;
        request.body = body;
        request.counting = true;
        request.route = {.route = 1, .ahead = 2};
        request.model_class = 1;
        of.submit(index, now, &actions);
        of.advance(now, &actions);
        ASSERT_EQ(actions.size(), 1u);
        ASSERT_EQ(actions[0].kind, Action::Kind::count);
        const AttemptId counting = actions[0].attempt;
        actions.clear();
        now += 4 * kNsPerS;
        of.advance(now, &actions);
        EXPECT_TRUE(actions.empty());
        Outcome outcome;
        outcome.usage.input_tokens = 1234;
        if (answered) of.on_end(counting, outcome, nullptr, now, &actions);
        now += 2 * kNsPerS;
        of.advance(now, &actions);
        ASSERT_EQ(actions.back().kind, Action::Kind::start);
        EXPECT_EQ(request.input_tokens, answered ? 1234u : 0u);
        EXPECT_EQ(request.model_class, 1u);
        EXPECT_EQ(of.limiter().estimate_quality(1).input_samples, answered ? 1 : 0);
        Outcome overloaded;
        overloaded.cls = OutcomeClass::overloaded;
        of.on_end(actions.back().attempt, overloaded, nullptr, now, &actions);
        of.advance(now, &actions);
        ASSERT_EQ(actions.back().kind, Action::Kind::start);
        EXPECT_EQ(request.model_class, 0u) << "the figure is not in the way of its fallback";
        EXPECT_EQ(of.step_counts(0, 0).first, 1u);
        EXPECT_EQ(of.step_counts(0, 1).moved_in, 1u);
        EXPECT_EQ(of.counts().token_counts, 1u);
        actions.clear();
    }
}

TEST_F(CountingTest, AFullPoolDelaysByFiveSecondsAtMost) {
    for (int i = 0; i < 300; ++i) submit();
    std::size_t counts = 0;
    std::size_t starts = 0;
    for (int tenth = 0; tenth < 70; ++tenth) {
        advance(kNsPerS / 10);
        for (const Action& action : done) {
            counts += action.kind == Action::Kind::count;
            starts += action.kind == Action::Kind::start;
            if (action.kind == Action::Kind::start) continue;
            if (action.kind != Action::Kind::count) continue;
            Outcome outcome;
            outcome.usage.input_tokens = 1000;
            core.on_end(action.attempt, outcome, nullptr, now, &actions);
        }
        for (const Action& action : done) {
            if (action.kind != Action::Kind::start) continue;
            Outcome outcome;
            core.on_end(action.attempt, outcome, nullptr, now, &actions);
        }
    }
    EXPECT_EQ(starts, 300u);
    EXPECT_GT(counts, 20u);
    EXPECT_LT(counts, 250u);
    EXPECT_EQ(core.counts().succeeded, 300u);
}

TEST_F(CountingTest, EndsWithTheRequest) {
    const RequestIndex index = submit();
    EXPECT_EQ(advance(), Kinds{Action::Kind::count});
    core.cancel(slab.at(index).ticket.load(), now, &actions);
    EXPECT_EQ(advance(), (Kinds{Action::Kind::abort, Action::Kind::fail}));
    EXPECT_EQ(done.back().status, WEIR_ERR_CANCELLED);
    EXPECT_EQ(core.counts().in_flight, 0u);
    EXPECT_EQ(core.next_timer(), kNever);
}

}  // namespace
}  // namespace weir
