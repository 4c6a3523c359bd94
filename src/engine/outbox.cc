#include "engine/outbox.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace weir {

Outbox::Outbox(std::size_t max_bytes, std::size_t max_events)
    : max_bytes_(max_bytes), max_events_(max_events), ring_(kMinCapacity) {}

Outbox::~Outbox() {
    while (!empty()) {
        weir_event event = pop();
        release_event(&event);
    }
}

void Outbox::make_room(std::size_t count) noexcept {
    std::size_t capacity = ring_.size();
    while (capacity < count_ + count) capacity *= 2;
    if (capacity == ring_.size()) return;
    try {
        std::vector<weir_event> larger(capacity);
        for (std::size_t i = 0; i < count_; ++i) larger[i] = ring_[(first_ + i) % ring_.size()];
        ring_.swap(larger);
        first_ = 0;
    } catch (const std::bad_alloc&) {
        // What there is will do: the rest comes when these events have been taken.
    }
}

Outbox::Pushed Outbox::push(std::span<const weir_event> events) noexcept {
    const std::lock_guard lock(mutex_);
    const bool was_empty = empty();
    make_room(events.size());
    const std::size_t count = std::min(events.size(), ring_.size() - count_);
    for (std::size_t i = 0; i < count; ++i) {
        ring_[(first_ + count_) % ring_.size()] = events[i];
        ++count_;
        bytes_ += events[i].data_length;
    }
    const bool began = was_empty && !empty();
    if (began) ready_.signal();
    loop_waits_ = above_bounds() || count < events.size();
    return {count, began, above_bounds()};
}

std::size_t Outbox::room_for(std::size_t count) noexcept {
    const std::lock_guard lock(mutex_);
    make_room(count);
    const std::size_t room = std::min(count, ring_.size() - count_);
    if (room < count) loop_waits_ = true;
    return room;
}

bool Outbox::push_log(weir_event record) noexcept {
    weir_event oldest{};
    bool began = false;
    {
        const std::lock_guard lock(mutex_);
        began = empty();
        if (log_count_ == kMaxLogs) {
            oldest = logs_[first_log_];
            first_log_ = (first_log_ + 1) % kMaxLogs;
            --log_count_;
            ++dropped_logs_;
        }
        logs_[(first_log_ + log_count_) % kMaxLogs] = record;
        ++log_count_;
        if (began) ready_.signal();
    }
    release_event(&oldest);
    return began;
}

bool Outbox::above(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const bool is_above = bytes_ > bytes || wanted_below_ > 0;
    if (is_above) wanted_below_ = bytes / 2;
    return is_above;
}

std::uint64_t Outbox::dropped_logs() {
    const std::lock_guard lock(mutex_);
    return dropped_logs_ + (log_count_ == kMaxLogs ? 1 : 0);
}

void Outbox::finish() noexcept {
    const std::lock_guard lock(mutex_);
    finished_ = true;
}

weir_event Outbox::pop() noexcept {
    if (count_ > 0) {
        const weir_event event = ring_[first_];
        first_ = (first_ + 1) % ring_.size();
        --count_;
        bytes_ -= event.data_length;
        return event;
    }
    const weir_event record = logs_[first_log_];
    first_log_ = (first_log_ + 1) % kMaxLogs;
    --log_count_;
    dropped_logs_ = 0;
    return record;
}

Outbox::Taken Outbox::take(void* events, std::size_t event_size, std::size_t capacity) noexcept {
    auto* at = static_cast<unsigned char*>(events);
    const std::lock_guard lock(mutex_);
    Taken taken{0, false, false};
    if (empty()) {
        taken.finished = finished_;
        return taken;
    }
    while (taken.count < capacity && !empty()) {
        const weir_event event = pop();
        std::memcpy(at, &event, sizeof event);
        std::memset(at + sizeof event, 0, event_size - sizeof event);
        at += event_size;
        ++taken.count;
    }
    if (empty()) ready_.clear();
    if (wanted_below_ > 0 && bytes_ <= wanted_below_) {
        wanted_below_ = 0;
        taken.tell_loop = true;
    }
    if (loop_waits_ && !above_bounds()) {
        loop_waits_ = false;
        taken.tell_loop = true;
    }
    return taken;
}

Outbox::Waiting Outbox::waiting() {
    const std::lock_guard lock(mutex_);
    return {count_ + log_count_, bytes_};
}

}  // namespace weir
