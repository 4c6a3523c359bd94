#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace weir {

// Why a request is at the step of its route where it is.
enum class RouteReason : std::uint8_t {
    first_choice,
    overloaded,  // the model before it was overloaded, or thought to be out
    budget,      // it was out of budget for longer than the route waits
    capacity,    // it refused for want of capacity
};

// One choice of a route: a model, and the conditions under which a request may go to it.
struct RouteStep {
    static constexpr std::uint8_t kAnyPriority = 0xFF;

    std::string model = {};
    std::uint16_t model_class = 0;
    std::uint16_t prices = 0xFFFF;  // of the model; by what the limits have of them
    std::int64_t min_input_tokens = 0;
    std::int64_t max_input_tokens = INT64_MAX;
    TimeNs min_deadline_ns = 0;
    TimeNs max_deadline_ns = kNever;
    std::vector<std::string> complexity = {};  // one of these; empty: any, or none
    std::uint8_t priorities = kAnyPriority;    // a bit for each
};

struct Route {
    static constexpr std::size_t kMaxSteps = 8;

    std::string name = {};
    std::vector<RouteStep> steps = {};
    std::uint8_t fallback = 0;  // a bit for each RouteReason that allows moving on
    TimeNs max_wait_ns = 0;     // of a budget

    bool allows(RouteReason reason) const {
        return (fallback >> static_cast<unsigned>(reason) & 1u) != 0;
    }
};

struct RouteSettings {
    std::vector<Route> routes;
};

}  // namespace weir
