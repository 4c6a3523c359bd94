// Requests with a route, in virtual time: a model that is overloaded, out of budget, or refuses.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <queue>
#include <string>
#include <vector>

#include "core/core.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr TimeNs kS = kNsPerS;
constexpr TimeNs kStart = 1'000 * kS;
constexpr TimeNs kTakes = kS / 2;
constexpr std::uint64_t kSeeds = 20;

constexpr std::uint8_t kAll = 0b1110;  // a bit for each reason to move on

CoreSettings settings_of(std::vector<std::int64_t> requests_per_minute,
                         std::uint8_t fallback = kAll, TimeNs max_wait_ns = 10 * kS) {
    CoreSettings settings;
    settings.max_in_flight = 100;
    settings.limits.pinned = true;
    Route route{.name = "r", .fallback = fallback, .max_wait_ns = max_wait_ns};
    for (const std::int64_t limit : requests_per_minute) {
        const auto number = static_cast<std::uint16_t>(settings.limits.classes.size());
        LimitSettings::Class model_class;
        model_class.name = "class" + std::to_string(number);
        model_class.limits.requests_per_minute = limit;
        settings.limits.classes.push_back(model_class);
        route.steps.push_back({.model = "model" + std::to_string(number), .model_class = number});
    }
    settings.routes.routes = {route};
    settings.limits.accounts = {{.name = "main", .limits = {}}};
    settings.accounts.accounts = {{.name = "main", .keys = std::vector<KeySettings>(1)}};
    return settings;
}

class World {
public:
    World(const CoreSettings& settings, std::uint64_t seed)
        : settings_(settings), random_(seed), core_(settings, &slab_, random_.next()) {}

    struct Want {
        bool routed = true;
        std::uint8_t priority = 2;
        TimeNs deadline_ns = kNever;
        std::uint32_t input_tokens = 10;
    };
    void submit(int count) { submit(count, Want()); }
    void submit(int count, const Want& want) {
        for (; count > 0; --count) {
            const RequestIndex index = slab_.take();
            Request& request = slab_.at(index);
            request.submitted_at = now_;
            request.deadline_at = later(now_, want.deadline_ns);
            request.priority = want.priority;
            request.input_tokens = want.input_tokens;
            request.output_tokens = 10;
            if (want.routed) {
                const RouteFacts facts{.input_tokens = want.input_tokens,
                                       .priority = want.priority,
                                       .deadline_ns = want.deadline_ns};
                ASSERT_TRUE(first_step(settings_.routes, 1, facts, &request.route));
            }
            core_.submit(index, now_, &actions_);
            ++submitted;
        }
        take_actions();
    }

    void run_until(TimeNs until) {
        for (;;) {
            core_.advance(now_, &actions_);
            take_actions();
            const TimeNs end = ends_.empty() ? kNever : ends_.top().at;
            const TimeNs next = std::min(core_.next_timer(), end);
            if (next > until) break;
            ASSERT_LT(++turns, 1'000'000);
            now_ = std::max(now_, next);
            while (!ends_.empty() && ends_.top().at <= now_) {
                const End next_end = ends_.top();
                ends_.pop();
                end_attempt(next_end);
            }
        }
        now_ = until;
    }
    void run_for(TimeNs time) { run_until(now_ + time); }

    Outcome& answer(std::uint16_t model_class) { return answers_[model_class]; }
    void overload(std::uint16_t model_class) {
        answers_[model_class].cls = OutcomeClass::overloaded;
        answers_[model_class].http_status = 529;
    }
    void recover(std::uint16_t model_class) { answers_[model_class] = Outcome(); }

    struct Ended {
        std::int32_t status;
        RoutePlace place;
        std::uint16_t model_class;
        TimeNs queued_ns;  // to the start of the last attempt
        int attempts;
        TimeNs at;
    };
    int served_by(std::uint16_t model_class) const {
        return static_cast<int>(std::count_if(ended.begin(), ended.end(), [&](const Ended& e) {
            return e.status == WEIR_OK && e.model_class == model_class;
        }));
    }
    TimeNs longest_wait() const {
        TimeNs longest = 0;
        for (const Ended& e : ended) longest = std::max(longest, e.queued_ns);
        return longest;
    }
    const Core::StepCounts& counts(std::size_t step) const { return core_.step_counts(0, step); }
    std::string reason(const Ended& e) const { return reason_text(settings_.routes, e.place); }
    Core& core() { return core_; }
    RequestSlab& slab() { return slab_; }
    TimeNs now() const { return now_; }

    int submitted = 0;
    int turns = 0;
    std::vector<Ended> ended;
    std::map<std::uint16_t, int> starts;  // by model class
    bool went_back = false;

private:
    struct End {
        TimeNs at;
        AttemptId attempt;
        std::uint16_t model_class;
        bool operator<(const End& other) const { return at > other.at; }
    };

    void end_attempt(const End& end) {
        Outcome outcome = answers_[end.model_class];
        if (outcome.cls == OutcomeClass::success) {
            outcome.usage.input_tokens = 10;
            outcome.usage.output_tokens = 10;
        }
        core_.on_end(end.attempt, outcome, std::make_unique<ErrorDetail>(), now_, &actions_);
        take_actions();
    }

    void take_actions() {
        for (const Action& action : actions_) {
            if (action.kind == Action::Kind::key_changed) continue;
            const Request& request = slab_.at(action.request);
            if (action.kind == Action::Kind::start) {
                ++starts[request.model_class];
                std::uint8_t& step = steps_[request.ticket.load()];
                went_back |= request.route.step < step;
                step = request.route.step;
                started_[action.request] = now_;
                ends_.push({now_ + kTakes, action.attempt, request.model_class});
            } else if (action.kind == Action::Kind::succeed || action.kind == Action::Kind::fail) {
                ended.push_back({action.kind == Action::Kind::fail ? action.status : WEIR_OK,
                                 request.route, request.model_class,
                                 started_[action.request] - request.submitted_at, request.attempts,
                                 now_});
                slab_.give_back(action.request);
            }
        }
        actions_.clear();
    }

    CoreSettings settings_;
    Random random_;
    RequestSlab slab_;
    Core core_;
    TimeNs now_ = kStart;
    std::vector<Action> actions_;
    std::map<std::uint16_t, Outcome> answers_;
    std::priority_queue<End> ends_;
    std::map<std::uint64_t, std::uint8_t> steps_;
    std::map<RequestIndex, TimeNs> started_;
};

TEST(Routing, AnOverloadedModelsWorkIsDoneByTheNext) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        SCOPED_TRACE(seed);
        World world(settings_of({6'000, 6'000}), seed);
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
    World world(settings_of({6'000, 6'000}), 1);
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
    World world(settings_of({6'000, 6'000}, only(RouteReason::budget)), 1);
    world.overload(0);
    world.submit(3);
    world.run_for(5 * kS);
    EXPECT_EQ(world.starts[1], 0);
    world.recover(0);
    world.run_for(120 * kS);
    EXPECT_EQ(world.served_by(0), 3);
    World other(settings_of({60, 6'000}, only(RouteReason::overloaded)), 1);
    other.submit(200);
    other.run_for(600 * kS);
    EXPECT_EQ(other.served_by(0), 200);
}

// One that has no attempt left at the model it comes from has all of them at the next.
TEST(Routing, AttemptsAtTheModelThatWasLeftDoNotCount) {
    CoreSettings settings = settings_of({6'000, 6'000});
    settings.retry.max_attempts = 1;
    World world(settings, 1);
    world.overload(0);
    world.submit(1);
    world.run_for(60 * kS);
    EXPECT_EQ(world.served_by(1), 1);
    settings.retry.max_attempts = 2;
    World twice(settings, 1);
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
        World world(settings_of({6'000, 6'000}), 1);
        world.answer(0).cls = cls;
        world.answer(0).http_status = cls == OutcomeClass::acceleration ? 429 : 503;
        world.submit(1);
        world.run_for(10 * kS);
        ASSERT_EQ(world.served_by(1), 1);
        EXPECT_EQ(world.reason(world.ended[0]), "model0 refused for capacity");
    }
    // Another server error says nothing of capacity.
    World world(settings_of({6'000, 6'000}), 1);
    world.answer(0).cls = OutcomeClass::server_error;
    world.answer(0).http_status = 500;
    world.submit(1);
    world.run_for(kTakes + kS / 10);
    EXPECT_EQ(world.counts(0).left_capacity + world.counts(0).left_overloaded, 0u);
}

TEST(Routing, WhatWouldWaitForBudgetTooLongGoesToTheNext) {
    for (const TimeNs bound : {TimeNs{0}, 2 * kS, 10 * kS, 30 * kS}) {
        SCOPED_TRACE(bound / kS);
        World world(settings_of({60, 6'000}, kAll, bound), 1);
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
        World world(settings_of({60, 600}, kAll, 5 * kS), seed);
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
    World world(settings_of({60, 6}, kAll, 5 * kS), 1);
    world.submit(70);
    world.run_for(90 * kS);
    EXPECT_EQ(world.served_by(0) + world.served_by(1), 70);
    EXPECT_GE(world.served_by(1), 2);
}

TEST(Routing, ALongStatedWaitIsNotWaitedFor) {
    World world(settings_of({6'000, 6'000}, kAll, 5 * kS), 1);
    world.answer(0).cls = OutcomeClass::rate_limited;
    world.answer(0).http_status = 429;
    world.answer(0).retry_after_ns = 60 * kS;
    world.submit(20);
    world.run_for(5 * kS);
    EXPECT_EQ(world.served_by(1), 20);
    for (const World::Ended& e : world.ended) {
        EXPECT_TRUE(world.reason(e).starts_with("model0 was out of budget for 6"))
            << world.reason(e);
    }
    // A short one is.
    World patient(settings_of({6'000, 6'000}, kAll, 5 * kS), 1);
    patient.answer(0).cls = OutcomeClass::rate_limited;
    patient.answer(0).retry_after_ns = 2 * kS;
    patient.submit(1);
    patient.run_for(kS);
    patient.recover(0);
    patient.run_for(10 * kS);
    EXPECT_EQ(patient.served_by(0), 1);
}

TEST(Routing, AWaitPastTheDeadlineIsTooLong) {
    World world(settings_of({60, 6'000}, kAll, 600 * kS), 1);
    world.submit(200);
    world.submit(5, {.deadline_ns = 10 * kS});
    world.run_for(10 * kS);
    EXPECT_EQ(world.served_by(1), 5);
}

// What is behind requests without a route is not held up by them.
TEST(Routing, NotHeldUpByWhatHasNoRoute) {
    World world(settings_of({60, 6'000}, kAll, 5 * kS), 1);
    world.overload(0);
    world.submit(50, {.routed = false});
    world.submit(20);
    world.run_for(12 * kS);
    EXPECT_EQ(world.served_by(1), 20);
    // Nor by what stands in their way only later.
    World later_on(settings_of({60, 6'000}, kAll, 20 * kS), 1);
    later_on.submit(10, {.routed = false});
    later_on.submit(3);
    EXPECT_EQ(later_on.counts(1).moved_in, 0u);
    later_on.answer(0).cls = OutcomeClass::rate_limited;
    later_on.answer(0).retry_after_ns = 300 * kS;
    later_on.run_for(25 * kS);
    EXPECT_EQ(later_on.served_by(1), 3);
}

TEST(Routing, WhatDoesNotFitGoesWhereItFits) {
    CoreSettings settings = settings_of({60, 60});
    settings.limits.classes[0].limits.input_tokens_per_minute = 1'000;
    World world(settings, 1);
    world.submit(1, {.input_tokens = 5'000});
    world.run_for(10 * kS);
    ASSERT_EQ(world.served_by(1), 1);
    EXPECT_EQ(world.reason(world.ended[0]), "model0 had no budget for it");
}

// Where all models are out nothing is sent round, and nothing is lost.
TEST(Routing, NothingGoesRoundWhereEverythingIsOut) {
    for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
        SCOPED_TRACE(seed);
        CoreSettings settings = settings_of({6'000, 6'000, 6'000});
        settings.retry.max_attempts = 20;
        World world(settings, seed);
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
        World world(settings_of({60, 1}, kAll, 3600 * kS), seed);
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
        World world(settings_of({1, 600}, kAll, patient ? 1000 * kS : 10 * kS), 1);
        Core& core = world.core();
        std::vector<RequestIndex> granted;
        Core::Grant grant;
        for (int i = 0; i < 4; ++i) {
            const RequestIndex index = world.slab().take();
            Request& request = world.slab().at(index);
            request.submitted_at = world.now();
            request.lease_ms = 60'000;
            request.input_tokens = request.output_tokens = 10;
            const Route route = settings_of({1, 600}).routes.routes[0];
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
    World world(settings_of({6, 600}), 1);
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
    World world(settings_of({1, 600}), 1);
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
    World world(settings_of({60, 60}, kAll, 5 * kS), 1);
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
}  // namespace weir
