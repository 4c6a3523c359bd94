// Reservations beside a promise, and heads that change nothing: short ways to answers that have a
// long one, which is taken here too.

#include <gtest/gtest.h>

#include "base/random.h"
#include "limits/limiter.h"

namespace weir {
namespace {

constexpr std::uint64_t kSeeds = 400;

LimitSettings random_settings(Random* random) {
    const auto limit = [&](std::uint64_t most) {
        return random->below(4) == 0 ? 0 : static_cast<std::int64_t>(1 + random->below(most));
    };
    LimitSettings settings;
    settings.classes.emplace_back();
    settings.classes[0].limits = {.requests_per_minute = limit(600),
                                  .input_tokens_per_minute = limit(100'000),
                                  .output_tokens_per_minute = limit(30'000)};
    settings.accounts.emplace_back();
    settings.accounts[0].name = "main";
    settings.burst_s = static_cast<double>(random->below(3)) * 5;
    settings.output_accounting = static_cast<OutputAccounting>(random->below(3));
    if (random->below(2) == 0) {
        settings.scopes.push_back({.name = "key", .key = 1, .limits = {.requests_per_minute = 60}});
    }
    return settings;
}

Cost random_cost(Random* random) {
    return {.input_tokens = static_cast<std::int64_t>(random->below(5'000)),
            .output_tokens = static_cast<std::int64_t>(1 + random->below(1'000)),
            .max_output_tokens = static_cast<std::int64_t>(random->below(3'000))};
}

// One limiter with some traffic behind it.
class Bench {
public:
    explicit Bench(std::uint64_t seed) : random(seed), limiter(random_settings(&random)) {
        budgets = {limiter.budget(0, 0), limiter.budget(0, 0, 0, 1)};
        for (int i = 0; i < 30; ++i) step();
    }

    void step() {
        now += static_cast<TimeNs>(random.below(static_cast<std::uint64_t>(kNsPerS)));
        Reservation reservation;
        const Verdict verdict =
            limiter.reserve(any_budget(), random_cost(&random), now, &reservation);
        if (verdict.kind == Verdict::Kind::granted) held.push_back(reservation);
        if (held.empty() || random.below(2) == 0) return;
        Outcome outcome;
        outcome.usage.input_tokens = static_cast<std::int64_t>(random.below(5'000));
        outcome.usage.output_tokens = static_cast<std::int64_t>(random.below(1'000));
        limiter.settle(held.front(), outcome, now);
        held.erase(held.begin());
    }
    BudgetId any_budget() { return budgets[random.below(2)]; }

    Random random;
    Limiter limiter;
    std::array<BudgetId, 2> budgets{};
    std::vector<Reservation> held;
    TimeNs now = 0;
};

// visit(bench) at moments of many histories, with the seed named if something fails.
template <class F>
void at_many_moments(F&& visit) {
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        SCOPED_TRACE(seed);
        Bench bench(seed);
        for (int i = 0; i < 50; ++i) {
            bench.step();
            visit(bench);
        }
    }
}

TEST(ReserveBeside, IsAReservationThatKeepsThePromise) {
    int granted = 0;
    int broken = 0;
    int never = 0;
    at_many_moments([&](Bench& bench) {
        const Cost cost = random_cost(&bench.random);
        const BudgetId budget = bench.any_budget();
        Limiter::Promise promise{.budget = bench.any_budget(), .cost = random_cost(&bench.random)};
        const Verdict first = bench.limiter.estimate(promise.budget, promise.cost, bench.now);
        if (first.kind == Verdict::Kind::never || first.at == kNever) return;
        const auto slack = static_cast<std::uint64_t>(first.at - bench.now) / 2 + kNsPerS;
        promise.at = first.at + static_cast<TimeNs>(bench.random.below(slack));

        Limiter other = bench.limiter;
        Reservation taken;
        const Verdict alone = other.reserve(budget, cost, bench.now, &taken);
        const Verdict then = other.estimate(promise.budget, promise.cost, bench.now);
        const bool keeps = then.kind != Verdict::Kind::never && then.at <= promise.at;

        Limiter before = bench.limiter;
        Reservation reservation;
        const Verdict beside =
            bench.limiter.reserve_beside(promise, budget, cost, bench.now, &reservation);
        if (alone.kind != Verdict::Kind::granted) {
            EXPECT_EQ(beside.kind, alone.kind);
            if (beside.at == alone.at) return;
            // It need not be asked about again, as by then it could not keep the promise.
            EXPECT_EQ(beside.at, kNever);
            if (other.reserve(budget, cost, alone.at, &taken).kind != Verdict::Kind::granted)
                return;
            ++never;
            const Verdict late = other.estimate(promise.budget, promise.cost, alone.at);
            EXPECT_TRUE(late.kind == Verdict::Kind::never || late.at > promise.at);
            return;
        }
        ASSERT_EQ(beside.kind, keeps ? Verdict::Kind::granted : Verdict::Kind::not_before);
        ++(keeps ? granted : broken);
        // Either all of it was taken, or nothing.
        Limiter& like = keeps ? other : before;
        const Cost any = random_cost(&bench.random);
        for (const BudgetId each : bench.budgets) {
            EXPECT_EQ(bench.limiter.estimate(each, any, bench.now).at,
                      like.estimate(each, any, bench.now).at);
        }
        if (keeps) bench.held.push_back(reservation);
    });
    EXPECT_GT(granted, 500);
    EXPECT_GT(broken, 500);
    EXPECT_GT(never, 500);
}

// What breaks a promise by the input that it takes, with less of which another might keep it.
TEST(ReserveBeside, IsBrokenByAllThatTakesAsMuchInput) {
    int compared = 0;
    at_many_moments([&](Bench& bench) {
        const BudgetId budget = bench.any_budget();
        Limiter::Promise promise{.budget = bench.any_budget(), .cost = random_cost(&bench.random)};
        promise.at = bench.limiter.estimate(promise.budget, promise.cost, bench.now).at;
        if (promise.at == kNever) return;
        const auto reserve = [&](const Cost& cost) {
            Limiter any = bench.limiter;
            Reservation taken;
            return any.reserve_beside(promise, budget, cost, bench.now, &taken);
        };
        const Cost first = random_cost(&bench.random);
        const Verdict verdict = reserve(first);
        if (verdict.at != kNever || verdict.binding != LimitKind::input_tokens) return;
        const Cost other = random_cost(&bench.random);
        if (!waits_as_long(verdict.binding, other, first)) return;
        ++compared;
        EXPECT_EQ(reserve(other).at, kNever);
    });
    EXPECT_GT(compared, 500);
}

TEST(WaitsAsLong, IsNeverEarlier) {
    std::array<int, 3> compared{};
    at_many_moments([&](Bench& bench) {
        const BudgetId budget = bench.any_budget();
        const Cost first = random_cost(&bench.random);
        const Verdict verdict = bench.limiter.estimate(budget, first, bench.now);
        if (verdict.kind != Verdict::Kind::not_before) return;
        Cost other = random_cost(&bench.random);
        if (bench.random.below(2) == 0) {
            other.output_tokens = first.output_tokens;
            other.max_output_tokens = first.max_output_tokens;
        }
        if (!waits_as_long(verdict.binding, other, first)) return;
        ++compared[static_cast<std::size_t>(verdict.binding)];
        const Verdict then = bench.limiter.estimate(budget, other, bench.now);
        if (then.kind != Verdict::Kind::never) {
            EXPECT_GE(then.at, verdict.at);
        }
    });
    for (const int count : compared) EXPECT_GT(count, 100);
}

TEST(Observe, SaysWhetherItChangesWhatFits) {
    int unchanged = 0;
    int changed = 0;
    at_many_moments([&](Bench& bench) {
        if (bench.held.empty()) return;
        const Reservation& attempt = bench.held[bench.random.below(bench.held.size())];
        std::vector<Limiter::BucketView> views;
        bench.limiter.view(bench.now, &views);
        LimitReadings readings;
        for (const Limiter::BucketView& view : views) {
            if (view.scope != LimitSettings::Scope::kAny || bench.random.below(3) == 0) continue;
            LimitReading& reading = readings[view.kind];
            const double factor = bench.random.below(8) == 0 ? 0.5 : 1;
            reading.limit = static_cast<std::int64_t>(view.limit * factor);
            reading.remaining = static_cast<std::int64_t>(
                view.level + static_cast<double>(bench.random.below(400)));
            if (bench.random.below(2) == 0) reading.reset_in_ns = 20 * kNsPerS;
            reading.rounding = 1'000;
        }
        Limiter before = bench.limiter;
        const bool says = bench.limiter.observe(attempt, readings, bench.now);
        ++(says ? changed : unchanged);
        if (says) return;
        for (int k = 0; k < 5; ++k) {
            const Cost any = random_cost(&bench.random);
            const Verdict now = bench.limiter.estimate(bench.budgets[0], any, bench.now);
            const Verdict then = before.estimate(bench.budgets[0], any, bench.now);
            ASSERT_EQ(now.kind, then.kind);
            ASSERT_EQ(now.at, then.at);
        }
    });
    EXPECT_GT(unchanged, 500);
    EXPECT_GT(changed, 500);
}

}  // namespace
}  // namespace weir
