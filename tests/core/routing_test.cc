// Requests with a route, in virtual time: a model that is overloaded, out of budget, or refuses.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "routes_world.h"
#include "weir/weir.h"

namespace weir::test {
namespace {

constexpr std::uint64_t kSeeds = 20;

TEST(Routing, AnOverloadedModelsWorkIsDoneByTheNext) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        SCOPED_TRACE(seed);
        RoutesWorld world(routed_settings({6'000, 6'000}), seed);
        world.overload(0);
        for (int i = 0; i < 60; ++i) {
            world.submit(5);
            world.run_for(kS);
        }
        world.run_for(30 * kS);
        EXPECT_EQ(world.served_by(1), 300);
        EXPECT_FALSE(world.went_back);
        // It is tried again now and then, and no more than that.
        EXPECT_LT(world.starts[0], 45);
        EXPECT_LT(world.longest_wait(), 3 * kS);
        EXPECT_EQ(world.counts(0).left_overloaded, 300u);
        EXPECT_EQ(world.counts(1).moved_in, 300u);
        EXPECT_EQ(world.counts(1).succeeded, 300u);
        EXPECT_EQ(world.reason(world.ended.back()), "model0 was overloaded");
    }
}

TEST(Routing, WhatIsNewGoesToTheFirstChoiceOnceItIsBack) {
    RoutesWorld world(routed_settings({6'000, 6'000}), 1);
    world.overload(0);
    for (int i = 0; i < 30; ++i) {
        world.submit(5);
        world.run_for(kS);
    }
    EXPECT_EQ(world.served_by(0), 0);
    world.recover(0);
    for (int i = 0; i < 60; ++i) {
        world.submit(5);
        world.run_for(kS);
    }
    const int before = world.served_by(1);
    world.submit(50);
    world.run_for(30 * kS);
    EXPECT_EQ(world.served_by(1), before);
    EXPECT_EQ(world.reason(world.ended.back()), "first choice");
}

TEST(Routing, WithoutTheReasonItWaits) {
    const auto only = [](RouteReason reason) {
        return static_cast<std::uint8_t>(1u << static_cast<unsigned>(reason));
    };
    RoutesWorld world(routed_settings({6'000, 6'000}, only(RouteReason::budget)), 1);
    world.overload(0);
    world.submit(3);
    world.run_for(5 * kS);
    EXPECT_EQ(world.starts[1], 0);
    world.recover(0);
    world.run_for(120 * kS);
    EXPECT_EQ(world.served_by(0), 3);
    RoutesWorld other(routed_settings({60, 6'000}, only(RouteReason::overloaded)), 1);
    other.submit(200);
    other.run_for(600 * kS);
    EXPECT_EQ(other.served_by(0), 200);
}

// One that has no attempt left at the model it comes from has all of them at the next.
TEST(Routing, AttemptsAtTheModelThatWasLeftDoNotCount) {
    CoreSettings settings = routed_settings({6'000, 6'000});
    settings.retry.max_attempts = 1;
    RoutesWorld world(settings, 1);
    world.overload(0);
    world.submit(1);
    world.run_for(60 * kS);
    EXPECT_EQ(world.served_by(1), 1);
    settings.retry.max_attempts = 2;
    RoutesWorld twice(settings, 1);
    twice.overload(0);
    twice.answer(1).cls = OutcomeClass::timeout;
    twice.submit(1);
    twice.run_for(kTakes + kTakes + kS / 10);
    twice.recover(1);
    twice.run_for(60 * kS);
    EXPECT_EQ(twice.served_by(1), 1);
    // The last step is a model like any other.
    world.overload(1);
    world.submit(1);
    world.run_for(600 * kS);
    EXPECT_EQ(world.ended.back().status, WEIR_ERR_OVERLOADED);
    EXPECT_LE(world.ended.back().attempts, 3);
}

TEST(Routing, WantOfCapacityIsLeftToo) {
    for (const OutcomeClass cls : {OutcomeClass::acceleration, OutcomeClass::server_error}) {
        RoutesWorld world(routed_settings({6'000, 6'000}), 1);
        world.answer(0).cls = cls;
        world.answer(0).http_status = cls == OutcomeClass::acceleration ? 429 : 503;
        world.submit(1);
        world.run_for(10 * kS);
        ASSERT_EQ(world.served_by(1), 1);
        EXPECT_EQ(world.reason(world.ended[0]), "model0 refused for capacity");
    }
    // Another server error says nothing of capacity.
    RoutesWorld world(routed_settings({6'000, 6'000}), 1);
    world.answer(0).cls = OutcomeClass::server_error;
    world.answer(0).http_status = 500;
    world.submit(1);
    world.run_for(kTakes + kS / 10);
    EXPECT_EQ(world.counts(0).left_capacity + world.counts(0).left_overloaded, 0u);
}

TEST(Routing, WhatWouldWaitForBudgetTooLongGoesToTheNext) {
    for (const TimeNs bound : {TimeNs{0}, 2 * kS, 10 * kS, 30 * kS}) {
        SCOPED_TRACE(bound / kS);
        RoutesWorld world(routed_settings({60, 6'000}, kAll, bound), 1);
        world.submit(300);
        world.run_for(300 * kS);
        EXPECT_EQ(world.served_by(0) + world.served_by(1), 300);
        EXPECT_LE(world.longest_wait(), bound + 3 * kS);
        // The first choice has what it can do within the bound.
        EXPECT_GE(world.served_by(0), static_cast<int>(bound / kS));
        EXPECT_EQ(world.counts(0).left_budget, static_cast<std::uint64_t>(world.served_by(1)));
    }
}

// A first choice that is always short of budget is used to the full all the same.
TEST(Routing, TheOverflowAloneIsServedByTheNext) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        SCOPED_TRACE(seed);
        RoutesWorld world(routed_settings({60, 600}, kAll, 5 * kS), seed);
        for (int i = 0; i < 300; ++i) {
            world.submit(3);
            world.run_for(kS);
        }
        world.run_for(60 * kS);
        EXPECT_EQ(world.served_by(0) + world.served_by(1), 900);
        EXPECT_GE(world.served_by(0), 280);
        EXPECT_LE(world.longest_wait(), 8 * kS);
        EXPECT_FALSE(world.went_back);
    }
}

// Nobody goes where it takes longer still.
TEST(Routing, AScarcerModelTakesWhatItDoesSooner) {
    RoutesWorld world(routed_settings({60, 6}, kAll, 5 * kS), 1);
    world.submit(70);
    world.run_for(90 * kS);
    EXPECT_EQ(world.served_by(0) + world.served_by(1), 70);
    EXPECT_GE(world.served_by(1), 2);
}

TEST(Routing, ALongStatedWaitIsNotWaitedFor) {
    RoutesWorld world(routed_settings({6'000, 6'000}, kAll, 5 * kS), 1);
    world.answer(0).cls = OutcomeClass::rate_limited;
    world.answer(0).http_status = 429;
    world.answer(0).retry_after_ns = 60 * kS;
    world.submit(20);
    world.run_for(5 * kS);
    EXPECT_EQ(world.served_by(1), 20);
    for (const RoutesWorld::Ended& e : world.ended) {
        EXPECT_TRUE(world.reason(e).starts_with("model0 was out of budget for 6"))
            << world.reason(e);
    }
    // A short one is.
    RoutesWorld patient(routed_settings({6'000, 6'000}, kAll, 5 * kS), 1);
    patient.answer(0).cls = OutcomeClass::rate_limited;
    patient.answer(0).retry_after_ns = 2 * kS;
    patient.submit(1);
    patient.run_for(kS);
    patient.recover(0);
    patient.run_for(10 * kS);
    EXPECT_EQ(patient.served_by(0), 1);
}

TEST(Routing, AWaitPastTheDeadlineIsTooLong) {
    RoutesWorld world(routed_settings({60, 6'000}, kAll, 600 * kS), 1);
    world.submit(200);
    world.submit(5, {.deadline_ns = 10 * kS});
    world.run_for(10 * kS);
    EXPECT_EQ(world.served_by(1), 5);
}

// What is behind requests without a route is not held up by them.
TEST(Routing, NotHeldUpByWhatHasNoRoute) {
    RoutesWorld world(routed_settings({60, 6'000}, kAll, 5 * kS), 1);
    world.overload(0);
    world.submit(50, {.routed = false});
    world.submit(20);
    world.run_for(12 * kS);
    EXPECT_EQ(world.served_by(1), 20);
    // Nor by what stands in their way only later.
    RoutesWorld later_on(routed_settings({60, 6'000}, kAll, 20 * kS), 1);
    later_on.submit(10, {.routed = false});
    later_on.submit(3);
    EXPECT_EQ(later_on.counts(1).moved_in, 0u);
    later_on.answer(0).cls = OutcomeClass::rate_limited;
    later_on.answer(0).retry_after_ns = 300 * kS;
    later_on.run_for(25 * kS);
    EXPECT_EQ(later_on.served_by(1), 3);
}

TEST(Routing, WhatDoesNotFitGoesWhereItFits) {
    CoreSettings settings = routed_settings({60, 60});
    settings.limits.classes[0].limits.input_tokens_per_minute = 1'000;
    RoutesWorld world(settings, 1);
    world.submit(1, {.input_tokens = 5'000});
    world.run_for(10 * kS);
    ASSERT_EQ(world.served_by(1), 1);
    EXPECT_EQ(world.reason(world.ended[0]), "model0 had no budget for it");
}

// Where all models are out nothing is sent round, and nothing is lost.
TEST(Routing, NothingGoesRoundWhereEverythingIsOut) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        SCOPED_TRACE(seed);
        CoreSettings settings = routed_settings({6'000, 6'000, 6'000});
        settings.retry.max_attempts = 20;
        RoutesWorld world(settings, seed);
        for (std::uint16_t c = 0; c < 3; ++c) world.overload(c);
        world.submit(200);
        world.run_for(60 * kS);
        EXPECT_LE(world.starts[0] + world.starts[1] + world.starts[2], 600 + 100);
        const std::uint64_t moved = world.counts(0).left_overloaded;
        world.submit(300);
        world.run_for(60 * kS);
        EXPECT_LE(world.counts(0).left_overloaded, moved + 30);
        for (std::uint16_t c = 0; c < 3; ++c) world.recover(c);
        world.run_for(600 * kS);
        EXPECT_EQ(world.served_by(0) + world.served_by(1) + world.served_by(2), 500);
        EXPECT_FALSE(world.went_back);
    }
}

// One a minute at the first choice.
// What has moved on to another model is not waited for at the one that had promised it a start.
TEST(Routing, APromiseHoldsForTheModelThatGaveItAlone) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        SCOPED_TRACE(seed);
        RoutesWorld world(routed_settings({60, 1}, kAll, 3600 * kS), seed);
        world.submit(10);
        world.run_for(12 * kS);
        ASSERT_EQ(world.served_by(0), 10);
        world.overload(0);
        world.submit(5);  // the last wait for their budget, and are promised it
        world.run_for(6 * kS);
        ASSERT_EQ(world.starts[0], 15);
        ASSERT_EQ(world.starts[1], 1) << "the others wait for their budget there";
        world.recover(0);
        world.submit(1);
        world.run_for(600 * kS);
        EXPECT_EQ(world.served_by(0), 11);
        EXPECT_EQ(world.served_by(1), 5);
    }
}

TEST(Routing, APermitAtOnceGoesWhereASubmitWouldGo) {
    for (const bool patient : {false, true}) {
        RoutesWorld world(routed_settings({1, 600}, kAll, patient ? 1000 * kS : 10 * kS), 1);
        Core& core = world.core();
        std::vector<RequestIndex> granted;
        Core::Grant grant;
        for (int i = 0; i < 4; ++i) {
            const RequestIndex index = world.slab().take();
            Request& request = world.slab().at(index);
            request.submitted_at = world.now();
            request.lease_ms = 60'000;
            request.input_tokens = request.output_tokens = 10;
            const Route route = routed_settings({1, 600}).routes.routes[0];
            request.route = {.route = 1,
                             .ahead = static_cast<std::uint8_t>((1u << route.steps.size()) - 2)};
            grant = core.try_acquire(index, world.now());
            if (grant.status != WEIR_OK) {
                world.slab().give_back(index);
                continue;
            }
            EXPECT_EQ(request.model_class, request.route.step);
            EXPECT_EQ(grant.permit.kind, Action::Kind::permit);
            granted.push_back(index);
            std::vector<Action> actions;
            Outcome done;
            core.on_end(AttemptId{grant.permit.attempt}, done, nullptr, world.now(), &actions);
            world.run_for(kS);
        }
        EXPECT_EQ(granted.size(), patient ? 1u : 4u);
        EXPECT_EQ(world.counts(0).first, granted.size());
        EXPECT_EQ(world.counts(0).left_budget, patient ? 0u : 3u);
        EXPECT_EQ(world.counts(1).moved_in, patient ? 0u : 3u);
        EXPECT_EQ(world.counts(1).succeeded, patient ? 0u : 3u);
        if (patient) {
            EXPECT_EQ(grant.status, WEIR_ERR_NOT_NOW);
            EXPECT_GT(grant.ask_again_at, world.now());
        }
    }
}

TEST(Routing, APermitAtOnceIsNotHeldUpByWhatWaitsForTheFirstChoice) {
    RoutesWorld world(routed_settings({6, 600}), 1);
    world.submit(20, {.routed = false});
    world.run_for(kS);
    const RequestIndex index = world.slab().take();
    Request& request = world.slab().at(index);
    request.submitted_at = world.now();
    request.lease_ms = 60'000;
    request.input_tokens = request.output_tokens = 10;
    request.route = {.route = 1, .ahead = 2};
    EXPECT_EQ(world.core().try_acquire(index, world.now()).status, WEIR_OK);
    EXPECT_EQ(request.model_class, 1u);
}

TEST(Routing, APermitAtOnceThatIsTakenBackWasNeverOnItsRoute) {
    RoutesWorld world(routed_settings({1, 600}), 1);
    world.submit(1);  // and the first choice has no more
    world.run_for(2 * kS);
    const Core::StepCounts first = world.counts(0);
    const Core::StepCounts second = world.counts(1);
    const RequestIndex index = world.slab().take();
    Request& request = world.slab().at(index);
    request.submitted_at = world.now();
    request.lease_ms = 60'000;
    request.input_tokens = request.output_tokens = 10;
    request.route = {.route = 1, .ahead = 2};
    ASSERT_EQ(world.core().try_acquire(index, world.now()).status, WEIR_OK);
    EXPECT_EQ(request.model_class, 1u);
    EXPECT_EQ(request.route.reason, RouteReason::budget);
    EXPECT_EQ(world.counts(1).moved_in, second.moved_in + 1);
    world.core().withdraw(index, world.now());
    EXPECT_EQ(world.counts(0).first, first.first);
    EXPECT_EQ(world.counts(0).left_budget, first.left_budget);
    EXPECT_EQ(world.counts(1).moved_in, second.moved_in);
    world.slab().give_back(index);
}

TEST(Routing, CancelAndCloseFindItWhereverItIs) {
    RoutesWorld world(routed_settings({60, 60}, kAll, 5 * kS), 1);
    world.submit(300);
    world.run_for(20 * kS);
    std::vector<Action> actions;
    world.core().close(world.now(), &actions);
    EXPECT_EQ(world.core().queued(), 0u);
    EXPECT_EQ(world.core().counts().in_flight, 0u);
    std::size_t failed = 0;
    for (const Action& action : actions) failed += action.kind == Action::Kind::fail ? 1 : 0;
    EXPECT_EQ(failed + world.ended.size(), 300u);
}

}  // namespace
}  // namespace weir::test
