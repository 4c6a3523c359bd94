#include "retry/policy.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "retry/backoff.h"
#include "weir/weir.h"

namespace weir {

namespace {

using A = OutcomeRule::Action;
using S = OutcomeRule::Scope;

// In the order of OutcomeClass.
constexpr std::array<OutcomeRule, kOutcomeClasses> kRules = {{
    {"success", A::deliver, S::request, WEIR_OK},
    {"rate_limited", A::wait_bucket, S::bucket, WEIR_ERR_RATE_LIMITED},
    {"acceleration", A::wait_bucket, S::account, WEIR_ERR_RATE_LIMITED},
    {"spend_limit", A::other_key, S::account, WEIR_ERR_SPEND_LIMIT},
    {"overloaded", A::back_off, S::model, WEIR_ERR_OVERLOADED},
    {"server_error", A::back_off, S::provider, WEIR_ERR_SERVER},
    {"connection", A::back_off, S::provider, WEIR_ERR_CONNECTION},
    {"tls", A::fail, S::provider, WEIR_ERR_TLS},
    {"timeout", A::back_off, S::request, WEIR_ERR_ATTEMPT_TIMEOUT},
    {"broken", A::back_off, S::request, WEIR_ERR_BROKEN_RESPONSE},
    {"too_large", A::fail, S::request, WEIR_ERR_RESPONSE_TOO_LARGE},
    {"stream_error", A::back_off, S::model, WEIR_ERR_STREAM_BROKEN},
    {"bad_key", A::other_key, S::key, WEIR_ERR_AUTHENTICATION},
    {"forbidden", A::other_key, S::key, WEIR_ERR_PERMISSION},
    {"bad_request", A::fail, S::request, WEIR_ERR_REJECTED},
    {"aborted", A::fail, S::request, WEIR_ERR_CANCELLED},
}};

// The server's own verdict counts, but not over content that the caller has already seen.
bool may_repeat(const Outcome& outcome, const RetrySettings& settings) {
    if (outcome.content_delivered || outcome.cls == OutcomeClass::aborted) return false;
    if (outcome.maybe_executed && !settings.after_timeout) return false;
    if (outcome.should_retry >= 0) return outcome.should_retry == 1;
    return rule(outcome.cls).action != A::fail;
}

}  // namespace

const OutcomeRule& rule(OutcomeClass cls) { return kRules[static_cast<std::size_t>(cls)]; }

bool not_its_fault(const Outcome& outcome, bool trial) {
    const OutcomeRule& row = rule(outcome.cls);
    return row.action == A::wait_bucket || row.action == A::other_key ||
           (trial && (row.scope == S::model || row.scope == S::provider));
}

Decision decide(const Outcome& outcome, bool trial, bool elsewhere, int attempts, int refusals,
                TimeNs deadline_at, const RetrySettings& settings, TimeNs now, Random* random) {
    const OutcomeRule& row = rule(outcome.cls);
    if (row.action == A::deliver) return {.kind = Decision::Kind::deliver};

    const Decision final_failure{.kind = Decision::Kind::fail, .status = row.status};
    const bool once_more = row.action == A::other_key ? elsewhere : may_repeat(outcome, settings);
    if (!once_more) return final_failure;

    Decision again{.kind = Decision::Kind::requeue};
    if (not_its_fault(outcome, trial)) {
        // The bucket's pause, or the breaker's, is what it waits for.
        if (refusals >= settings.max_refusals) return final_failure;
    } else {
        const int failures = attempts - refusals;
        if (failures >= settings.max_attempts) return final_failure;
        again.not_before = later(now, backoff(failures, settings, random));
        again.paid = true;
    }
    if (outcome.retry_after_ns >= 0 && row.action != A::other_key) {
        // What the provider states is a floor, however long. A request that cannot wait so long
        // fails at once: its caller has more use for the answer now.
        const TimeNs floor = later(now, outcome.retry_after_ns);
        if (floor >= deadline_at) return final_failure;
        if (row.action != A::wait_bucket) again.not_before = std::max(again.not_before, floor);
    }
    return again;
}

}  // namespace weir
