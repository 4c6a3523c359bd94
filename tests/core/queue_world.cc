#include "queue_world.h"

namespace weir::test {

RequestIndex QueueWorld::submit(const Work& work) {
    const RequestIndex index = slab_.take();
    Request& request = slab_.at(index);
    request.submitted_at = now();
    request.tenant = work.tenant;
    request.priority = work.priority;
    request.input_tokens = work.input_tokens;
    request.output_tokens = work.output_tokens;
    request.model_class = work.model_class;
    request.user_data = work.user_data;
    request.affinity = work.affinity;
    request.lease_ms = work.lease_ms;
    core_.submit(index, now(), &actions_);
    return index;
}

void QueueWorld::cancel(RequestIndex index) {
    core_.cancel(slab_.at(index).ticket, now(), &actions_);
}

TimeNs QueueWorld::cost(const Request& request) {
    return core_.limiter().dominant_cost(
        core_.limiter().budget(0, request.model_class),
        {.input_tokens = request.input_tokens, .output_tokens = request.output_tokens});
}

void QueueWorld::act(const Action& action) {
    if (action.kind == Action::Kind::start || action.kind == Action::Kind::permit) {
        started(action);
    } else if (action.kind == Action::Kind::succeed || action.kind == Action::Kind::fail) {
        on_finish(action.request, action.status);
        slab_.give_back(action.request);
    }
}

void QueueWorld::started(const Action& action) {
    const Request& request = slab_.at(action.request);
    account_ = action.account;
    on_start(action.request);
    const TimeNs shows = first_token(request);
    if (shows > 0) {
        at(now() + shows, [this, action] { core_.on_progress(action.attempt, 1, now()); });
    }
    Outcome result;
    result.cls = OutcomeClass::success;
    result.usage = {.input_tokens = request.input_tokens, .output_tokens = request.output_tokens};
    outcome(request, &result);
    at(now() + takes(request),
       [this, action, result] { core_.on_end(action.attempt, result, nullptr, now(), &actions_); });
}

CoreSettings one_class(const BucketLimits& limits, double burst_s) {
    CoreSettings settings;
    settings.max_in_flight = 1'000;
    settings.limits.classes.push_back({.name = "class", .models = {"class"}, .limits = limits});
    settings.limits.accounts.push_back({.name = "main", .limits = {}});
    settings.limits.burst_s = burst_s;
    settings.limits.pinned = true;
    settings.limits.output_accounting = OutputAccounting::produced;
    settings.accounts.accounts.resize(1);
    return settings;
}

}  // namespace weir::test
