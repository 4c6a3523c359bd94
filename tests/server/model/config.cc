#include "model/config.h"

#include <array>

namespace weir::model {

std::string_view header_family_name(HeaderFamily family) {
    constexpr std::array<std::string_view, 5> names{"none", "anthropic", "x_ratelimit_date",
                                                    "x_ratelimit_duration", "ietf"};
    return names[static_cast<std::size_t>(family)];
}

Config simple_config(const Limits& limits) {
    Config config;
    ModelClass model_class;
    model_class.name = "any";
    model_class.models = {"*"};
    model_class.limits = limits;
    config.classes.push_back(model_class);
    config.accounts.push_back({"main", {}});
    config.keys.push_back({"test-key", 0, kNever});
    return config;
}

namespace {

TimeNs divided(TimeNs time, double factor) {
    if (time <= 0 || time == kNever) return time;
    return static_cast<TimeNs>(static_cast<double>(time) / factor);
}

// The day stays a day long, and so does what may be used in it.
Limits limits_sped_up(const Limits& limits, double factor) {
    Limits out = limits.scaled(factor);
    out.tokens_per_day = limits.tokens_per_day;
    return out;
}

}  // namespace

void speed_up(double factor, Config* config) {
    for (ModelClass& one : config->classes) {
        one.limits = limits_sped_up(one.limits, factor);
        one.enforcement.depth_s /= factor;
        one.generation.first_token_s.median /= factor;
        one.generation.tokens_per_s.median *= factor;
    }
    for (Account& one : config->accounts) {
        for (Account::Override& own : one.overrides) {
            own.limits = limits_sped_up(own.limits, factor);
        }
    }
    for (Key& one : config->keys) one.revoked_at = divided(one.revoked_at, factor);
    for (Cotenant& one : config->cotenants) {
        one.on_s /= factor;
        one.off_s /= factor;
    }
    for (LimitChange& one : config->changes) {
        one.at = divided(one.at, factor);
        one.limits = limits_sped_up(one.limits, factor);
    }
    for (FaultRule& one : config->faults) {
        one.from = divided(one.from, factor);
        one.until = divided(one.until, factor);
        one.lasts_ns = divided(one.lasts_ns, factor);
        one.retry_after_ns = divided(one.retry_after_ns, factor);
    }
}

}  // namespace weir::model
