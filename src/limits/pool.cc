#include "limits/pool.h"

#include <algorithm>
#include <cmath>

#include "limits/cost_units.h"

namespace weir {

namespace {

// Guards in seconds of refill. Requests are counted exactly, so only jitter is to be covered;
// tokens are estimates until the answer is there.
constexpr double kRequestsGuardS = 0.15;
constexpr double kTokensGuardS = 1.5;
// A bucket's depth is not published; this much of it is believed until more is seen.
constexpr double kBelievedDepthS = 10.0;

constexpr double kSearchGuardS = 0.05;
constexpr double kSearchDepthS = 2.0;

// Attempts before anything is known: the second after the first, the others closer. A refusal
// comes back within this and then states the limits.
constexpr TimeNs kFirstProbe = kNsPerS / 4;
constexpr TimeNs kNextProbes = kNsPerS / 10;

// Requests that are sent within this may arrive in another order.
constexpr TimeNs kBurstNs = kNsPerS / 8;

constexpr double kSpeedKept = 0.98;

// Answers after which output that may be reserved is taken to be counted as it is produced, as the
// provider says: if it is not, the readings are soon far enough apart to tell.
constexpr int kCarefulAnswers = 4;

constexpr LimitKind kKinds[kMinuteKinds] = {LimitKind::requests, LimitKind::input_tokens,
                                            LimitKind::output_tokens, LimitKind::tokens};

bool counts_output(LimitKind kind) {
    return kind == LimitKind::output_tokens || kind == LimitKind::tokens;
}

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

std::int64_t unshown(const Cost& cost, std::int64_t shown) {
    return std::max<std::int64_t>(cost.output_tokens - shown, 0);
}

}  // namespace

Pool::Pool(const BucketLimits& limits, const Rules& rules) : rules_(rules) {
    for (const LimitKind kind : kKinds) {
        const std::int64_t limit = configured(limits, kind);
        if (limit <= 0) continue;
        bucket(kind).set_limit(limit, false, shape(kind), 0);
        open_ = true;
    }
    if (!rules.stated_by_headers) open_ = true;
    most_in_flight_ = std::max<std::int64_t>(limits.in_flight, 0);
    if (limits.tokens_per_day > 0) day_.set_limit(limits.tokens_per_day, false);
    if (limits.spend_per_day > 0) spend_.set_limit(limits.spend_per_day, false);
    // While it is not known, the careful way: it is right for both, if slow for one.
    reserves_ = rules.accounting != OutputAccounting::produced;
}

Bucket::Shape Pool::shape(LimitKind kind) const {
    Bucket::Shape shape;
    shape.guard_s = kind == LimitKind::requests ? kRequestsGuardS : kTokensGuardS;
    shape.learn_depth = rules_.burst_s <= 0;
    shape.depth_s = shape.learn_depth ? kBelievedDepthS : rules_.burst_s;
    return shape;
}

// What an attempt takes from a bucket when it starts.
std::int64_t Pool::own_units(LimitKind kind, const Cost& cost) const {
    const std::int64_t output = reserves_ ? cost.promised_output() : 0;
    return std::max<std::int64_t>(units_of(kind, cost, output), 0);
}

Verdict Pool::check(const Cost& cost, TimeNs now, std::int64_t wall_offset_ns, Needs* needs) {
    if (sequence_ == 0) start_paced(cost, now);
    if (reserves_ && !bucket(LimitKind::output_tokens).ever_fits(cost.promised_output()))
        give_up_reserving(now);
    const std::int64_t output = reserves_ ? cost.promised_output() : 0;
    const std::int64_t later_output = reserves_ ? 0 : cost.output_tokens;
    needs->units = {1, cost.input_tokens, output, cost.input_tokens + output};

    Verdict verdict{.at = now};
    if (!open_ && production_.attempts > 0) verdict.not_before(probe_at_, LimitKind::unknown);
    verdict.not_before(paused_until_, paused_by_);
    if (most_in_flight_ > 0 && production_.attempts >= most_in_flight_)
        verdict.not_before(kNever, LimitKind::unknown);  // when one has ended
    if (ramp_.active()) verdict.not_before(ramp_.fits_at(cost.input_tokens), LimitKind::unknown);
    if (slow_start_.armed() && slow_start_.active(now))
        verdict.not_before(slow_start_.fits_at(), LimitKind::unknown);
    for (std::size_t i = 0; i < kMinuteKinds; ++i) {
        const Bucket& each = buckets_[i];
        if (!each.active()) continue;
        const bool produces = counts_output(kKinds[i]) && later_output > 0;
        const std::int64_t units = needs->units[i];
        if (!each.ever_fits(produces ? units + later_output : units)) {
            return {.kind = Verdict::Kind::never, .binding = kKinds[i], .at = kNever};
        }
        const TimeNs need = each.time_for(units);
        needs->times[i] = need;
        verdict.not_before(
            produces ? each.fits_at(now, need, later_output, production_) : each.fits_at(need),
            kKinds[i]);
    }
    if (day_.active()) {
        const std::int64_t units = cost.input_tokens + cost.output_tokens;
        if (!day_.ever_fits(units)) {
            return {.kind = Verdict::Kind::never, .binding = LimitKind::day_tokens, .at = kNever};
        }
        verdict.not_before(day_.fits_at(now, wall_offset_ns, units), LimitKind::day_tokens);
    }
    if (spend_.active()) check_spend(cost, now, wall_offset_ns, &verdict);
    if (verdict.at > now && verdict.kind == Verdict::Kind::granted)
        verdict.kind = Verdict::Kind::not_before;
    return verdict;
}

TimeNs Pool::fits_after(const Needs& taken, const Cost& cost, TimeNs now) const {
    TimeNs at = now;
    for (std::size_t i = 0; i < kMinuteKinds; ++i) {
        const Bucket& each = buckets_[i];
        if (!each.active() || counts_output(kKinds[i])) continue;
        const TimeNs need = each.time_for(own_units(kKinds[i], cost));
        at = std::max(at, each.fits_after(now, taken.times[i], need));
    }
    return at;
}

void Pool::check_spend(const Cost& cost, TimeNs now, std::int64_t wall_offset_ns,
                       Verdict* verdict) {
    const TimeNs at = spend_.fits_at(now, wall_offset_ns, cost.spend);
    if (at <= now) return;
    if (rules_.refuse_over_spend || !spend_.ever_fits(cost.spend)) {
        const bool passes = spend_.ever_fits(cost.spend);
        *verdict = {.kind = Verdict::Kind::never, .spend = true, .at = passes ? at : kNever};
    } else if (at > verdict->at) {
        verdict->not_before(at, LimitKind::unknown);
        verdict->spend = true;
    }
}

// Nobody has seen the buckets yet. They are taken to hold no more than what is asked for now, so
// that what follows is paced; the first headers show the rest.
void Pool::start_paced(const Cost& cost, TimeNs now) {
    for (const LimitKind kind : kKinds) {
        Bucket& each = bucket(kind);
        if (!each.active()) continue;
        const std::int64_t output = counts_output(kind) && !reserves_ ? cost.output_tokens : 0;
        each.open_for(now, each.time_for(own_units(kind, cost) + output));
    }
}

// The longest that one of the buckets takes to refill what the attempt comes to.
TimeNs Pool::dominant(const Cost& cost, const Needs& needs) const {
    TimeNs longest = 0;
    for (std::size_t i = 0; i < kMinuteKinds; ++i) {
        const Bucket& each = buckets_[i];
        if (!each.active()) continue;
        const bool produces = counts_output(kKinds[i]) && !reserves_;
        const TimeNs output = produces ? each.time_for(cost.output_tokens) : 0;
        longest = std::max(longest, needs.times[i] + output);
    }
    return longest;
}

void Pool::take(const Cost& cost, const Needs& needs, TimeNs now, Hold* hold) {
    hold->sequence = ++sequence_;
    hold->debited = 0;
    detector_.reserved_at(sequence_, now);
    detector_.add_reserved(cost.promised_output());
    hold->produced = detector_.produced();
    hold->reserved = detector_.reserved();
    if (now - burst_began_at_ > kBurstNs) {
        burst_began_at_ = now;
        burst_ = {};
    }
    for (std::size_t i = 0; i < kMinuteKinds; ++i) {
        Bucket& each = buckets_[i];
        if (!each.active()) continue;
        each.take(now, needs.times[i]);
        hold->baseline[i] = each.baseline(now);
        hold->burst[i] = burst_[i];
        burst_[i] += static_cast<double>(needs.units[i]);
        hold->set(kKinds[i]);
    }
    ramp_.used(cost.input_tokens, now);
    if (ramp_.active()) ramp_.take(cost.input_tokens, now);
    if (slow_start_.armed()) slow_start_.take(search_.active() ? 0 : dominant(cost, needs), now);
    if (day_.active()) {
        day_.take(own_units(LimitKind::day_tokens, cost));
        hold->set(LimitKind::day_tokens);
    }
    hold->spends = spend_.active();
    if (hold->spends) spend_.take(cost.spend);
    probe_at_ = now + (production_.attempts == 0 ? kFirstProbe : kNextProbes);
    ++production_.attempts;
    production_.unshown += cost.output_tokens;
    production_.silent += cost.output_tokens;
    input_in_flight_ += cost.input_tokens;
    promised_ += cost.promised_output();
}

void Pool::progress(const Cost& cost, const Hold& hold, std::int64_t shown_before,
                    std::int64_t shown, TimeNs now) {
    const std::int64_t more = shown - shown_before;
    if (shown_before == 0) production_.silent -= cost.output_tokens;
    production_.unshown -= unshown(cost, shown_before) - unshown(cost, shown);
    shown_ += more;
    detector_.add_produced(more);
    if (detector_.waits_for(hold.sequence)) confirm_accounting(now);
    if (reserves_) return;
    for (const LimitKind kind : {LimitKind::output_tokens, LimitKind::tokens}) {
        if (hold.has(kind)) bucket(kind).settle(now, more);
    }
}

void Pool::leave_flight(const Settlement& settlement) {
    const Cost& cost = settlement.cost;
    --production_.attempts;
    production_.unshown -= unshown(cost, settlement.shown);
    if (settlement.shown == 0) production_.silent -= cost.output_tokens;
    input_in_flight_ -= cost.input_tokens;
    promised_ -= cost.promised_output();
    shown_ -= settlement.shown;
}

void Pool::settle_input(std::int64_t more, const Hold& hold, TimeNs now) {
    for (const LimitKind kind : {LimitKind::input_tokens, LimitKind::tokens}) {
        if (!hold.has(kind)) continue;
        bucket(kind).settle(now, more);
        bucket(kind).amend(-more);
    }
}

void Pool::settle(const Settlement& settlement, const Hold& hold, TimeNs now,
                  std::int64_t wall_offset_ns) {
    const Cost& cost = settlement.cost;
    leave_flight(settlement);

    if (!settlement.request_counts && hold.has(LimitKind::requests)) {
        bucket(LimitKind::requests).settle(now, -1);
    }
    const std::int64_t input = settlement.executed ? settlement.input : 0;
    if (input >= 0) {
        const bool is_known = settlement.known_input >= 0;
        const std::int64_t more = input - (is_known ? settlement.known_input : cost.input_tokens);
        if (settlement.executed) {
            settle_input(more, hold, now);
        } else {
            for (const LimitKind kind : {LimitKind::input_tokens, LimitKind::tokens}) {
                if (hold.has(kind)) bucket(kind).settle(now, more);
            }
        }
    }
    settle_output(settlement, hold, now);
    settle_day(settlement, hold, now, wall_offset_ns);
    if (!settlement.success) return;
    if (detector_.waits_for(hold.sequence)) confirm_accounting(now);
    const bool nothing_to_learn_from = !bucket(LimitKind::output_tokens).synced();
    if (!accounting_known() && (nothing_to_learn_from || ++careful_answers_ >= kCarefulAnswers))
        switch_accounting(false, now);
    refusals_ = 0;
    if (!open_) begin_search(now);
    for (const LimitKind kind : kKinds) bucket(kind).accepted(own_units(kind, cost));
    if (search_.active() && search_.accepted(now)) apply_search(now);
    if (settlement.output < 0 || now <= settlement.reserved_at) return;
    const double was_silent = settlement.shown == 0 ? 1 : 0;
    production_.silent_share += (1 - kSpeedKept) * (was_silent - production_.silent_share);
    produced_sum_ = produced_sum_ * kSpeedKept + static_cast<double>(settlement.output);
    seconds_sum_ =
        seconds_sum_ * kSpeedKept + static_cast<double>(now - settlement.reserved_at) / 1e9;
    production_.per_attempt_per_s = produced_sum_ / seconds_sum_;
}

void Pool::settle_day(const Settlement& settlement, const Hold& hold, TimeNs now,
                      std::int64_t wall_offset_ns) {
    const Cost& cost = settlement.cost;
    const std::int64_t input = settlement.executed ? settlement.input : 0;
    const std::int64_t output = settlement.executed ? settlement.output : 0;
    const std::int64_t spend = settlement.executed ? settlement.spend : 0;
    if (hold.has(LimitKind::day_tokens)) {
        const std::int64_t used =
            (input >= 0 ? input : cost.input_tokens) + (output >= 0 ? output : cost.output_tokens);
        day_.give_back(own_units(LimitKind::day_tokens, cost) - used, settlement.reserved_at, now,
                       wall_offset_ns);
    }
    if (hold.spends && spend >= 0)
        spend_.give_back(cost.spend - spend, settlement.reserved_at, now, wall_offset_ns);
}

void Pool::restore_day(std::int64_t tokens, std::int64_t spend, TimeNs now,
                       std::int64_t wall_offset_ns) {
    if (day_.active()) {
        (void)day_.fits_at(now, wall_offset_ns, 0);
        day_.take(sane_units(tokens));
    }
    if (spend_.active()) {
        (void)spend_.fits_at(now, wall_offset_ns, 0);
        spend_.take(sane_units(spend));
    }
}

void Pool::settle_output(const Settlement& settlement, const Hold& hold, TimeNs now) {
    const std::int64_t promised = settlement.cost.promised_output();
    const std::int64_t shown = settlement.shown;
    // What is not known stays as it is taken: the reservation, or what was shown. Of what has shown
    // nothing it is what was expected.
    const std::int64_t produced = !settlement.executed     ? 0
                                  : settlement.output >= 0 ? settlement.output
                                  : shown > 0              ? shown
                                                           : settlement.cost.output_tokens;
    const bool known = !settlement.executed || settlement.output >= 0;
    if (known) detector_.add_produced(produced - shown);
    if (known) detector_.add_reserved(produced - promised);
    const std::int64_t more = reserves_ ? (known ? produced - promised : 0) : produced - shown;
    for (const LimitKind kind : {LimitKind::output_tokens, LimitKind::tokens}) {
        if (hold.has(kind)) bucket(kind).settle(now, more);
    }
}

// An answer came, and nothing that states a limit: requests are paced as it turns out.
void Pool::begin_search(TimeNs now) {
    open_ = true;
    search_.begin(now);
    apply_search(now);
}

void Pool::apply_search(TimeNs now) {
    const Bucket::Shape shape{
        .guard_s = kSearchGuardS, .depth_s = kSearchDepthS, .learn_depth = false};
    const double per_minute = std::ceil(search_.pace_per_s() * 60);
    bucket(LimitKind::requests).set_limit(static_cast<std::int64_t>(per_minute), true, shape, now);
}

// More than the limit is promised, which would never fit. While reserving is only assumed, that is
// the better reason to assume the other.
void Pool::give_up_reserving(TimeNs now) {
    if (accounting_known()) return;
    switch_accounting(false, now);
}

void Pool::switch_accounting(bool reserves, TimeNs now) {
    if (reserves == reserves_) return;
    reserves_ = reserves;
    const std::int64_t more = reserves ? promised_ - shown_ : shown_ - promised_;
    for (const LimitKind kind : {LimitKind::output_tokens, LimitKind::tokens}) {
        if (bucket(kind).active()) bucket(kind).settle(now, more);
    }
}

std::int64_t Pool::largest(LimitKind kind) const {
    if (kind == LimitKind::day_tokens) return day_.active() ? day_.limit() : -1;
    if (kind == LimitKind::unknown || !bucket(kind).active()) return -1;
    return bucket(kind).limit();
}

double Pool::room(LimitKind kind, TimeNs now) const {
    const double level = bucket(kind).level(now);
    const bool produces = counts_output(kind) && !reserves_;
    return std::max(level - static_cast<double>(produces ? production_.unshown : 0), 0.0);
}

double Pool::held(LimitKind kind) const {
    const std::int64_t output = reserves_ ? promised_ : production_.unshown;
    switch (kind) {
        case LimitKind::requests:
            return static_cast<double>(production_.attempts);
        case LimitKind::input_tokens:
            return static_cast<double>(input_in_flight_);
        case LimitKind::output_tokens:
            return static_cast<double>(output);
        case LimitKind::tokens:
            return static_cast<double>(input_in_flight_ + output);
        case LimitKind::day_tokens:
            return static_cast<double>(input_in_flight_ + production_.unshown + shown_);
        case LimitKind::unknown:
            break;
    }
    return 0;
}

}  // namespace weir
