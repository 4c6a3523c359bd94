#include <string>

#include "schedule.h"

namespace weir::test {

CoreSettings Schedule::make_settings() {
    CoreSettings settings;
    settings.max_in_flight = static_cast<std::uint32_t>(1 + random_.below(8));
    if (random_.below(2) == 0) {
        settings.limits.token_count.requests_per_minute =
            static_cast<std::int64_t>(10 + random_.below(600));
    }
    if (random_.below(2) == 0) settings.lease_ns = lease() * kNsPerMs;
    settings.accounts.choice = static_cast<AccountChoice>(random_.below(4));
    settings.accounts.wait_when_all_out = random_.below(2) == 0;
    settings.queue.order = static_cast<QueueSettings::Order>(random_.below(2));
    settings.queue.sharing = static_cast<QueueSettings::Sharing>(random_.below(2));
    settings.queue.ageing_ns = static_cast<TimeNs>(random_.below(10 * kNsPerS));
    settings.retry.max_attempts = static_cast<std::uint8_t>(1 + random_.below(4));
    settings.retry.max_refusals = static_cast<std::uint8_t>(1 + random_.below(6));
    settings.retry.jitter = static_cast<Jitter>(random_.below(4));
    for (RetrySettings::Pace& own : settings.retry.own) {
        if (random_.below(4) == 0)
            own.max_attempts = static_cast<std::uint8_t>(1 + random_.below(4));
        if (random_.below(4) == 0) own.base_ns = 100 * kNsPerMs;
        if (random_.below(4) == 0) own.cap_ns = 2 * kNsPerS;
    }
    if (random_.below(2) == 0) {
        settings.retry.hedge_after_ns = static_cast<TimeNs>(1 + random_.below(kNsPerS / 2));
        settings.retry.hedge_after_p95 = random_.below(3) == 0;
        settings.retry.hedge_share = 1;
    }
    if (random_.below(3) == 0) settings.retry.max_wait_ns = 3 * kNsPerS;
    if (random_.below(3) == 0) {
        settings.retry.budget_capacity = static_cast<double>(5 * random_.below(4));
    }
    settings.retry.after_timeout = random_.below(4) != 0;
    settings.adaptive = {.on = random_.below(3) == 0,
                         .floor = 1,
                         .ceiling = static_cast<std::uint32_t>(1 + random_.below(8))};
    settings.queue.tenant_max_in_flight = bound();
    if (random_.below(3) == 0) settings.queue.tenant_bounds = {{1, 1}};
    const std::uint64_t classes = 1 + random_.below(3);
    for (std::uint64_t i = 0; i < classes; ++i) {
        LimitSettings::Class model_class;
        model_class.name = "class" + std::to_string(i);
        model_class.models = {model_class.name};
        if (random_.below(2) == 0) {
            model_class.limits.requests_per_minute =
                static_cast<std::int64_t>(30 + random_.below(600));
        }
        if (random_.below(2) == 0) {
            model_class.limits.input_tokens_per_minute =
                static_cast<std::int64_t>(20'000 + random_.below(400'000));
        }
        if (random_.below(2) == 0) {
            model_class.limits.output_tokens_per_minute =
                static_cast<std::int64_t>(8'000 + random_.below(80'000));
        }
        model_class.limits.in_flight = bound();
        settings.limits.classes.push_back(model_class);
    }
    const std::uint64_t accounts = 1 + random_.below(3);
    for (std::uint64_t i = 0; i < accounts; ++i) {
        settings.limits.accounts.push_back({.name = "account" + std::to_string(i), .limits = {}});
        settings.accounts.accounts.push_back(
            {.name = "account" + std::to_string(i),
             .max_in_flight = bound(),
             .keys = std::vector<KeySettings>(1 + random_.below(3))});
        add_scopes(static_cast<std::uint16_t>(i), &settings);
    }
    for (std::uint64_t i = random_.below(3); i > 0; --i) add_route(&settings);
    add_day_budgets(&settings.limits);
    settings.limits.ramp = static_cast<RampMode>(random_.below(3));
    settings.limits.slow_start = {
        .idle_ns = static_cast<TimeNs>(kNsPerS + random_.below(20 * kNsPerS)),
        .doubling_ns = static_cast<TimeNs>(kNsPerS + random_.below(5 * kNsPerS)),
        .first_share = 0.05 + 0.95 * random_.unit()};
    return settings;
}

}  // namespace weir::test
