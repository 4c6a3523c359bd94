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
using E = OutcomeRule::Executed;

// In the order of OutcomeClass.
constexpr std::array<OutcomeRule, kOutcomeClasses> kRules = {{
    {"success", A::deliver, S::request, WEIR_OK, E::yes, "a whole answer"},
    {"rate_limited", A::wait_bucket, S::bucket, WEIR_ERR_RATE_LIMITED, E::no,
     "429 that names or implies a limit"},
    {"acceleration", A::wait_bucket, S::account, WEIR_ERR_RATE_LIMITED, E::no,
     "429 for growing too fast"},
    {"spend_limit", A::other_key, S::account, WEIR_ERR_SPEND_LIMIT, E::no,
     "402; 429 with `enforced_spend_limit_reached`, `contract_spend_limit_reached` or "
     "`insufficient_quota`; 400 of a limit that the customer has set"},
    {"overloaded", A::back_off, S::model, WEIR_ERR_OVERLOADED, E::no, "529, `overloaded_error`"},
    {"server_error", A::back_off, S::provider, WEIR_ERR_SERVER, E::maybe, "another 5xx, 408, 409"},
    {"connection", A::back_off, S::provider, WEIR_ERR_CONNECTION, E::if_sent,
     "no connection, or it broke before the head of a response"},
    {"no_memory", A::back_off, S::request, WEIR_ERR_NOMEM, E::if_sent,
     "this process has no memory for the attempt"},
    {"tls", A::fail, S::provider, WEIR_ERR_TLS, E::no, "the certificate or handshake was refused"},
    {"timeout", A::back_off, S::request, WEIR_ERR_ATTEMPT_TIMEOUT, E::if_sent,
     "one of weir's own timeouts"},
    {"broken", A::back_off, S::request, WEIR_ERR_BROKEN_RESPONSE, E::maybe,
     "cut off before its end"},
    {"unreadable", A::back_off, S::request, WEIR_ERR_BROKEN_RESPONSE, E::maybe,
     "a whole 2xx that is no message; repeated once"},
    {"too_large", A::fail, S::request, WEIR_ERR_RESPONSE_TOO_LARGE, E::maybe,
     "above `transport.max_response_bytes`"},
    {"stream_error", A::back_off, S::model, WEIR_ERR_STREAM_BROKEN, E::maybe,
     "an error event, or the end, inside a stream"},
    {"bad_key", A::other_key, S::key, WEIR_ERR_AUTHENTICATION, E::no, "401"},
    {"forbidden", A::other_key, S::key, WEIR_ERR_PERMISSION, E::no, "403"},
    {"on_hold", A::other_key, S::account, WEIR_ERR_PERMISSION, E::no,
     "`organization_on_hold`, `cmek_key_disabled` and the like: the organisation or workspace may "
     "not "
     "be used"},
    {"payer_limit", A::fail, S::request, WEIR_ERR_SPEND_LIMIT, E::no,
     "402 of a linked organisation: whom the request is billed to cannot pay"},
    {"bad_request", A::fail, S::request, WEIR_ERR_REJECTED, E::no,
     "400, 404, 413, 422 and other 4xx"},
    {"aborted", A::fail, S::request, WEIR_ERR_CANCELLED, E::if_sent,
     "weir ended the attempt itself: cancel, deadline, close"},
}};

// The server's own verdict counts, but not over content that the caller has already seen. Who
// allows a stream to begin again knows that its beginning was paid for.
bool may_repeat(const Outcome& outcome, bool may_restart, bool elsewhere,
                const RetrySettings& settings) {
    if (outcome.cls == OutcomeClass::aborted) return false;
    if (outcome.content_delivered) {
        if (!may_restart) return false;
    } else if (outcome.maybe_executed && !settings.after_timeout) {
        return false;
    }
    if (rule(outcome.cls).action == A::other_key) return elsewhere;
    if (outcome.should_retry >= 0) return outcome.should_retry == 1;
    return rule(outcome.cls).action != A::fail;
}

bool nothing_was_sent(const Outcome& outcome) {
    return rule(outcome.cls).executed == E::if_sent && !outcome.maybe_executed;
}

}  // namespace

const OutcomeRule& rule(OutcomeClass cls) { return kRules[static_cast<std::size_t>(cls)]; }

EndpointSign sign_of(const Outcome& outcome) {
    if (outcome.cls == OutcomeClass::tls || outcome.cls == OutcomeClass::aborted ||
        outcome.cls == OutcomeClass::no_memory) {
        return EndpointSign::none;
    }
    return rule(outcome.cls).action == A::back_off ? EndpointSign::out : EndpointSign::well;
}

bool not_its_fault(const Outcome& outcome, bool probe) {
    const OutcomeRule& row = rule(outcome.cls);
    if (row.action == A::wait_bucket || row.action == A::other_key) return true;
    if (!probe) return false;
    return row.scope == S::model || row.scope == S::provider || nothing_was_sent(outcome);
}

bool outlasts(TimeNs wait_until, TimeNs deadline_at, const RetrySettings& settings, TimeNs now) {
    if (wait_until >= deadline_at) return true;
    return settings.max_wait_ns > 0 && wait_until > later(now, settings.max_wait_ns);
}

Decision decide(const Outcome& outcome, const Situation& situation, const RetrySettings& settings,
                TimeNs now, Random* random) {
    const OutcomeRule& row = rule(outcome.cls);
    if (row.action == A::deliver) return {.kind = Decision::Kind::deliver};

    const Decision final_failure{.kind = Decision::Kind::fail, .status = row.status};
    const bool elsewhere = situation.elsewhere_at != kNever &&
                           !outlasts(situation.elsewhere_at, situation.deadline_at, settings, now);
    // What was paid for once without being understood is bought once more at most.
    if (outcome.cls == OutcomeClass::unreadable && situation.read_nothing) return final_failure;
    if (!may_repeat(outcome, situation.may_restart, elsewhere, settings)) return final_failure;

    Decision again{.kind = Decision::Kind::requeue};
    const bool fault = !not_its_fault(outcome, situation.probe);
    if (!fault && situation.refusals >= settings.max_refusals) return final_failure;
    if (fault || row.action == A::back_off) {
        // After a probe of an endpoint that is out another request makes the next one.
        const RetrySettings::Pace pace = settings.pace(outcome.cls);
        const int failures = fault ? situation.attempts - situation.refusals : situation.refusals;
        if (fault && failures >= pace.max_attempts) return final_failure;
        again.not_before = later(now, backoff(failures, pace, settings, random));
        again.paid = fault;
    }
    if (outcome.retry_after_ns >= 0 && row.action != A::other_key) {
        // What the provider states is a floor, however long. A request that cannot wait so long
        // goes to another account, or fails at once: its caller has more use for the answer now.
        const TimeNs floor = later(now, outcome.retry_after_ns);
        if (outlasts(floor, situation.deadline_at, settings, now) &&
            !(row.action == A::wait_bucket && elsewhere)) {
            return final_failure;
        }
        if (row.action != A::wait_bucket) again.not_before = std::max(again.not_before, floor);
    }
    return again;
}

}  // namespace weir
