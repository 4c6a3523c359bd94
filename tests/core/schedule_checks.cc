#include "schedule.h"

namespace weir::test {

void Schedule::check() {
    const Core::Counts& counts = core_.counts();
    if (counts.in_flight != live_.size()) broken("in flight is not what is in flight");
    if (live_.size() > settings_.max_in_flight) broken("more in flight than configured");
    if (result_.accepted !=
        result_.terminals + core_.queued() + counts.backing_off + requests_in_flight()) {
        broken("a request is nowhere");
    }
    for (const auto& [attempt, live] : live_) {
        if (live.lease_ends_at != kNever && now_ > live.lease_ends_at + 2 * kTick) {
            broken("an attempt outlived its lease");
        }
    }
    check_step_counts();
    check_bounds();
    check_expectations();
    double held = 0;
    views_.clear();
    core_.limiter().view(now_, &views_);
    for (const Limiter::BucketView& view : views_) {
        if (view.scope != LimitSettings::Scope::kAny) {
            if (view.kind == LimitKind::requests && view.held > static_cast<double>(live_.size())) {
                broken("a scope holds more than is in flight");
            }
            continue;
        }
        if (view.kind == LimitKind::requests) held += view.held;
        if (view.held < 0) broken("a bucket holds less than nothing");
    }
    if (held > static_cast<double>(live_.size())) broken("more is held than is in flight");
    for (const DayBudget& budget : core_.limiter().day_budgets()) {
        const DayBudget::Amount& amount = budget.held();
        if (live_.empty() && (amount.tokens != 0 || amount.spend != 0)) {
            broken("a day's budget holds something, and nothing is in flight");
        }
    }
    if (live_.empty() && held != 0) broken("something is held, and nothing is in flight");
}

// Whoever is asked about says something that may be.
void Schedule::check_expectations() {
    for (const auto& [ticket, known] : known_) {
        if (known.ended || random_.below(4) != 0) continue;
        const RequestIndex index = RequestSlab::index_of(ticket);
        const Expectation place = core_.place(index, now_);
        if (place.ahead > core_.queued()) broken("more are ahead than wait");
        if (place.starts_at < now_) broken("a start is expected in the past");
        const ClassOutlook outlook = core_.outlook(slab_.at(index).model_class, now_);
        for (const ClassOutlook::Level& level : outlook.levels) {
            if (level.not_before > level.not_before_behind) broken("who is behind is before");
            if (core_.queued() == 0 && level.not_before_behind > level.not_before) {
                broken("a wait behind nobody");
            }
        }
    }
}

void Schedule::check_end() {
    if (!result_.broken.empty()) return;
    if (!live_.empty()) broken("attempts in flight at the end");
    for (const auto& [ticket, known] : known_) {
        if (!known.ended) return broken("a request was lost");
    }
}

}  // namespace weir::test
