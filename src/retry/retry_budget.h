#pragma once

#include <algorithm>

#include "base/time.h"

namespace weir {

// Retries are paid for by successes: at a low rate of failure all are made, at a high one only a
// share of the traffic is, so that retries cannot keep an overloaded provider down (Brooker,
// "Fixing retries with token buckets and circuit breakers", 2022; the figures are those of the AWS
// SDKs' standard mode). A trickle lets the last request through where nothing succeeds any more.
class RetryBudget {
public:
    // Pays for one retry, or says when it may be asked for again.
    bool withdraw(TimeNs now) {
        trickle(now);
        if (tokens_ < kRetry) return false;
        tokens_ -= kRetry;
        return true;
    }
    void succeeded() { tokens_ = std::min(kCapacity, tokens_ + kSuccess); }
    double tokens() const { return tokens_; }

private:
    static constexpr double kCapacity = 500;
    static constexpr double kRetry = 5;
    static constexpr double kSuccess = 1;
    static constexpr double kTricklePerS = 0.5;

    void trickle(TimeNs now) {
        const double elapsed_s = static_cast<double>(now - trickled_at_) / kNsPerS;
        if (trickled_at_ != 0) tokens_ = std::min(kCapacity, tokens_ + kTricklePerS * elapsed_s);
        trickled_at_ = now;
    }

    double tokens_ = kCapacity;
    TimeNs trickled_at_ = 0;
};

}  // namespace weir
