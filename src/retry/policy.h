#pragma once

#include <cstdint>

#include "base/random.h"
#include "base/time.h"
#include "provider/outcome.h"
#include "retry/retry_settings.h"

namespace weir {

// What an outcome calls for. One row a class: the table below is the policy.
struct OutcomeRule {
    enum class Action : std::uint8_t {
        deliver,      // the answer
        fail,         // final
        wait_bucket,  // back to the queue's head; the limiter has paused the bucket
        back_off,     // back to the queue's head after a backoff of the request's own
        other_key,    // back to the queue's head, for another key or account
    };
    enum class Scope : std::uint8_t { request, bucket, key, account, model, provider };

    const char* name;
    Action action;
    Scope scope;          // what the outcome says something about
    std::int32_t status;  // the WEIR_ERR_ code when it is final
};
const OutcomeRule& rule(OutcomeClass cls);

// Whether the attempt failed for no reason of the request's: a limit turned it away, or it was a
// trial of an endpoint that was known to be out (retry/breaker.h). Such attempts are counted apart.
bool not_its_fault(const Outcome& outcome, bool trial);

// What is to be done with a request after an attempt.
struct Decision {
    enum class Kind : std::uint8_t { deliver, fail, requeue };
    Kind kind = Kind::fail;
    std::int32_t status = 0;  // fail
    TimeNs not_before = 0;    // requeue: 0 for "as soon as the limiter grants it"
    bool paid = false;        // requeue: the retry budget pays for it
};

// `attempts` counts the attempt that just ended, `refusals` those among them that were
// not_its_fault.
Decision decide(const Outcome& outcome, bool trial, bool elsewhere, int attempts, int refusals,
                TimeNs deadline_at, const RetrySettings& settings, TimeNs now, Random* random);

}  // namespace weir
