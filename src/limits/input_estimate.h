#pragma once

#include <cstdint>

#include "provider/request_head.h"

namespace weir {

// Input tokens of a request by what its body shows, before any correction.
double raw_input_estimate(const RequestHead& head);

// How the raw estimate relates to what the provider counts for one model class: a running mean of
// the logarithm of their ratio, with its spread.
class InputCorrection {
public:
    void learn(double estimated, std::int64_t counted);

    // What a raw estimate is to be multiplied with.
    double factor() const;
    // Relative spread of single requests around the corrected estimate.
    double spread() const;
    double samples() const { return samples_; }

private:
    double samples_ = 0;
    double log_ratio_ = 0;
    double variance_ = 0;
};

}  // namespace weir
