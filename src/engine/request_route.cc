#include "engine/request_route.h"

#include <fmt/format.h>

#include <string>

#include "engine/config_table.h"
#include "engine/failure.h"
#include "queue/queue_settings.h"
#include "routing/route_choice.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr std::size_t kShown = 80;

[[noreturn]] void refuse(std::string message) {
    throw Failure(WEIR_ERR_INVALID_VALUE, ErrorSource::local, std::move(message));
}

std::string names_of(const RouteSettings& routes) {
    constexpr std::size_t kMost = 20;
    if (routes.routes.empty()) return "there are none: set route.<name>.1.model";
    std::string names = "there are ";
    for (std::size_t i = 0; i < routes.routes.size() && i < kMost; ++i) {
        names += (i == 0 ? "" : ", ") + routes.routes[i].name;
    }
    return routes.routes.size() > kMost ? names + " and others" : names;
}

std::string words_of(const RouteFacts& facts) {
    std::string words = fmt::format("{} input tokens, ", facts.input_tokens);
    words += facts.complexity.empty()
                 ? "no complexity"
                 : fmt::format("complexity {}", shown_text(facts.complexity, kShown));
    words += fmt::format(", priority {}, ", kPriorityNames[facts.priority]);
    words += facts.deadline_ns == kNever
                 ? "no deadline"
                 : fmt::format("{} ms to its deadline", facts.deadline_ns / kNsPerMs);
    return words;
}

}  // namespace

void choose_route(const RouteSettings& routes, const RequestBuilder& request,
                  Submission* submission, BodyRef* rewritten) {
    const std::string_view name = request.route();
    if (name.empty()) return;
    const std::uint16_t route = find_route(routes, name);
    if (route == 0) {
        refuse(fmt::format("route: there is no route \"{}\"; {}", shown_text(name, kShown),
                           names_of(routes)));
    }
    const BodyBlock& body = *submission->body->get();
    if (body.head().fast) {
        refuse("speed: the models of a route do not all take it; name the model, or leave it out");
    }
    RouteFacts facts;
    facts.input_tokens = submission->input_tokens != 0
                             ? submission->input_tokens
                             : static_cast<std::int64_t>(body.head().input_tokens);
    facts.complexity = request.complexity();
    facts.priority = submission->priority;
    if (submission->deadline_at != kNever) {
        facts.deadline_ns = submission->deadline_at - submission->submitted_at;
    }
    if (!first_step(routes, route, facts, &submission->route)) {
        refuse(
            fmt::format("route: no step of {} takes the request ({}); give the route a last "
                        "step without conditions",
                        name, words_of(facts)));
    }
    const RouteStep& step = step_of(routes, submission->route);
    submission->model_class = step.model_class;
    submission->prices = step.prices;
    if (submission->batch == nullptr) return;
    *rewritten = BodyRef(BodyBlock::make_with_model(body, step.model));
    submission->body = rewritten;
}

}  // namespace weir
