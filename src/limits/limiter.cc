#include "limits/limiter.h"

#include <algorithm>
#include <cmath>

namespace weir {

namespace {

constexpr LimitKind kAllKinds[] = {LimitKind::requests, LimitKind::input_tokens,
                                   LimitKind::output_tokens, LimitKind::tokens};

}  // namespace

Limiter::Limiter(const LimitSettings& settings)
    : settings_(settings), estimates_(settings.classes.size()) {
    starts_slowly_.resize(settings.accounts.size(), settings.ramp == RampMode::on);
    for_account_.resize(settings.accounts.size(), kNoDayBudget);
    for (const LimitSettings::DayBudget& each : settings_.day_budgets) {
        const auto index = static_cast<std::uint16_t>(day_budgets_.size());
        day_budgets_.emplace_back(
            DayBudget::Amount{.tokens = each.tokens_per_day, .spend = each.spend_per_day});
        if (each.tenant != LimitSettings::DayBudget::kNoTenant) {
            for_tenant_[each.tenant] = index;
        } else if (each.account == LimitSettings::Scope::kAny) {
            for_all_ = index;
        } else {
            for_account_[each.account] = index;
        }
    }
}

void Limiter::set_wall_offset(std::int64_t unix_minus_monotonic_ns) {
    wall_offset_ns_ =
        std::clamp(unix_minus_monotonic_ns, -kEndless, kEndless) + settings_.day_offset_ns;
}

BudgetId Limiter::budget(std::uint16_t account, std::uint16_t model_class, std::uint16_t workspace,
                         std::uint16_t key) {
    using Scope = LimitSettings::Scope;
    const auto spoken_of = [&](std::uint16_t Scope::*what, std::uint16_t value) {
        return std::any_of(settings_.scopes.begin(), settings_.scopes.end(), [&](const Scope& s) {
            return s.*what == value && Scope::matches(s.account, account);
        });
    };
    const bool apart = settings_.classes[model_class].apart;
    if (apart || !spoken_of(&Scope::workspace, workspace)) workspace = Scope::kAny;
    if (apart || !spoken_of(&Scope::key, key)) key = Scope::kAny;
    for (std::size_t i = 0; i < budgets_.size(); ++i) {
        const Budget& known = budgets_[i];
        if (known.account == account && known.model_class == model_class &&
            known.workspace == workspace && known.key == key) {
            return static_cast<BudgetId>(i);
        }
    }
    Budget budget{account, model_class, workspace, key, 1, {own_pool(account, model_class)}};
    const std::size_t scopes = apart ? 0 : settings_.scopes.size();
    for (std::size_t i = 0; i < scopes && budget.count < kMaxScopes; ++i) {
        const Scope& scope = settings_.scopes[i];
        if (!Scope::matches(scope.account, account) || !Scope::matches(scope.key, key) ||
            !Scope::matches(scope.workspace, workspace) ||
            !Scope::matches(scope.model_class, model_class)) {
            continue;
        }
        budget.pools[budget.count++] = scope_pool(static_cast<std::uint16_t>(i));
    }
    budgets_.push_back(budget);
    return static_cast<BudgetId>(budgets_.size() - 1);
}

std::uint32_t Limiter::own_pool(std::uint16_t account, std::uint16_t model_class) {
    for (std::size_t i = 0; i < pools_.size(); ++i) {
        const OwnedPool& known = pools_[i];
        if (known.scope == LimitSettings::Scope::kAny && known.account == account &&
            known.model_class == model_class) {
            return static_cast<std::uint32_t>(i);
        }
    }
    BucketLimits limits = settings_.classes[model_class].limits;
    for (const LimitSettings::AccountLimits& own : settings_.accounts[account].limits) {
        if (own.model_class == model_class) limits = own.limits;
    }
    const Pool::Rules rules{.burst_s = settings_.burst_s,
                            .pinned = settings_.pinned,
                            .accounting = settings_.output_accounting,
                            .refuse_over_spend = settings_.refuse_over_spend,
                            .stated_by_headers = true};
    pools_.push_back({account, model_class, LimitSettings::Scope::kAny, Pool(limits, rules)});
    if (starts_slowly_[account] && !settings_.classes[model_class].apart)
        pools_.back().pool.start_slowly(settings_.slow_start, 0);
    return static_cast<std::uint32_t>(pools_.size() - 1);
}

// No header speaks of these, so what is configured is all that there is to know.
std::uint32_t Limiter::scope_pool(std::uint16_t index) {
    for (std::size_t i = 0; i < pools_.size(); ++i) {
        if (pools_[i].scope == index) return static_cast<std::uint32_t>(i);
    }
    const LimitSettings::Scope& scope = settings_.scopes[index];
    OutputAccounting accounting = settings_.output_accounting;
    if (accounting == OutputAccounting::automatic) accounting = OutputAccounting::produced;
    const Pool::Rules rules{.burst_s = settings_.burst_s,
                            .pinned = true,
                            .accounting = accounting,
                            .refuse_over_spend = settings_.refuse_over_spend,
                            .stated_by_headers = false};
    pools_.push_back({scope.account, scope.model_class, index, Pool(scope.limits, rules)});
    return static_cast<std::uint32_t>(pools_.size() - 1);
}

double Limiter::headroom(BudgetId id, TimeNs now) const {
    const Budget& budget = budgets_[id];
    double least = 1;
    for (std::size_t i = 0; i < budget.count; ++i) {
        const Pool& pool = pool_of(budget, i);
        for (const LimitKind kind : kAllKinds) {
            const Bucket& bucket = pool.bucket(kind);
            if (!bucket.active()) continue;
            least = std::min(least, pool.room(kind, now) / static_cast<double>(bucket.limit()));
        }
    }
    return least;
}

TimeNs Limiter::dominant_cost(BudgetId id, const Cost& cost) const {
    const Budget& budget = budgets_[id];
    TimeNs dominant = 0;
    for (std::size_t i = 0; i < budget.count; ++i) {
        const Pool& pool = pool_of(budget, i);
        const std::int64_t output = pool.accounting() == OutputAccounting::reserved
                                        ? cost.promised_output()
                                        : cost.output_tokens;
        const std::array<std::int64_t, kMinuteKinds> units{1, cost.input_tokens, output,
                                                           cost.input_tokens + output};
        for (std::size_t k = 0; k < kMinuteKinds; ++k) {
            const Bucket& bucket = pool.bucket(kAllKinds[k]);
            if (bucket.active()) dominant = std::max(dominant, bucket.time_for(units[k]));
        }
    }
    return dominant > 0 ? dominant : kNsPerUs * (1 + cost.input_tokens + cost.output_tokens);
}

void Limiter::price(Cost* asked) const {
    const PriceTable& prices = settings_.prices;
    asked->spend = prices.cost_of(asked->prices, asked->input_tokens, asked->output_tokens, false);
    asked->most_spend =
        prices.cost_of(asked->prices, asked->input_tokens, asked->promised_output(), true);
}

inline Verdict Limiter::check(const Budget& budget, const Cost& cost, TimeNs now, Needs* needs) {
    Verdict verdict = pool_of(budget, 0).check(cost, now, wall_offset_ns_, &(*needs)[0]);
    for (std::size_t i = 1; i < budget.count; ++i) {
        const Verdict other = pool_of(budget, i).check(cost, now, wall_offset_ns_, &(*needs)[i]);
        if (verdict.kind == Verdict::Kind::never) break;
        if (other.kind == Verdict::Kind::never || other.at > verdict.at) verdict = other;
    }
    if (!day_budgets_.empty() && verdict.kind != Verdict::Kind::never) {
        check_day(day_budgets_of(budget.account, cost.tenant_budget), cost, now, &verdict);
    }
    return verdict;
}

void Limiter::take(BudgetId id, const Cost& asked, const Needs& needs, TimeNs now,
                   Reservation* out) {
    const Budget& budget = budgets_[id];
    out->budget = id;
    out->reserved_at = now;
    out->cost = asked;
    out->shown_output = 0;
    out->known_input = -1;
    for (std::size_t i = 0; i < budget.count; ++i) {
        pool_of(budget, i).take(asked, needs[i], now, &out->holds[i]);
    }
    if (day_budgets_.empty()) return;
    const DayBudgets days = day_budgets_of(budget.account, asked.tenant_budget);
    for (std::size_t i = 0; i < days.count; ++i) day_budgets_[days.of[i]].take(most_of(asked));
}

// Lowers what is estimated of the cost to what the limit holds; false if nothing could be lowered.
bool Limiter::lower_estimates(BudgetId id, LimitKind kind, Cost* cost) const {
    const std::int64_t holds = largest(id, kind);
    const bool both = kind == LimitKind::tokens || kind == LimitKind::day_tokens;
    if (holds < 0) return false;
    if (cost->raw_input > 0 && kind != LimitKind::output_tokens) {
        const std::int64_t room =
            both ? std::max<std::int64_t>(holds - cost->output_tokens, 1) : holds;
        const std::int64_t lowered = std::max(room, cost->least_input);
        if (lowered < cost->input_tokens) {
            cost->input_tokens = lowered;
            return true;
        }
    }
    if (cost->estimates_output && kind != LimitKind::input_tokens) {
        const std::int64_t room =
            both ? std::max<std::int64_t>(holds - cost->input_tokens, 1) : holds;
        if (room < cost->output_tokens) {
            cost->output_tokens = room;
            return true;
        }
    }
    return false;
}

// An estimate alone refuses nothing for good: the request goes when the limit is full, and nothing
// else.
Verdict Limiter::check_fitted(BudgetId id, Cost* cost, TimeNs now, Needs* needs) {
    Verdict verdict = check(budgets_[id], *cost, now, needs);
    while (verdict.kind == Verdict::Kind::never && !verdict.spend &&
           verdict.day_budget == kNoDayBudget && lower_estimates(id, verdict.binding, cost)) {
        if (cost->prices != kNoPrices) price(cost);
        verdict = check(budgets_[id], *cost, now, needs);
    }
    return verdict;
}

Verdict Limiter::reserve(BudgetId id, const Cost& cost, TimeNs now, Reservation* out) {
    Cost asked = sane(cost);
    Needs needs;
    const Verdict verdict = check_fitted(id, &asked, now, &needs);
    if (verdict.kind == Verdict::Kind::granted) take(id, asked, needs, now, out);
    return verdict;
}

Verdict Limiter::reserve_beside(const Promise& promise, BudgetId id, const Cost& cost, TimeNs now,
                                Reservation* out) {
    constexpr Verdict kBroken{.kind = Verdict::Kind::not_before, .at = kNever};
    constexpr Verdict kSurelyBroken{
        .kind = Verdict::Kind::not_before, .binding = LimitKind::input_tokens, .at = kNever};
    const Budget& budget = budgets_[id];
    Cost asked = sane(cost);
    Needs needs;
    const Verdict alone = check_fitted(id, &asked, now, &needs);
    if (alone.kind == Verdict::Kind::never) return alone;
    Cost promised_cost = sane(promise.cost);
    if (surely_breaks(promise, promised_cost, budget, needs, now)) return kSurelyBroken;
    if (alone.kind != Verdict::Kind::granted) return alone;
    // The rest depends on all that a reservation changes: it is made, and looked at.
    kept_.clear();
    for (std::size_t i = 0; i < budget.count; ++i) kept_.push_back(pool_of(budget, i));
    const DayBudgets days = day_budgets_of(budget.account, cost.tenant_budget);
    kept_days_.clear();
    for (std::size_t i = 0; i < days.count; ++i) kept_days_.push_back(day_budgets_[days.of[i]]);
    take(id, asked, needs, now, out);
    Needs promised_needs;
    const Verdict promised = check_fitted(promise.budget, &promised_cost, now, &promised_needs);
    if (promised.kind != Verdict::Kind::never && promised.at <= promise.at) return alone;
    for (std::size_t i = 0; i < budget.count; ++i) pool_of(budget, i) = kept_[i];
    for (std::size_t i = 0; i < days.count; ++i) day_budgets_[days.of[i]] = kept_days_[i];
    return kBroken;
}

// What is taken at once is enough to tell, for most: one of the buckets that both draw on would be
// late. It would be no less late if it were taken later, or if it were more.
bool Limiter::surely_breaks(const Promise& promise, const Cost& promised, const Budget& budget,
                            const Needs& needs, TimeNs now) const {
    const Budget& theirs = budgets_[promise.budget];
    for (std::size_t i = 0; i < budget.count; ++i) {
        for (std::size_t k = 0; k < theirs.count; ++k) {
            if (budget.pools[i] != theirs.pools[k]) continue;
            if (pool_of(budget, i).fits_after(needs[i], promised, now) > promise.at) return true;
        }
    }
    return false;
}

Verdict Limiter::estimate(BudgetId id, const Cost& cost, TimeNs now) {
    Needs needs;
    Cost asked = sane(cost);
    return check_fitted(id, &asked, now, &needs);
}

std::int64_t Limiter::largest(BudgetId id, LimitKind kind) const {
    const Budget& budget = budgets_[id];
    std::int64_t least = -1;
    for (std::size_t i = 0; i < budget.count; ++i) {
        const std::int64_t here = pool_of(budget, i).largest(kind);
        if (here >= 0 && (least < 0 || here < least)) least = here;
    }
    return least;
}

Supplies Limiter::supplies(BudgetId id, TimeNs now) const {
    const Budget& budget = budgets_[id];
    const Pool& account = pool_of(budget, 0);
    Supplies supplies;
    supplies.now = now;
    supplies.ramp = account.ramp().outlook(now);
    if (account.held_back_by_start()) {
        supplies.start = account.slow_start().as_of(now);
        supplies.starts_slowly = supplies.start.active(now);
    }
    for (std::size_t i = 0; i < budget.count; ++i) {
        const Pool& pool = pool_of(budget, i);
        for (std::size_t k = 0; k < kMinuteKinds; ++k) {
            const Bucket& bucket = pool.bucket(kAllKinds[k]);
            if (!bucket.active()) continue;
            const double room = pool.room(kAllKinds[k], now);
            Supply& least = supplies.of[k];
            const double hidden = std::max(bucket.full() - bucket.depth(), 0.0) + bucket.guard();
            least.room = least.limited ? std::min(least.room, room) : room;
            least.depth = least.limited ? std::min(least.depth, bucket.depth()) : bucket.depth();
            least.hidden = std::max(least.hidden, hidden);
            least.per_s = least.limited ? std::min(least.per_s, bucket.per_s()) : bucket.per_s();
            if (i == 0) least.account_per_s = bucket.per_s();
            least.limited = true;
        }
    }
    return supplies;
}

TimeNs Limiter::paused_until(BudgetId id) const {
    const Budget& budget = budgets_[id];
    TimeNs until = 0;
    for (std::size_t i = 0; i < budget.count; ++i) {
        until = std::max(until, pool_of(budget, i).paused_until());
    }
    return until;
}

bool Limiter::reserves_output(BudgetId id) const {
    return pool_of(budgets_[id], 0).accounting() == OutputAccounting::reserved;
}

bool Limiter::surely_reserves_output(BudgetId id) const {
    return pool_of(budgets_[id], 0).surely_reserves();
}

// The provider's headers speak of the account's own limits.
bool Limiter::observe(const Reservation& reservation, const LimitReadings& readings, TimeNs now) {
    const Pool::Sighted attempt{reservation.cost, reservation.reserved_at};
    Pool& pool = pool_of(budgets_[reservation.budget], 0);
    const std::uint64_t before = pool.changes();
    pools_[budgets_[reservation.budget].pools[0]].priority.observe(readings.priority, now);
    ignored_ += pool.observe(readings, attempt, reservation.holds[0], now);
    return pool.changes() != before;
}

// The account has shown that it is held to a steady growth.
void Limiter::start_slowly(std::uint16_t account, TimeNs now, TimeNs learnt_doubling_ns) {
    if (starts_slowly_[account]) return;
    SlowStart::Rules rules = settings_.slow_start;
    rules.doubling_ns =
        std::max(rules.doubling_ns, std::min(learnt_doubling_ns, SlowStart::kLongestDoubling));
    starts_slowly_[account] = true;
    ramp_day_ = std::max(ramp_day_, DayQuota::day_of(now, wall_offset_ns_));
    ++day_use_version_;
    for (OwnedPool& owned : pools_) {
        if (owned.scope != LimitSettings::Scope::kAny || owned.account != account) continue;
        if (settings_.classes[owned.model_class].apart) continue;
        owned.pool.start_slowly(rules, now);
    }
}

TimeNs Limiter::refuse(const Reservation& reservation, const Outcome& outcome, TimeNs now) {
    const Pool::Sighted attempt{reservation.cost, reservation.reserved_at};
    if (outcome.cls == OutcomeClass::acceleration && settings_.ramp == RampMode::automatic)
        start_slowly(budgets_[reservation.budget].account, now);
    return pool_of(budgets_[reservation.budget], 0)
        .refuse(outcome, attempt, reservation.holds[0], now, wall_offset_ns_);
}

void Limiter::view(TimeNs now, std::vector<BucketView>* out) const {
    for (const OwnedPool& owned : pools_) view_pool(owned, now, out);
}

void Limiter::view_pool(const OwnedPool& owned, TimeNs now, std::vector<BucketView>* out) const {
    const Pool& pool = owned.pool;
    for (const LimitKind kind : kAllKinds) {
        const Bucket& bucket = pool.bucket(kind);
        if (!bucket.active()) continue;
        out->push_back({.account = owned.account,
                        .model_class = owned.model_class,
                        .kind = kind,
                        .limit = static_cast<double>(bucket.limit()),
                        .level = pool.room(kind, now),
                        .held = pool.held(kind),
                        .learnt = bucket.learnt(),
                        .paused_until = bucket.paused_until,
                        .scope = owned.scope});
    }
    const DayQuota& day = pool.day();
    if (!day.active()) return;
    out->push_back(
        {.account = owned.account,
         .model_class = owned.model_class,
         .kind = LimitKind::day_tokens,
         .limit = static_cast<double>(day.limit()),
         .level = static_cast<double>(std::max<std::int64_t>(day.limit() - day.used(), 0)),
         .held = pool.held(LimitKind::day_tokens),
         .learnt = day.learnt(),
         .paused_until = 0,
         .scope = owned.scope});
}

std::vector<Limiter::PriorityView> Limiter::priority_view(TimeNs now) const {
    std::vector<PriorityView> views;
    for (const OwnedPool& owned : pools_) {
        for (const LimitKind kind : {LimitKind::input_tokens, LimitKind::output_tokens}) {
            const PriorityCapacity::Part part = owned.priority.at(kind, now);
            if (part.limit >= 0) views.push_back({owned.account, owned.model_class, kind, part});
        }
    }
    return views;
}

}  // namespace weir
