#pragma once

#include <cstdint>

#include "routing/route_settings.h"

namespace weir {

// Where a request is on its route. Its way is a set of steps that only shrinks, so that it never
// comes back to a step, and cannot go round.
struct RoutePlace {
    std::uint16_t route = 0;  // its number from 1; 0 is none
    std::uint8_t step = 0;    // where it is
    std::uint8_t ahead = 0;   // a bit for each later step whose conditions hold
    std::uint8_t left = 0;    // the step that it comes from, where it moved on
    RouteReason reason = RouteReason::first_choice;
    std::uint16_t wait_s = 0;  // of a budget that was out, rounded up; the largest: longer, or ever

    bool routed() const { return route != 0; }
};

}  // namespace weir
