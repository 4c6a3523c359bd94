#include "retry/backoff.h"

#include <algorithm>

namespace weir {

namespace {

constexpr int kMostDoublings = 30;

// Each pause is drawn between the first backoff and three times the one before. The chain is drawn
// anew each time: the pause has the same distribution, and nobody has to remember the last one.
double decorrelated(int failures, double base, double cap, Random* random) {
    double pause = base;
    for (int i = 0; i < std::clamp(failures, 1, kMostDoublings); ++i) {
        pause = std::min(cap, base + (3 * pause - base) * random->unit());
    }
    return pause;
}

}  // namespace

TimeNs backoff(int failures, const RetrySettings::Pace& pace, const RetrySettings& settings,
               Random* random) {
    const int doublings = std::clamp(failures - 1, 0, kMostDoublings);
    const double base = static_cast<double>(pace.base_ns);
    const double cap = static_cast<double>(pace.cap_ns);
    const double full = std::min(cap, base * static_cast<double>(1u << doublings));
    double chosen = full;
    switch (settings.jitter) {
        case Jitter::full:
            chosen = full * random->unit();
            break;
        case Jitter::equal:
            chosen = full * (0.5 + 0.5 * random->unit());
            break;
        case Jitter::fraction:
            chosen = full * (1.0 + settings.jitter_fraction * (2.0 * random->unit() - 1.0));
            break;
        case Jitter::decorrelated:
            chosen = decorrelated(failures, base, cap, random);
            break;
    }
    return static_cast<TimeNs>(chosen);
}

}  // namespace weir
