// What attempts turn out to take: expectations, live corrections and settlements.

#include <algorithm>
#include <bit>
#include <cmath>

#include "limits/limiter.h"

namespace weir {

namespace {

// Until answers have been seen.
constexpr double kPriorOutput = 600;
// Below this many answers with a like max_tokens, all answers of the model class speak.
constexpr double kEnoughSamples = 30;

}  // namespace

std::int64_t Limiter::expected_input(std::uint16_t model_class, double raw_estimate,
                                     bool text_only) const {
    const ClassEstimates& estimates = estimates_[model_class];
    const InputCorrection& input = text_only ? estimates.input : estimates.mixed_input;
    const double tokens = raw_estimate * input.factor();
    return static_cast<std::int64_t>(std::ceil(std::min(tokens, static_cast<double>(kMaxUnits))));
}

void Limiter::learn_input(std::uint16_t model_class, double raw_estimate, std::int64_t counted,
                          bool text_only) {
    ClassEstimates& estimates = estimates_[model_class];
    (text_only ? estimates.input : estimates.mixed_input).learn(raw_estimate, counted);
}

std::int64_t Limiter::expected_output(std::uint16_t model_class, std::uint32_t max_tokens) const {
    const ClassEstimates& estimates = estimates_[model_class];
    const std::int64_t at_most = max_tokens > 0 ? max_tokens : kMaxUnits;
    const auto bin = static_cast<std::size_t>(std::bit_width(max_tokens)) % kMaxTokensBins;
    const OutputHistogram& own = estimates.output_by_max[bin];
    const double tokens = own.samples() >= kEnoughSamples
                              ? own.expected(at_most, kPriorOutput)
                              : estimates.output.expected(at_most, kPriorOutput);
    return std::max<std::int64_t>(static_cast<std::int64_t>(std::ceil(tokens)), 1);
}

std::int64_t Limiter::output_quantile(std::uint16_t model_class, double q,
                                      std::int64_t max_tokens) const {
    return estimates_[model_class].output.quantile(q, max_tokens > 0 ? max_tokens : kMaxUnits);
}

Limiter::EstimateQuality Limiter::estimate_quality(std::uint16_t model_class) const {
    const ClassEstimates& estimates = estimates_[model_class];
    return {.input_factor = estimates.input.factor(),
            .input_spread = estimates.input.spread(),
            .input_samples = estimates.input.samples(),
            .output_samples = estimates.output.samples(),
            .output_median = estimates.output.quantile(0.5, kMaxUnits),
            .output_p99 = estimates.output.quantile(0.99, kMaxUnits)};
}

void Limiter::progress(Reservation* reservation, std::int64_t output_tokens, TimeNs now) {
    const std::int64_t shown = std::min(output_tokens, kMaxUnits);
    const std::int64_t before = reservation->shown_output;
    if (shown <= before) return;
    reservation->shown_output = shown;
    const Budget& budget = budgets_[reservation->budget];
    for (std::size_t i = 0; i < budget.count; ++i) {
        pool_of(budget, i).progress(reservation->cost, reservation->holds[i], before, shown, now);
    }
}

bool Limiter::input_counted(Reservation* reservation, const Usage& usage, TimeNs now) {
    const Budget& budget = budgets_[reservation->budget];
    const std::int64_t input = counted_input(budget.model_class, usage);
    if (input < 0 || reservation->known_input >= 0) return false;
    reservation->known_input = input;
    const std::int64_t more = input - reservation->cost.input_tokens;
    for (std::size_t i = 0; i < budget.count; ++i) {
        pool_of(budget, i).settle_input(more, reservation->holds[i], now);
    }
    return more < 0;
}

void Limiter::settle(const Reservation& reservation, const Outcome& outcome, TimeNs now) {
    const Budget& budget = budgets_[reservation.budget];
    const bool never_sent =
        !outcome.maybe_executed &&
        (outcome.cls == OutcomeClass::connection || outcome.cls == OutcomeClass::tls ||
         outcome.cls == OutcomeClass::no_memory || outcome.cls == OutcomeClass::timeout ||
         outcome.cls == OutcomeClass::aborted);
    // Whether a refused request counts as a request is not known, except where it was the requests
    // that were refused.
    const bool requests_refused =
        outcome.cls == OutcomeClass::rate_limited && outcome.refused == LimitKind::requests;

    Pool::Settlement settlement;
    settlement.cost = reservation.cost;
    settlement.shown = reservation.shown_output;
    settlement.known_input = reservation.known_input;
    settlement.reserved_at = reservation.reserved_at;
    settlement.success = outcome.cls == OutcomeClass::success;
    settlement.executed = settlement.success || outcome.maybe_executed || outcome.usage.known();
    settlement.request_counts = !never_sent && !requests_refused;
    settlement.input = counted_input(budget.model_class, outcome.usage);
    settlement.whole_input = whole_input(outcome.usage);
    settlement.spend = settings_.prices.cost_of(reservation.cost.prices, outcome.usage);
    if (outcome.usage.output_tokens >= 0)
        settlement.output = sane_units(outcome.usage.output_tokens);
    if (settlement.success) learn_usage(budget.model_class, reservation.cost, outcome);
    for (std::size_t i = 0; i < budget.count; ++i) {
        pool_of(budget, i).settle(settlement, reservation.holds[i], now, wall_offset_ns_);
    }
    if (!day_budgets_.empty()) settle_day(budget, reservation.cost, settlement, now);
    ++day_use_version_;
}

// What counts against the input limit; -1 if it is not known.
std::int64_t Limiter::counted_input(std::uint16_t model_class, const Usage& usage) const {
    if (usage.input_tokens < 0) return -1;
    std::int64_t input = sane_units(usage.input_tokens) + sane_units(usage.cache_write_tokens);
    if (settings_.classes[model_class].cache_reads_count)
        input += sane_units(usage.cache_read_tokens);
    return sane_units(input);
}

void Limiter::learn_usage(std::uint16_t model_class, const Cost& cost, const Outcome& outcome) {
    ClassEstimates& estimates = estimates_[model_class];
    const Usage& usage = outcome.usage;
    if (usage.output_tokens >= 0) {
        const std::int64_t output = sane_units(usage.output_tokens);
        const auto max_tokens = static_cast<std::uint64_t>(cost.max_output_tokens);
        const auto bin = static_cast<std::size_t>(std::bit_width(max_tokens)) % kMaxTokensBins;
        estimates.output.add(output, outcome.hit_max_tokens);
        estimates.output_by_max[bin].add(output, outcome.hit_max_tokens);
    }
    if (usage.input_tokens < 0) return;
    learn_input(model_class, cost.raw_input, whole_input(usage), cost.text_only);
}

}  // namespace weir
