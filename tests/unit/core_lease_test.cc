#include <gtest/gtest.h>

#include <vector>

#include "core/core.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr TimeNs kNow = 1'000 * kNsPerS;
constexpr TimeNs kLease = 30 * kNsPerS;

class LeaseTest : public testing::Test {
protected:
    static CoreSettings settings(std::uint8_t attempts) {
        CoreSettings settings;
        settings.lease_ns = kLease;
        settings.retry.max_attempts = attempts;
        settings.accounts.accounts.resize(1);
        settings.limits.accounts.push_back({.name = "main", .limits = {}});
        settings.limits.classes.push_back({.name = "any", .models = {"*"}, .limits = {}});
        settings.limits.classes[0].limits.requests_per_minute = 6000;
        settings.limits.classes[0].limits.input_tokens_per_minute = 600'000;
        return settings;
    }
    RequestIndex submit(Core* core) {
        const RequestIndex index = slab.take();
        slab.at(index).submitted_at = kNow;
        slab.at(index).input_tokens = 500;
        slab.at(index).output_tokens = 100;
        core->submit(index, kNow, &actions);
        core->advance(kNow, &actions);
        return index;
    }
    double held(Core* core, TimeNs now) {
        std::vector<Limiter::BucketView> views;
        core->limiter().view(now, &views);
        double held = 0;
        for (const Limiter::BucketView& view : views) held += view.held;
        return held;
    }
    // Lets time pass, and gives the kinds of what is wanted.
    std::vector<Action::Kind> until(Core* core, TimeNs now) {
        actions.clear();
        core->advance(now, &actions);
        std::vector<Action::Kind> kinds;
        for (const Action& action : actions) kinds.push_back(action.kind);
        return kinds;
    }

    RequestSlab slab;
    std::vector<Action> actions;
};

TEST_F(LeaseTest, AnOutcomeThatNeverComesLeaksNoBudget) {
    Core core(settings(1), &slab, 1);
    submit(&core);
    ASSERT_EQ(actions.size(), 1u);
    const AttemptId attempt = actions[0].attempt;
    EXPECT_GT(held(&core, kNow), 500);
    EXPECT_TRUE(until(&core, kNow + kLease - kNsPerS).empty());
    EXPECT_EQ(until(&core, kNow + kLease + kNsPerS),
              (std::vector{Action::Kind::abort, Action::Kind::fail}));
    EXPECT_EQ(actions[0].attempt, attempt);
    EXPECT_EQ(actions[1].status, WEIR_ERR_ATTEMPT_TIMEOUT);
    EXPECT_EQ(held(&core, kNow + kLease + kNsPerS), 0);
    EXPECT_EQ(core.counts().in_flight, 0u);
    EXPECT_EQ(core.counts().leases_ended, 1u);
    // What comes later is nobody's.
    core.on_end(attempt, Outcome(), nullptr, kNow + 2 * kLease, &actions);
    EXPECT_EQ(actions.size(), 2u);
    EXPECT_EQ(core.next_timer(), kNever);
}

TEST_F(LeaseTest, IsRepeatedAsAfterATimeout) {
    Core core(settings(2), &slab, 1);
    const RequestIndex index = submit(&core);
    EXPECT_EQ(until(&core, kNow + kLease + kNsPerS), (std::vector{Action::Kind::abort}));
    EXPECT_EQ(slab.at(index).state, Request::State::backing_off);
    EXPECT_TRUE(slab.at(index).maybe_executed);
    EXPECT_EQ(until(&core, kNow + kLease + 10 * kNsPerS), (std::vector{Action::Kind::start}));
    Outcome outcome;
    outcome.cls = OutcomeClass::success;
    core.on_end(AttemptId{actions[0].attempt}, outcome, nullptr, kNow + 2 * kLease, &actions);
    EXPECT_EQ(actions.back().kind, Action::Kind::succeed);
    EXPECT_EQ(core.next_timer(), kNever);
}

TEST_F(LeaseTest, ADeadlineBeforeItComesFirst) {
    Core core(settings(5), &slab, 1);
    const RequestIndex index = slab.take();
    slab.at(index).submitted_at = kNow;
    slab.at(index).deadline_at = kNow + kLease / 2;
    core.submit(index, kNow, &actions);
    core.advance(kNow, &actions);
    EXPECT_EQ(until(&core, kNow + kLease / 2 + kNsPerS),
              (std::vector{Action::Kind::abort, Action::Kind::fail}));
    EXPECT_EQ(actions[1].status, WEIR_ERR_DEADLINE);
    EXPECT_EQ(core.counts().leases_ended, 0u);
}

}  // namespace
}  // namespace weir
