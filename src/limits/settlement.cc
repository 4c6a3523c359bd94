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

std::int64_t Limiter::expected_input(std::uint16_t model_class, double raw_estimate) const {
    const double tokens = raw_estimate * estimates_[model_class].input.factor();
    return static_cast<std::int64_t>(std::ceil(std::min(tokens, static_cast<double>(kMaxUnits))));
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

void Limiter::progress(Reservation* reservation, std::int64_t output_tokens, TimeNs now) {
    const std::int64_t shown = std::min(output_tokens, kMaxUnits);
    if (shown <= reservation->shown_output) return;
    Pool& pool = pools_[reservation->budget];
    const std::int64_t residual_before =
        std::max<std::int64_t>(reservation->held_output - reservation->shown_output, 0);
    reservation->shown_output = shown;
    if (reservation->reserved_output) return;

    const std::int64_t residual = std::max<std::int64_t>(reservation->held_output - shown, 0);
    pool.held[LimitKind::output_tokens] -= residual_before - residual;
    const std::int64_t beyond = shown - reservation->held_output;
    if (beyond <= 0) return;
    for (const LimitKind kind : {LimitKind::output_tokens, LimitKind::tokens}) {
        if (reservation->has_debited(kind)) pool[kind].take_anyway(now, beyond);
    }
    if (reservation->has_debited(LimitKind::day_tokens)) pool.day.take(beyond);
    pool.held[LimitKind::tokens] += beyond;
    pool.held.day += beyond;
    reservation->held_output = shown;
}

void Limiter::settle(const Reservation& reservation, const Outcome& outcome, TimeNs now) {
    Pool& pool = pools_[reservation.budget];
    const Amounts held = amounts_of(reservation.cost, reservation.held_output);
    pool.held[LimitKind::requests] -= 1;
    pool.held[LimitKind::input_tokens] -= held[LimitKind::input_tokens];
    pool.held[LimitKind::output_tokens] -=
        reservation.reserved_output
            ? reservation.held_output
            : std::max<std::int64_t>(reservation.held_output - reservation.shown_output, 0);
    pool.held[LimitKind::tokens] -= held[LimitKind::tokens];
    pool.held.day -= held.day;
    --pool.in_flight;

    const bool refused = outcome.cls == OutcomeClass::rate_limited ||
                         outcome.cls == OutcomeClass::acceleration ||
                         outcome.cls == OutcomeClass::spend_limit;
    const bool never_sent = !outcome.maybe_executed && (outcome.cls == OutcomeClass::connection ||
                                                        outcome.cls == OutcomeClass::tls);
    const bool executed =
        outcome.cls == OutcomeClass::success || outcome.maybe_executed || outcome.usage.known();

    // Whether a refused request counts as a request is not known, except where it was the requests
    // that were refused.
    const bool request_back = never_sent || (refused && outcome.refused == LimitKind::requests);
    Amounts back;
    back[LimitKind::requests] = request_back ? 1 : 0;
    if (!executed) {
        back[LimitKind::input_tokens] = held[LimitKind::input_tokens];
        back[LimitKind::output_tokens] = held[LimitKind::output_tokens];
    } else {
        learn_usage(pool, reservation, outcome);
        if (const std::int64_t input = counted_input(pool, outcome.usage); input >= 0)
            back[LimitKind::input_tokens] = held[LimitKind::input_tokens] - input;
        if (outcome.usage.output_tokens >= 0) {
            const std::int64_t output =
                std::max(sane_units(outcome.usage.output_tokens), reservation.shown_output);
            back[LimitKind::output_tokens] = held[LimitKind::output_tokens] - output;
        }
    }
    back[LimitKind::tokens] = back[LimitKind::input_tokens] + back[LimitKind::output_tokens];
    back.day = back[LimitKind::tokens];
    give_back(&pool, reservation, back, executed, now);

    if (outcome.cls == OutcomeClass::success) {
        pool.refusals = 0;
        pool.open = true;  // and if there were no headers, nothing is known to hold it back
    }
}

void Limiter::give_back(Pool* pool, const Reservation& reservation, const Amounts& back,
                        bool executed, TimeNs now) {
    for (std::size_t i = 0; i < kMinuteKinds; ++i) {
        const auto kind = static_cast<LimitKind>(i);
        if (back.of[i] == 0 || !reservation.has_debited(kind)) continue;
        Bucket& bucket = pool->buckets[i];
        if (back.of[i] > 0) {
            bucket.give_back(back.of[i]);
        } else {
            bucket.take_anyway(now, -back.of[i]);
        }
        // The provider counted the input right from the start, and the estimate was off by this.
        if (executed && kind == LimitKind::input_tokens) bucket.amend(back.of[i]);
    }
    if (reservation.has_debited(LimitKind::day_tokens)) {
        pool->day.give_back(back.day, reservation.reserved_at, now, wall_offset_ns_);
    }
}

std::int64_t Limiter::counted_input(const Pool& pool, const Usage& usage) const {
    if (usage.input_tokens < 0) return -1;
    std::int64_t input = sane_units(usage.input_tokens);
    input += sane_units(usage.cache_write_tokens);
    if (settings_.classes[pool.model_class].cache_reads_count)
        input += sane_units(usage.cache_read_tokens);
    return sane_units(input);
}

void Limiter::learn_usage(const Pool& pool, const Reservation& reservation,
                          const Outcome& outcome) {
    if (outcome.cls != OutcomeClass::success) return;
    ClassEstimates& estimates = estimates_[pool.model_class];
    if (outcome.usage.output_tokens >= 0) {
        const std::int64_t output = sane_units(outcome.usage.output_tokens);
        const auto max_tokens = static_cast<std::uint64_t>(reservation.cost.max_output_tokens);
        const auto bin = static_cast<std::size_t>(std::bit_width(max_tokens)) % kMaxTokensBins;
        estimates.output.add(output, outcome.hit_max_tokens);
        estimates.output_by_max[bin].add(output, outcome.hit_max_tokens);
    }
    if (reservation.cost.raw_input > 0) {
        const Usage& usage = outcome.usage;
        if (usage.input_tokens < 0) return;
        const std::int64_t whole = sane_units(usage.input_tokens) +
                                   sane_units(usage.cache_write_tokens) +
                                   sane_units(usage.cache_read_tokens);
        estimates.input.learn(reservation.cost.raw_input, whole);
    }
}

}  // namespace weir
