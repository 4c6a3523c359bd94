#include <string>

#include "schedule.h"

namespace weir::test {

void Schedule::add_route(CoreSettings* settings) {
    Route route;
    route.name = "route" + std::to_string(settings->routes.routes.size());
    route.fallback = static_cast<std::uint8_t>(random_.below(16));
    route.max_wait_ns = static_cast<TimeNs>(random_.below(5 * kNsPerS));
    for (std::uint64_t i = 1 + random_.below(4); i > 0; --i) {
        RouteStep step;
        step.model_class =
            static_cast<std::uint16_t>(random_.below(settings->limits.classes.size()));
        if (random_.below(3) == 0) step.max_input_tokens = 1500;
        if (random_.below(3) == 0) step.max_deadline_ns = 10 * kNsPerS;
        if (random_.below(3) == 0) {
            step.priorities = static_cast<std::uint8_t>(1 + random_.below(15));
        }
        route.steps.push_back(step);
    }
    settings->routes.routes.push_back(route);
}

// Some requests have a route, if one of its steps takes them.
void Schedule::choose_route(Request* request) {
    const std::uint64_t routes = settings_.routes.routes.size();
    if (routes == 0 || random_.below(2) == 0) return;
    RouteFacts facts{.input_tokens = request->input_tokens, .priority = request->priority};
    if (request->deadline_at != kNever) {
        facts.deadline_ns = request->deadline_at - request->submitted_at;
    }
    const auto route = static_cast<std::uint16_t>(1 + random_.below(routes));
    if (!first_step(settings_.routes, route, facts, &request->route)) return;
    request->model_class = step_of(settings_.routes, request->route).model_class;
}

void Schedule::check_route(const Request& request, Known* known) {
    const RoutePlace& place = request.route;
    if (request.model_class != step_of(settings_.routes, place).model_class) {
        broken("an attempt's class is not that of its model");
    }
    if (place.step < known->step) broken("a request went back on its route");
    if ((place.ahead & ((2u << place.step) - 1)) != 0) broken("a way back is open");
    const Route& route = route_of(settings_.routes, place);
    if (place.reason != RouteReason::first_choice && !route.allows(place.reason)) {
        broken("a request moved on for a reason that does not count");
    }
    known->step = place.step;
}

// Who came to a step has left it, or is there yet or ended there.
void Schedule::check_step_counts() {
    for (std::size_t route = 0; route < settings_.routes.routes.size(); ++route) {
        std::uint64_t moved_in = 0;
        std::uint64_t moved_on = 0;
        for (std::size_t i = 0; i < settings_.routes.routes[route].steps.size(); ++i) {
            const Core::StepCounts& step = core_.step_counts(route, i);
            const std::uint64_t left = step.left_overloaded + step.left_budget + step.left_capacity;
            if (step.succeeded + left > step.first + step.moved_in) {
                broken("more left a step than came to it");
            }
            moved_in += step.moved_in;
            moved_on += left;
        }
        if (moved_in != moved_on) broken("a request was lost between two steps");
    }
}

}  // namespace weir::test
