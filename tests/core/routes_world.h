#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "virtual_core.h"
#include "weir/weir.h"

namespace weir::test {

inline constexpr TimeNs kS = kNsPerS;
inline constexpr TimeNs kStart = 1'000 * kS;
inline constexpr TimeNs kTakes = kS / 2;

inline constexpr std::uint8_t kAll = 0b1110;  // a bit for each reason to move on

inline CoreSettings routed_settings(std::vector<std::int64_t> requests_per_minute,
                                    std::uint8_t fallback = kAll, TimeNs max_wait_ns = 10 * kS) {
    CoreSettings settings;
    settings.max_in_flight = 100;
    settings.limits.pinned = true;
    Route route{.name = "r", .fallback = fallback, .max_wait_ns = max_wait_ns};
    for (const std::int64_t limit : requests_per_minute) {
        const auto number = static_cast<std::uint16_t>(settings.limits.classes.size());
        LimitSettings::Class model_class;
        model_class.name = "class" + std::to_string(number);
        model_class.limits.requests_per_minute = limit;
        settings.limits.classes.push_back(model_class);
        route.steps.push_back({.model = "model" + std::to_string(number), .model_class = number});
    }
    settings.routes.routes = {route};
    settings.limits.accounts = {{.name = "main", .limits = {}}};
    settings.accounts.accounts = {{.name = "main", .keys = std::vector<KeySettings>(1)}};
    return settings;
}

// Models that answer as a test says, and a caller that keeps what became of its requests.
class RoutesWorld : public VirtualCore {
public:
    RoutesWorld(const CoreSettings& settings, std::uint64_t seed)
        : VirtualCore(settings, seed, kStart), settings_(settings) {}

    struct Want {
        bool routed = true;
        std::uint8_t priority = 2;
        TimeNs deadline_ns = kNever;
        std::uint32_t input_tokens = 10;
    };
    void submit(int count) { submit(count, Want()); }
    void submit(int count, const Want& want) {
        for (; count > 0; --count) {
            const RequestIndex index = slab_.take();
            Request& request = slab_.at(index);
            request.submitted_at = now();
            request.deadline_at = later(now(), want.deadline_ns);
            request.priority = want.priority;
            request.input_tokens = want.input_tokens;
            request.output_tokens = 10;
            if (want.routed) {
                const RouteFacts facts{.input_tokens = want.input_tokens,
                                       .priority = want.priority,
                                       .deadline_ns = want.deadline_ns};
                ASSERT_TRUE(first_step(settings_.routes, 1, facts, &request.route));
            }
            core_.submit(index, now(), &actions_);
            ++submitted;
        }
        take_actions();
    }

    Outcome& answer(std::uint16_t model_class) { return answers_[model_class]; }
    void overload(std::uint16_t model_class) {
        answers_[model_class].cls = OutcomeClass::overloaded;
        answers_[model_class].http_status = 529;
    }
    void recover(std::uint16_t model_class) { answers_[model_class] = Outcome(); }

    struct Ended {
        std::int32_t status;
        RoutePlace place;
        std::uint16_t model_class;
        TimeNs queued_ns;  // to the start of the last attempt
        int attempts;
        TimeNs at;
    };
    int served_by(std::uint16_t model_class) const {
        return static_cast<int>(std::count_if(ended.begin(), ended.end(), [&](const Ended& e) {
            return e.status == WEIR_OK && e.model_class == model_class;
        }));
    }
    TimeNs longest_wait() const {
        TimeNs longest = 0;
        for (const Ended& e : ended) longest = std::max(longest, e.queued_ns);
        return longest;
    }
    const Core::StepCounts& counts(std::size_t step) const { return core_.step_counts(0, step); }
    std::string reason(const Ended& e) const { return reason_text(settings_.routes, e.place); }

    int submitted = 0;
    std::vector<Ended> ended;
    std::map<std::uint16_t, int> starts;  // by model class
    bool went_back = false;

private:
    void end_attempt(AttemptId attempt, std::uint16_t model_class) {
        Outcome outcome = answers_[model_class];
        if (outcome.cls == OutcomeClass::success) {
            outcome.usage.input_tokens = 10;
            outcome.usage.output_tokens = 10;
        }
        core_.on_end(attempt, outcome, std::make_unique<ErrorDetail>(), now(), &actions_);
    }

    void act(const Action& action) override {
        if (action.kind == Action::Kind::key_changed) return;
        const Request& request = slab_.at(action.request);
        if (action.kind == Action::Kind::start) {
            ++starts[request.model_class];
            std::uint8_t& step = steps_[request.ticket.load()];
            went_back |= request.route.step < step;
            step = request.route.step;
            started_[action.request] = now();
            at(now() + kTakes, [this, attempt = action.attempt, of = request.model_class] {
                end_attempt(attempt, of);
            });
        } else if (action.kind == Action::Kind::succeed || action.kind == Action::Kind::fail) {
            ended.push_back({action.kind == Action::Kind::fail ? action.status : WEIR_OK,
                             request.route, request.model_class,
                             started_[action.request] - request.submitted_at, request.attempts,
                             now()});
            slab_.give_back(action.request);
        }
    }

    CoreSettings settings_;
    std::map<std::uint16_t, Outcome> answers_;
    std::map<std::uint64_t, std::uint8_t> steps_;
    std::map<RequestIndex, TimeNs> started_;
};

}  // namespace weir::test
