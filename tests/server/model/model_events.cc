#include <algorithm>
#include <cmath>

#include "model/model.h"

namespace weir::model {

namespace {

double seconds_between(TimeNs from, TimeNs to) {
    return static_cast<double>(to - from) / static_cast<double>(kNsPerS);
}

}  // namespace

template <typename Visit>
void Model::for_sets(int account, int model_class, Visit&& visit) {
    for (int a = 0; a < static_cast<int>(config_.accounts.size()); ++a) {
        if (account >= 0 && a != account) continue;
        for (int c = 0; c < static_cast<int>(config_.classes.size()); ++c) {
            if (model_class < 0 || c == model_class) visit(set_index(a, c));
        }
    }
}

void Model::advance(TimeNs now) {
    while (events_.due(now)) handle(events_.pop());
}

void Model::handle(const Event& event) {
    switch (event.kind) {
        case EventKind::begin_production:
        case EventKind::end_production: {
            const Running& running = running_[event.index];
            if (running.generation != event.generation) return;
            sets_[running.set].refresh(event.at);
            if (event.kind == EventKind::begin_production) {
                begin_production(event.index);
                return;
            }
            if (running.marker != 0 && !running.struck) ++counts_.markers[running.marker].answered;
            ++counts_.of[running.set].completed;
            finish(event.index, running.produced_tokens);
            return;
        }
        case EventKind::cotenant_on:
        case EventKind::cotenant_off:
            toggle_cotenant(event.index, event.kind == EventKind::cotenant_on, event.at);
            return;
        case EventKind::limit_change:
            change_limits(config_.changes[event.index], event.at);
            return;
    }
}

void Model::begin_production(std::uint32_t slot) {
    Running& running = running_[slot];
    running.producing = true;
    if (running.microtokens_per_s > 0) {
        sets_[running.set].add_production(running.microtokens_per_s);
    } else {
        sets_[running.set].produce(running.produced_tokens);
    }
}

void Model::finish(std::uint32_t slot, std::int64_t produced_tokens) {
    Running& running = running_[slot];
    LimitSet& set = sets_[running.set];
    if (running.producing) set.add_production(-running.microtokens_per_s);
    set.settle(running.max_tokens, produced_tokens);
    ClassCounts& counts = counts_.of[running.set];
    counts.output_tokens += produced_tokens;
    --counts.running;
    --counts_.running;
    ++running.generation;
    running.active = false;
    free_.push_back(slot);
}

void Model::abandon(RequestId id, TimeNs now) {
    advance(now);
    const auto slot = static_cast<std::uint32_t>(id);
    const auto generation = static_cast<std::uint32_t>(id >> 32U);
    if (slot >= running_.size()) return;
    Running& running = running_[slot];
    if (!running.active || running.generation != generation) return;
    ++counts_.of[running.set].abandoned;
    running.struck = true;
    if (config_.survives_disconnect) return;
    sets_[running.set].refresh(now);
    std::int64_t produced = 0;
    if (running.producing) {
        const double rate = static_cast<double>(running.microtokens_per_s) * 1e-6;
        const double so_far = rate * seconds_between(running.first_token_at, now);
        produced = std::min<std::int64_t>(running.produced_tokens, std::llround(so_far));
    }
    finish(slot, produced);
}

void Model::toggle_cotenant(std::uint32_t index, bool on, TimeNs at) {
    const Cotenant& cotenant = config_.cotenants[index];
    const bool bursty = cotenant.on_s > 0 && cotenant.off_s > 0;
    double share = on ? cotenant.share : -cotenant.share;
    if (bursty) share *= (cotenant.on_s + cotenant.off_s) / cotenant.on_s;
    for_sets(cotenant.account, cotenant.model_class, [&](std::size_t set_index) {
        LimitSet& set = sets_[set_index];
        set.refresh(at);
        if (cotenant.requests) set.add_cotenant(LimitKind::requests, share);
        if (cotenant.input_tokens) set.add_cotenant(LimitKind::input_tokens, share);
        if (cotenant.output_tokens) set.add_cotenant(LimitKind::output_tokens, share);
    });
    if (!bursty) return;
    const double mean_s = on ? cotenant.on_s : cotenant.off_s;
    const double lasts_s = cotenant.random ? cotenant_random_[index].exponential(mean_s) : mean_s;
    const TimeNs next = at + std::llround(lasts_s * static_cast<double>(kNsPerS));
    events_.push(next, on ? EventKind::cotenant_off : EventKind::cotenant_on, index);
}

void Model::change_limits(const LimitChange& change, TimeNs now) {
    for_sets(change.account, change.model_class, [&](std::size_t index) {
        sets_[index].refresh(now);
        const bool scales = change.factor > 0;
        sets_[index].change(scales ? configured_[index].scaled(change.factor) : change.limits, now);
    });
}

void Model::set_limits(int account, int model_class, const Limits& limits, TimeNs now) {
    advance(now);
    change_limits({now, account, model_class, 0, limits}, now);
}

void Model::scale_limits(int account, int model_class, double factor, TimeNs now) {
    advance(now);
    change_limits({now, account, model_class, factor, {}}, now);
}

void Model::revoke_key(int key, TimeNs now) {
    key_revoked_at_[static_cast<std::size_t>(key)] = now;
}

void Model::restore_key(int key, TimeNs now) {
    advance(now);
    key_revoked_at_[static_cast<std::size_t>(key)] = kNever;
}

void Model::set_level(int account, int model_class, LimitKind kind, double level, TimeNs now) {
    advance(now);
    LimitSet& set = sets_[set_index(account, model_class)];
    set.refresh(now);
    set.bucket(kind).set_level(level);
}

void Model::set_faults(const std::vector<FaultRule>& rules) {
    config_.faults = rules;
    faults_ = FaultPlan(rules, config_.seed);
}

double Model::level(int account, int model_class, LimitKind kind, TimeNs now) {
    advance(now);
    LimitSet& set = sets_[set_index(account, model_class)];
    set.refresh(now);
    return set.bucket(kind).level();
}

}  // namespace weir::model
