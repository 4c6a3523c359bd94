#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "accounts/key_ring.h"

namespace weir {
namespace {

constexpr TimeNs kNow = 1'000 * kNsPerS;

Outcome outcome(OutcomeClass cls) {
    Outcome result;
    result.cls = cls;
    return result;
}

class KeyRingTest : public ::testing::Test {
protected:
    KeyRing::Pick pick(TimeNs now = kNow, std::uint16_t account = 0) {
        KeyRing::Pick result;
        EXPECT_TRUE(ring_.pick(account, now, &result));
        return result;
    }
    bool end(const KeyRing::Pick& pick, OutcomeClass cls, TimeNs now = kNow) {
        return ring_.on_outcome(pick, outcome(cls), now);
    }
    KeyRing ring_{{AccountSettings{.name = "one", .keys = {{"a"}, {"b", 0}, {"c"}}},
                   AccountSettings{.name = "two"}}};
};

TEST_F(KeyRingTest, KeysTakeTurns) {
    std::map<std::uint16_t, int> taken;
    for (int i = 0; i < 30; ++i) ++taken[pick().id.key];
    EXPECT_EQ(taken, (std::map<std::uint16_t, int>{{0, 10}, {1, 10}, {2, 10}}));
}

TEST_F(KeyRingTest, ARefusedKeyIsQuarantinedAtOnceAndTheOthersGoOn) {
    const KeyRing::Pick refused = pick();
    EXPECT_TRUE(end(refused, OutcomeClass::bad_key));
    for (int i = 0; i < 10; ++i) EXPECT_NE(pick().id.key, refused.id.key);
    EXPECT_TRUE(ring_.usable(0, kNow));
}

TEST_F(KeyRingTest, AQuarantinedKeyIsTriedByOneRequestAtATime) {
    const KeyRing::Pick first = pick(kNow, 1);
    end(first, OutcomeClass::bad_key);
    EXPECT_FALSE(ring_.usable(1, kNow));
    const TimeNs at = ring_.usable_at(1);
    EXPECT_EQ(at, kNow + 30 * kNsPerS);
    const KeyRing::Pick trial = pick(at, 1);
    EXPECT_TRUE(trial.trial);
    EXPECT_FALSE(ring_.usable(1, at));
    EXPECT_EQ(ring_.usable_at(1), kNever);
    end(trial, OutcomeClass::bad_key, at);
    EXPECT_EQ(ring_.usable_at(1), at + 60 * kNsPerS) << "the second trial comes later";
    const KeyRing::Pick second = pick(at + 60 * kNsPerS, 1);
    EXPECT_TRUE(end(second, OutcomeClass::success, at + 61 * kNsPerS));
    EXPECT_FALSE(pick(at + 61 * kNsPerS, 1).trial);
}

TEST_F(KeyRingTest, StragglersDoNotChangeAQuarantine) {
    const KeyRing::Pick a = pick(kNow, 1);
    const KeyRing::Pick b = pick(kNow, 1);
    const KeyRing::Pick c = pick(kNow, 1);
    EXPECT_TRUE(end(a, OutcomeClass::bad_key));
    EXPECT_FALSE(end(b, OutcomeClass::bad_key));
    EXPECT_FALSE(end(c, OutcomeClass::success));
    EXPECT_EQ(ring_.usable_at(1), kNow + 30 * kNsPerS);
}

TEST_F(KeyRingTest, ATrialThatSaysNothingLetsTheNextOneTry) {
    end(pick(kNow, 1), OutcomeClass::forbidden);
    const TimeNs at = ring_.usable_at(1);
    end(pick(at, 1), OutcomeClass::aborted, at);
    EXPECT_TRUE(pick(at, 1).trial);
}

TEST_F(KeyRingTest, ASpendLimitCoolsDownUntilTheStatedTime) {
    Outcome spent = outcome(OutcomeClass::spend_limit);
    spent.retry_after_ns = 5 * 3'600 * kNsPerS;
    EXPECT_TRUE(ring_.on_outcome(pick(kNow, 1), spent, kNow));
    EXPECT_EQ(ring_.usable_at(1), kNow + spent.retry_after_ns);
    EXPECT_EQ(ring_.view().back().state, KeyRing::State::cooling);
    EXPECT_EQ(ring_.view().back().reason, OutcomeClass::spend_limit);
}

TEST_F(KeyRingTest, KeysThatArePaidFromOnePurseAreSpentTogether) {
    for (const bool of_workspace : {false, true}) {
        ring_.replaced({0, 0});
        ring_.replaced({0, 1});
        ring_.replaced({0, 2});
        KeyRing::Pick spent = pick();
        while (spent.id.key != 0) spent = pick();
        ASSERT_TRUE(end(spent, OutcomeClass::spend_limit));
        std::vector<std::uint16_t> with_it;
        ring_.spend_together(spent, of_workspace, [&](KeyId id) { with_it.push_back(id.key); });
        // The second key has a workspace, the others have none.
        const std::vector<std::uint16_t> all{1, 2};
        EXPECT_EQ(with_it, of_workspace ? std::vector<std::uint16_t>{2} : all);
        EXPECT_EQ(ring_.usable(0, kNow), of_workspace);
        EXPECT_EQ(ring_.view({0, 2}).until, ring_.view({0, 0}).until);
        EXPECT_EQ(ring_.view({0, 2}).reason, OutcomeClass::spend_limit);
    }
}

TEST_F(KeyRingTest, OtherOutcomesSayNothingOfAKey) {
    for (const auto cls : {OutcomeClass::rate_limited, OutcomeClass::overloaded,
                           OutcomeClass::server_error, OutcomeClass::bad_request}) {
        EXPECT_FALSE(end(pick(kNow, 1), cls));
        EXPECT_TRUE(ring_.usable(1, kNow));
    }
}

TEST_F(KeyRingTest, KeysComeAndGoWhileRunning) {
    const KeyRing::Pick old = pick(kNow, 1);
    const std::uint16_t added = ring_.add(1, "more");
    ring_.retire(old.id);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(pick(kNow, 1).id.key, added);
    EXPECT_FALSE(end(old, OutcomeClass::success));
    EXPECT_EQ(ring_.view()[3].in_flight, 0u);
    ring_.replaced(old.id);
    EXPECT_EQ(ring_.view()[3].state, KeyRing::State::active);
}

TEST_F(KeyRingTest, KeysHaveNamesAndWorkspaces) {
    EXPECT_EQ(ring_.find(0, "b"), 1);
    EXPECT_EQ(ring_.find(0, "main"), KeyRing::kNoKey);
    EXPECT_EQ(ring_.find(1, "main"), 0);
    EXPECT_EQ(ring_.name({0, 2}), "c");
    EXPECT_EQ(ring_.workspace({0, 1}), 0);
    EXPECT_EQ(ring_.workspace({0, 2}), KeySettings::kNoWorkspace);
}

TEST_F(KeyRingTest, WhatIsInFlightWithAnOldSecretSaysNothingOfTheNewOne) {
    const KeyRing::Pick old = pick(kNow, 1);
    EXPECT_TRUE(ring_.is_current(old));
    ring_.replaced(old.id);
    EXPECT_FALSE(ring_.is_current(old));
    EXPECT_FALSE(end(old, OutcomeClass::bad_key));
    EXPECT_EQ(ring_.view().back().state, KeyRing::State::active);
    EXPECT_EQ(ring_.view().back().in_flight, 0u);
}

TEST_F(KeyRingTest, TheEndOfAnOldTrialDoesNotLetASecondOneStart) {
    end(pick(kNow, 1), OutcomeClass::bad_key);
    const TimeNs first_at = ring_.usable_at(1);
    const KeyRing::Pick old_trial = pick(first_at, 1);
    ring_.replaced(old_trial.id);
    end(pick(first_at, 1), OutcomeClass::bad_key, first_at);
    const TimeNs second_at = ring_.usable_at(1);
    EXPECT_TRUE(pick(second_at, 1).trial);
    end(old_trial, OutcomeClass::success, second_at);
    EXPECT_FALSE(ring_.usable(1, second_at));
}

TEST_F(KeyRingTest, AddedKeysLeaveTheirPlacesToOthersAndConfiguredOnesDoNot) {
    ring_.retire({0, 0});
    const std::uint16_t first = ring_.add(0, "first");
    EXPECT_EQ(first, 3);
    KeyRing::Pick taken;
    do taken = pick();
    while (taken.id.key != first);
    ring_.retire({0, first});
    EXPECT_EQ(ring_.add(0, "second"), 4) << "the first has something in flight";
    end(taken, OutcomeClass::success);
    EXPECT_EQ(ring_.add(0, "third"), first);
    EXPECT_EQ(ring_.find(0, "first"), KeyRing::kNoKey);
    EXPECT_EQ(ring_.name({0, first}), "third");
    while (ring_.keys(0) < KeyRing::kMostKeys) ring_.add(0, std::to_string(ring_.keys(0)));
    EXPECT_EQ(ring_.add(0, "one too many"), KeyRing::kNoKey);
}

TEST_F(KeyRingTest, SaysWhenTheFirstComesBack) {
    for (int i = 0; i < 3; ++i) end(pick(kNow + i), OutcomeClass::bad_key, kNow + i);
    Outcome spent = outcome(OutcomeClass::spend_limit);
    spent.retry_after_ns = 10 * kNsPerS;
    ring_.on_outcome(pick(kNow, 1), spent, kNow);
    EXPECT_EQ(ring_.earliest_usable_at(), kNow + 10 * kNsPerS);
}

}  // namespace
}  // namespace weir
