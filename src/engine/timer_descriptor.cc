#include "engine/timer_descriptor.h"

#include <fmt/format.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "engine/failure.h"
#include "weir/weir.h"

namespace weir {

TimerDescriptor::TimerDescriptor()
    : descriptor_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
    if (fd() < 0) {
        throw Failure(WEIR_ERR_IO, ErrorSource::local,
                      fmt::format("no timer descriptor could be had: error {}", errno));
    }
}

void TimerDescriptor::set(TimeNs at) noexcept {
    if (at == at_) return;
    at_ = at;
    itimerspec time{};
    if (at != kNever) {
        const TimeNs past_zero = std::max<TimeNs>(at, 1);  // zero would switch the timer off
        time.it_value.tv_sec = past_zero / kNsPerS;
        time.it_value.tv_nsec = past_zero % kNsPerS;
    }
    ::timerfd_settime(fd(), TFD_TIMER_ABSTIME, &time, nullptr);
}

void TimerDescriptor::clear() noexcept {
    std::uint64_t expirations = 0;
    if (::read(fd(), &expirations, sizeof expirations) > 0) at_ = kNever;
}

}  // namespace weir
