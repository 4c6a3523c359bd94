#include "retry/breaker.h"

#include <algorithm>

#include "retry/backoff.h"

namespace weir {

namespace {

constexpr std::uint32_t kOpensAfter = 8;  // failures in a row
constexpr std::uint32_t kClosesAt = 64;   // trials allowed at a time
constexpr std::uint32_t kMostAllowed = 1u << 20;
constexpr std::uint32_t kClosesAfter = 3;  // starts that nothing held up
// A single attempt is no load, and what waits is to be told soon that the endpoint is back.
constexpr TimeNs kMostBetweenTrials = 10 * kNsPerS;

constexpr TimeNs kWindow = 10 * kNsPerS;  // over which the usual rate is taken
constexpr TimeNs kPaceDoublesIn = 10 * kNsPerS;
constexpr TimeNs kMostGap = kNsPerS;
constexpr TimeNs kLeastSlack = 50 * kNsPerMs;  // of a start that the pace has not held up

}  // namespace

bool Breaker::started(TimeNs now) {
    if (state_ == State::half_open) pace(now);
    if (state_ == State::closed) {
        note_start(now);
        return false;
    }
    ++trials_;
    return true;
}

void Breaker::note_start(TimeNs now) {
    if (window_began_at_ == 0) window_began_at_ = now;
    const TimeNs elapsed = now - window_began_at_;
    if (elapsed >= kWindow) {
        usual_gap_ns_ = elapsed / std::max<TimeNs>(in_window_, 1);
        window_began_at_ = now;
        in_window_ = 0;
    }
    ++in_window_;
}

// A start while half-open: the next one is to come a gap later, unless nobody waits for it.
void Breaker::pace(TimeNs now) {
    TimeNs gap = usual_gap_ns_ > 0 ? std::min(usual_gap_ns_, kMostGap) : kMostGap;
    gap = gap * 5 / 8;
    gap >>= std::min<TimeNs>((now - half_open_since_) / kPaceDoublesIn, 20);
    const bool unhurried = now >= later(try_at_, std::max(2 * gap, kLeastSlack));
    unhurried_ = unhurried && 2 * trials_ < allowed_ ? unhurried_ + 1 : 0;
    try_at_ = later(now, gap);
    if (allowed_ < kClosesAt || unhurried_ < kClosesAfter) return;
    state_ = State::closed;
    openings_ = 0;
    window_began_at_ = now;
    in_window_ = 0;
}

void Breaker::answered(TimeNs now) {
    unanswered_ = 0;
    if (state_ == State::closed) return;
    if (state_ == State::open) {
        state_ = State::half_open;
        half_open_since_ = try_at_ = now;
        allowed_ = 1;
        unhurried_ = 0;
    }
    // One more for each answer doubles what is allowed with each round.
    allowed_ = std::min(allowed_ + 1, kMostAllowed);
}

void Breaker::succeeded(bool was_answered, TimeNs now) {
    broken_ = 0;
    if (!was_answered) answered(now);
}

void Breaker::failed(bool was_answered, bool trial, TimeNs now, const RetrySettings& settings,
                     Random* random) {
    ++(was_answered ? broken_ : unanswered_);
    if (state_ != State::open && std::max(broken_, unanswered_) < kOpensAfter) return;
    // What was under way when the breaker opened says nothing new.
    if (state_ == State::open && !trial) return;
    if (state_ == State::closed && usual_gap_ns_ == 0) {
        usual_gap_ns_ = (now - window_began_at_) / std::max<TimeNs>(in_window_, 1);
    }
    state_ = State::open;
    RetrySettings::Pace pace = settings.pace();
    pace.cap_ns = std::min(pace.cap_ns, kMostBetweenTrials);
    try_at_ = later(now, backoff(++openings_, pace, settings, random));
}

}  // namespace weir
