// What the provider's headers and refusals teach.

#include <algorithm>

#include "limits/limiter.h"

namespace weir {

namespace {

constexpr TimeNs kFirstWait = kNsPerS;
constexpr TimeNs kLongestGuess = kNsPerMinute;

// A fixed spread of up to 3 % over the attempts, so that those who wait for the same moment in
// several processes don't meet there.
TimeNs spread(TimeNs wait_ns, std::uint64_t sequence) {
    const std::uint64_t mixed = (sequence * 0x9E3779B97F4A7C15u) >> 59;  // 0..31
    return wait_ns / 1000 * static_cast<TimeNs>(mixed);
}

}  // namespace

void Limiter::observe(const Reservation& reservation, const LimitReadings& readings, TimeNs now) {
    ignored_ += readings.ignored;
    Pool& pool = pools_[reservation.budget];
    for (std::size_t i = 0; i < kLimitKinds; ++i) {
        const auto kind = static_cast<LimitKind>(i);
        const LimitReading& reading = readings.of[i];
        if (!reading.present()) continue;
        if (kind == LimitKind::tokens && !tokens_bind(readings)) continue;
        observe_limit(&pool, kind, reading, reservation, now);
        observe_remaining(&pool, kind, reading, reservation, now);
    }
    if (reservation.sequence > pool.limits_seen_in) pool.limits_seen_in = reservation.sequence;
}

// "tokens" is the most restrictive limit in force, not a bucket of its own: where it is the sum of
// the other two, or one of them, it says nothing new.
bool Limiter::tokens_bind(const LimitReadings& readings) {
    const std::int64_t input = readings[LimitKind::input_tokens].limit;
    const std::int64_t output = readings[LimitKind::output_tokens].limit;
    const std::int64_t both = readings[LimitKind::tokens].limit;
    if (input <= 0 && output <= 0) return true;
    if (both == input || both == output) return false;
    return input > 0 && output > 0 && both > 0 && both < sane_units(input) + sane_units(output);
}

void Limiter::observe_limit(Pool* pool, LimitKind kind, const LimitReading& reading,
                            const Reservation& reservation, TimeNs now) {
    if (reading.limit < 0) return;
    if (reading.limit == 0 || reading.limit > kMaxUnits) {
        ++ignored_;
        return;
    }
    // Answers overtake each other: only the latest attempt's word on the limit counts.
    if (reservation.sequence < pool->limits_seen_in) return;
    if (kind == LimitKind::day_tokens) {
        if (settings_.pinned && pool->day.active() && !pool->day.learnt()) return;
        pool->day.set_limit(reading.limit, true);
        pool->open = true;
        return;
    }
    Bucket& bucket = (*pool)[kind];
    if (settings_.pinned && bucket.active() && !bucket.learnt()) return;
    pool->open = true;
    if (bucket.active() && bucket.limit() == reading.limit) return;
    bucket.set_limit(reading.limit, true, shape(kind), now);
}

void Limiter::observe_remaining(Pool* pool, LimitKind kind, const LimitReading& reading,
                                const Reservation& reservation, TimeNs now) {
    if (reading.remaining < 0) return;
    if (kind == LimitKind::day_tokens) {
        if (!pool->day.observe(reading, pool->held.day)) ++ignored_;
        return;
    }
    const auto index = static_cast<std::size_t>(kind);
    const Amounts own = amounts_of(reservation.cost, reservation.held_output);
    Bucket& bucket = (*pool)[kind];
    const bool output = kind == LimitKind::output_tokens || kind == LimitKind::tokens;
    const bool produced = output && !reservation.reserved_output;
    if (output) detect_accounting(pool, kind, reading, reservation);

    Bucket::Sighting sighting;
    sighting.now = now;
    sighting.sent_at = reservation.reserved_at;
    sighting.has_baseline = reservation.has_debited(kind);
    sighting.baseline = reservation.baseline[index];
    sighting.own = own.of[index];
    sighting.unproduced =
        produced ? static_cast<double>(pool->held[LimitKind::output_tokens]) : 0.0;
    sighting.unseen = static_cast<double>(pool->held.of[index] - own.of[index]);
    if (!bucket.observe(reading, sighting)) ++ignored_;
    if (reading.limit > 0 && reading.remaining > reading.limit) ++ignored_;
}

// With one attempt in flight and a bucket that was full, what is missing tells how output is
// counted: all of max_tokens at once, or next to nothing yet.
void Limiter::detect_accounting(Pool* pool, LimitKind kind, const LimitReading& reading,
                                const Reservation& reservation) {
    if (settings_.output_accounting != OutputAccounting::automatic) return;
    if (kind != LimitKind::output_tokens || (*pool)[kind].synced() || pool->in_flight > 1) return;
    if (reading.limit <= 0 || reading.remaining < 0) return;
    const std::int64_t missing = reading.limit - reading.remaining;
    const std::int64_t most = reservation.cost.max_output_tokens;
    const std::int64_t slack = std::max<std::int64_t>(sane_units(reading.rounding), most / 8);
    if (most > 2 * slack && missing > most - slack && missing < most + slack)
        pool->accounting = OutputAccounting::reserved;
}

// The bucket that has least room, in seconds of refill.
LimitKind Limiter::most_likely(const Pool& pool, TimeNs now) const {
    LimitKind likely = LimitKind::unknown;
    double least = 0;
    for (std::size_t i = 0; i < kMinuteKinds; ++i) {
        const Bucket& bucket = pool.buckets[i];
        if (!bucket.active()) continue;
        const double room = bucket.level(now) / static_cast<double>(bucket.limit());
        if (likely == LimitKind::unknown || room < least) {
            likely = static_cast<LimitKind>(i);
            least = room;
        }
    }
    return likely;
}

TimeNs Limiter::refuse(const Reservation& reservation, const Outcome& outcome, TimeNs now) {
    Pool& pool = pools_[reservation.budget];
    LimitKind kind = outcome.refused;
    const bool minute_kind = static_cast<std::size_t>(kind) < kMinuteKinds;
    if (kind == LimitKind::unknown || (minute_kind && !pool[kind].active()))
        kind = most_likely(pool, now);

    // Attempts that were already on their way when the pause began are part of the same event.
    if (reservation.reserved_at >= pool.paused_at) ++pool.refusals;
    TimeNs wait = outcome.retry_after_ns;
    if (wait < 0) {
        if (kind == LimitKind::day_tokens && pool.day.active()) {
            pool.day.refused(now, wall_offset_ns_);
            wait = pool.day.fits_at(now, wall_offset_ns_, 1) - now;
        } else {
            const int doublings = std::clamp(pool.refusals - 1, 0, 6);
            wait = std::min(kFirstWait << doublings, kLongestGuess);
        }
    }
    wait = std::clamp<TimeNs>(wait, 0, kEndless);
    const TimeNs until = later(now, wait + spread(wait, reservation.sequence));

    if (static_cast<std::size_t>(kind) < kMinuteKinds) {
        const Amounts own = amounts_of(reservation.cost, reservation.held_output);
        const auto index = static_cast<std::size_t>(kind);
        const bool produced = kind == LimitKind::output_tokens && !reservation.reserved_output;
        const std::int64_t held_back = produced                        ? pool.held[kind]
                                       : reservation.has_debited(kind) ? own.of[index]
                                                                       : 0;
        Bucket& bucket = pool[kind];
        bucket.refused(now, produced ? 1 : own.of[index], wait, static_cast<double>(held_back));
        bucket.paused_until = std::max(bucket.paused_until, until);
    }
    if (until > pool.paused_until) {
        pool.paused_until = until;
        pool.paused_by = kind;
    }
    pool.paused_at = now;
    return pool.paused_until;
}

}  // namespace weir
