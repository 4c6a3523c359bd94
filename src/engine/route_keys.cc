#include "engine/route_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/config_values.h"
#include "queue/queue_settings.h"

namespace weir {
namespace {

constexpr std::size_t kMaxRoutes = 1000;

std::vector<std::string> list(std::string_view text) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        std::string_view part = text.substr(0, text.find(','));
        text.remove_prefix(std::min(text.size(), part.size() + 1));
        while (part.starts_with(' ')) part.remove_prefix(1);
        while (part.ends_with(' ')) part.remove_suffix(1);
        if (!part.empty()) parts.emplace_back(part);
    }
    return parts;
}

std::int64_t number(const Config& config, const std::string& key, std::int64_t unset) {
    const std::string_view text = config.value(key);
    std::int64_t value = unset;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

// Its characters go into the body as they are.
bool is_model(std::string_view model) {
    constexpr std::size_t kMaxModel = 256;
    if (model.empty() || model.size() > kMaxModel || model.starts_with("route:")) return false;
    return std::all_of(model.begin(), model.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("-_.:@/").find(c) != std::string_view::npos;
    });
}

std::uint8_t priorities(const std::string& key, std::string_view text) {
    unsigned bits = 0;
    for (const std::string& name : list(text)) {
        const auto found =
            std::find(std::begin(kPriorityNames), std::end(kPriorityNames), std::string_view(name));
        if (found == std::end(kPriorityNames)) {
            refuse_config(fmt::format("{}: \"{}\" is not one of critical, high, normal, low", key,
                                      shown_text(name, 80)));
        }
        bits |= 1u << (found - std::begin(kPriorityNames));
    }
    return bits == 0 ? RouteStep::kAnyPriority : static_cast<std::uint8_t>(bits);
}

std::uint8_t fallback(const std::string& key, std::string_view text) {
    const auto bit = [](RouteReason reason) { return 1u << static_cast<unsigned>(reason); };
    unsigned bits = 0;
    bool none = false;
    const std::vector<std::string> reasons = list(text);
    for (const std::string& name : reasons) {
        if (name == "overloaded") {
            bits |= bit(RouteReason::overloaded);
        } else if (name == "budget") {
            bits |= bit(RouteReason::budget);
        } else if (name == "capacity") {
            bits |= bit(RouteReason::capacity);
        } else if (name == "none") {
            none = true;
        } else {
            refuse_config(fmt::format("{}: \"{}\" is not one of overloaded, budget, capacity, none",
                                      key, shown_text(name, 80)));
        }
    }
    if (none && reasons.size() > 1) refuse_config(key + ": none stands alone");
    if (reasons.empty())
        refuse_config(key + ": there is no reason in it; for no fallback it is none");
    return static_cast<std::uint8_t>(bits);
}

RouteStep make_step(const Config& config, const std::string& prefix) {
    RouteStep step;
    step.model = config.value(prefix + "model", "");
    if (step.model.empty()) refuse_config(prefix + "model: the step has no model; set it");
    if (!is_model(step.model)) {
        refuse_config(fmt::format("{}model: \"{}\" is not the name of a model", prefix,
                                  shown_text(step.model, 80)));
    }
    step.min_input_tokens = number(config, prefix + "min_input_tokens", step.min_input_tokens);
    step.max_input_tokens = number(config, prefix + "max_input_tokens", step.max_input_tokens);
    if (step.min_input_tokens > step.max_input_tokens) {
        refuse_config(
            fmt::format("{0}min_input_tokens is above {0}max_input_tokens: no request could "
                        "take the step",
                        prefix));
    }
    const std::int64_t min_ms = number(config, prefix + "min_deadline_ms", 0);
    const std::int64_t max_ms = number(config, prefix + "max_deadline_ms", -1);
    step.min_deadline_ns = min_ms * kNsPerMs;
    if (max_ms >= 0) step.max_deadline_ns = max_ms * kNsPerMs;
    if (step.min_deadline_ns > step.max_deadline_ns) {
        refuse_config(
            fmt::format("{0}min_deadline_ms is above {0}max_deadline_ms: no request could take "
                        "the step",
                        prefix));
    }
    step.complexity = list(config.value(prefix + "complexity", ""));
    step.priorities = priorities(prefix + "priority", config.value(prefix + "priority", ""));
    return step;
}

bool takes_all(const RouteStep& step) {
    return step.min_input_tokens == 0 && step.max_input_tokens == INT64_MAX &&
           step.min_deadline_ns == 0 && step.max_deadline_ns == kNever && step.complexity.empty() &&
           step.priorities == RouteStep::kAnyPriority;
}

// The steps that are spoken of are 1 and up, without a gap.
std::size_t count_steps(const Config& config, const std::string& route) {
    std::size_t most = 0;
    std::size_t count = 0;
    std::string gap;
    for (const std::string& segment : config.names(route)) {
        // Those of three segments are the route's own.
        if (config.names(route + segment + ".").empty()) continue;
        std::size_t step = 0;
        const char* end = segment.data() + segment.size();
        const auto parsed = std::from_chars(segment.data(), end, step);
        if (parsed.ec != std::errc() || parsed.ptr != end || segment.front() == '0' || step < 1 ||
            step > Route::kMaxSteps) {
            refuse_config(fmt::format("{}{}: a step is a number from 1 to {}", route, segment,
                                      Route::kMaxSteps));
        }
        ++count;
        most = std::max(most, step);
    }
    if (count == 0) refuse_config(route + "1.model: the route has no step; set it");
    for (std::size_t step = 1; step <= most; ++step) {
        if (!config.names(fmt::format("{}{}.", route, step)).empty()) continue;
        refuse_config(fmt::format("{}{}.model: there is a step {}, and none before it; set it",
                                  route, step, step + 1));
    }
    return count;
}

Route make_route(const Config& config, const std::string& name) {
    const std::string prefix = fmt::format("route.{}.", name);
    Route route;
    route.name = name;
    const std::size_t count = count_steps(config, prefix);
    const std::string fallback_key = prefix + "fallback";
    route.fallback = fallback(fallback_key, config.value(fallback_key));
    route.max_wait_ns = number(config, prefix + "max_wait_ms", 0) * kNsPerMs;
    bool covered = false;
    for (std::size_t step = 1; step <= count; ++step) {
        if (covered && route.fallback == 0) {
            refuse_config(
                fmt::format("{}{}.model: no request could take the step: one before it takes "
                            "all, and {} is none",
                            prefix, step, fallback_key));
        }
        route.steps.push_back(make_step(config, fmt::format("{}{}.", prefix, step)));
        covered |= takes_all(route.steps.back());
    }
    return route;
}

}  // namespace

RouteSettings route_settings(const Config& config) {
    RouteSettings settings;
    for (const std::string& name : config.names("route.")) {
        settings.routes.push_back(make_route(config, name));
    }
    if (settings.routes.size() > kMaxRoutes) {
        refuse_config(fmt::format("route.: there are more than {} routes", kMaxRoutes));
    }
    return settings;
}

void resolve_routes(RouteSettings* routes, ModelClasses* classes) {
    for (Route& route : routes->routes) {
        for (RouteStep& step : route.steps) {
            const ModelClasses::Found found = classes->find(step.model, false);
            step.model_class = found.model_class;
            step.prices = found.prices;
        }
    }
}

}  // namespace weir
