// What is expected of a request, against what comes of it, in virtual time against the model of the
// API.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <vector>

#include "core/core.h"
#include "goodput_clients.h"

namespace weir::test {
namespace {

// The buckets are in use for so long before, so that what they hold is known.
constexpr TimeNs kBurstAt = 90 * kNsPerS;
constexpr int kBefore = 600;

struct Expected {
    std::uint64_t ahead;
    TimeNs starts_at;
    TimeNs not_before;  // by the outlook of its class, just before it was submitted
};

// A program that has a backlog, to which much is added at once.
class Burst : public Client {
public:
    Burst(const LimitSettings& limits, World* world, std::uint64_t seed)
        : world_(world), random_(seed), core_(settings(limits), &slab_, seed) {}

    void begin(TimeNs now) override {
        for (int i = 0; i < kBefore; ++i) submit(2, 1, now);
        advance(now);
    }
    void on_head(AttemptRef ref, const LimitReadings& readings, TimeNs now) override {
        core_.on_head(ids_[ref], false, readings, now);
    }
    void on_progress(AttemptRef ref, std::int64_t output_tokens, TimeNs now) override {
        core_.on_progress(ids_[ref], output_tokens, now);
    }
    void on_end(AttemptRef ref, const Outcome& outcome, TimeNs now) override {
        core_.on_end(ids_[ref], outcome, nullptr, now, &actions_);
    }
    void advance(TimeNs now) override {
        if (!burst_ && now >= kBurstAt) burst(now);
        for (;;) {
            core_.advance(now, &actions_);
            if (actions_.empty()) return;
            work_off(now);
        }
    }
    TimeNs next_timer() const override {
        return burst_ ? core_.next_timer() : std::min(core_.next_timer(), kBurstAt);
    }

    std::unordered_map<RequestIndex, Expected> expected;
    std::unordered_map<RequestIndex, TimeNs> started;
    std::vector<RequestIndex> order;  // of the starts since the burst

private:
    static CoreSettings settings(const LimitSettings& limits) {
        CoreSettings settings;
        settings.accounts.accounts.resize(limits.accounts.size());
        settings.max_in_flight = 4096;
        settings.limits = limits;
        settings.queue.ageing_ns = 0;
        return settings;
    }

    // First what is urgent; then much of one tenant, and a little of two others.
    void burst(TimeNs now) {
        burst_ = true;
        slab_.for_each([&](RequestIndex index) {
            if (slab_.at(index).state == Request::State::queued) expected[index] = {};
        });
        const auto many = [&](int count, std::uint8_t priority, std::uint64_t tenant) {
            for (int i = 0; i < count; ++i) submit(priority, tenant, now);
        };
        many(40, 1, 1);
        many(150, 2, 1);
        many(40, 2, 2);
        many(20, 2, 3);
        for (auto& [index, expectation] : expected) {
            const Expectation place = core_.place(index, now);
            expectation.ahead = place.ahead;
            expectation.starts_at = place.starts_at;
        }
    }

    void submit(std::uint8_t priority, std::uint64_t tenant, TimeNs now) {
        const Work work = world_->draw_work(0);
        const RequestIndex index = slab_.take();
        if (index >= works_.size()) works_.resize(index + 1);
        works_[index] = work;
        Request& request = slab_.at(index);
        request.submitted_at = now;
        request.priority = priority;
        request.tenant = tenant;
        request.input_tokens = static_cast<std::uint32_t>(work.estimated_input);
        if (!body_) {
            RequestHead head;
            head.max_tokens = static_cast<std::uint32_t>(work.max_tokens);
            body_ = BodyRef(BodyBlock::make("{}", head, {}));
        }
        request.body = body_;
        if (burst_) {
            const ClassOutlook::Level level = core_.outlook(0, now).levels[priority];
            const bool behind = level.tenant == tenant;
            expected[index] = {0, 0, behind ? level.not_before_behind : level.not_before};
        }
        core_.submit(index, now, &actions_);
    }

    void work_off(TimeNs now) {
        std::vector<Action> actions;
        actions.swap(actions_);
        for (const Action& action : actions) {
            if (action.kind == Action::Kind::start) {
                const AttemptRef ref = world_->send(action.account, works_[action.request], now);
                if (ref >= ids_.size()) ids_.resize(ref + 1);
                ids_[ref] = action.attempt;
                if (burst_ && !started.contains(action.request)) {
                    started[action.request] = now;
                    order.push_back(action.request);
                }
            }
            // A slot is not given back: its index stays the request's name.
        }
    }

    World* world_;
    Random random_;
    RequestSlab slab_;
    Core core_;
    bool burst_ = false;
    BodyRef body_;
    std::vector<Work> works_;     // by request
    std::vector<AttemptId> ids_;  // by attempt of the world
    std::vector<Action> actions_;
};

struct Case {
    const char* name;
    model::Limits limits;
    RampMode ramp = RampMode::off;
    double provider_growth = 0;  // in each minute, of what it accepts; 0: all the limits at once
    TimeNs doubling_ns = 60 * kNsPerS;
};
constexpr Case kCases[] = {{"requests bind", {200, 900'000, 240'000, 0}},
                           {"input binds", {1000, 300'000, 240'000, 0}},
                           {"output binds", {1000, 900'000, 80'000, 0}}};

World::Settings world_of(const Case& c, std::uint64_t seed) {
    World::Settings settings;
    settings.model = model::simple_config(c.limits);
    if (c.provider_growth > 0) {
        settings.model.classes[0].enforcement.ramp = {.start_per_minute = 60'000,
                                                      .growth_factor = c.provider_growth};
    }
    settings.seed = seed;
    settings.model.seed = seed;
    return settings;
}

LimitSettings limits_of(const Case& c) {
    LimitSettings limits;
    limits.classes.push_back(
        {.name = "any",
         .models = {"*"},
         .limits = {.requests_per_minute = c.limits.requests_per_minute,
                    .input_tokens_per_minute = c.limits.input_tokens_per_minute,
                    .output_tokens_per_minute = c.limits.output_tokens_per_minute}});
    limits.accounts.push_back({.name = "main", .limits = {}});
    limits.output_accounting = OutputAccounting::produced;
    limits.ramp = c.ramp;
    limits.slow_start.doubling_ns = c.doubling_ns;
    return limits;
}

double seconds(TimeNs time) { return static_cast<double>(time) / 1e9; }

class Outlook : public testing::TestWithParam<Case> {};

TEST_P(Outlook, ExpectedStartsAndPlacesComeTrue) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE(testing::Message() << "seed " << seed);
        World world(world_of(GetParam(), seed));
        Burst burst(limits_of(GetParam()), &world, seed);
        burst.begin(0);
        world.run(&burst, kBurstAt + 10 * kNsPerMinute);
        ASSERT_EQ(burst.order.size(), burst.expected.size()) << "not all have started";
        ASSERT_GE(burst.expected.size(), 250u);

        std::size_t far_off = 0;
        std::size_t misplaced = 0;
        TimeNs longest = 0;
        for (std::size_t i = 0; i < burst.order.size(); ++i) {
            const Expected& expected = burst.expected.at(burst.order[i]);
            const TimeNs started = burst.started.at(burst.order[i]);
            ASSERT_LE(expected.not_before, started) << "the hopeful bound is none, at " << i;
            const double wait = seconds(started - kBurstAt);
            const double off = std::abs(seconds(expected.starts_at - started));
            if (off > 4 + 0.25 * wait) ++far_off;
            const auto ahead = static_cast<double>(expected.ahead);
            if (std::abs(ahead - static_cast<double>(i)) > 25) ++misplaced;
            longest = std::max(longest, expected.not_before - kBurstAt);
        }
        EXPECT_LE(far_off, burst.order.size() / 10);
        EXPECT_LE(misplaced, burst.order.size() / 10);
        EXPECT_GT(longest, 20 * kNsPerS) << "the hopeful bound says too little to be of use";
    }
}

// What holds back is not a limit but growth: a start that is slow on purpose, or the pace after the
// provider has refused growth.
constexpr Case kGrowing[] = {
    {"requests, a slow start", {200, 900'000, 240'000, 0}, RampMode::on},
    {"input, a slow start", {1000, 600'000, 240'000, 0}, RampMode::on},
    {"input, a slower start", {1000, 600'000, 240'000, 0}, RampMode::on, 0, 120 * kNsPerS},
    {"input, the provider's growth by a fifth", {1000, 900'000, 240'000, 0}, RampMode::off, 1.2},
    {"input, the provider's growth by half", {1000, 900'000, 240'000, 0}, RampMode::off, 1.5}};

class GrowingOutlook : public testing::TestWithParam<Case> {};

// Nine of ten wait no longer than twice of what was expected, and no less than half of it, but for
// four seconds; three times and a third of it where nobody knows what the provider will refuse.
// None waits less than the hopeful bound.
TEST_P(GrowingOutlook, ExpectedStartsComeTrueWithinAFactor) {
    const double factor = GetParam().provider_growth > 0 ? 3 : 2;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        SCOPED_TRACE(testing::Message() << GetParam().name << ", seed " << seed);
        World world(world_of(GetParam(), seed));
        Burst burst(limits_of(GetParam()), &world, seed);
        burst.begin(0);
        world.run(&burst, kBurstAt + 60 * kNsPerMinute);
        ASSERT_GE(burst.expected.size(), 250u);
        std::size_t far_off = 0;
        double longest = 0;
        for (const auto& [index, expected] : burst.expected) {
            ASSERT_TRUE(burst.started.contains(index)) << "not all have started";
            const TimeNs started = burst.started.at(index);
            ASSERT_LE(expected.not_before, started) << "the hopeful bound is none";
            const double wait = seconds(started - kBurstAt);
            const double expected_wait = seconds(expected.starts_at - kBurstAt);
            if (expected_wait > factor * wait + 4 || wait > factor * expected_wait + 4) ++far_off;
            longest = std::max(longest, seconds(expected.not_before - kBurstAt));
        }
        EXPECT_LE(far_off, burst.expected.size() / 10);
        EXPECT_GT(longest, 30) << "the hopeful bound says too little to be of use";
    }
}

INSTANTIATE_TEST_SUITE_P(Growth, GrowingOutlook, testing::ValuesIn(kGrowing));

INSTANTIATE_TEST_SUITE_P(Limits, Outlook, testing::ValuesIn(kCases));

}  // namespace
}  // namespace weir::test
