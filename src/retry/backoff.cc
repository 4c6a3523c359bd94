#include "retry/backoff.h"

#include <algorithm>

namespace weir {

TimeNs backoff(int failures, const RetrySettings& settings, Random* random) {
    const int doublings = std::clamp(failures - 1, 0, 30);
    const double cap = static_cast<double>(settings.cap_ns);
    const double full =
        std::min(cap, static_cast<double>(settings.base_ns) * static_cast<double>(1u << doublings));
    double pause = full;
    switch (settings.jitter) {
        case Jitter::full:
            pause = full * random->unit();
            break;
        case Jitter::equal:
            pause = full * (0.5 + 0.5 * random->unit());
            break;
        case Jitter::fraction:
            pause = full * (1.0 + settings.jitter_fraction * (2.0 * random->unit() - 1.0));
            break;
    }
    return static_cast<TimeNs>(pause);
}

}  // namespace weir
