#pragma once

#include <algorithm>

#include "base/time.h"
#include "retry/retry_settings.h"

namespace weir {

// Retries are paid for by successes: at a low rate of failure all are made, at a high one only a
// share of the traffic is, so that retries cannot keep an overloaded provider down (Brooker,
// "Fixing retries with token buckets and circuit breakers", 2022; the default figures are those of
// the AWS SDKs' standard mode). A trickle lets the last request through where nothing succeeds any
// more.
class RetryBudget {
public:
    explicit RetryBudget(const RetrySettings& settings)
        : capacity_(settings.budget_capacity),
          cost_(settings.budget_cost),
          per_success_(settings.budget_per_success),
          tokens_(capacity_) {}

    // Pays for one retry, or says that it is not paid for.
    bool withdraw(TimeNs now) {
        if (capacity_ <= 0) return true;
        trickle(now);
        if (tokens_ < cost_) return false;
        tokens_ -= cost_;
        return true;
    }
    void succeeded() { tokens_ = std::min(capacity_, tokens_ + per_success_); }
    double tokens() const { return tokens_; }

private:
    static constexpr double kTrickleRetriesPerS = 0.1;

    void trickle(TimeNs now) {
        const double elapsed_s = static_cast<double>(now - trickled_at_) / kNsPerS;
        if (trickled_at_ != 0) {
            tokens_ = std::min(capacity_, tokens_ + kTrickleRetriesPerS * cost_ * elapsed_s);
        }
        trickled_at_ = now;
    }

    double capacity_;
    double cost_;
    double per_success_;
    double tokens_;
    TimeNs trickled_at_ = 0;
};

}  // namespace weir
