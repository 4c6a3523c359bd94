#include "batch/poll_schedule.h"

#include <algorithm>

namespace weir {

TimeNs poll_interval(const BatchSettings& settings, std::uint32_t requests, TimeNs age,
                     std::uint64_t live, TimeNs call_interval) {
    const TimeNs for_size = static_cast<TimeNs>(requests) * kNsPerMs;
    const TimeNs wanted = std::max({settings.poll_min_ns, for_size, age / 10});
    const TimeNs fair = static_cast<TimeNs>(std::min<std::uint64_t>(live, 1'000'000)) * 2 *
                        std::min(call_interval, kNsPerMinute);
    return std::max(std::min(wanted, settings.poll_max_ns), fair);
}

TimeNs call_backoff(std::uint32_t failures) {
    if (failures == 0) return 0;
    return std::min<TimeNs>(kNsPerS << std::min(failures - 1, 6u), kNsPerMinute);
}

}  // namespace weir
