#include <algorithm>
#include <array>

#include "engine/loop.h"
#include "engine/terminal.h"

namespace weir {

// Moves the turn's events to the outbox; true if there was room for all. The tickets die first: who
// sees a terminal event finds its place in the queue free.
bool Loop::deliver() noexcept {
    if (!ended_.empty()) {
        inbox_->give_back(ended_);
        ended_.clear();
    }
    if (events_.empty() && !blocked_) return true;
    const Outbox::Pushed pushed = outbox_->push(events_);
    events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(pushed.count));
    blocked_ = pushed.full || !events_.empty();
    core_.set_delivery_blocked(blocked_);
    if (pushed.began) on_events_();
    return events_.empty();
}

bool Loop::push_state(std::uint32_t state) noexcept {
    const weir_event event = make_engine_event(state);
    if (outbox_->room_for(1) == 0) return false;
    if (outbox_->push({&event, 1}).began) on_events_();
    return true;
}

// Every request has its terminal event in the outbox.
void Loop::stop() noexcept {
    transport_.reset();
    key_files_.reset();
    batch_lane_.reset();  // its journal is free for another engine from here on
    if (!push_state(WEIR_ENGINE_CLOSED)) return;
    outbox_->finish();
    phase_ = Phase::stopped;
}

// ---- After a defect ----

void Loop::fail(const char* what) noexcept {
    failed_ = true;
    inbox_->fail();
    key_inbox_->close();
    transport_.reset();
    key_files_.reset();
    actions_.clear();
    next_action_ = 0;
    timer_.set(kNever);
    log(WEIR_LOG_ERROR, "a defect in weir: {}", what);
}

void Loop::fail_step() noexcept {
    inbox_->take(&batch_);
    if (batch_.close) phase_ = Phase::closing;
    if (!deliver() || !fail_requests()) return;
    if (!failure_told_) failure_told_ = push_state(WEIR_ENGINE_FAILED);
    if (failure_told_ && phase_ == Phase::closing) stop();
}

// Ends what is outstanding without asking the core, whose state is unknown, and without memory.
bool Loop::fail_requests() noexcept {
    constexpr std::size_t kAtOnce = 64;
    std::array<weir_event, kAtOnce> events;
    std::array<Inbox::Ended, kAtOnce> ended;
    for (;;) {
        const std::size_t room = outbox_->room_for(kAtOnce);
        std::size_t count = 0;
        for (; count < room && fail_next_ < slab_->used(); ++fail_next_) {
            Request& request = slab_->at(fail_next_);
            if (request.ticket.load(std::memory_order_relaxed) == 0) continue;
            events[count] = make_plain_failure(request, WEIR_ERR_INTERNAL);
            ended[count].request = fail_next_;
            ++count;
        }
        inbox_->give_back({ended.data(), count});
        if (outbox_->push({events.data(), count}).began) on_events_();
        if (fail_next_ >= slab_->used()) return true;
        if (room == 0) return false;
    }
}

void Loop::close_descriptors_only() noexcept {
    if (transport_) transport_->close_descriptors_only();
    if (key_files_) key_files_->close_descriptors_only();
    poller_.close_descriptors_only();
    wake_.close();
    timer_.close_descriptors_only();
}

}  // namespace weir
