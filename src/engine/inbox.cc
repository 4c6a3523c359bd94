#include "engine/inbox.h"

#include <fmt/format.h>

#include <utility>

#include "engine/failure.h"
#include "weir/weir.h"

namespace weir {

Inbox::Inbox(RequestSlab* slab, ModelClasses classes, std::uint32_t max_requests,
             std::uint64_t max_bytes)
    : slab_(slab),
      max_requests_(max_requests),
      max_bytes_(max_bytes),
      classes_(std::move(classes)) {}

void Inbox::refuse_if_over(const Submission& submission) const {
    if (failed_) {
        throw Failure(WEIR_ERR_INTERNAL, ErrorSource::local,
                      "the engine has met a defect and is unusable; open another one");
    }
    if (closed_) throw Failure(WEIR_ERR_CLOSED, ErrorSource::local, "the engine was closed");
    if (held_.requests >= max_requests_) {
        throw Failure(WEIR_ERR_QUEUE_FULL, ErrorSource::local,
                      fmt::format("queue.max_requests is reached: {} requests are outstanding",
                                  held_.requests));
    }
    const std::size_t size = (*submission.body)->bytes().size();
    if (size > max_bytes_ - held_.bytes) {
        throw Failure(WEIR_ERR_QUEUE_FULL, ErrorSource::local,
                      fmt::format("queue.max_bytes would be passed: the outstanding bodies have {} "
                                  "bytes, this one {}",
                                  held_.bytes, size));
    }
}

std::uint64_t Inbox::submit(const Submission& submission, bool* wake) {
    const BodyBlock& body = *submission.body->get();
    Wish wish{kNoRequest, {}};
    if (submission.batch != nullptr) wish.wish = *submission.batch;
    const std::lock_guard lock(mutex_);
    refuse_if_over(submission);
    const ModelClasses::Found found = classes_.find(body.model(), body.head().fast);
    if (submission.batch != nullptr && wishes_.size() == wishes_.capacity()) {
        wishes_.reserve(2 * wishes_.size() + 16);
    }
    std::uint32_t* tagged = submission.tag == 0 ? nullptr : &tags_[submission.tag];
    RequestIndex index = kNoRequest;
    try {
        index = slab_->take();
    } catch (...) {
        if (tagged != nullptr && *tagged == 0) tags_.erase(submission.tag);
        throw;
    }
    if (tagged != nullptr) ++*tagged;

    Request& request = slab_->at(index);
    if (submission.batch != nullptr) {
        wish.request = index;
        wishes_.push_back(std::move(wish));  // there is room
    }
    request.user_data = submission.user_data;
    request.tag = submission.tag;
    request.body = *submission.body;
    request.submitted_at = submission.submitted_at;
    request.deadline_at = submission.deadline_at;
    request.input_tokens = submission.input_tokens;
    request.output_tokens = submission.output_tokens;
    request.tenant = submission.tenant;
    request.affinity = submission.affinity;
    request.model_class = found.model_class;
    request.prices = found.prices;
    request.priority = submission.priority;
    (tail_ == kNoRequest ? head_ : slab_->at(tail_).link.next) = index;
    tail_ = index;
    ++held_.requests;
    held_.bytes += body.bytes().size();
    *wake = wake_if_asleep();
    return request.ticket.load(std::memory_order_relaxed);
}

bool Inbox::cancel(std::uint64_t ticket, bool* wake) {
    const std::lock_guard lock(mutex_);
    if (failed_ || !slab_->outstanding(ticket)) return false;
    commands_.push_back({Command::Kind::cancel, ticket, tail_});
    *wake = wake_if_asleep();
    return true;
}

bool Inbox::cancel_tag(std::uint64_t tag, bool* wake) {
    const std::lock_guard lock(mutex_);
    if (failed_ || tags_.find(tag) == tags_.end()) return false;
    commands_.push_back({Command::Kind::cancel_tag, tag, tail_});
    *wake = wake_if_asleep();
    return true;
}

void Inbox::tell(Command::Kind kind, std::uint64_t value, bool* wake) {
    const std::lock_guard lock(mutex_);
    if (failed_) return;
    commands_.push_back({kind, value, tail_});
    *wake = wake_if_asleep();
}

void Inbox::close(bool* wake) noexcept {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
    *wake = wake_if_asleep();
}

Inbox::Held Inbox::held() {
    const std::lock_guard lock(mutex_);
    return held_;
}

std::string Inbox::class_name(std::uint16_t model_class) {
    const std::lock_guard lock(mutex_);
    return std::string(classes_.name(model_class));
}

void Inbox::take(Batch* batch) noexcept {
    batch->commands.clear();
    const std::lock_guard lock(mutex_);
    asleep_ = false;
    batch->first = std::exchange(head_, kNoRequest);
    tail_ = kNoRequest;
    batch->commands.swap(commands_);
    batch->wishes.clear();
    batch->wishes.swap(wishes_);
    batch->close = closed_ && !std::exchange(close_taken_, closed_);
}

bool Inbox::prepare_sleep() noexcept {
    const std::lock_guard lock(mutex_);
    asleep_ = head_ == kNoRequest && commands_.empty() && closed_ == close_taken_;
    return asleep_;
}

bool Inbox::wake_if_asleep() { return std::exchange(asleep_, false); }

void Inbox::give_back(std::span<const Ended> ended) noexcept {
    const std::lock_guard lock(mutex_);
    for (const Ended& end : ended) {
        const std::uint64_t tag = slab_->at(end.request).tag;
        if (tag != 0) {
            const auto found = tags_.find(tag);
            if (--found->second == 0) tags_.erase(found);
        }
        --held_.requests;
        if (end.body) held_.bytes -= end.body->bytes().size();
        slab_->give_back(end.request);
    }
}

std::uint64_t Inbox::adopt(TimeNs now) {
    const std::lock_guard lock(mutex_);
    Request& request = slab_->at(slab_->take());
    request.submitted_at = now;
    ++held_.requests;
    return request.ticket.load(std::memory_order_relaxed);
}

void Inbox::release_body(RequestIndex index) noexcept {
    BodyRef body;  // freed without the lock
    const std::lock_guard lock(mutex_);
    body = std::move(slab_->at(index).body);
    if (body) held_.bytes -= body->bytes().size();
}

void Inbox::restore_body(RequestIndex index, BodyRef body) noexcept {
    const std::lock_guard lock(mutex_);
    held_.bytes += body->bytes().size();
    slab_->at(index).body = std::move(body);
}

void Inbox::fail() noexcept {
    const std::lock_guard lock(mutex_);
    failed_ = true;
    head_ = tail_ = kNoRequest;
    commands_.clear();
    wishes_.clear();
}

}  // namespace weir
