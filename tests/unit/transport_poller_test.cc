#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <vector>

#include "engine/epoll_poller.h"

namespace weir {
namespace {

class Event final : public Poller::Watcher {
public:
    Event() : fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
    ~Event() override { close(fd); }
    void raise() const { EXPECT_EQ(eventfd_write(fd, 1), 0); }
    void clear() const {
        eventfd_t value = 0;
        eventfd_read(fd, &value);
    }
    void on_ready(int ready_fd, std::uint32_t epoll_events) override {
        EXPECT_EQ(ready_fd, fd);
        last_events = epoll_events;
        ++calls;
        if (then) then();
    }

    int fd;
    int calls = 0;
    std::uint32_t last_events = 0;
    std::function<void()> then;
};

bool readable(int fd) {
    pollfd one{fd, POLLIN, 0};
    return poll(&one, 1, 0) == 1;
}

TEST(EpollPoller, TellsTheWatcherWhileItsDescriptorIsReady) {
    EpollPoller poller;
    Event event;
    poller.watch(event.fd, EPOLLIN, &event);
    poller.turn(0);
    EXPECT_EQ(event.calls, 0);
    event.raise();
    poller.turn(0);
    poller.turn(0);
    EXPECT_EQ(event.calls, 2) << "level-triggered";
    EXPECT_EQ(event.last_events, std::uint32_t{EPOLLIN});
    poller.watch(event.fd, EPOLLIN | EPOLLOUT, &event);
    poller.turn(0);
    EXPECT_EQ(event.last_events, std::uint32_t{EPOLLIN | EPOLLOUT});
    poller.unwatch(event.fd);
    poller.turn(0);
    EXPECT_EQ(event.calls, 3);
}

TEST(EpollPoller, WatchingAgainChangesTheWatcher) {
    EpollPoller poller;
    Event event;
    Event other;
    poller.watch(event.fd, EPOLLIN, &event);
    event.raise();
    class Count final : public Poller::Watcher {
    public:
        void on_ready(int, std::uint32_t) override { ++calls; }
        int calls = 0;
    } count;
    poller.watch(event.fd, EPOLLIN, &count);
    poller.turn(0);
    EXPECT_EQ(event.calls, 0);
    EXPECT_EQ(count.calls, 1);
}

TEST(EpollPoller, CanBeNested) {
    EpollPoller poller;
    Event event;
    poller.watch(event.fd, EPOLLIN, &event);
    const int outer = epoll_create1(EPOLL_CLOEXEC);
    epoll_event want{};
    want.events = EPOLLIN;
    ASSERT_EQ(epoll_ctl(outer, EPOLL_CTL_ADD, poller.fd(), &want), 0);
    epoll_event got{};
    EXPECT_EQ(epoll_wait(outer, &got, 1, 0), 0);
    event.raise();
    EXPECT_EQ(epoll_wait(outer, &got, 1, 0), 1);
    poller.turn(0);
    EXPECT_EQ(epoll_wait(outer, &got, 1, 0), 1) << "still ready: nobody has read it";
    event.clear();
    EXPECT_EQ(epoll_wait(outer, &got, 1, 0), 0);
    EXPECT_FALSE(readable(poller.fd()));
    close(outer);
}

TEST(EpollPoller, AWatcherMayEndWatchesOfTheSameTurn) {
    EpollPoller poller;
    std::vector<std::unique_ptr<Event>> events;
    for (int i = 0; i < 10; ++i) {
        events.push_back(std::make_unique<Event>());
        poller.watch(events.back()->fd, EPOLLIN, events.back().get());
        events.back()->raise();
    }
    int calls = 0;
    for (auto& event : events) {
        event->then = [&] {
            ++calls;
            for (auto& any : events) poller.unwatch(any->fd);
        };
    }
    poller.turn(0);
    EXPECT_EQ(calls, 1);
}

TEST(EpollPoller, ALateEventDoesNotReachTheNextOwnerOfItsNumber) {
    EpollPoller poller;
    Event first;
    auto second = std::make_unique<Event>();
    std::unique_ptr<Event> third;
    const auto replace = [&](Event* other) {
        // The other's descriptor is closed and its number taken again while its event is pending.
        poller.unwatch(other->fd);
        if (other == second.get()) {
            const int number = second->fd;
            second.reset();
            third = std::make_unique<Event>();
            EXPECT_EQ(third->fd, number);
            poller.watch(third->fd, EPOLLIN, third.get());
        }
    };
    first.then = [&] {
        if (second) replace(second.get());
    };
    second->then = [] {};
    poller.watch(first.fd, EPOLLIN, &first);
    poller.watch(second->fd, EPOLLIN, second.get());
    first.raise();
    second->raise();
    poller.turn(0);
    ASSERT_TRUE(third);
    EXPECT_EQ(third->calls, 0);
    third->raise();
    poller.turn(0);
    EXPECT_EQ(third->calls, 1);
}

TEST(EpollPoller, AWatcherMayAddMany) {
    EpollPoller poller;
    Event first;
    std::vector<std::unique_ptr<Event>> added;
    first.then = [&] {
        for (int i = 0; i < 300; ++i) {
            added.push_back(std::make_unique<Event>());
            added.back()->raise();
            poller.watch(added.back()->fd, EPOLLIN, added.back().get());
        }
        poller.unwatch(first.fd);
    };
    poller.watch(first.fd, EPOLLIN, &first);
    first.raise();
    for (int i = 0; i < 10; ++i) poller.turn(0);
    for (const auto& event : added) {
        EXPECT_GT(event->calls, 0);
        poller.unwatch(event->fd);
    }
}

}  // namespace
}  // namespace weir
