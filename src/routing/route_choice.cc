#include "routing/route_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace weir {

bool holds(const RouteStep& step, const RouteFacts& facts) {
    if (facts.input_tokens < step.min_input_tokens || facts.input_tokens > step.max_input_tokens) {
        return false;
    }
    if (facts.deadline_ns < step.min_deadline_ns || facts.deadline_ns > step.max_deadline_ns) {
        return false;
    }
    if ((step.priorities >> facts.priority & 1u) == 0) return false;
    return step.complexity.empty() || std::find(step.complexity.begin(), step.complexity.end(),
                                                facts.complexity) != step.complexity.end();
}

std::uint16_t find_route(const RouteSettings& settings, std::string_view name) {
    for (std::size_t i = 0; i < settings.routes.size(); ++i) {
        if (settings.routes[i].name == name) return static_cast<std::uint16_t>(i + 1);
    }
    return 0;
}

bool first_step(const RouteSettings& settings, std::uint16_t route, const RouteFacts& facts,
                RoutePlace* place) {
    const std::vector<RouteStep>& steps = settings.routes[route - 1u].steps;
    RoutePlace found;
    for (std::size_t step = 0; step < steps.size(); ++step) {
        if (!holds(steps[step], facts)) continue;
        if (found.routed()) {
            found.ahead = static_cast<std::uint8_t>(found.ahead | 1u << step);
        } else {
            found.route = route;
            found.step = static_cast<std::uint8_t>(step);
        }
    }
    if (found.routed()) *place = found;
    return found.routed();
}

void move_to(std::uint8_t step, RouteReason reason, TimeNs wait_ns, RoutePlace* place) {
    constexpr TimeNs kMost = std::numeric_limits<std::uint16_t>::max();
    place->left = place->step;
    place->step = step;
    place->ahead = static_cast<std::uint8_t>(place->ahead & ~((2u << step) - 1u));
    place->reason = reason;
    const TimeNs wait_s = wait_ns / kNsPerS + (wait_ns % kNsPerS != 0 ? 1 : 0);
    place->wait_s = static_cast<std::uint16_t>(std::clamp<TimeNs>(wait_s, 0, kMost));
}

std::string reason_text(const RouteSettings& settings, const RoutePlace& place) {
    if (!place.routed()) return "";
    if (place.reason == RouteReason::first_choice) return "first choice";
    const std::string& model = route_of(settings, place).steps[place.left].model;
    switch (place.reason) {
        case RouteReason::overloaded:
            return model + " was overloaded";
        case RouteReason::capacity:
            return model + " refused for capacity";
        case RouteReason::budget:
        case RouteReason::first_choice:
            break;
    }
    if (place.wait_s == std::numeric_limits<std::uint16_t>::max()) {
        return model + " had no budget for it";
    }
    return fmt::format("{} was out of budget for {} s", model, place.wait_s);
}

}  // namespace weir
