#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "engine/descriptor.h"
#include "engine/event.h"

namespace weir {

// The events that wait to be polled. Its descriptor is readable exactly while there are some: it is
// written and read under the lock, when the first comes and when the last goes.
class Outbox {
public:
    Outbox(std::size_t max_bytes, std::size_t max_events);  // throws
    ~Outbox();                                              // releases what was never taken
    Outbox(const Outbox&) = delete;
    Outbox& operator=(const Outbox&) = delete;

    // ---- The loop's side ----

    struct Pushed {
        std::size_t count;  // less than was given only when memory has run out
        bool began;         // events wait now, and did not before
        bool full;          // above the bounds: the loop is to start nothing until it is told
    };
    // Takes events over, in order. Makes room for as many as memory allows; kMinCapacity are always
    // possible. Whoever takes events tells the loop when it may go on (Taken::tell_loop).
    Pushed push(std::span<const weir_event> events) noexcept;
    // How many of `count` events there is room for now, and will be at the next push.
    std::size_t room_for(std::size_t count) noexcept;
    static constexpr std::size_t kMinCapacity = 256;

    // Takes a log record over; the oldest gives way when there are too many. True if events wait
    // now, and did not before.
    bool push_log(weir_event record) noexcept;
    // Whether more bytes than this wait; whoever takes them tells the loop when half are gone.
    bool above(std::size_t bytes);
    // The records that gave way since one was last taken.
    std::uint64_t dropped_logs();

    // No event comes any more.
    void finish() noexcept;

    // ---- The callers' side ----

    struct Taken {
        std::size_t count;
        bool finished;   // and nothing is left
        bool tell_loop;  // it waits for room, and there is some
    };
    // Writes up to `capacity` events, `event_size` bytes apart, and gives them away.
    Taken take(void* events, std::size_t event_size, std::size_t capacity) noexcept;

    int fd() const { return ready_.fd(); }
    void close_descriptors_only() noexcept { ready_.close(); }

    struct Waiting {
        std::size_t events;
        std::size_t bytes;
    };
    Waiting waiting();

private:
    static constexpr std::size_t kMaxLogs = 128;

    bool empty() const { return count_ == 0 && log_count_ == 0; }
    bool above_bounds() const { return bytes_ > max_bytes_ || count_ > max_events_; }
    void make_room(std::size_t count) noexcept;
    weir_event pop() noexcept;

    const std::size_t max_bytes_;
    const std::size_t max_events_;
    EventDescriptor ready_;

    std::mutex mutex_;  // guards all below
    std::vector<weir_event> ring_;
    std::size_t first_ = 0;
    std::size_t count_ = 0;
    std::size_t bytes_ = 0;
    std::array<weir_event, kMaxLogs> logs_;
    std::size_t first_log_ = 0;
    std::size_t log_count_ = 0;
    std::uint64_t dropped_logs_ = 0;
    bool loop_waits_ = false;
    std::size_t wanted_below_ = 0;  // the loop is to be told at so many bytes; 0: not
    bool finished_ = false;
};

}  // namespace weir
