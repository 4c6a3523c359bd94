// What a day may use over all model classes, what it has used, and how that is kept.

#include <algorithm>

#include "limits/limiter.h"

namespace weir {

namespace {

constexpr std::string_view kForAll = "all";

// Beside what is used of a day: that the account is held to a steady growth, and in how many
// milliseconds its start doubles (`tokens`; 0 is as configured).
std::string ramp_scope(const LimitSettings::Account& account) {
    return "account." + account.name + ".ramp";
}

// Followed by a class: what its start had come to (`spend`, in millionths of the limits) when it
// was used last (`tokens`, in milliseconds since 1970).
std::string reached_scope(const LimitSettings::Account& account) {
    return ramp_scope(account) + ".";
}

constexpr double kMillionths = 1e6;

TimeNs nanoseconds(std::int64_t milliseconds) {
    return std::clamp<std::int64_t>(milliseconds, 0, kEndless / kNsPerMs) * kNsPerMs;
}

}  // namespace

std::uint16_t Limiter::tenant_budget(std::uint64_t tenant) const {
    if (tenant == LimitSettings::DayBudget::kNoTenant || for_tenant_.empty()) return kNoDayBudget;
    const auto found = for_tenant_.find(tenant);
    return found == for_tenant_.end() ? kNoDayBudget : found->second;
}

Limiter::DayBudgets Limiter::day_budgets_of(std::uint16_t account,
                                            std::uint16_t tenant_budget) const {
    DayBudgets found;
    for (const std::uint16_t each : {for_all_, for_account_[account], tenant_budget}) {
        if (each < day_budgets_.size()) found.of[found.count++] = each;
    }
    return found;
}

void Limiter::check_day(const DayBudgets& budgets, const Cost& cost, TimeNs now, Verdict* verdict) {
    using Kind = DayBudget::Answer::Kind;
    const DayBudget::Amount expected{.tokens = cost.input_tokens + cost.output_tokens,
                                     .spend = cost.spend};
    for (std::size_t i = 0; i < budgets.count; ++i) {
        DayBudget& budget = day_budgets_[budgets.of[i]];
        const DayBudget::Answer answer = budget.check(expected, now, wall_offset_ns_);
        if (answer.kind == Kind::fits) continue;
        const LimitKind by = answer.money ? LimitKind::unknown : LimitKind::day_tokens;
        const bool refused = answer.kind == Kind::spent && settings_.refuse_over_spend;
        if (answer.kind == Kind::never || refused) {
            *verdict = {.kind = Verdict::Kind::never,
                        .binding = by,
                        .spend = answer.money,
                        .day_budget = budgets.of[i],
                        .at = refused ? answer.at : kNever};
            return;
        }
        if (answer.at <= verdict->at) continue;
        *verdict = {.kind = Verdict::Kind::not_before,
                    .binding = by,
                    .spend = answer.money,
                    .day_budget = budgets.of[i],
                    .at = answer.at};
    }
}

Verdict Limiter::check_tenant(const Cost& cost, TimeNs now) {
    Verdict verdict{.at = now};
    if (cost.tenant_budget < day_budgets_.size()) {
        check_day({.of = {cost.tenant_budget}, .count = 1}, sane(cost), now, &verdict);
    }
    return verdict;
}

void Limiter::settle_day(const Budget& budget, const Cost& cost, const Pool::Settlement& settlement,
                         TimeNs now) {
    DayBudget::Amount used;
    if (settlement.executed) {
        // What is not known stays as it was expected.
        const std::int64_t input =
            settlement.whole_input >= 0 ? settlement.whole_input : cost.input_tokens;
        const std::int64_t output = settlement.output >= 0
                                        ? settlement.output
                                        : std::max(settlement.shown, cost.output_tokens);
        used.tokens = input + output;
        used.spend = settlement.spend >= 0
                         ? settlement.spend
                         : settings_.prices.cost_of(cost.prices, input, output, false);
        if (cost.prices == kNoPrices) ++unpriced_;
    }
    const DayBudgets days = day_budgets_of(budget.account, cost.tenant_budget);
    for (std::size_t i = 0; i < days.count; ++i) {
        day_budgets_[days.of[i]].settle(most_of(cost), used, settlement.reserved_at, now,
                                        wall_offset_ns_);
    }
}

void Limiter::add_day_use(std::uint16_t account, std::uint64_t tenant,
                          const DayBudget::Amount& used, TimeNs now) {
    if (used.spend < 0) ++unpriced_;
    const DayBudgets days = day_budgets_of(account, tenant_budget(tenant));
    for (std::size_t i = 0; i < days.count; ++i) {
        day_budgets_[days.of[i]].add(used, now, wall_offset_ns_);
    }
    ++day_use_version_;
}

// ---- Kept over a restart ----

// "" where the next run could not tell what it is.
std::string Limiter::scope_name(const OwnedPool& owned) const {
    const std::uint16_t model_class = owned.model_class;
    std::string name;
    if (owned.scope != LimitSettings::Scope::kAny) {
        name = settings_.scopes[owned.scope].name;
        if (name.empty() || model_class == LimitSettings::Scope::kAny) return name;
    } else {
        name = "account." + settings_.accounts[owned.account].name + ".limit.";
        if (settings_.classes[model_class].name.empty()) return "";
    }
    return name + settings_.classes[model_class].name;
}

std::vector<Limiter::DayUse> Limiter::day_use() const {
    std::vector<DayUse> all;
    for (const OwnedPool& owned : pools_) {
        const Pool& pool = owned.pool;
        if (!pool.day().active() && !pool.spend().active()) continue;
        std::string name = scope_name(owned);
        if (name.empty()) continue;
        all.push_back({.scope = std::move(name),
                       .day = std::max(pool.day().day(), pool.spend().day()),
                       .tokens = pool.day().used(),
                       .spend = pool.spend().used()});
    }
    for (std::size_t i = 0; i < day_budgets_.size(); ++i) {
        const DayBudget& budget = day_budgets_[i];
        const std::string& name = settings_.day_budgets[i].name;
        all.push_back({.scope = name.empty() ? std::string(kForAll) : name,
                       .day = budget.day(),
                       .tokens = budget.used().tokens,
                       .spend = budget.used().spend});
    }
    add_starts(&all);
    return all;
}

bool Limiter::starts_slowly(const OwnedPool& owned) const {
    return owned.scope == LimitSettings::Scope::kAny &&
           !settings_.classes[owned.model_class].apart && starts_slowly_[owned.account];
}

void Limiter::add_starts(std::vector<DayUse>* all) const {
    if (settings_.ramp == RampMode::off) return;
    const std::size_t others = all->size();
    std::vector<TimeNs> doubling_ns(starts_slowly_.size(), settings_.slow_start.doubling_ns);
    for (const OwnedPool& owned : pools_) {
        if (!starts_slowly(owned)) continue;
        TimeNs& longest = doubling_ns[owned.account];
        longest = std::max(longest, owned.pool.slow_start().rules().doubling_ns);
    }
    for (std::size_t i = 0; i < starts_slowly_.size(); ++i) {
        if (!starts_slowly_[i] || settings_.ramp != RampMode::automatic) continue;
        const bool learnt = doubling_ns[i] > settings_.slow_start.doubling_ns;
        all->push_back({.scope = ramp_scope(settings_.accounts[i]),
                        .day = 0,
                        .tokens = learnt ? doubling_ns[i] / kNsPerMs : 0,
                        .spend = 0});
    }
    // After the accounts, whose starts they are: that is how they are put back.
    const std::int64_t unix_minus_now = wall_offset_ns_ - settings_.day_offset_ns;
    std::int64_t latest = ramp_day_;
    for (const OwnedPool& owned : pools_) {
        if (!starts_slowly(owned)) continue;
        const SlowStart::Reached reached = owned.pool.start_reached();
        const std::string& name = settings_.classes[owned.model_class].name;
        if (reached.used_at == -kEndless || name.empty()) continue;
        latest = std::max(latest, DayQuota::day_of(reached.used_at, wall_offset_ns_));
        all->push_back({.scope = reached_scope(settings_.accounts[owned.account]) + name,
                        .day = 0,
                        .tokens = (reached.used_at + unix_minus_now) / kNsPerMs,
                        .spend = static_cast<std::int64_t>(reached.share * kMillionths)});
    }
    // Of the latest day, so that they outlive them all.
    for (const DayUse& use : *all) latest = std::max(latest, use.day);
    for (std::size_t i = others; i < all->size(); ++i) (*all)[i].day = latest;
}

void Limiter::restore_start(const DayUse& use, TimeNs now) {
    if (settings_.ramp == RampMode::off) return;
    for (std::size_t i = 0; i < settings_.accounts.size(); ++i) {
        const auto account = static_cast<std::uint16_t>(i);
        const LimitSettings::Account& named = settings_.accounts[i];
        if (use.scope == ramp_scope(named) && settings_.ramp == RampMode::automatic) {
            start_slowly(account, now, nanoseconds(use.tokens));
        }
        const std::string prefix = reached_scope(named);
        if (use.scope.compare(0, prefix.size(), prefix) != 0) continue;
        const std::int64_t unix_minus_now = wall_offset_ns_ - settings_.day_offset_ns;
        // A clock that was put back makes nothing of it later than now.
        const TimeNs used_at = nanoseconds(use.tokens) - unix_minus_now;
        const SlowStart::Reached reached{
            .used_at = std::min(used_at, now),
            .share = static_cast<double>(sane_units(use.spend)) / kMillionths};
        for (OwnedPool& owned : pools_) {
            if (owned.account != account || !starts_slowly(owned)) continue;
            if (use.scope == prefix + settings_.classes[owned.model_class].name)
                owned.pool.go_on_from(reached);
        }
    }
}

void Limiter::restore(const DayUse& use, TimeNs now) {
    restore_start(use, now);
    if (use.day != DayQuota::day_of(now, wall_offset_ns_)) return;
    for (OwnedPool& owned : pools_) {
        if (scope_name(owned) != use.scope) continue;
        owned.pool.restore_day(use.tokens, use.spend, now, wall_offset_ns_);
    }
    for (std::size_t i = 0; i < day_budgets_.size(); ++i) {
        const std::string& name = settings_.day_budgets[i].name;
        if ((name.empty() ? kForAll : name) != use.scope) continue;
        day_budgets_[i].add({.tokens = use.tokens, .spend = use.spend}, now, wall_offset_ns_);
    }
}

}  // namespace weir
