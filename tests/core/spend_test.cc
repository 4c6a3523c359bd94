// A tenant's budget of money in virtual time: it holds, it is used up, it is waited for over
// midnight, and it stands in nobody else's way.

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "virtual_core.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr TimeNs kS = kNsPerS;
constexpr std::uint64_t kAcme = 7;
constexpr std::uint64_t kOther = 8;
constexpr TimeNs kMidnight = 86'400 * kS;
constexpr std::int64_t kBudget = 2'000'000;  // two dollars
constexpr std::int64_t kInput = 1'000;
constexpr std::int64_t kMostOutput = 4'000;
constexpr std::int64_t kMostCost = 3 * kInput + 15 * kMostOutput;

CoreSettings settings_with(bool refuse) {
    CoreSettings settings;
    settings.max_in_flight = 64;
    LimitSettings& limits = settings.limits;
    limits.classes.emplace_back();
    limits.classes[0].limits.requests_per_minute = 6'000;
    limits.accounts.push_back({.name = "a", .limits = {}});
    limits.prices.rows.push_back({.models = {"*"}, .prices = {.input = 3, .output = 15}});
    LimitSettings::DayBudget budget;
    budget.name = "tenant.acme";
    budget.tenant = kAcme;
    budget.spend_per_day = kBudget;
    limits.day_budgets = {budget};
    limits.refuse_over_spend = refuse;
    settings.accounts.accounts.push_back({.name = "a", .keys = std::vector<KeySettings>(1)});
    return settings;
}

class World : public test::VirtualCore {
public:
    World(bool refuse, std::uint64_t seed)
        : VirtualCore(settings_with(refuse), seed, kMidnight - 600 * kS) {
        head_.max_tokens = static_cast<std::uint32_t>(kMostOutput);
    }

    void submit(std::uint64_t tenant) {
        const RequestIndex index = slab_.take();
        Request& request = slab_.at(index);
        request.body = BodyRef(BodyBlock::make("{}", head_, {}));
        request.submitted_at = now();
        request.tenant = tenant;
        request.prices = 0;
        request.input_tokens = static_cast<std::uint32_t>(kInput);
        slab_.set_tag(index, tenant);
        core_.submit(index, now(), &actions_);
        take_actions();
    }
    void submit_every_second(int seconds, std::initializer_list<std::uint64_t> tenants) {
        for (; seconds > 0; --seconds) {
            for (const std::uint64_t tenant : tenants) submit(tenant);
            run_until(now() + kS);
        }
    }

    std::int64_t spent_today = 0;     // by acme, of what began before midnight
    std::int64_t spent_tomorrow = 0;  // of what began after it
    TimeNs last_start_today = 0;
    TimeNs first_start_tomorrow = kNever;
    TimeNs longest_wait_of_others = 0;
    int others_done = 0;
    int acme_done = 0;
    std::vector<Action> failures;

private:
    void finish(AttemptId attempt, RequestIndex index, TimeNs began_at) {
        Outcome outcome;
        outcome.usage.input_tokens = kInput;
        outcome.usage.output_tokens =
            static_cast<std::int64_t>(1 + random.below(static_cast<std::uint64_t>(kMostOutput)));
        if (slab_.at(index).tenant == kAcme) {
            const std::int64_t cost = 3 * kInput + 15 * outcome.usage.output_tokens;
            (began_at < kMidnight ? spent_today : spent_tomorrow) += cost;
        }
        core_.on_end(attempt, outcome, nullptr, now(), &actions_);
    }

    void act(const Action& action) override {
        Request& request = slab_.at(action.request);
        const bool acme = request.tenant == kAcme;
        if (action.kind == Action::Kind::start) {
            at(now() + static_cast<TimeNs>(kS / 2 + random.below(20 * kS)),
               [this, attempt = action.attempt, index = action.request, began = now()] {
                   finish(attempt, index, began);
               });
            if (!acme) {
                longest_wait_of_others =
                    std::max(longest_wait_of_others, now() - request.submitted_at);
            } else if (now() < kMidnight) {
                last_start_today = now();
            } else {
                first_start_tomorrow = std::min(first_start_tomorrow, now());
            }
            return;
        }
        if (action.kind == Action::Kind::fail) failures.push_back(action);
        (acme ? acme_done : others_done) += 1;
        request.body = BodyRef();
        slab_.give_back(action.request);
    }

    RequestHead head_;
};

// To within what one request may cost.
void expect_used_up(std::int64_t spent) {
    EXPECT_LE(spent, kBudget + kMostCost);
    EXPECT_GE(spent, kBudget - kMostCost);
}

TEST(SpendBudget, HoldsWithinOneRequestsCostAndWaitsOverMidnight) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE(::testing::Message() << "seed " << seed);
        World world(false, seed);
        world.submit_every_second(300, {kAcme, kOther});
        world.run_until(kMidnight - 1);
        expect_used_up(world.spent_today);
        EXPECT_LT(world.last_start_today, kMidnight - 250 * kS);
        EXPECT_EQ(world.others_done, 300);
        EXPECT_LE(world.longest_wait_of_others, 5 * kS);
        EXPECT_GT(world.core().set_aside(), 100u);
        EXPECT_EQ(world.core().queued(), world.core().set_aside());
        const int turns = world.turns;
        EXPECT_LT(turns, 5'000);  // nothing polls
        world.run_until(kMidnight + 200 * kS);
        EXPECT_GE(world.first_start_tomorrow, kMidnight);
        EXPECT_LE(world.first_start_tomorrow, kMidnight + kS);
        expect_used_up(world.spent_tomorrow);
        EXPECT_TRUE(world.failures.empty());
        std::vector<Action> actions;
        world.core().close(world.now(), &actions);
        EXPECT_EQ(world.core().set_aside(), 0u);
        EXPECT_EQ(world.core().queued(), 0u);
    }
}

TEST(SpendBudget, RefusesAtTheTimeOfTheStartWhereConfigured) {
    World world(true, 3);
    world.submit_every_second(300, {kAcme, kOther});
    world.run_until(kMidnight - 1);
    expect_used_up(world.spent_today);
    EXPECT_EQ(world.acme_done, 300);
    EXPECT_EQ(world.others_done, 300);
    ASSERT_GT(world.failures.size(), 100u);
    for (const Action& failure : world.failures) {
        EXPECT_EQ(failure.status, WEIR_ERR_SPEND_LIMIT);
        EXPECT_EQ(failure.refusal.day_budget, 0);
        EXPECT_TRUE(failure.refusal.money);
        EXPECT_EQ(failure.refusal.frees_at, kMidnight);
    }
}

TEST(SpendBudget, CancelAndDeadlineReachWhatIsSetAside) {
    World world(false, 4);
    world.submit_every_second(200, {kAcme});
    const std::uint64_t before = world.core().set_aside();
    ASSERT_GT(before, 50u);
    world.core().limiter().add_day_use(0, kAcme, {.spend = kBudget}, world.now());
    std::vector<Action> actions;
    world.core().cancel_group(world.slab().first_of_tag(kAcme), world.now(), &actions);
    EXPECT_EQ(world.core().set_aside(), 0u);
    EXPECT_EQ(world.core().queued(), 0u);
}

}  // namespace
}  // namespace weir
