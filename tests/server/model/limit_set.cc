#include "model/limit_set.h"

#include <algorithm>
#include <cmath>

namespace weir::model {

namespace {

constexpr double kMinuteS = 60;
constexpr double kDayS = 86'400;
constexpr double kSlack = 1e-6;

std::int64_t scale(std::int64_t limit, double factor) {
    return std::llround(static_cast<double>(limit) * factor);
}

}  // namespace

Limits Limits::scaled(double factor) const {
    return {scale(requests_per_minute, factor), scale(input_tokens_per_minute, factor),
            scale(output_tokens_per_minute, factor), scale(tokens_per_day, factor)};
}

LimitSet::LimitSet(const Limits& limits, const Enforcement& enforcement, TimeNs first_midnight)
    : limits_(limits), enforcement_(enforcement), ramp_(enforcement.ramp) {
    for (std::size_t i = 0; i < kLimitKinds; ++i) {
        const LimitKind kind = limit_kind_at(i);
        const Shape form = shape(kind, limits[kind]);
        buckets_[i].configure(static_cast<double>(limits[kind]), form.period_s, form.depth,
                              enforcement.initial_fill);
    }
    if (!enforcement.rolling_day) {
        bucket(LimitKind::day_tokens).renew_every(86'400 * kNsPerS, first_midnight);
    }
}

LimitSet::Shape LimitSet::shape(LimitKind kind, std::int64_t limit) const {
    const auto per_period = static_cast<double>(limit);
    if (kind == LimitKind::day_tokens) return {kDayS, per_period};
    const double depth = per_period * enforcement_.depth_s / kMinuteS;
    return {kMinuteS, limit > 0 ? std::max(depth, 1.0) : 0};
}

void LimitSet::refresh(TimeNs now) {
    for (Bucket& each : buckets_) each.refresh(now);
    ramp_.refresh(now);
}

double LimitSet::needed(LimitKind kind, double amount) const {
    const Bucket& from = bucket(kind);
    if (amount <= from.depth() || enforcement_.strict_depth || amount > from.limit()) return amount;
    return from.depth();
}

LimitSet::Refusal LimitSet::admit(std::int64_t input_tokens, std::int64_t max_tokens) {
    const bool reserves = enforcement_.output == OutputAccounting::reserved;
    const auto input = static_cast<double>(input_tokens);
    const double output = reserves ? static_cast<double>(max_tokens) : 0;
    // Where output is counted as it is produced, one token must be there to begin with.
    const double first_output = std::max(output, 1.0);
    const std::array<double, kLimitKinds> amounts{1, input, output, input + output};
    const std::array<double, kLimitKinds> conditions{1, input, first_output, input + first_output};

    Refusal longest;
    for (std::size_t i = 0; i < kLimitKinds; ++i) {
        if (!buckets_[i].limited()) continue;
        const LimitKind kind = limit_kind_at(i);
        const double need = needed(kind, conditions[i]);
        if (buckets_[i].level() + kSlack >= need) continue;
        const TimeNs wait_ns = buckets_[i].wait_for(need);
        if (longest.refused && wait_ns <= longest.wait_ns) continue;
        longest = {true, false, kind, wait_ns};
    }
    if (const TimeNs wait_ns = ramp_.wait_for(input_tokens); wait_ns > longest.wait_ns) {
        longest = {true, true, LimitKind::input_tokens, wait_ns};
    }
    if (longest.refused) {
        if (enforcement_.refused_count) {
            Bucket& requests = bucket(LimitKind::requests);
            requests.take(std::clamp(requests.level(), 0.0, 1.0));
        }
        return longest;
    }
    for (std::size_t i = 0; i < kLimitKinds; ++i) buckets_[i].take(amounts[i]);
    ramp_.take(input_tokens);
    return longest;
}

void LimitSet::add_production(std::int64_t microtokens_per_s) {
    if (enforcement_.output == OutputAccounting::reserved) return;
    bucket(LimitKind::output_tokens).add_drain(microtokens_per_s);
    bucket(LimitKind::day_tokens).add_drain(microtokens_per_s);
}

void LimitSet::produce(std::int64_t tokens) {
    if (enforcement_.output == OutputAccounting::reserved) return;
    bucket(LimitKind::output_tokens).take(static_cast<double>(tokens));
    bucket(LimitKind::day_tokens).take(static_cast<double>(tokens));
}

void LimitSet::settle(std::int64_t max_tokens, std::int64_t produced_tokens) {
    if (enforcement_.output == OutputAccounting::produced) return;
    const auto unused = static_cast<double>(max_tokens - produced_tokens);
    bucket(LimitKind::output_tokens).give(unused);
    bucket(LimitKind::day_tokens).give(unused);
}

void LimitSet::change(const Limits& limits, TimeNs now) {
    for (std::size_t i = 0; i < kLimitKinds; ++i) {
        const LimitKind kind = limit_kind_at(i);
        if (limits[kind] == limits_[kind]) continue;
        const Shape form = shape(kind, limits[kind]);
        buckets_[i].change(static_cast<double>(limits[kind]), form.period_s, form.depth, now);
        // A limit that was not there until now starts with a full bucket.
        if (limits_[kind] == 0) buckets_[i].set_level(form.depth);
    }
    limits_ = limits;
    for (std::size_t i = 0; i < kLimitKinds; ++i) apply_cotenant(limit_kind_at(i));
}

void LimitSet::add_cotenant(LimitKind kind, double share) {
    double& sum = cotenant_share_[index_of(kind)];
    sum += share;
    if (std::abs(sum) < kSlack) sum = 0;
    apply_cotenant(kind);
}

void LimitSet::apply_cotenant(LimitKind kind) {
    const double period_s = kind == LimitKind::day_tokens ? kDayS : kMinuteS;
    const double refill_per_s = static_cast<double>(limits_[kind]) / period_s;
    bucket(kind).set_cotenant(cotenant_share_[index_of(kind)] * refill_per_s);
}

Readings LimitSet::read(std::int64_t rounding) const {
    Readings readings;
    for (std::size_t i = 0; i < kLimitKinds; ++i) {
        const Bucket& from = buckets_[i];
        if (!from.limited()) continue;
        const double level = std::max(0.0, from.level());
        auto remaining = static_cast<std::int64_t>(level + kSlack);
        if (limit_kind_at(i) != LimitKind::requests && rounding > 1) {
            remaining = (remaining + rounding / 2) / rounding * rounding;
        }
        readings[i] = {limits_[limit_kind_at(i)], remaining, from.full_in()};
    }
    return readings;
}

}  // namespace weir::model
