#include <gtest/gtest.h>

#include "retry/backoff.h"
#include "retry/policy.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr TimeNs kNow = 1'000 * kNsPerS;

Outcome outcome(OutcomeClass cls) {
    Outcome result;
    result.cls = cls;
    return result;
}

Decision decide_first(const Outcome& result, TimeNs deadline_at = kNever) {
    Random random(1);
    const bool refused = rule(result.cls).action == OutcomeRule::Action::wait_bucket;
    return decide(result, {.refusals = refused ? 1 : 0, .deadline_at = deadline_at},
                  RetrySettings(), kNow, &random);
}

TEST(RetryPolicy, EveryClassHasItsVerdict) {
    struct Row {
        OutcomeClass cls;
        Decision::Kind kind;
        std::int32_t status;
    };
    using K = Decision::Kind;
    const Row rows[] = {
        {OutcomeClass::success, K::deliver, WEIR_OK},
        {OutcomeClass::rate_limited, K::requeue, 0},
        {OutcomeClass::acceleration, K::requeue, 0},
        {OutcomeClass::spend_limit, K::fail, WEIR_ERR_SPEND_LIMIT},
        {OutcomeClass::overloaded, K::requeue, 0},
        {OutcomeClass::server_error, K::requeue, 0},
        {OutcomeClass::connection, K::requeue, 0},
        {OutcomeClass::no_memory, K::requeue, 0},
        {OutcomeClass::tls, K::fail, WEIR_ERR_TLS},
        {OutcomeClass::timeout, K::requeue, 0},
        {OutcomeClass::broken, K::requeue, 0},
        {OutcomeClass::unreadable, K::requeue, 0},
        {OutcomeClass::too_large, K::fail, WEIR_ERR_RESPONSE_TOO_LARGE},
        {OutcomeClass::stream_error, K::requeue, 0},
        {OutcomeClass::bad_key, K::fail, WEIR_ERR_AUTHENTICATION},
        {OutcomeClass::forbidden, K::fail, WEIR_ERR_PERMISSION},
        {OutcomeClass::on_hold, K::fail, WEIR_ERR_PERMISSION},
        {OutcomeClass::payer_limit, K::fail, WEIR_ERR_SPEND_LIMIT},
        {OutcomeClass::bad_request, K::fail, WEIR_ERR_REJECTED},
        {OutcomeClass::aborted, K::fail, WEIR_ERR_CANCELLED},
    };
    static_assert(std::size(rows) == kOutcomeClasses);
    for (const Row& row : rows) {
        const Decision decision = decide_first(outcome(row.cls));
        EXPECT_EQ(decision.kind, row.kind) << rule(row.cls).name;
        EXPECT_EQ(decision.status, row.status) << rule(row.cls).name;
    }
}

TEST(RetryPolicy, TheServersVerdictCounts) {
    Outcome refused = outcome(OutcomeClass::overloaded);
    refused.should_retry = 0;
    EXPECT_EQ(decide_first(refused).kind, Decision::Kind::fail);
    Outcome allowed = outcome(OutcomeClass::bad_request);
    allowed.should_retry = 1;
    EXPECT_EQ(decide_first(allowed).kind, Decision::Kind::requeue);
}

// It was paid for each time.
TEST(RetryPolicy, AnAnswerThatCannotBeReadIsAskedForOnceMore) {
    Random random(1);
    const Outcome unreadable = outcome(OutcomeClass::unreadable);
    EXPECT_EQ(decide(unreadable, {.attempts = 3}, RetrySettings(), kNow, &random).kind,
              Decision::Kind::requeue);
    EXPECT_EQ(
        decide(unreadable, {.attempts = 2, .read_nothing = true}, RetrySettings(), kNow, &random)
            .kind,
        Decision::Kind::fail);
}

TEST(RetryPolicy, ASpendLimitIsNeverRetried) {
    Outcome spent = outcome(OutcomeClass::spend_limit);
    spent.should_retry = 1;
    EXPECT_EQ(decide_first(spent).kind, Decision::Kind::fail);
}

TEST(RetryPolicy, WhatIsAboutAKeyGoesToAnotherOne) {
    Random random(1);
    for (const auto cls :
         {OutcomeClass::bad_key, OutcomeClass::forbidden, OutcomeClass::spend_limit}) {
        Outcome refused = outcome(cls);
        refused.should_retry = 0;
        refused.retry_after_ns = 3'600 * kNsPerS;
        EXPECT_TRUE(not_its_fault(refused, false));
        const Decision decision =
            decide(refused, {.refusals = 1, .deadline_at = kNow + kNsPerS, .elsewhere_at = kNow},
                   RetrySettings(), kNow, &random);
        EXPECT_EQ(decision.kind, Decision::Kind::requeue);
        EXPECT_EQ(decision.not_before, 0) << "the wait is the refused key's, not the request's";
    }
}

TEST(RetryPolicy, AFailedProbeOfAnEndpointIsNotTheRequestsFault) {
    Random random(1);
    const Outcome out = outcome(OutcomeClass::overloaded);
    EXPECT_TRUE(not_its_fault(out, true));
    EXPECT_FALSE(not_its_fault(out, false));
    EXPECT_FALSE(not_its_fault(outcome(OutcomeClass::broken), true));
    Outcome late = outcome(OutcomeClass::timeout);
    EXPECT_TRUE(not_its_fault(late, true)) << "no connection in time";
    late.maybe_executed = true;
    EXPECT_FALSE(not_its_fault(late, true));
    const Decision decision = decide(out, {.attempts = 50, .refusals = 50, .probe = true},
                                     RetrySettings(), kNow, &random);
    EXPECT_EQ(decision.kind, Decision::Kind::requeue);
    EXPECT_FALSE(decision.paid);
    EXPECT_GT(decision.not_before, kNow) << "the next probe is another request's";
}

TEST(RetryPolicy, ContentThatWasDeliveredEndsTheRetries) {
    Outcome late = outcome(OutcomeClass::stream_error);
    late.content_delivered = true;
    EXPECT_EQ(decide_first(late).kind, Decision::Kind::fail);
    EXPECT_EQ(decide_first(late).status, WEIR_ERR_STREAM_BROKEN);
}

TEST(RetryPolicy, AKeyThatIsRefusedAfterContentEndsTheStream) {
    Outcome late = outcome(OutcomeClass::bad_key);
    late.content_delivered = true;
    Random random(1);
    const Situation another{.refusals = 1, .elsewhere_at = kNow};
    EXPECT_EQ(decide(late, another, RetrySettings(), kNow, &random).kind, Decision::Kind::fail);
    late.content_delivered = false;
    EXPECT_EQ(decide(late, another, RetrySettings(), kNow, &random).kind, Decision::Kind::requeue);
}

TEST(RetryPolicy, AStreamBeginsAgainWhereItsCallerAllowsIt) {
    Outcome late = outcome(OutcomeClass::stream_error);
    late.content_delivered = true;
    late.maybe_executed = true;
    RetrySettings careful;
    careful.after_timeout = false;
    Random random(1);
    const Situation allowed{.may_restart = true};
    EXPECT_EQ(decide(late, allowed, careful, kNow, &random).kind, Decision::Kind::requeue);
    late.should_retry = 0;
    EXPECT_EQ(decide(late, allowed, careful, kNow, &random).kind, Decision::Kind::fail);
    late = outcome(OutcomeClass::timeout);
    late.maybe_executed = true;
    EXPECT_EQ(decide(late, allowed, careful, kNow, &random).kind, Decision::Kind::fail)
        << "there is nothing to begin again";
}

TEST(RetryPolicy, WhatMayHaveBeenExecutedIsRepeatedOnlyIfConfigured) {
    Outcome lost = outcome(OutcomeClass::timeout);
    lost.maybe_executed = true;
    EXPECT_EQ(decide_first(lost).kind, Decision::Kind::requeue);
    RetrySettings careful;
    careful.after_timeout = false;
    Random random(1);
    EXPECT_EQ(decide(lost, {}, careful, kNow, &random).kind, Decision::Kind::fail);
}

TEST(RetryPolicy, RetryAfterIsAFloorOfAnyLength) {
    Outcome busy = outcome(OutcomeClass::overloaded);
    busy.retry_after_ns = 7'200 * kNsPerS;
    EXPECT_GE(decide_first(busy).not_before, kNow + busy.retry_after_ns);
    busy.retry_after_ns = 1;
    EXPECT_GE(decide_first(busy).not_before, kNow + 300 * kNsPerMs) << "our own backoff is one too";
}

TEST(RetryPolicy, AWaitBeyondTheDeadlineFailsAtOnce) {
    Outcome busy = outcome(OutcomeClass::rate_limited);
    busy.retry_after_ns = 60 * kNsPerS;
    EXPECT_EQ(decide_first(busy, kNow + 59 * kNsPerS).kind, Decision::Kind::fail);
    EXPECT_EQ(decide_first(busy, kNow + 61 * kNsPerS).kind, Decision::Kind::requeue);
}

TEST(RetryPolicy, AWaitThatIsTooLongGoesToAnotherAccount) {
    Random random(1);
    Outcome busy = outcome(OutcomeClass::rate_limited);
    busy.retry_after_ns = 7'200 * kNsPerS;
    Situation situation{.refusals = 1, .deadline_at = kNow + 60 * kNsPerS};
    const auto kind = [&](const RetrySettings& settings) {
        return decide(busy, situation, settings, kNow, &random).kind;
    };
    EXPECT_EQ(kind(RetrySettings()), Decision::Kind::fail);
    situation.elsewhere_at = kNow + 61 * kNsPerS;
    EXPECT_EQ(kind(RetrySettings()), Decision::Kind::fail) << "there it would be too late as well";
    situation.elsewhere_at = kNow + 59 * kNsPerS;
    EXPECT_EQ(kind(RetrySettings()), Decision::Kind::requeue);

    RetrySettings impatient;
    impatient.max_wait_ns = 30 * kNsPerS;
    situation = {.refusals = 1};
    EXPECT_EQ(kind(RetrySettings()), Decision::Kind::requeue) << "nothing bounds the wait";
    EXPECT_EQ(kind(impatient), Decision::Kind::fail);
    situation.elsewhere_at = kNow + 29 * kNsPerS;
    EXPECT_EQ(kind(impatient), Decision::Kind::requeue);
    busy = outcome(OutcomeClass::overloaded);
    busy.retry_after_ns = 7'200 * kNsPerS;
    EXPECT_EQ(kind(impatient), Decision::Kind::fail) << "overload is not one account's";
}

TEST(RetryPolicy, AClassMayHaveAPaceOfItsOwn) {
    Random random(1);
    RetrySettings settings;
    settings.own[static_cast<std::size_t>(OutcomeClass::overloaded)] = {
        .max_attempts = 2, .base_ns = 60 * kNsPerS, .cap_ns = 90 * kNsPerS};
    const auto decided = [&](OutcomeClass cls, int attempts) {
        return decide(outcome(cls), {.attempts = attempts}, settings, kNow, &random);
    };
    EXPECT_GE(decided(OutcomeClass::overloaded, 1).not_before, kNow + 45 * kNsPerS);
    EXPECT_EQ(decided(OutcomeClass::overloaded, 2).kind, Decision::Kind::fail);
    EXPECT_LE(decided(OutcomeClass::server_error, 1).not_before, kNow + kNsPerS);
    EXPECT_EQ(decided(OutcomeClass::server_error, 2).kind, Decision::Kind::requeue);
}

TEST(RetryPolicy, AttemptsAndRefusalsAreBoundedApart) {
    Random random(1);
    RetrySettings settings;
    settings.max_attempts = 3;
    settings.max_refusals = 5;
    const Outcome failed = outcome(OutcomeClass::server_error);
    const Outcome refused = outcome(OutcomeClass::rate_limited);
    const auto kind = [&](const Outcome& result, int attempts, int refusals) {
        return decide(result, {.attempts = attempts, .refusals = refusals}, settings, kNow, &random)
            .kind;
    };
    EXPECT_EQ(kind(failed, 2, 0), Decision::Kind::requeue);
    EXPECT_EQ(kind(failed, 3, 0), Decision::Kind::fail);
    EXPECT_EQ(kind(failed, 6, 4), Decision::Kind::requeue) << "refusals are not attempts";
    EXPECT_EQ(kind(refused, 6, 4), Decision::Kind::requeue);
    EXPECT_EQ(kind(refused, 6, 5), Decision::Kind::fail);
}

TEST(RetryPolicy, BackoffDoublesToItsCapWithinItsJitter) {
    RetrySettings settings;
    settings.base_ns = kNsPerS;
    settings.cap_ns = 8 * kNsPerS;
    struct Row {
        Jitter jitter;
        double low, high;
    };
    for (const Row& row :
         {Row{Jitter::full, 0, 1}, Row{Jitter::equal, 0.5, 1}, Row{Jitter::fraction, 0.75, 1.25}}) {
        settings.jitter = row.jitter;
        Random random(3);
        double sum = 0;
        for (int failures = 1; failures <= 40; ++failures) {
            const double full = std::min(8.0, static_cast<double>(1ull << (failures - 1)));
            const double pause =
                static_cast<double>(backoff(failures, settings.pace(), settings, &random)) / 1e9;
            EXPECT_GE(pause, full * row.low);
            EXPECT_LE(pause, full * row.high);
            sum += pause / full;
        }
        EXPECT_NEAR(sum / 40, (row.low + row.high) / 2, 0.12);
    }
}

// The means of a chain in which each pause is uniform from the base to three times the last one:
// m' = (base + 3 m) / 2, as long as the cap is far away.
TEST(RetryPolicy, DecorrelatedPausesAreThoseOfTheChain) {
    RetrySettings settings;
    settings.jitter = Jitter::decorrelated;
    settings.base_ns = kNsPerS;
    settings.cap_ns = 1'000 * kNsPerS;
    Random random(5);
    double mean = 1;
    for (int failures = 1; failures <= 4; ++failures) {
        mean = (1 + 3 * mean) / 2;
        double sum = 0;
        constexpr int kDraws = 20'000;
        for (int i = 0; i < kDraws; ++i) {
            const TimeNs pause = backoff(failures, settings.pace(), settings, &random);
            EXPECT_GE(pause, settings.base_ns);
            sum += static_cast<double>(pause) / 1e9 / kDraws;
        }
        EXPECT_NEAR(sum, mean, 0.05 * mean) << failures;
    }
    settings.cap_ns = 2 * kNsPerS;
    for (int i = 0; i < 1'000; ++i) {
        EXPECT_LE(backoff(20, settings.pace(), settings, &random), settings.cap_ns);
    }
}

}  // namespace
}  // namespace weir
