#pragma once

#include <cmath>
#include <cstdint>

namespace weir::model {

// SplitMix64: small, seedable anywhere, and the same on every machine, which the distributions of
// <random> are not.
class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15U;
        return mix(state_);
    }

    // In [0, 1).
    double uniform() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

    double normal() {
        const double radius = std::sqrt(-2 * std::log(1 - uniform()));
        return radius * std::cos(2 * 3.14159265358979323846 * uniform());
    }

    double exponential(double mean) { return -mean * std::log(1 - uniform()); }

    static std::uint64_t mix(std::uint64_t value) {
        value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
        value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
        return value ^ (value >> 31U);
    }

private:
    std::uint64_t state_;
};

// A lognormal distribution by its median; a sigma of zero is the fixed value.
struct Lognormal {
    double median = 0;
    double sigma = 0;

    static Lognormal with_mean(double mean, double sigma) {
        return {mean * std::exp(-sigma * sigma / 2), sigma};
    }
    double mean() const { return median * std::exp(sigma * sigma / 2); }
    double draw(Random* random) const {
        return sigma == 0 ? median : median * std::exp(sigma * random->normal());
    }
};

}  // namespace weir::model
