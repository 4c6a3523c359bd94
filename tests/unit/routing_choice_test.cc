#include <gtest/gtest.h>

#include "routing/route_choice.h"

namespace weir {
namespace {

unsigned bit(RouteReason reason) { return 1u << static_cast<unsigned>(reason); }

// Small and low to a, medium to b, critical to c, the rest to d, which has a's limits.
RouteSettings table() {
    Route route;
    route.name = "mixed";
    route.fallback =
        static_cast<std::uint8_t>(bit(RouteReason::overloaded) | bit(RouteReason::budget));
    route.steps = {
        {.model = "a", .model_class = 1, .max_input_tokens = 1000, .complexity = {"low"}},
        {.model = "b", .model_class = 2, .complexity = {"medium", "odd"}},
        {.model = "c", .model_class = 3, .priorities = 1},
        {.model = "d", .model_class = 1}};
    return {{Route{.name = "other", .steps = {{.model = "x"}}}, route}};
}

RoutePlace place_of(const RouteFacts& facts) {
    RoutePlace place;
    const RouteSettings settings = table();
    EXPECT_TRUE(first_step(settings, find_route(settings, "mixed"), facts, &place));
    return place;
}

TEST(Routing, TheFirstStepThatHoldsIsTheChoice) {
    const RoutePlace low = place_of({.input_tokens = 1000, .complexity = "low", .priority = 2});
    EXPECT_EQ(low.route, 2);
    EXPECT_EQ(low.step, 0);
    EXPECT_EQ(low.ahead, 1u << 3);
    EXPECT_EQ(place_of({.input_tokens = 1001, .complexity = "low", .priority = 2}).step, 3);
    EXPECT_EQ(place_of({.complexity = "odd", .priority = 2}).step, 1);
    EXPECT_EQ(place_of({.priority = 0}).step, 2);
    EXPECT_EQ(place_of({.priority = 1}).step, 3);
    // All that hold are on the way.
    EXPECT_EQ(place_of({.complexity = "low", .priority = 0}).ahead, 0b1100);
}

TEST(Routing, Conditions) {
    RouteStep step{.min_input_tokens = 10,
                   .max_input_tokens = 20,
                   .min_deadline_ns = 5,
                   .max_deadline_ns = 50};
    const auto with = [&](std::int64_t tokens, TimeNs deadline) {
        return holds(step, {.input_tokens = tokens, .priority = 2, .deadline_ns = deadline});
    };
    EXPECT_TRUE(with(10, 5));
    EXPECT_TRUE(with(20, 50));
    EXPECT_FALSE(with(9, 5));
    EXPECT_FALSE(with(21, 5));
    EXPECT_FALSE(with(10, 4));
    EXPECT_FALSE(with(10, 51));
    // No deadline is the longest.
    EXPECT_FALSE(with(10, kNever));
    step.max_deadline_ns = kNever;
    EXPECT_TRUE(with(10, kNever));
}

TEST(Routing, NoStepHolds) {
    RouteSettings settings = table();
    settings.routes[1].steps.resize(3);
    RoutePlace place;
    EXPECT_FALSE(first_step(settings, 2, {.complexity = "high", .priority = 3}, &place));
    EXPECT_FALSE(place.routed());
    EXPECT_EQ(find_route(settings, "nothing"), 0);
}

TEST(Routing, AStepWithTheSameLimitsIsNoWayOut) {
    const RouteSettings settings = table();
    const Route& route = settings.routes[1];
    RoutePlace place = place_of({.complexity = "low", .priority = 0});
    const auto any = [](const RouteStep&) { return true; };
    EXPECT_EQ(next_step(route, place, any), 2);
    const auto not_c = [](const RouteStep& step) { return step.model != "c"; };
    EXPECT_EQ(next_step(route, place, not_c), kNoStep);  // d has the limits of a
}

TEST(Routing, AWayHasAnEndAndNoWayBack) {
    const RouteSettings settings = table();
    const Route& route = settings.routes[1];
    RoutePlace place = place_of({.complexity = "medium", .priority = 0});
    const auto any = [](const RouteStep&) { return true; };
    int moves = 0;
    for (std::uint8_t step = next_step(route, place, any); step != kNoStep;
         step = next_step(route, place, any)) {
        EXPECT_GT(step, place.step);
        move_to(step, RouteReason::overloaded, 0, &place);
        ++moves;
    }
    EXPECT_EQ(moves, 2);
    EXPECT_EQ(place.step, 3);
    EXPECT_EQ(place.ahead, 0);
}

TEST(Routing, WhatIsSaidOfTheChoice) {
    const RouteSettings settings = table();
    RoutePlace place;
    EXPECT_EQ(reason_text(settings, place), "");
    place = place_of({.complexity = "low", .priority = 2});
    EXPECT_EQ(reason_text(settings, place), "first choice");
    const auto moved = [&](RouteReason reason, TimeNs wait) {
        RoutePlace there = place;
        move_to(3, reason, wait, &there);
        return reason_text(settings, there);
    };
    EXPECT_EQ(moved(RouteReason::overloaded, 0), "a was overloaded");
    EXPECT_EQ(moved(RouteReason::capacity, 0), "a refused for capacity");
    EXPECT_EQ(moved(RouteReason::budget, 41 * kNsPerS + 1), "a was out of budget for 42 s");
    EXPECT_EQ(moved(RouteReason::budget, kNever), "a had no budget for it");
}

}  // namespace
}  // namespace weir
