#include "limits/limiter.h"

#include <algorithm>

namespace weir {

namespace {

constexpr BudgetId kNoBudget = 0xFFFFFFFFu;

// Guards in seconds of refill. Requests are counted exactly, so only jitter is to be covered;
// tokens are estimates until the answer is there.
constexpr double kRequestsGuardS = 0.15;
constexpr double kTokensGuardS = 1.5;
// A bucket's depth is not published; this much of it is believed until more is seen.
constexpr double kBelievedDepthS = 10.0;

// Attempts before anything is known: the second after the first, the others closer. A refusal
// comes back within this and then states the limits.
constexpr TimeNs kFirstProbe = kNsPerS / 4;
constexpr TimeNs kNextProbes = kNsPerS / 10;

std::int64_t configured(const BucketLimits& limits, LimitKind kind) {
    switch (kind) {
        case LimitKind::requests:
            return limits.requests_per_minute;
        case LimitKind::input_tokens:
            return limits.input_tokens_per_minute;
        case LimitKind::output_tokens:
            return limits.output_tokens_per_minute;
        case LimitKind::day_tokens:
            return limits.tokens_per_day;
        case LimitKind::tokens:
        case LimitKind::unknown:
            break;
    }
    return 0;
}

}  // namespace

Limiter::Limiter(const LimitSettings& settings)
    : settings_(settings),
      budgets_(settings.accounts.size() * settings.classes.size(), kNoBudget),
      estimates_(settings.classes.size()) {
    pools_.reserve(budgets_.size());
}

void Limiter::set_wall_offset(std::int64_t unix_minus_monotonic_ns) {
    wall_offset_ns_ = unix_minus_monotonic_ns;
}

BudgetId Limiter::budget(std::uint16_t account, std::uint16_t model_class) {
    BudgetId& id = budgets_[account * settings_.classes.size() + model_class];
    if (id == kNoBudget) {
        id = static_cast<BudgetId>(pools_.size());
        pools_.push_back(make_pool(account, model_class));
    }
    return id;
}

TimeNs Limiter::dominant_cost(BudgetId budget, const Cost& cost) const {
    const Pool& pool = pools_[budget];
    const Amounts amounts = amounts_of(cost, cost.output_tokens);
    TimeNs dominant = 0;
    for (std::size_t i = 0; i < kMinuteKinds; ++i) {
        const auto kind = static_cast<LimitKind>(i);
        if (pool[kind].active()) dominant = std::max(dominant, pool[kind].time_for(amounts[kind]));
    }
    return dominant > 0 ? dominant : kNsPerUs * (1 + cost.input_tokens + cost.output_tokens);
}

Pool Limiter::make_pool(std::uint16_t account, std::uint16_t model_class) const {
    Pool pool;
    pool.account = account;
    pool.model_class = model_class;
    BucketLimits limits = settings_.classes[model_class].limits;
    for (const LimitSettings::AccountLimits& own : settings_.accounts[account].limits) {
        if (own.model_class == model_class) limits = own.limits;
    }
    for (std::size_t i = 0; i < kMinuteKinds; ++i) {
        const auto kind = static_cast<LimitKind>(i);
        const std::int64_t limit = configured(limits, kind);
        if (limit > 0) pool[kind].set_limit(limit, false, shape(kind), 0);
        if (limit > 0) pool.open = true;
    }
    if (limits.tokens_per_day > 0) pool.day.set_limit(limits.tokens_per_day, false);
    if (settings_.output_accounting == OutputAccounting::reserved)
        pool.accounting = OutputAccounting::reserved;
    return pool;
}

Bucket::Shape Limiter::shape(LimitKind kind) const {
    Bucket::Shape shape;
    shape.guard_s = kind == LimitKind::requests ? kRequestsGuardS : kTokensGuardS;
    shape.learn_depth = settings_.burst_s <= 0;
    shape.depth_s = shape.learn_depth ? kBelievedDepthS : settings_.burst_s;
    return shape;
}

Amounts Limiter::amounts_of(const Cost& cost, std::int64_t held_output) {
    Amounts amounts;
    amounts[LimitKind::requests] = 1;
    amounts[LimitKind::input_tokens] = cost.input_tokens;
    amounts[LimitKind::output_tokens] = held_output;
    amounts[LimitKind::tokens] = cost.input_tokens + held_output;
    amounts.day = amounts[LimitKind::tokens];
    return amounts;
}

Verdict Limiter::reserve(BudgetId id, const Cost& cost, TimeNs now, Reservation* out) {
    Pool& pool = pools_[id];
    const bool reserved = pool.accounting == OutputAccounting::reserved;
    const Cost asked{sane_units(cost.input_tokens), sane_units(cost.output_tokens),
                     sane_units(cost.max_output_tokens), cost.raw_input};
    const std::int64_t held_output =
        reserved && asked.max_output_tokens > 0 ? asked.max_output_tokens : asked.output_tokens;
    const Amounts amounts = amounts_of(asked, held_output);

    if (pool.sequence == 0) start_paced(&pool, amounts, now);

    Verdict verdict{.at = pool.open ? now : probe_fits_at(pool)};
    if (pool.paused_until > verdict.at) {
        verdict.at = pool.paused_until;
        verdict.binding = pool.paused_by;
    }
    for (std::size_t i = 0; i < kMinuteKinds; ++i) {
        const Bucket& bucket = pool.buckets[i];
        if (!bucket.active()) continue;
        if (!bucket.ever_fits(amounts.of[i])) {
            return {.kind = Verdict::Kind::never, .binding = static_cast<LimitKind>(i)};
        }
        const TimeNs at = bucket.fits_at(bucket.time_for(amounts.of[i]));
        if (at > verdict.at) {
            verdict.at = at;
            verdict.binding = static_cast<LimitKind>(i);
        }
    }
    if (pool.day.active()) {
        if (!pool.day.ever_fits(amounts.day)) {
            return {.kind = Verdict::Kind::never, .binding = LimitKind::day_tokens};
        }
        const TimeNs at = pool.day.fits_at(now, wall_offset_ns_, amounts.day);
        if (at > verdict.at) {
            verdict.at = at;
            verdict.binding = LimitKind::day_tokens;
        }
    }
    if (verdict.at > now) {
        verdict.kind = Verdict::Kind::not_before;
        return verdict;
    }

    out->budget = id;
    out->reserved_at = now;
    out->cost = asked;
    out->shown_output = 0;
    out->held_output = held_output;
    out->reserved_output = reserved;
    take(&pool, amounts, now, out);
    return verdict;
}

// Nobody has seen the buckets yet. They are taken to hold no more than what is asked for now, so
// that what follows is paced; the first headers show the rest.
void Limiter::start_paced(Pool* pool, const Amounts& amounts, TimeNs now) {
    for (std::size_t i = 0; i < kMinuteKinds; ++i) {
        Bucket& bucket = pool->buckets[i];
        if (bucket.active()) bucket.open_for(now, bucket.time_for(amounts.of[i]));
    }
}

TimeNs Limiter::probe_fits_at(const Pool& pool) const {
    return pool.in_flight == 0 ? 0 : pool.probe_at;
}

void Limiter::take(Pool* pool, const Amounts& amounts, TimeNs now, Reservation* out) {
    out->debited = 0;
    for (std::size_t i = 0; i < kMinuteKinds; ++i) {
        Bucket& bucket = pool->buckets[i];
        pool->held.of[i] += amounts.of[i];
        if (!bucket.active()) continue;
        bucket.take(now, bucket.time_for(amounts.of[i]));
        out->baseline[i] = bucket.baseline(now);
        out->debited = static_cast<std::uint8_t>(out->debited | 1u << i);
    }
    if (pool->day.active()) {
        pool->day.take(amounts.day);
        out->debited = static_cast<std::uint8_t>(
            out->debited | 1u << static_cast<unsigned>(LimitKind::day_tokens));
    }
    pool->held.day += amounts.day;
    pool->probe_at = now + (pool->in_flight == 0 ? kFirstProbe : kNextProbes);
    ++pool->in_flight;
    out->sequence = ++pool->sequence;
}

void Limiter::view(TimeNs now, std::vector<BucketView>* out) const {
    for (const Pool& pool : pools_) {
        for (std::size_t i = 0; i < kMinuteKinds; ++i) {
            const Bucket& bucket = pool.buckets[i];
            if (!bucket.active()) continue;
            out->push_back({.account = pool.account,
                            .model_class = pool.model_class,
                            .kind = static_cast<LimitKind>(i),
                            .limit = static_cast<double>(bucket.limit()),
                            .level = std::max(bucket.level(now), 0.0),
                            .held = static_cast<double>(pool.held.of[i]),
                            .learnt = bucket.learnt(),
                            .paused_until = bucket.paused_until});
        }
        if (!pool.day.active()) continue;
        out->push_back({.account = pool.account,
                        .model_class = pool.model_class,
                        .kind = LimitKind::day_tokens,
                        .limit = static_cast<double>(pool.day.limit()),
                        .level = static_cast<double>(
                            std::max<std::int64_t>(pool.day.limit() - pool.day.used(), 0)),
                        .held = static_cast<double>(pool.held.day),
                        .learnt = pool.day.learnt(),
                        .paused_until = 0});
    }
}

}  // namespace weir
