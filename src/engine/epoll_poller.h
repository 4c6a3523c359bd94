#pragma once

#include <cstdint>
#include <vector>

#include "engine/transport.h"

namespace weir {

// The loop's descriptors in one epoll instance, level-triggered. All calls belong to one thread.
class EpollPoller final : public Poller {
public:
    EpollPoller();  // throws std::system_error
    ~EpollPoller() override;
    EpollPoller(const EpollPoller&) = delete;
    EpollPoller& operator=(const EpollPoller&) = delete;

    // May be called while turn() dispatches, for any descriptor: what was ready for a watcher that
    // is gone is dropped. Watching again with the same events costs no system call. A descriptor
    // has to be unwatched before it is closed. Throws std::system_error if the kernel has no room
    // for the watch.
    void watch(int fd, std::uint32_t epoll_events, Watcher* watcher) override;
    void unwatch(int fd) override;

    // Waits until a watched descriptor is ready, but not longer than `timeout_ms` (-1: no limit),
    // then tells the watchers. Returns early on a signal. Not to be called by a watcher.
    void turn(int timeout_ms);

    // Readable while a watched descriptor is ready, so that a caller can put it into an epoll
    // instance, a poll or a select of its own.
    int fd() const { return epoll_fd_; }

    // For the child of a fork: closes the inherited descriptor. The parent's watches stay as they
    // are; the poller can only be destroyed afterwards.
    void close_descriptors_only();

private:
    struct Entry {
        Watcher* watcher = nullptr;
        std::uint32_t events = 0;
        std::uint32_t generation = 0;  // tells a late event of an earlier watch from this one's
    };

    int epoll_fd_ = -1;
    std::vector<Entry> entries_;  // by descriptor
};

}  // namespace weir
