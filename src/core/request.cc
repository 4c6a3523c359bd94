#include "core/request.h"

namespace weir {

void Request::reset() {
    user_data = 0;
    tag = TagLink();
    body = BodyRef();
    submitted_at = 0;
    deadline_at = kNever;
    input_tokens = 0;
    output_tokens = 0;
    tenant = 0;
    affinity = 0;
    lease_ms = 0;
    route = RoutePlace();
    model_class = 0;
    prices = 0xFFFF;
    priority = 2;
    counting = false;
    state = State::idle;
    attempts = 0;
    read_nothing = false;
    maybe_executed = false;
    refusals = 0;
    stream_restart = false;
    was_set_aside = false;
    hedged = false;
    permit_attempt = 0;
    attempt = kNoAttempt;
    timer = TimerLink();
    claim.store(Claim::free, std::memory_order_relaxed);
    link = QueueLink();
    last_error.reset();
}

}  // namespace weir
