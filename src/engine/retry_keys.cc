#include "engine/retry_keys.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "engine/config_values.h"
#include "retry/policy.h"

namespace weir {
namespace {

Jitter jitter_of(std::string_view name) {
    if (name == "full") return Jitter::full;
    if (name == "equal") return Jitter::equal;
    return name == "decorrelated" ? Jitter::decorrelated : Jitter::fraction;
}

bool backs_off(OutcomeClass cls) { return rule(cls).action == OutcomeRule::Action::back_off; }

OutcomeClass outcome_named(std::string_view name) {
    std::string known;
    for (int i = 0; i < kOutcomeClasses; ++i) {
        const auto cls = static_cast<OutcomeClass>(i);
        if (!backs_off(cls)) continue;
        if (rule(cls).name == name) return cls;
        if (!known.empty()) known += ", ";
        known += rule(cls).name;
    }
    refuse_config(fmt::format(
        "retry.{}: not an outcome that is repeated after a backoff; those are {}", name, known));
}

// What an outcome has of its own.
void read_own(const Config& config, const std::string& name, RetrySettings* retry) {
    const std::string attempts_key = fmt::format("retry.{}.max_attempts", name);
    const std::string base_key = fmt::format("retry.{}.base_ms", name);
    const std::string cap_key = fmt::format("retry.{}.cap_ms", name);
    const bool has_base = config.is_set(base_key);
    const bool has_cap = config.is_set(cap_key);
    if (!has_base && !has_cap && !config.is_set(attempts_key)) return;
    const OutcomeClass cls = outcome_named(name);
    RetrySettings::Pace& own = retry->own[static_cast<std::size_t>(cls)];
    if (config.is_set(attempts_key)) own.max_attempts = number<std::uint8_t>(config, attempts_key);
    if (has_base) own.base_ns = milliseconds(config, base_key);
    if (has_cap) own.cap_ns = milliseconds(config, cap_key);
    if (retry->pace(cls).base_ns <= retry->pace(cls).cap_ns) return;
    refuse_config(fmt::format("{} is above {}", has_base ? base_key : "retry.base_ms",
                              has_cap ? cap_key : "retry.cap_ms"));
}

}  // namespace

RetrySettings retry_settings(const Config& config) {
    RetrySettings retry;
    retry.max_attempts = number<std::uint8_t>(config, "retry.max_attempts");
    retry.max_refusals = number<std::uint16_t>(config, "retry.max_refusals");
    retry.base_ns = milliseconds(config, "retry.base_ms");
    retry.cap_ns = milliseconds(config, "retry.cap_ms");
    retry.jitter = jitter_of(config.value("retry.jitter"));
    retry.jitter_fraction = number<double>(config, "retry.jitter_percent") / 100;
    retry.after_timeout = config.value("retry.after_timeout") == "true";
    retry.max_wait_ns = milliseconds(config, "retry.max_wait_ms");
    retry.hedge_after_ns = milliseconds(config, "hedge.after_ms");
    retry.hedge_after_p95 = config.value("hedge.after_p95") == "true";
    retry.hedge_share = number<double>(config, "hedge.max_percent") / 100;
    retry.budget_capacity = number<double>(config, "retry.budget.capacity");
    retry.budget_cost = number<double>(config, "retry.budget.cost");
    retry.budget_per_success = number<double>(config, "retry.budget.per_success");
    if (retry.budget_capacity > 0 && retry.budget_capacity < retry.budget_cost) {
        refuse_config(
            "retry.budget.capacity is below retry.budget.cost, so that no retry could be paid");
    }
    if (retry.base_ns > retry.cap_ns) refuse_config("retry.base_ms is above retry.cap_ms");
    for (const std::string& name : config.names("retry.")) read_own(config, name, &retry);
    return retry;
}

}  // namespace weir
