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
    };
    enum class Scope : std::uint8_t { request, bucket, key, account, model, provider };

    const char* name;
    Action action;
    Scope scope;          // what the outcome says something about
    std::int32_t status;  // the WEIR_ERR_ code when it is final
};
const OutcomeRule& rule(OutcomeClass cls);

// What is to be done with a request after an attempt.
struct Decision {
    enum class Kind : std::uint8_t { deliver, fail, requeue };
    Kind kind = Kind::fail;
    std::int32_t status = 0;  // fail
    TimeNs not_before = 0;    // requeue: 0 for "as soon as the limiter grants it"
    bool refusal = false;     // requeue: counted as a refusal, not as an attempt
};

// `attempts` and `refusals` count the attempt that just ended.
Decision decide(const Outcome& outcome, int attempts, int refusals, TimeNs deadline_at,
                const RetrySettings& settings, TimeNs now, Random* random);

// The pause before attempt `failures + 1`, without a floor from the provider.
TimeNs backoff(int failures, const RetrySettings& settings, Random* random);

}  // namespace weir
