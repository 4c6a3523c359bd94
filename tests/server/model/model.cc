#include "model/model.h"

#include <algorithm>
#include <cmath>

namespace weir::model {

namespace {

constexpr double kMicro = 1e6;
constexpr TimeNs kDayNs = 86'400 * kNsPerS;

TimeNs first_midnight(std::int64_t unix_at_zero_ns) {
    const std::int64_t into_day = ((unix_at_zero_ns % kDayNs) + kDayNs) % kDayNs;
    return kDayNs - into_day;
}

bool glob_matches(std::string_view pattern, std::string_view text) {
    if (!pattern.empty() && pattern.back() == '*') {
        pattern.remove_suffix(1);
        return text.substr(0, pattern.size()) == pattern;
    }
    return text == pattern;
}

TimeNs to_ns(double seconds) {
    return static_cast<TimeNs>(std::llround(seconds * static_cast<double>(kNsPerS)));
}

}  // namespace

Model::Model(const Config& config)
    : config_(config), faults_(config.faults, config.seed), random_(config.seed) {
    const TimeNs midnight = first_midnight(config.unix_at_zero_ns);
    for (std::size_t a = 0; a < config.accounts.size(); ++a) {
        for (std::size_t c = 0; c < config.classes.size(); ++c) {
            Limits limits = config.classes[c].limits;
            for (const Account::Override& own : config.accounts[a].overrides) {
                if (own.model_class == static_cast<int>(c)) limits = own.limits;
            }
            sets_.emplace_back(limits, config.classes[c].enforcement, midnight);
            configured_.push_back(limits);
        }
    }
    counts_.of.resize(sets_.size());
    for (const Key& key : config.keys) key_revoked_at_.push_back(key.revoked_at);
    for (std::size_t i = 0; i < config.changes.size(); ++i) {
        events_.push(config.changes[i].at, EventKind::limit_change, static_cast<std::uint32_t>(i));
    }
    for (std::size_t i = 0; i < config.cotenants.size(); ++i) {
        cotenant_random_.emplace_back(Random::mix(config.seed ^ (0xc07e4a47U + i)));
        events_.push(0, EventKind::cotenant_on, static_cast<std::uint32_t>(i));
    }
}

std::size_t Model::set_index(int account, int model_class) const {
    return static_cast<std::size_t>(account) * config_.classes.size() +
           static_cast<std::size_t>(model_class);
}

Decision Model::arrive(const Request& request, TimeNs now) {
    advance(now);
    Decision decision;
    if (request.marker != 0) ++counts_.markers[request.marker].arrived;
    if (refuse_caller(request, now, &decision)) return decision;

    const std::size_t index = set_index(decision.account, decision.model_class);
    ClassCounts& counts = counts_.of[index];
    ++counts.requests;
    LimitSet& set = sets_[index];
    set.refresh(now);
    const FaultPlan::Subject subject{decision.account, decision.model_class, request.stream};
    if (const FaultRule* rule = faults_.strike(FaultPhase::admission, subject, now)) {
        ++counts.faults[index_of(rule->kind)];
        decision.readings = set.read(config_.rounding);
        refuse_by_fault(*rule, &decision);
        return decision;
    }
    const LimitSet::Refusal refusal = set.admit(request.input_tokens, request.max_tokens);
    decision.readings = set.read(config_.rounding);
    if (refusal.refused) {
        ++(refusal.for_growth ? counts.refused_for_growth : counts.refused[index_of(refusal.by)]);
        refuse_by_limit(refusal, now, &decision);
        return decision;
    }
    accept(request, now, &decision);
    return decision;
}

bool Model::refuse_caller(const Request& request, TimeNs now, Decision* decision) {
    const auto key = static_cast<std::size_t>(request.key);
    if (request.key < 0 || key >= config_.keys.size() || now >= key_revoked_at_[key]) {
        const bool known = request.key >= 0 && key < config_.keys.size();
        ++(known ? counts_.revoked_key : counts_.unknown_key);
        decision->status = 401;
        decision->error = ErrorType::authentication;
        return true;
    }
    decision->account = config_.keys[key].account;
    const auto model_class = static_cast<std::size_t>(request.model_class);
    if (request.model_class < 0 || model_class >= config_.classes.size()) {
        ++counts_.unknown_model;
        decision->status = 404;
        decision->error = ErrorType::not_found;
        return true;
    }
    decision->model_class = request.model_class;
    return false;
}

void Model::accept(const Request& request, TimeNs now, Decision* decision) {
    const std::size_t index = set_index(decision->account, decision->model_class);
    const Generation& generation =
        config_.classes[static_cast<std::size_t>(decision->model_class)].generation;
    ClassCounts& counts = counts_.of[index];
    ++counts.accepted;
    counts.input_tokens += request.input_tokens;

    const std::int64_t wanted = draw_output(request, generation);
    decision->hit_max_tokens = wanted > request.max_tokens;
    decision->output_tokens = std::min(wanted, request.max_tokens);
    decision->produced_tokens = decision->output_tokens;
    const FaultPlan::Subject subject{decision->account, decision->model_class, request.stream};
    const FaultRule* rule = faults_.strike(FaultPhase::execution, subject, now);
    if (rule != nullptr) {
        ++counts.faults[index_of(rule->kind)];
        apply_execution_fault(*rule, request.stream, decision);
    }
    plan_production(generation, now, decision);
    decision->id = start(request, *decision);
}

std::int64_t Model::draw_output(const Request& request, const Generation& generation) {
    if (request.output_tokens >= 0) return request.output_tokens;
    double drawn;
    if (request.marker != 0) {
        Random own(Random::mix(config_.seed) ^ request.marker);
        drawn = generation.output_tokens.draw(&own);
    } else {
        drawn = generation.output_tokens.draw(&random_);
    }
    constexpr double kMost = 1e9;
    return std::llround(std::clamp(drawn, 1.0, kMost));
}

void Model::apply_execution_fault(const FaultRule& rule, bool stream, Decision* decision) {
    decision->fault = rule.kind;
    decision->fault_at = rule.at;
    decision->fault_lasts_ns = rule.lasts_ns;
    const bool breaks =
        rule.kind == FaultKind::reset_mid_body || rule.kind == FaultKind::truncated_body;
    if (rule.kind == FaultKind::stream_error_early) {
        decision->produced_tokens = 0;
    } else if (rule.kind == FaultKind::stream_error_late ||
               rule.kind == FaultKind::stream_without_stop || (breaks && stream)) {
        // A stream ends where the fault strikes; a whole answer is generated before it breaks.
        const double part = static_cast<double>(decision->output_tokens) * rule.at;
        const std::int64_t least = std::min<std::int64_t>(1, decision->output_tokens);
        decision->produced_tokens =
            std::clamp(static_cast<std::int64_t>(part), least, decision->output_tokens);
    }
}

void Model::plan_production(const Generation& generation, TimeNs now, Decision* decision) {
    decision->first_token_at = now + to_ns(generation.first_token_s.draw(&random_));
    decision->tokens_per_s = generation.tokens_per_s.draw(&random_);
    decision->production_ends_at = decision->first_token_at;
    if (decision->tokens_per_s > 0) {
        const auto tokens = static_cast<double>(decision->produced_tokens);
        decision->production_ends_at += to_ns(tokens / decision->tokens_per_s);
    }
    decision->answer_ends_at = decision->production_ends_at;
    if (decision->fault == FaultKind::stall || decision->fault == FaultKind::stall_pings) {
        decision->answer_ends_at += decision->fault_lasts_ns;
    }
}

RequestId Model::start(const Request& request, const Decision& decision) {
    if (free_.empty()) {
        free_.push_back(static_cast<std::uint32_t>(running_.size()));
        running_.emplace_back();
    }
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    Running& running = running_[slot];
    running.set = set_index(decision.account, decision.model_class);
    running.active = true;
    running.producing = false;
    running.struck = decision.fault != FaultKind::none && decision.fault != FaultKind::stall &&
                     decision.fault != FaultKind::stall_pings;
    running.microtokens_per_s = std::llround(decision.tokens_per_s * kMicro);
    running.max_tokens = request.max_tokens;
    running.produced_tokens = decision.produced_tokens;
    running.marker = request.marker;
    running.first_token_at = decision.first_token_at;

    if (request.marker != 0) ++counts_.markers[request.marker].executed;
    ClassCounts& counts = counts_.of[running.set];
    counts.peak_running = std::max(counts.peak_running, ++counts.running);
    counts_.peak_running = std::max(counts_.peak_running, ++counts_.running);
    events_.push(decision.first_token_at, EventKind::begin_production, slot, running.generation);
    events_.push(decision.production_ends_at, EventKind::end_production, slot, running.generation);
    return (static_cast<RequestId>(running.generation) << 32U) | slot;
}

int Model::find_key(std::string_view secret) const {
    for (std::size_t i = 0; i < config_.keys.size(); ++i) {
        if (config_.keys[i].secret == secret) return static_cast<int>(i);
    }
    return -1;
}

int Model::find_class(std::string_view model) const {
    for (std::size_t i = 0; i < config_.classes.size(); ++i) {
        for (const std::string& pattern : config_.classes[i].models) {
            if (glob_matches(pattern, model)) return static_cast<int>(i);
        }
    }
    return -1;
}

const ClassCounts& Model::counts(int account, int model_class) const {
    return counts_.of[set_index(account, model_class)];
}

const LimitSet& Model::limit_set(int account, int model_class) const {
    return sets_[set_index(account, model_class)];
}

}  // namespace weir::model
