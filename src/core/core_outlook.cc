#include "core/core_outlook.h"

#include <algorithm>
#include <cmath>

#include "core/core.h"
#include "limits/cost_units.h"

// What can be known before a request is submitted, and while it waits.
namespace weir {

namespace {

constexpr LimitKind kMinuteLimits[kMinuteKinds] = {LimitKind::requests, LimitKind::input_tokens,
                                                   LimitKind::output_tokens, LimitKind::tokens};
// From so many answers on what was learnt of them may speak against a request.
constexpr double kEnoughInputs = 10;
constexpr double kEnoughOutputs = 30;
// Those ahead may be cancelled, take less than was expected, or find more room than is known.
constexpr double kHope = 0.5;

TimeNs nanoseconds(double seconds) {
    return static_cast<TimeNs>(std::clamp(seconds * 1e9, 0.0, 9e18));
}

std::int64_t mean(std::int64_t sum, std::int64_t count) { return count == 0 ? 0 : sum / count; }

}  // namespace

Expectation Core::estimate(const Request& request, TimeNs now) {
    return expect(request, Queue<RequestSlab>::kLast, now);
}

Expectation Core::place(RequestIndex index, TimeNs now) {
    const Request& request = slab_->at(index);
    switch (request.state) {
        case Request::State::queued:
            if (request.counting) break;  // it is not where it will be
            return expect(request, queue_.position(index), now);
        case Request::State::backing_off:
            return {.kind = Verdict::Kind::not_before,
                    .starts_at = std::max(now, request.timer.at)};
        case Request::State::in_flight:
            if (request.counting) break;
            return {.kind = Verdict::Kind::granted, .starts_at = now};
        case Request::State::set_aside:
        case Request::State::idle:
            break;
    }
    return expect(request, Queue<RequestSlab>::kLast, now);
}

// When the account may be used at all, as far as that is known.
TimeNs Core::opens_at(std::uint16_t account, std::uint16_t model_class, TimeNs now) {
    TimeNs at = now;
    if (!keys_.usable(account, now)) {
        const TimeNs usable = keys_.usable_at(account);
        if (usable != kNever) at = std::max(at, usable);
    }
    const Breaker& breaker = endpoint(account, model_class).breaker;
    if (!breaker.may_start(now) && breaker.may_start_at() != kNever) {
        at = std::max(at, breaker.may_start_at());
    }
    return at;
}

// The request at the place `position` among its tenant's.
Expectation Core::expect(const Request& request, std::uint64_t position, TimeNs now) {
    Expectation best{.cost = cost_of(request)};
    for (std::uint16_t account = 0; account < accounts(); ++account) {
        keys_.for_each_in_turn(account, [&](std::uint16_t key, TimeNs) {
            expect_of(request, {account, key}, now, &best);
            return false;
        });
    }
    if (best.kind == Verdict::Kind::never) return best;
    wait_for_those_ahead(request, position, now, &best);
    return best;
}

// Takes the key into account, with which the request may start earlier or fit at all.
void Core::expect_of(const Request& request, KeyId key, TimeNs now, Expectation* best) {
    const BudgetId budget = budget_of(key, request.model_class);
    const Verdict verdict = limiter_.estimate(budget, best->cost, now);
    if (verdict.kind == Verdict::Kind::never) {
        const std::int64_t holds = limiter_.largest(budget, verdict.binding);
        if (best->kind != Verdict::Kind::never || holds <= best->holds) return;
        best->account = key.account;
        best->binding = verdict.binding;
        best->holds = holds;
        const Cost& cost = best->cost;
        best->needs = units_of(
            verdict.binding, cost,
            limiter_.reserves_output(budget) ? cost.promised_output() : cost.output_tokens);
        return;
    }
    const TimeNs opens = opens_at(key.account, request.model_class, now);
    const TimeNs at = std::max({now, verdict.at, opens});
    if (at >= best->starts_at) return;
    best->kind = at > now ? Verdict::Kind::not_before : Verdict::Kind::granted;
    best->account = key.account;
    best->binding = at == now || opens > verdict.at ? LimitKind::unknown : verdict.binding;
    best->starts_at = at;
    best->holds = best->needs = -1;
}

void Core::wait_for_those_ahead(const Request& request, std::uint64_t position, TimeNs now,
                                Expectation* best) {
    const std::uint16_t lane = request.model_class;
    const BudgetId budget = budget_of(best->account, lane);
    const Backlog& own = queue_.backlog(lane, request.priority);
    const Need like = need_of(lane, own, false);
    const double waiting = std::max(static_cast<double>(own.requests), 1.0);
    Cost mean_cost = best->cost;
    if (own.requests > 0) {
        mean_cost.input_tokens = static_cast<std::int64_t>(like.input / waiting);
        mean_cost.output_tokens = static_cast<std::int64_t>(like.output / waiting);
        mean_cost.max_output_tokens = mean(own.promised, own.requests);
    }
    const auto ahead = queue_.ahead({lane, request.priority, request.tenant}, position,
                                    limiter_.dominant_cost(budget, mean_cost));
    const Need own_need{.requests = 1,
                        .input = static_cast<double>(best->cost.input_tokens),
                        .output = static_cast<double>(best->cost.output_tokens),
                        .promised = static_cast<double>(best->cost.promised_output())};
    Need need = own_need;
    for (std::size_t priority = 0; priority < kPriorities; ++priority) {
        if (ahead[priority] == 0) continue;
        best->ahead += ahead[priority];
        const Backlog& backlog = queue_.backlog(lane, priority);
        need.add(need_of(lane, backlog, false),
                 static_cast<double>(ahead[priority]) / static_cast<double>(backlog.requests));
    }
    if (best->ahead == 0) return;
    LimitKind binding = best->binding;
    const TimeNs at = later(now, refill_time(lane, need, own_need, false, now, &binding));
    if (at <= best->starts_at) return;
    best->kind = Verdict::Kind::not_before;
    best->starts_at = at;
    best->binding = binding;
}

Core::Need Core::need_of(std::uint16_t lane, const Backlog& backlog, bool surely) const {
    Need need{.requests = static_cast<double>(backlog.requests),
              .input = static_cast<double>(backlog.given_input),
              .output = static_cast<double>(backlog.given_output),
              .promised = static_cast<double>(backlog.promised)};
    if (backlog.requests == 0) return need;
    const InputCorrection& input = limiter_.input_correction(lane);
    if (!surely || input.samples() >= kEnoughInputs) {
        need.input += static_cast<double>(backlog.raw_input) * input.factor();
    }
    if (backlog.learnt_output > 0 && (!surely || limiter_.answers_seen(lane) >= kEnoughOutputs)) {
        const std::int64_t max_tokens = mean(backlog.learnt_max, backlog.learnt_output);
        need.output += static_cast<double>(
            backlog.learnt_output *
            limiter_.expected_output(lane, static_cast<std::uint32_t>(max_tokens)));
    }
    // What is promised comes back when an answer turns out shorter.
    if (surely) need.promised = need.output;
    return need;
}

// How long the accounts take together until they have let all of it go, of which `last` is the last
// request. With `surely` by the most hopeful count.
TimeNs Core::refill_time(std::uint16_t lane, const Need& need, const Need& last, bool surely,
                         TimeNs now, LimitKind* binding) {
    supplies_.clear();
    for (std::uint16_t account = 0; account < accounts(); ++account) {
        if (!surely && opens_at(account, lane, now) > now + kNsPerS && accounts() > 1) continue;
        supplies_.push_back(limiter_.supplies(budget_of(account, lane), now));
    }
    const bool reserves = limiter_.reserves_output(budget_of(0, lane));
    const auto amounts = [&](const Need& of) {
        const double output = reserves ? of.promised : of.output;
        return std::array<double, kMinuteKinds>{of.requests, of.input, output, of.input + output};
    };
    const auto units = amounts(need);
    const auto last_units = amounts(last);
    TimeNs longest = 0;
    for (std::size_t k = 0; k < kMinuteKinds; ++k) {
        const bool limited = std::all_of(supplies_.begin(), supplies_.end(),
                                         [&](const Supplies& each) { return each.of[k].limited; });
        if (!limited) continue;
        const TimeNs time =
            nanoseconds(seconds_until(supplies_, k, units[k], last_units[k], surely));
        if (time <= longest) continue;
        longest = time;
        *binding = kMinuteLimits[k];
    }
    return longest;
}

ClassOutlook Core::outlook(std::uint16_t model_class, TimeNs now) {
    ClassOutlook outlook{.reserves_output = true};
    TimeNs opens = kNever;
    for (std::uint16_t account = 0; account < accounts(); ++account) {
        const BudgetId budget = budget_of(account, model_class);
        const auto widen = [&](LimitKind kind, std::int64_t* largest) {
            const std::int64_t here = limiter_.largest(budget, kind);
            const bool unlimited = here < 0 || (account > 0 && *largest < 0);
            *largest = unlimited ? -1 : std::max(*largest, here);
        };
        widen(LimitKind::input_tokens, &outlook.input);
        widen(LimitKind::output_tokens, &outlook.output);
        widen(LimitKind::tokens, &outlook.tokens);
        widen(LimitKind::day_tokens, &outlook.day_tokens);
        outlook.reserves_output =
            outlook.reserves_output && limiter_.surely_reserves_output(budget);
        // A key may be replaced, and an outage end at any time; a pause that was asked for lasts.
        opens = std::min(opens, limiter_.paused_until(budget));
    }
    if (accounts() == 0) opens = now;

    Need above;
    for (std::size_t priority = 0; priority < kPriorities; ++priority) {
        ClassOutlook::Level& level = outlook.levels[priority];
        Need behind = above;
        behind.add(need_of(model_class, queue_.backlog(model_class, priority), true), 1);
        level.not_before = std::max(opens, soonest(model_class, above, now));
        level.not_before_behind = level.not_before;
        // Who has nothing waiting goes before a tenant that has, and who is in a hurry before
        // others.
        if (queue_.is_by_arrival() && queue_.sole_tenant(model_class, priority, &level.tenant)) {
            level.not_before_behind = std::max(level.not_before, soonest(model_class, behind, now));
        }
        if (queue_.is_strict()) above = behind;
    }
    return outlook;
}

// The most hopeful time at which what is behind `need` starts.
TimeNs Core::soonest(std::uint16_t model_class, const Need& need, TimeNs now) {
    if (need.requests == 0) return now;
    LimitKind binding = LimitKind::unknown;
    // So many behind a head that waits may pass it.
    Need passing;
    passing.add(need, std::min(static_cast<double>(kMostTried) / need.requests, 1.0));
    const TimeNs wait = refill_time(model_class, need, passing, true, now, &binding);
    auto hopeful = static_cast<TimeNs>(kHope * static_cast<double>(wait));
    // From then on it has turns of its own.
    if (queue_.ageing_ns() > 0) hopeful = std::min(hopeful, queue_.ageing_ns());
    return later(now, hopeful);
}

}  // namespace weir
