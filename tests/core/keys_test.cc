// Keys that are revoked, replaced, added and retired under load, and limits of workspaces and keys,
// in virtual time.

#include <gtest/gtest.h>

#include "keys_world.h"
#include "weir/weir.h"

namespace weir::test {
namespace {

constexpr TimeNs kProbeNs = 30 * kS;
const std::vector<AccountSettings> kThreeKeys = {{.name = "one", .keys = {{"a"}, {"b"}, {"c"}}}};

TEST(Keys, OneOfThreeIsRevokedInFlightAndNothingIsLost) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        World world(settings_of(kThreeKeys), seed);
        world.submit(1'000);
        world.run_until(kStart + 5 * kS);
        world.revoke({0, 1});
        world.run_until(kStart + 20 * kS);
        EXPECT_GT(world.refused, 0) << "seed " << seed;
        EXPECT_LE(world.refused, world.in_flight_at_refusal) << "seed " << seed;
        EXPECT_EQ(world.state({0, 1}), KeyRing::State::quarantined);

        const std::size_t starts = world.starts[1].size();
        world.replace({0, 1});
        world.run_until(kStart + 22 * kS);
        EXPECT_GT(world.starts[1].size(), starts) << "seed " << seed;
        world.run_until(kStart + 200 * kS);
        EXPECT_EQ(world.succeeded, 1'000) << "seed " << seed;
        EXPECT_LE(world.refused, world.in_flight_at_refusal) << "seed " << seed;
        EXPECT_TRUE(world.failures.empty()) << "seed " << seed;
    }
}

TEST(Keys, AKeyThatTheProviderTakesAgainIsBackWithinTheProbeInterval) {
    World world(settings_of(kThreeKeys), 1);
    world.submit(3'000);
    world.run_until(kStart + 5 * kS);
    world.revoke({0, 1});
    world.run_until(kStart + 10 * kS);
    const std::size_t starts = world.starts[1].size();
    world.forgive();
    world.run_until(kStart + 10 * kS + kProbeNs);
    EXPECT_EQ(world.state({0, 1}), KeyRing::State::active);
    EXPECT_GT(world.starts[1].size(), starts + 1);
    world.run_until(kStart + 300 * kS);
    EXPECT_EQ(world.succeeded, 3'000);
    EXPECT_EQ(world.changes, (std::vector{KeyRing::State::quarantined, KeyRing::State::active}));
}

TEST(Keys, AKeyThatIsReplacedInFlightIsNotBlamedForTheOldSecret) {
    World world(settings_of({{.name = "one"}}), 1);
    world.submit(100);
    world.run_until(kStart + 2 * kS);
    const int in_flight = world.in_flight_with({0, 0});
    ASSERT_GT(in_flight, 10);
    world.revoke({0, 0});
    world.replace({0, 0});
    world.run_until(kStart + 20 * kS);
    EXPECT_EQ(world.refused, in_flight);
    EXPECT_EQ(world.succeeded, 100) << "the only key was good all the time";
    EXPECT_EQ(world.state({0, 0}), KeyRing::State::active);
    EXPECT_EQ(world.changes, std::vector{KeyRing::State::active});
}

TEST(Keys, ARetiredKeyFinishesWhatItHasAndTheQueueMovesOn) {
    World world(settings_of(kThreeKeys), 1);
    world.submit(500);
    world.run_until(kStart + 3 * kS);
    const std::size_t starts = world.starts[0].size();
    EXPECT_GT(world.in_flight_with({0, 0}), 0);
    world.retire({0, 0});
    const std::uint16_t added = world.add(0, "d");
    world.run_until(kStart + 100 * kS);
    EXPECT_EQ(world.succeeded, 500);
    EXPECT_EQ(world.starts[0].size(), starts);
    EXPECT_GT(world.starts[added].size(), 20u);
    EXPECT_EQ(world.state({0, 0}), KeyRing::State::retired);
}

// ---- Every key is out ----

TEST(Keys, WhereAllAreOutRequestsFailWithTheTimeAtWhichTheFirstComesBack) {
    World world(settings_of({{.name = "one"}, {.name = "two"}}), 1);
    world.refusal = OutcomeClass::spend_limit;
    world.retry_after_ns = 3'600 * kS;
    world.revoke({0, 0});
    world.revoke({1, 0});
    world.submit(10);
    world.run_until(kStart + 10 * kS);
    ASSERT_EQ(world.failures.size(), 10u);
    for (const World::Failure& failure : world.failures) {
        EXPECT_EQ(failure.status, WEIR_ERR_SPEND_LIMIT);
        if (&failure == &world.failures.front()) continue;
        EXPECT_GT(failure.keys_back_at, kStart + 3'600 * kS);
        EXPECT_LT(failure.keys_back_at, kStart + 3'602 * kS);
    }
    world.run_until(kStart + 20 * kS);
    world.submit(1);  // is never sent
    world.run_until(kStart + 20 * kS);
    ASSERT_EQ(world.failures.size(), 11u);
    EXPECT_EQ(world.failures.back().at, kStart + 20 * kS);
    EXPECT_EQ(world.failures.back().status, WEIR_ERR_SPEND_LIMIT);
    EXPECT_EQ(world.failures.back().keys_back_at, world.failures[9].keys_back_at);
}

TEST(Keys, WhereAllAreOutRequestsWaitUntilTheFirstComesBackAndNothingIsPolled) {
    CoreSettings settings = settings_of({{.name = "one"}, {.name = "two"}});
    settings.accounts.wait_when_all_out = true;
    World world(settings, 1);
    world.refusal = OutcomeClass::spend_limit;
    world.retry_after_ns = 3'600 * kS;
    world.revoke({0, 0});
    world.revoke({1, 0});
    world.submit(10);
    world.run_until(kStart + 10 * kS);
    const int turns = world.turns;
    world.run_until(kStart + 3'599 * kS);
    EXPECT_EQ(world.turns, turns);
    world.forgive();
    world.run_until(kStart + 3'606 * kS);
    EXPECT_EQ(world.succeeded, 10);
    EXPECT_TRUE(world.failures.empty());
}

TEST(Keys, WhereAWorkspaceHasNoMoneyItsOtherKeysNeedNotFindOut) {
    World world(
        settings_of(
            {{.name = "one", .keys = {{"a", 0}, {"b", 0}, {"c", 1}}, .workspaces = {"x", "y"}}}),
        1);
    world.refusal = OutcomeClass::spend_limit;
    world.of_workspace = true;
    world.revoke({0, 0});
    world.revoke({0, 1});
    world.submit(1);
    world.run_until(kStart + 5 * kS);
    world.submit(20);
    world.run_until(kStart + 20 * kS);
    EXPECT_EQ(world.refused, 1);
    EXPECT_EQ(world.succeeded, 21);
    EXPECT_EQ(world.state({0, 1}), KeyRing::State::cooling);
    EXPECT_EQ(world.state({0, 2}), KeyRing::State::active);
    EXPECT_TRUE(world.starts[1].empty());
    EXPECT_EQ(world.changes, (std::vector{KeyRing::State::cooling, KeyRing::State::cooling}));
}

TEST(Keys, WithoutAnyKeyRequestsFailOrWaitForOne) {
    for (const bool wait : {false, true}) {
        CoreSettings settings = settings_of({{.name = "one"}});
        settings.accounts.wait_when_all_out = wait;
        World world(settings, 1);
        world.retire({0, 0});
        world.submit(3);
        world.run_until(kStart + 1'000 * kS);
        EXPECT_EQ(world.failures.size(), wait ? 0u : 3u);
        for (const World::Failure& failure : world.failures) {
            EXPECT_EQ(failure.status, WEIR_ERR_NO_ACCOUNT);
            EXPECT_EQ(failure.keys_back_at, 0);
        }
        world.add(0, "more");
        world.run_until(kStart + 1'002 * kS);
        EXPECT_EQ(world.succeeded, wait ? 3 : 0);
    }
}

TEST(Keys, A403WithoutAnotherKeyIsAboutTheRequest) {
    World world(settings_of({{.name = "one"}}), 1);
    world.refusal = OutcomeClass::forbidden;
    world.revoke({0, 0});
    world.submit(5);
    world.run_until(kStart + 10 * kS);
    ASSERT_EQ(world.failures.size(), 5u);
    for (const World::Failure& failure : world.failures) {
        EXPECT_EQ(failure.status, WEIR_ERR_PERMISSION);
        EXPECT_EQ(failure.keys_back_at, 0);
    }
    EXPECT_TRUE(world.changes.empty());
}

// ---- Limits of workspaces and keys ----

// Starts of a key, or of all for kAny, from `from` until `until`.
int starts_in(World& world, std::uint16_t key, TimeNs from, TimeNs until) {
    int count = 0;
    for (const TimeNs at : world.starts[key]) count += at >= from && at < until ? 1 : 0;
    return count;
}

TEST(Scopes, EachKeyKeepsItsOwnLimitAndTheWorkspacesAndTogetherTheyUseTheAccounts) {
    // a and b share a workspace of 60 a minute, a may do 20 of them; c has 120; d has no limit but
    // the account's 240.
    CoreSettings settings = settings_of(
        {{.name = "one", .keys = {{"a", 0}, {"b", 0}, {"c", 1}, {"d"}}, .workspaces = {"x", "y"}}});
    settings.limits.classes[0].limits.requests_per_minute = 240;
    using Scope = LimitSettings::Scope;
    settings.limits.scopes = {
        Scope{.name = "x", .account = 0, .workspace = 0, .limits = {.requests_per_minute = 60}},
        Scope{.name = "a", .account = 0, .key = 0, .limits = {.requests_per_minute = 20}},
        Scope{.name = "c", .account = 0, .key = 2, .limits = {.requests_per_minute = 120}}};
    World world(settings, 1);
    world.submit(6'000);
    world.run_until(kStart + 720 * kS);
    const TimeNs from = kStart + 120 * kS;
    const TimeNs until = kStart + 720 * kS;
    const int a = starts_in(world, 0, from, until);
    const int b = starts_in(world, 1, from, until);
    const int c = starts_in(world, 2, from, until);
    const int d = starts_in(world, 3, from, until);
    EXPECT_LE(a, 203);
    EXPECT_LE(a + b, 606);
    EXPECT_LE(c, 1'210);
    EXPECT_GE(a + b + c + d, 2'370) << a << ' ' << b << ' ' << c << ' ' << d;
    EXPECT_LE(a + b + c + d, 2'420);
    EXPECT_GT(d, 500);

    // Without d the others go on, each at its own limit.
    world.retire({0, 3});
    world.run_until(kStart + 1'440 * kS);
    const TimeNs later_from = kStart + 840 * kS;
    const TimeNs end = kStart + 1'440 * kS;
    const int ab = starts_in(world, 0, later_from, end) + starts_in(world, 1, later_from, end);
    EXPECT_NEAR(ab, 600, 20);
    EXPECT_NEAR(starts_in(world, 2, later_from, end), 1'200, 25);
}

TEST(Scopes, ARequestThatFitsNoKeyFailsAndOneThatFitsTheKeyThatIsOutWaits) {
    CoreSettings settings = settings_of({{.name = "one", .keys = {{"a"}, {"b"}}}});
    using Scope = LimitSettings::Scope;
    settings.limits.scopes = {
        Scope{.name = "a", .account = 0, .key = 0, .limits = {.input_tokens_per_minute = 5}}};
    World world(settings, 1);
    world.submit(1);  // of 10 tokens: b's
    world.run_until(kStart + 2 * kS);
    EXPECT_EQ(world.succeeded, 1);
    EXPECT_TRUE(world.starts[0].empty());
    world.revoke({0, 1});
    world.submit(1);
    world.run_until(kStart + 4 * kS);
    EXPECT_EQ(world.state({0, 1}), KeyRing::State::quarantined);
    EXPECT_TRUE(world.failures.empty());
    world.forgive();
    world.run_until(kStart + 40 * kS);
    EXPECT_EQ(world.succeeded, 2);
    world.retire({0, 1});
    world.submit(1);
    world.run_until(kStart + 41 * kS);
    ASSERT_EQ(world.failures.size(), 1u);
    EXPECT_EQ(world.failures[0].status, WEIR_ERR_NEVER_FITS);
}

}  // namespace
}  // namespace weir::test
