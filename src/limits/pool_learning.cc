// What the provider's headers and refusals teach a pool.

#include <algorithm>

#include "limits/pool.h"

namespace weir {

namespace {

constexpr TimeNs kFirstWait = kNsPerS;
constexpr TimeNs kLongestGuess = kNsPerMinute;
// How old the news of a stream's production may be.
constexpr double kShownLagS = 0.4;

// A limit above these is a slip, or another's word for none: ten thousand times the 10,000,000
// input tokens a minute that are the most published, and of the 10,000 requests a hundred thousand
// times, since some proxies mean none by 999,999,999.
std::int64_t most_believed(LimitKind kind) {
    switch (kind) {
        case LimitKind::requests:
            return 1'000'000'000;
        case LimitKind::input_tokens:
        case LimitKind::output_tokens:
        case LimitKind::tokens:
            return 100'000'000'000;
        case LimitKind::day_tokens:
        case LimitKind::unknown:
            break;
    }
    return kMaxUnits;
}

// A fixed spread of up to 3 % over the attempts, so that those who wait for the same moment in
// several processes don't meet there.
TimeNs spread(TimeNs wait_ns, std::uint64_t sequence) {
    const std::uint64_t mixed = (sequence * 0x9E3779B97F4A7C15u) >> 59;  // 0..31
    return wait_ns / 1000 * static_cast<TimeNs>(mixed);
}

// "tokens" is the most restrictive limit in force, not a bucket of its own: where it is the sum of
// the other two, or one of them, it says nothing new.
bool tokens_bind(const LimitReadings& readings) {
    const std::int64_t input = readings[LimitKind::input_tokens].limit;
    const std::int64_t output = readings[LimitKind::output_tokens].limit;
    const std::int64_t both = readings[LimitKind::tokens].limit;
    if (input <= 0 && output <= 0) return true;
    if (both == input || both == output) return false;
    return input > 0 && output > 0 && both > 0 && both < sane_units(input) + sane_units(output);
}

}  // namespace

std::uint32_t Pool::observe(const LimitReadings& readings, const Sighted& attempt, const Hold& hold,
                            TimeNs now) {
    std::uint32_t ignored = readings.ignored;
    for (std::size_t i = 0; i < kLimitKinds; ++i) {
        const auto kind = static_cast<LimitKind>(i);
        const LimitReading& reading = readings.of[i];
        if (!reading.present()) continue;
        if (kind == LimitKind::tokens && !tokens_bind(readings)) continue;
        const std::uint32_t senseless = observe_limit(kind, reading, hold, now);
        // What is left of a limit that makes no sense makes none either.
        ignored +=
            senseless != 0 ? senseless : observe_remaining(kind, reading, attempt, hold, now);
    }
    limits_seen_in_ = std::max(limits_seen_in_, hold.sequence);
    return ignored;
}

std::uint32_t Pool::observe_limit(LimitKind kind, const LimitReading& reading, const Hold& hold,
                                  TimeNs now) {
    if (reading.limit < 0) return 0;
    if (reading.limit == 0 || reading.limit > most_believed(kind)) return 1;
    // Answers overtake each other: only the latest attempt's word on the limit counts.
    if (hold.sequence < limits_seen_in_) return 0;
    if (!open_ || kind == LimitKind::day_tokens) ++changes_;
    open_ = true;
    search_.end();
    if (kind == LimitKind::day_tokens) {
        if (rules_.pinned && day_.active() && !day_.learnt()) return 0;
        day_.set_limit(reading.limit, true);
        return 0;
    }
    Bucket& each = bucket(kind);
    if (rules_.pinned && each.active() && !each.learnt()) return 0;
    if (each.active() && each.limit() == reading.limit) return 0;
    each.set_limit(reading.limit, true, shape(kind), now);
    return 0;
}

std::uint32_t Pool::observe_remaining(LimitKind kind, const LimitReading& reading,
                                      const Sighted& attempt, const Hold& hold, TimeNs now) {
    if (reading.remaining < 0) return 0;
    // More than there ever is, rounded or not, says nothing of what is left.
    const double at_least = static_cast<double>(reading.remaining) - reading.half_step();
    if (reading.limit > 0 && at_least > static_cast<double>(reading.limit)) return 1;
    if (kind == LimitKind::day_tokens) {
        ++changes_;
        return day_.observe(reading, static_cast<std::int64_t>(held(kind))) ? 0 : 1;
    }
    const bool counts_output = kind == LimitKind::output_tokens || kind == LimitKind::tokens;
    const bool produces = !reserves_ && counts_output;
    Bucket::Sighting sighting;
    sighting.now = now;
    sighting.sent_at = attempt.reserved_at;
    sighting.has_baseline = hold.has(kind);
    sighting.baseline = hold.baseline[static_cast<std::size_t>(kind)];
    sighting.burst = hold.burst[static_cast<std::size_t>(kind)];
    sighting.own = own_units(kind, attempt.cost);
    sighting.unseen = held(kind) - static_cast<double>(sighting.own);
    if (produces) {
        sighting.unseen = 0;
        const double lag = production_.attempts * production_.per_attempt_per_s * kShownLagS;
        sighting.unshown = lag + production_.unseen();
    }
    // Output that is reserved only here leaves more at the provider. It comes back when the
    // attempts end, and must not be counted twice.
    sighting.may_raise = !(counts_output && reserves_ && !accounting_known());
    const bool sane = bucket(kind).observe(reading, sighting);
    if (sane && kind == LimitKind::output_tokens) note_accounting(reading, attempt, hold);
    return sane ? 0 : 1;
}

void Pool::note_accounting(const LimitReading& reading, const Sighted& attempt, const Hold& hold) {
    if (rules_.accounting != OutputAccounting::automatic) return;
    detector_.note({.sequence = hold.sequence,
                    .at = attempt.reserved_at,
                    .remaining = static_cast<double>(reading.remaining),
                    .produced = hold.produced,
                    .reserved = hold.reserved,
                    .promised = attempt.cost.promised_output(),
                    .unshown = production_.unshown},
                   sequence_);
    detector_rounding_ = reading.half_step();
}

// The attempt whose reading was noted has been let through.
void Pool::confirm_accounting(TimeNs now) {
    const Bucket& output = bucket(LimitKind::output_tokens);
    const double per_s = static_cast<double>(output.limit()) / 60;
    const OutputAccounting kind = detector_.confirm(per_s, output.full(), detector_rounding_);
    if (kind != OutputAccounting::automatic)
        switch_accounting(kind == OutputAccounting::reserved, now);
}

// The bucket that has least room, in seconds of refill.
LimitKind Pool::most_likely(TimeNs now) const {
    LimitKind likely = LimitKind::unknown;
    double least = 0;
    for (std::size_t i = 0; i < kMinuteKinds; ++i) {
        const Bucket& each = buckets_[i];
        if (!each.active()) continue;
        const double room = each.level(now) / static_cast<double>(each.limit());
        if (likely == LimitKind::unknown || room < least) {
            likely = static_cast<LimitKind>(i);
            least = room;
        }
    }
    return likely;
}

// Growing too fast says nothing about any bucket.
TimeNs Pool::accelerated(const Outcome& outcome, const Sighted& attempt, const Hold& hold,
                         TimeNs now) {
    slow_start_.refused(now);
    const TimeNs wait = std::clamp<TimeNs>(outcome.retry_after_ns, kFirstWait, kEndless);
    const TimeNs until = later(now, wait + spread(wait, hold.sequence));
    if (until > paused_until_) {
        paused_until_ = until;
        paused_by_ = LimitKind::unknown;
    }
    ramp_.refused(attempt.cost.input_tokens, attempt.reserved_at, now, paused_until_);
    return paused_until_;
}

TimeNs Pool::refuse(const Outcome& outcome, const Sighted& attempt, const Hold& hold, TimeNs now,
                    std::int64_t wall_offset_ns) {
    if (detector_.waits_for(hold.sequence)) detector_.drop();
    if (outcome.cls == OutcomeClass::acceleration) return accelerated(outcome, attempt, hold, now);
    LimitKind kind = outcome.refused;
    const bool minute_kind = static_cast<std::size_t>(kind) < kMinuteKinds;
    if (kind == LimitKind::unknown || (minute_kind && !bucket(kind).active()))
        kind = most_likely(now);

    // Attempts that were already on their way when the last refusal came are part of its event.
    if (refusals_ == 0 || attempt.reserved_at >= paused_at_) ++refusals_;
    TimeNs wait = outcome.retry_after_ns;
    if (search_.active()) {
        const TimeNs cushion = search_.refused(attempt.reserved_at, now);
        apply_search(now);
        if (wait < 0) wait = cushion;
    }
    if (wait < 0 && kind == LimitKind::day_tokens && day_.active()) {
        day_.refused(now, wall_offset_ns);
        wait = day_.fits_at(now, wall_offset_ns, 1) - now;
    } else if (wait < 0) {
        const int doublings = std::clamp(refusals_ - 1, 0, 6);
        wait = std::min(kFirstWait << doublings, kLongestGuess);
    }
    wait = std::clamp<TimeNs>(wait, 0, kEndless);
    const TimeNs until = later(now, wait + spread(wait, hold.sequence));

    if (static_cast<std::size_t>(kind) < kMinuteKinds) {
        const std::int64_t units = own_units(kind, attempt.cost);
        Bucket& each = bucket(kind);
        each.refused(now, std::max<std::int64_t>(units, 1), wait, hold.has(kind) ? units : 0);
        each.paused_until = std::max(each.paused_until, until);
    }
    if (until > paused_until_) {
        paused_until_ = until;
        paused_by_ = kind;
    }
    paused_at_ = now;
    return paused_until_;
}

}  // namespace weir
