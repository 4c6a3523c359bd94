#include "engine/epoll_poller.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace weir {

namespace {

constexpr int kEventsPerTurn = 128;

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::system_category(), what);
}

}  // namespace

EpollPoller::EpollPoller() : epoll_fd_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_fd_ < 0) fail("epoll_create1");
}

EpollPoller::~EpollPoller() { close_descriptors_only(); }

void EpollPoller::close_descriptors_only() {
    if (epoll_fd_ >= 0) close(epoll_fd_);
    epoll_fd_ = -1;
}

void EpollPoller::watch(int fd, std::uint32_t epoll_events, Watcher* watcher) {
    const auto index = static_cast<std::size_t>(fd);
    if (index >= entries_.size()) entries_.resize(index + 1);
    Entry& entry = entries_[index];
    const bool known = entry.watcher != nullptr;
    if (known && entry.events == epoll_events) {
        entry.watcher = watcher;
        return;
    }

    epoll_event event{};
    event.events = epoll_events;
    event.data.u64 = (std::uint64_t{entry.generation} << 32) | static_cast<std::uint32_t>(fd);
    if (epoll_ctl(epoll_fd_, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0) {
        fail("epoll_ctl");
    }
    entry.watcher = watcher;
    entry.events = epoll_events;
}

void EpollPoller::unwatch(int fd) {
    const auto index = static_cast<std::size_t>(fd);
    if (index >= entries_.size() || entries_[index].watcher == nullptr) return;
    Entry& entry = entries_[index];
    entry.watcher = nullptr;
    entry.events = 0;
    ++entry.generation;
    epoll_event unused{};
    (void)epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, &unused);
}

void EpollPoller::turn(int timeout_ms) {
    std::array<epoll_event, kEventsPerTurn> events;
    const int count = epoll_wait(epoll_fd_, events.data(), kEventsPerTurn, timeout_ms);
    if (count < 0) {
        if (errno == EINTR) return;
        fail("epoll_wait");
    }
    for (int i = 0; i < count; ++i) {
        const epoll_event& event = events[static_cast<std::size_t>(i)];
        const auto fd = static_cast<std::uint32_t>(event.data.u64);
        // A copy: the watcher may make the table grow.
        const Entry entry = entries_[fd];
        if (entry.watcher == nullptr || entry.generation != event.data.u64 >> 32) continue;
        entry.watcher->on_ready(static_cast<int>(fd), event.events);
    }
}

}  // namespace weir
