#include "engine/descriptor.h"

#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "engine/failure.h"
#include "weir/weir.h"

namespace weir {

void Descriptor::close() noexcept {
    if (fd_ < 0) return;
    const int saved = errno;
    ::close(std::exchange(fd_, -1));
    errno = saved;
}

EventDescriptor::EventDescriptor() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd() < 0) {
        throw Failure(WEIR_ERR_IO, ErrorSource::local,
                      fmt::format("no event descriptor could be had: error {}", errno));
    }
}

void EventDescriptor::signal() const noexcept {
    const int saved = errno;
    const std::uint64_t one = 1;
    // Fails only where the counter is at its maximum: then it is readable already.
    [[maybe_unused]] const ssize_t written = ::write(fd(), &one, sizeof one);
    errno = saved;
}

bool EventDescriptor::clear() const noexcept {
    const int saved = errno;
    std::uint64_t count = 0;
    const ssize_t got = ::read(fd(), &count, sizeof count);
    errno = saved;
    return got == sizeof count;
}

}  // namespace weir
