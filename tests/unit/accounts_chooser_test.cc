#include <gtest/gtest.h>

#include <map>

#include "accounts/account_chooser.h"

namespace weir {
namespace {

AccountsSettings three(AccountChoice choice) {
    AccountsSettings settings;
    settings.choice = choice;
    settings.accounts = {{.name = "a", .weight = 3}, {.name = "b", .weight = 2}, {.name = "c"}};
    return settings;
}

TEST(AccountChooser, RoundRobinTakesTurns) {
    AccountChooser chooser(three(AccountChoice::round_robin));
    for (std::uint16_t i = 0; i < 9; ++i) {
        const std::uint16_t first = chooser.order(0, {}).front();
        EXPECT_EQ(first, i % 3);
        chooser.chosen(first);
    }
}

TEST(AccountChooser, TheMostBudgetGoesFirst) {
    AccountChooser chooser(three(AccountChoice::most_budget));
    EXPECT_TRUE(chooser.wants_headroom());
    EXPECT_EQ(chooser.order(0, {0.1, 0.9, 0.5}), (std::vector<std::uint16_t>{1, 2, 0}));
}

TEST(AccountChooser, WeightsAreKeptSmoothly) {
    AccountChooser chooser(three(AccountChoice::weighted));
    std::map<std::uint16_t, int> taken;
    for (int i = 1; i <= 600; ++i) {
        const std::uint16_t first = chooser.order(0, {}).front();
        chooser.chosen(first);
        ++taken[first];
        EXPECT_NEAR(taken[0], i * 0.5, 1.5);
    }
    EXPECT_EQ(taken, (std::map<std::uint16_t, int>{{0, 300}, {1, 200}, {2, 100}}));
}

TEST(AccountChooser, StickyKeepsLikeRequestsTogetherAndSharesByWeight) {
    AccountChooser chooser(three(AccountChoice::sticky));
    std::map<std::uint16_t, int> taken;
    for (std::uint32_t affinity = 1; affinity <= 6'000; ++affinity) {
        const std::uint16_t first = chooser.order(affinity, {}).front();
        chooser.chosen(first);
        EXPECT_EQ(chooser.order(affinity, {}).front(), first);
        ++taken[first];
    }
    EXPECT_NEAR(taken[0], 3'000, 150);
    EXPECT_NEAR(taken[1], 2'000, 150);
}

TEST(AccountChooser, WhereStickyWhatIsLikeNothingGoesWhereMostIsLeft) {
    AccountChooser chooser(three(AccountChoice::sticky));
    EXPECT_TRUE(chooser.wants_headroom());
    EXPECT_EQ(chooser.order(0, {0.1, 0.9, 0.5}), (std::vector<std::uint16_t>{1, 2, 0}));
}

TEST(AccountChooser, AnAccountThatComesMovesOnlyItsShare) {
    AccountsSettings fewer = three(AccountChoice::sticky);
    AccountChooser before(fewer);
    fewer.accounts.push_back({.name = "d"});
    AccountChooser after(fewer);
    for (std::uint32_t affinity = 1; affinity < 2'000; ++affinity) {
        const std::uint16_t then = before.order(affinity, {}).front();
        const std::uint16_t now = after.order(affinity, {}).front();
        EXPECT_TRUE(now == then || now == 3);
    }
}

}  // namespace
}  // namespace weir
