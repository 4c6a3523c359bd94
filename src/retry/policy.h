#pragma once

#include <cstdint>

#include "base/random.h"
#include "base/time.h"
#include "provider/outcome.h"
#include "retry/retry_settings.h"

namespace weir {

// What an outcome calls for. One row a class: the table below is the policy, and RETRY.md is
// written from it.
struct OutcomeRule {
    enum class Action : std::uint8_t {
        deliver,      // the answer
        fail,         // final
        wait_bucket,  // back to the queue's head; the limiter has paused the bucket
        back_off,     // back to the queue's head after a backoff of the request's own
        other_key,    // back to the queue's head, for another key or account
    };
    enum class Scope : std::uint8_t { request, bucket, key, account, model, provider };
    // Whether the provider may have done the work, and billed it.
    enum class Executed : std::uint8_t {
        no,
        if_sent,  // unless nothing of the request had left
        maybe,
        yes,
    };

    const char* name;
    Action action;
    Scope scope;          // what the outcome says something about
    std::int32_t status;  // the WEIR_ERR_ code when it is final
    Executed executed;
    const char* meaning;
};
const OutcomeRule& rule(OutcomeClass cls);

// What an outcome says of the endpoint, for its breaker.
enum class EndpointSign : std::uint8_t { none, well, out };
EndpointSign sign_of(const Outcome& outcome);

// Whether the attempt failed for no reason of the request's: a limit turned it away, or it was a
// probe of an endpoint that was known to be out (retry/breaker.h). Such attempts are counted apart.
bool not_its_fault(const Outcome& outcome, bool probe);

// The request and its attempts so far, the one that just ended among them.
struct Situation {
    int attempts = 1;
    int refusals = 0;           // those that were not_its_fault
    bool probe = false;         // the last one, of an endpoint that was thought to be out
    bool read_nothing = false;  // an earlier answer was whole, and could not be understood
    bool may_restart = false;   // a stream, though the caller has seen content of it
    TimeNs deadline_at = kNever;
    // What is about a key or an account: when another key or account could take the request, or
    // this one, if it is to be waited for. kNever: none ever.
    TimeNs elsewhere_at = kNever;
};

// What is to be done with a request after an attempt.
struct Decision {
    enum class Kind : std::uint8_t { deliver, fail, requeue };
    Kind kind = Kind::fail;
    std::int32_t status = 0;  // fail
    TimeNs not_before = 0;    // requeue: 0 for "as soon as the limiter grants it"
    bool paid = false;        // requeue: the retry budget pays for it
};
Decision decide(const Outcome& outcome, const Situation& situation, const RetrySettings& settings,
                TimeNs now, Random* random);

// A wait that ends then is too long: the deadline comes first, or it is longer than is configured.
bool outlasts(TimeNs wait_until, TimeNs deadline_at, const RetrySettings& settings, TimeNs now);

}  // namespace weir
