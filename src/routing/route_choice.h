#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"
#include "routing/route_place.h"
#include "routing/route_settings.h"

namespace weir {

// What the conditions of a route look at.
struct RouteFacts {
    std::int64_t input_tokens = 0;
    std::string_view complexity = {};  // the caller's word; empty: none was given
    std::uint8_t priority = 0;
    TimeNs deadline_ns = kNever;  // from submit
};

// Whether a request may go to the step.
bool holds(const RouteStep& step, const RouteFacts& facts);

// The route's number from 1, or 0.
std::uint16_t find_route(const RouteSettings& settings, std::string_view name);

inline const Route& route_of(const RouteSettings& settings, const RoutePlace& place) {
    return settings.routes[place.route - 1u];
}
inline const RouteStep& step_of(const RouteSettings& settings, const RoutePlace& place) {
    return route_of(settings, place).steps[place.step];
}

// Puts the request at the first step whose conditions hold, with the later ones that hold ahead.
// False if there is none.
bool first_step(const RouteSettings& settings, std::uint16_t route, const RouteFacts& facts,
                RoutePlace* place);

// The first step ahead that `may_go(step)` says yes to, of those that lead to other limits than the
// one where the request is; or kNoStep.
inline constexpr std::uint8_t kNoStep = 0xFF;
template <class MayGo>
std::uint8_t next_step(const Route& route, const RoutePlace& place, MayGo&& may_go) {
    for (std::uint8_t step = 0; step < route.steps.size(); ++step) {
        if ((place.ahead >> step & 1u) == 0) continue;
        if (route.steps[step].model_class == route.steps[place.step].model_class) continue;
        if (may_go(route.steps[step])) return step;
    }
    return kNoStep;
}

// Moves on to a step ahead. Those before it are out of reach from here on.
void move_to(std::uint8_t step, RouteReason reason, TimeNs wait_ns, RoutePlace* place);

// What a caller reads: "first choice", "claude-opus-5 was overloaded".
std::string reason_text(const RouteSettings& settings, const RoutePlace& place);

}  // namespace weir
