#include "limits/limiter.h"

#include <algorithm>

namespace weir {

namespace {

constexpr BudgetId kNoBudget = 0xFFFFFFFFu;

constexpr LimitKind kAllKinds[] = {LimitKind::requests, LimitKind::input_tokens,
                                   LimitKind::output_tokens, LimitKind::tokens};

}  // namespace

Limiter::Limiter(const LimitSettings& settings)
    : settings_(settings),
      ids_(settings.accounts.size() * settings.classes.size(), kNoBudget),
      estimates_(settings.classes.size()) {
    budgets_.reserve(ids_.size());
}

void Limiter::set_wall_offset(std::int64_t unix_minus_monotonic_ns) {
    wall_offset_ns_ = unix_minus_monotonic_ns;
}

BudgetId Limiter::budget(std::uint16_t account, std::uint16_t model_class) {
    BudgetId& id = ids_[account * settings_.classes.size() + model_class];
    if (id == kNoBudget) {
        id = static_cast<BudgetId>(budgets_.size());
        budgets_.push_back({account, model_class, make_pool(account, model_class)});
    }
    return id;
}

double Limiter::headroom(BudgetId id, TimeNs now) const {
    const Pool& pool = budgets_[id].pool;
    double least = 1;
    for (const LimitKind kind : kAllKinds) {
        const Bucket& bucket = pool.bucket(kind);
        if (!bucket.active()) continue;
        least = std::min(least, pool.room(kind, now) / static_cast<double>(bucket.limit()));
    }
    return least;
}

Pool Limiter::make_pool(std::uint16_t account, std::uint16_t model_class) const {
    BucketLimits limits = settings_.classes[model_class].limits;
    for (const LimitSettings::AccountLimits& own : settings_.accounts[account].limits) {
        if (own.model_class == model_class) limits = own.limits;
    }
    return Pool(limits, {.burst_s = settings_.burst_s,
                         .pinned = settings_.pinned,
                         .accounting = settings_.output_accounting});
}

TimeNs Limiter::dominant_cost(BudgetId id, const Cost& cost) const {
    const Pool& pool = budgets_[id].pool;
    const std::int64_t output = pool.accounting() == OutputAccounting::reserved
                                    ? cost.promised_output()
                                    : cost.output_tokens;
    const std::array<std::int64_t, kMinuteKinds> units{1, cost.input_tokens, output,
                                                       cost.input_tokens + output};
    TimeNs dominant = 0;
    for (std::size_t i = 0; i < kMinuteKinds; ++i) {
        const Bucket& bucket = pool.bucket(kAllKinds[i]);
        if (bucket.active()) dominant = std::max(dominant, bucket.time_for(units[i]));
    }
    return dominant > 0 ? dominant : kNsPerUs * (1 + cost.input_tokens + cost.output_tokens);
}

Verdict Limiter::reserve(BudgetId id, const Cost& cost, TimeNs now, Reservation* out) {
    Pool& pool = budgets_[id].pool;
    const Cost asked{sane_units(cost.input_tokens), sane_units(cost.output_tokens),
                     sane_units(cost.max_output_tokens), cost.raw_input};
    const Verdict verdict = pool.check(asked, now, wall_offset_ns_);
    if (verdict.kind != Verdict::Kind::granted) return verdict;
    out->budget = id;
    out->reserved_at = now;
    out->cost = asked;
    out->shown_output = 0;
    pool.take(asked, now, &out->hold);
    return verdict;
}

void Limiter::observe(const Reservation& reservation, const LimitReadings& readings, TimeNs now) {
    const Pool::Sighted attempt{reservation.cost, reservation.reserved_at};
    ignored_ += budgets_[reservation.budget].pool.observe(readings, attempt, reservation.hold, now);
}

TimeNs Limiter::refuse(const Reservation& reservation, const Outcome& outcome, TimeNs now) {
    const Pool::Sighted attempt{reservation.cost, reservation.reserved_at};
    return budgets_[reservation.budget].pool.refuse(outcome, attempt, reservation.hold, now,
                                                    wall_offset_ns_);
}

void Limiter::view(TimeNs now, std::vector<BucketView>* out) const {
    for (const Budget& budget : budgets_) {
        const Pool& pool = budget.pool;
        for (const LimitKind kind : kAllKinds) {
            const Bucket& bucket = pool.bucket(kind);
            if (!bucket.active()) continue;
            out->push_back({.account = budget.account,
                            .model_class = budget.model_class,
                            .kind = kind,
                            .limit = static_cast<double>(bucket.limit()),
                            .level = pool.room(kind, now),
                            .held = pool.held(kind),
                            .learnt = bucket.learnt(),
                            .paused_until = bucket.paused_until});
        }
        const DayQuota& day = pool.day();
        if (!day.active()) continue;
        out->push_back(
            {.account = budget.account,
             .model_class = budget.model_class,
             .kind = LimitKind::day_tokens,
             .limit = static_cast<double>(day.limit()),
             .level = static_cast<double>(std::max<std::int64_t>(day.limit() - day.used(), 0)),
             .held = pool.held(LimitKind::day_tokens),
             .learnt = day.learnt(),
             .paused_until = 0});
    }
}

}  // namespace weir
