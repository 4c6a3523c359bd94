#include "engine/inbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/failure.h"
#include "weir/weir.h"

namespace weir {

void fill(const Submission& submission, ModelClasses::Found found, Request* request) {
    request->user_data = submission.user_data;
    request->body = *submission.body;
    request->submitted_at = submission.submitted_at;
    request->deadline_at = submission.deadline_at;
    request->input_tokens = submission.input_tokens;
    request->output_tokens = submission.output_tokens;
    request->tenant = submission.tenant;
    request->affinity = submission.affinity;
    request->lease_ms = submission.lease_ms;
    request->stream_restart = submission.stream_restart;
    request->route = submission.route;
    request->model_class = found.model_class;
    request->prices = found.prices;
    request->priority = submission.priority;
    request->counting = submission.count_tokens && submission.lease_ms == 0;
}

Inbox::Inbox(RequestSlab* slab, const Outlook* outlook, ModelClasses classes, BoundSettings bounds)
    : slab_(slab),
      outlook_(outlook),
      classes_(std::move(classes)),
      bounds_(slab, std::move(bounds)) {}

void Inbox::refuse_if_closed() const {
    if (failed_) {
        throw Failure(WEIR_ERR_INTERNAL, ErrorSource::local,
                      "the engine has met a defect and is unusable; open another one");
    }
    if (closed_) throw Failure(WEIR_ERR_CLOSED, ErrorSource::local, "the engine was closed");
}

// Room within the bounds, at the cost of less urgent requests where that is configured. What is
// dropped is dropped by the loop; its place is free already.
void Inbox::make_room(const Submission& submission) {
    if (commands_.capacity() - commands_.size() < QueueBounds::Dropped::kMost) {
        commands_.reserve(2 * commands_.size() + QueueBounds::Dropped::kMost);
    }
    QueueBounds::Dropped dropped;
    bounds_.make_room(submission.tenant, submission.priority, (*submission.body)->bytes().size(),
                      &dropped);
    for (std::size_t i = 0; i < dropped.count; ++i) {
        commands_.push_back({Command::Kind::drop, dropped.tickets[i], tail_});  // there is room
    }
}

// A slot that is filled, and counted as held. Under the lock.
RequestIndex Inbox::take_slot(const Submission& submission, ModelClasses::Found found) {
    const RequestIndex index = slab_->take();
    try {
        slab_->set_tag(index, submission.tag);
    } catch (...) {
        slab_->give_back(index);
        throw;
    }
    Request& request = slab_->at(index);
    fill(submission, found, &request);
    return index;
}

std::uint64_t Inbox::submit(const Submission& submission, bool* wake) {
    const BodyBlock& body = *submission.body->get();
    Wish wish{kNoRequest, {}};
    if (submission.batch != nullptr) {
        wish.wish = *submission.batch;
        wish.wish.tag = submission.tag;
    }
    const std::lock_guard lock(mutex_);
    refuse_if_closed();
    const ModelClasses::Found found = find_class(submission);
    const std::uint16_t model_class = found.model_class;
    // What may go to another model is not refused for the first one's sake.
    if (submission.batch == nullptr && submission.route.ahead == 0) {
        outlook_->check(model_class, classes_.name(model_class),
                        {.head = body.head(),
                         .input_tokens = submission.input_tokens,
                         .output_tokens = submission.output_tokens,
                         .tenant = submission.tenant,
                         .priority = submission.priority,
                         .submitted_at = submission.submitted_at,
                         .deadline_at = submission.deadline_at,
                         .counted = submission.count_tokens});
    }
    make_room(submission);
    if (submission.batch != nullptr && wishes_.size() == wishes_.capacity()) {
        wishes_.reserve(2 * wishes_.size() + 16);
    }
    const RequestIndex index = take_slot(submission, found);
    if (submission.batch != nullptr) {
        wish.request = index;
        wishes_.push_back(std::move(wish));  // there is room
        // What is the batch lane's is not to be taken from it.
        slab_->at(index).claim = Request::Claim::core;
    }
    (tail_ == kNoRequest ? head_ : slab_->at(tail_).link.next) = index;
    tail_ = index;
    bounds_.add(index, submission.batch == nullptr);
    ++waiting_[submission.priority];
    *wake = wake_if_asleep();
    return slab_->at(index).ticket.load(std::memory_order_relaxed);
}

RequestIndex Inbox::submit_apart(const Submission& submission) {
    const std::lock_guard lock(mutex_);
    refuse_if_closed();
    for (std::size_t priority = 0; priority <= submission.priority; ++priority) {
        if (waiting_[priority] != 0) return kNoRequest;
    }
    // Nothing is dropped for what may not be granted.
    bounds_.make_room(submission.tenant, submission.priority, (*submission.body)->bytes().size(),
                      nullptr);
    const RequestIndex index = take_slot(submission, find_class(submission));
    slab_->at(index).claim = Request::Claim::core;
    slab_->at(index).permit_attempt = 1;  // nobody knows its ticket yet
    bounds_.add(index, false);
    return index;
}

bool Inbox::cancel(std::uint64_t ticket, bool* wake) {
    const std::lock_guard lock(mutex_);
    if (failed_ || !slab_->outstanding(ticket)) return false;
    commands_.push_back({Command::Kind::cancel, ticket, tail_});
    bounds_.cancelled(RequestSlab::index_of(ticket));
    *wake = wake_if_asleep();
    return true;
}

bool Inbox::cancel_tag(std::uint64_t tag, bool* wake) {
    const std::lock_guard lock(mutex_);
    if (failed_ || slab_->first_of_tag(tag) == kNoRequest) return false;
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

bool Inbox::permit_is_out(const PermitName& permit) const {
    return !failed_ && permit.attempt != 0 && slab_->outstanding(permit.ticket) &&
           slab_->at(RequestSlab::index_of(permit.ticket)).permit_attempt == permit.attempt;
}

void Inbox::make_room_for_command() {
    if (commands_.size() == commands_.capacity()) commands_.reserve(2 * commands_.size() + 16);
}

bool Inbox::report(const PermitName& permit, AttemptReport report, bool whole, bool* wake) {
    const std::lock_guard lock(mutex_);
    if (!permit_is_out(permit)) return false;
    make_room_for_command();
    reports_.push_back(std::move(report));
    const auto kind = whole ? Command::Kind::report : Command::Kind::report_head;
    commands_.push_back({kind, permit.ticket, tail_, 0, permit.attempt});  // there is room
    if (whole) slab_->at(RequestSlab::index_of(permit.ticket)).permit_attempt = 0;
    *wake = wake_if_asleep();
    return true;
}

bool Inbox::report_progress(const PermitName& permit, std::int64_t output_tokens, bool* wake) {
    const std::lock_guard lock(mutex_);
    if (!permit_is_out(permit)) return false;
    commands_.push_back(
        {Command::Kind::report_progress, permit.ticket, tail_, output_tokens, permit.attempt});
    *wake = wake_if_asleep();
    return true;
}

void Inbox::permit_given(RequestIndex request) noexcept {
    const std::lock_guard lock(mutex_);
    slab_->at(request).permit_attempt = slab_->at(request).attempts;
}

void Inbox::close(bool* wake) noexcept {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
    *wake = wake_if_asleep();
}

Inbox::Held Inbox::held() {
    const std::lock_guard lock(mutex_);
    return bounds_.held();
}

std::string Inbox::class_name(std::uint16_t model_class) {
    const std::lock_guard lock(mutex_);
    return std::string(classes_.name(model_class));
}

ModelClasses::Found Inbox::class_of(const Submission& submission) {
    const std::lock_guard lock(mutex_);
    return find_class(submission);
}

ModelClasses::Found Inbox::class_of(const BodyBlock& body) {
    const std::lock_guard lock(mutex_);
    return classes_.find(body.model(), body.head().fast);
}

ModelClasses::Found Inbox::find_class(const Submission& submission) {
    if (submission.route.routed()) return {submission.model_class, submission.prices};
    const BodyBlock& body = *submission.body->get();
    return classes_.find(body.model(), body.head().fast);
}

std::uint64_t Inbox::waiting_before(std::uint64_t ticket) {
    const std::lock_guard lock(mutex_);
    if (failed_ || !slab_->outstanding(ticket)) return kEnded;
    const RequestIndex request = RequestSlab::index_of(ticket);
    std::uint64_t before = 0;
    for (RequestIndex index = head_; index != kNoRequest; ++before) {
        if (index == request) return before;
        index = index == tail_ ? kNoRequest : slab_->at(index).link.next;
    }
    return kTaken;
}

RequestIndex Inbox::first_of_tag(std::uint64_t tag) noexcept {
    const std::lock_guard lock(mutex_);
    return slab_->first_of_tag(tag);
}

void Inbox::take(Batch* batch) noexcept {
    batch->commands.clear();
    batch->wishes.clear();
    batch->reports.clear();
    const std::lock_guard lock(mutex_);
    asleep_ = false;
    batch->first = std::exchange(head_, kNoRequest);
    tail_ = kNoRequest;
    batch->commands.swap(commands_);
    batch->wishes.swap(wishes_);
    batch->reports.swap(reports_);
    waiting_.fill(0);
    batch->close = closed_ && !std::exchange(close_taken_, closed_);
}

bool Inbox::prepare_sleep() noexcept {
    const std::lock_guard lock(mutex_);
    asleep_ = head_ == kNoRequest && commands_.empty() && closed_ == close_taken_;
    return asleep_;
}

bool Inbox::wake_if_asleep() { return std::exchange(asleep_, false); }

void Inbox::give_back(std::span<Ended> ended) noexcept {
    const std::lock_guard lock(mutex_);
    for (Ended& end : ended) {
        Request& request = slab_->at(end.request);
        end.body = std::move(request.body);
        bounds_.remove(end.request, end.body ? end.body->bytes().size() : 0);
        slab_->give_back(end.request);
    }
}

std::uint64_t Inbox::adopt(const BatchOrigin& origin, TimeNs deadline_at, TimeNs now) {
    const std::lock_guard lock(mutex_);
    const RequestIndex index = slab_->take();
    Request& request = slab_->at(index);
    request.submitted_at = now;
    request.deadline_at = deadline_at;
    request.tenant = origin.tenant;
    request.affinity = origin.affinity;
    request.input_tokens = origin.input_tokens;
    request.output_tokens = origin.output_tokens;
    request.priority = std::min<std::uint8_t>(origin.priority, kPriorities - 1);
    request.claim = Request::Claim::core;
    try {
        slab_->set_tag(index, origin.tag);
        bounds_.adopt(index);
    } catch (...) {
        slab_->give_back(index);
        throw;
    }
    return request.ticket.load(std::memory_order_relaxed);
}

void Inbox::release_body(RequestIndex index) noexcept {
    BodyRef body;  // freed without the lock
    const std::lock_guard lock(mutex_);
    body = std::move(slab_->at(index).body);
    if (body) bounds_.body_went(index, body->bytes().size());
}

void Inbox::restore_body(RequestIndex index, BodyRef body) noexcept {
    const std::lock_guard lock(mutex_);
    bounds_.body_came(index, body->bytes().size());
    slab_->at(index).body = std::move(body);
}

void Inbox::fail() noexcept {
    const std::lock_guard lock(mutex_);
    failed_ = true;
    head_ = tail_ = kNoRequest;
    commands_.clear();
    wishes_.clear();
    reports_.clear();
    waiting_.fill(0);
}

}  // namespace weir
