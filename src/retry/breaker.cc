#include "retry/breaker.h"

#include "retry/backoff.h"

namespace weir {

namespace {

constexpr std::uint32_t kOpensAfter = 8;    // failures in a row
constexpr std::uint32_t kReopensAfter = 3;  // of trials, half-open
constexpr std::uint32_t kClosesAt = 64;     // trials allowed at a time

}  // namespace

void Breaker::succeeded() {
    failures_ = 0;
    if (state_ == State::closed) return;
    if (state_ == State::open) allowed_ = 1;
    state_ = State::half_open;
    // One more for each success doubles what is allowed with each round.
    if (++allowed_ < kClosesAt) return;
    state_ = State::closed;
    openings_ = 0;
}

void Breaker::failed(bool trial, TimeNs now, const RetrySettings& settings, Random* random) {
    ++failures_;
    if (state_ == State::closed && failures_ < kOpensAfter) return;
    if (state_ == State::half_open && failures_ < kReopensAfter) return;
    // What was under way when the breaker opened says nothing new.
    if (state_ == State::open && !trial) return;
    state_ = State::open;
    try_at_ = later(now, backoff(++openings_, settings, random));
}

}  // namespace weir
