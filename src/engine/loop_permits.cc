#include <algorithm>
#include <new>
#include <utility>

#include "engine/loop.h"
#include "engine/terminal.h"

// Attempts that the caller makes with its own client.
namespace weir {
namespace {

constexpr TimeNs kAfterInboxNs = kNsPerMs;  // by when a loop that was woken has had its turn

}  // namespace

std::unique_ptr<weir_permit> Loop::make_permit(const Action& action, TimeNs now) {
    const Request& request = slab_->at(action.request);
    const AccountAccess& account = settings_.accounts[action.account];
    const Cost held = core_.held(action.attempt);
    const std::string_view model = request.route.routed()
                                       ? step_of(settings_.core.routes, request.route).model
                                       : request.body->model();
    const TimeNs lease = std::min(request.lease_ms * kNsPerMs, request.deadline_at - now);
    auto permit = std::make_unique<weir_permit>();
    permit->magic = kPermitMagic;
    permit->ticket = request.ticket.load(std::memory_order_relaxed);
    permit->numbers[WEIR_PERMIT_ATTEMPT] = request.attempts;
    permit->numbers[WEIR_PERMIT_LEASE_MS] = lease / kNsPerMs;
    permit->numbers[WEIR_PERMIT_INPUT_TOKENS] = held.input_tokens;
    permit->numbers[WEIR_PERMIT_OUTPUT_TOKENS] = held.output_tokens;
    permit->set_texts({{WEIR_PERMIT_ACCOUNT, account.name},
                       {WEIR_PERMIT_KEY, core_.keys().name(KeyId{action.account, action.key})},
                       {WEIR_PERMIT_MODEL, model},
                       {WEIR_PERMIT_BASE_URL, account.base_url}});
    return permit;
}

void Loop::give_permit(const Action& action) {
    try {
        open_exchange(action, now_);
        std::unique_ptr<weir_permit> permit = make_permit(action, now_);
        inbox_->permit_given(action.request);
        events_.push_back(make_permit_event(slab_->at(action.request), std::move(permit)));
    } catch (const std::bad_alloc&) {
        could_not_start(action);
    }
}

// ---- At once ----

std::int32_t Loop::try_acquire(const Submission& submission, TimeNs now,
                               std::unique_ptr<weir_permit>* out, TimeNs* ask_again_at) {
    if (must_fail_) throw std::bad_alloc();
    const RequestIndex index = inbox_->submit_apart(submission);
    if (index == kNoRequest) {
        *ask_again_at = now + kAfterInboxNs;
        return WEIR_ERR_NOT_NOW;
    }
    Core::Grant grant;
    try {
        grant = core_.try_acquire(index, now);
    } catch (...) {
        // What the core throws leaves its state unknown: the next turn fails.
        give_back_unseen(index);
        must_fail_ = true;
        wake();
        throw;
    }
    if (grant.status != WEIR_OK) {
        give_back_unseen(index);
        *ask_again_at = grant.ask_again_at;
        return grant.status;
    }
    try {
        open_exchange(grant.permit, now);
        *out = make_permit(grant.permit, now);
    } catch (const std::bad_alloc&) {
        if (Exchange* exchange = exchange_of(grant.permit.attempt)) exchange->drop();
        core_.withdraw(index, now);
        give_back_unseen(index);
        throw;
    }
    // The loop may be asleep for longer than the lease.
    const TimeNs lease_end = now + (*out)->number(WEIR_PERMIT_LEASE_MS) * kNsPerMs;
    if (lease_end < looks_again_at_) {
        looks_again_at_ = lease_end;
        wake();
    }
    return WEIR_OK;
}

// The request's ticket was never given to anybody.
void Loop::give_back_unseen(RequestIndex index) noexcept {
    Inbox::Ended ended(index);
    inbox_->give_back({&ended, 1});
}

// ---- Reports ----

Exchange* Loop::exchange_of_permit(const PermitName& permit) {
    if (!slab_->outstanding(permit.ticket)) return nullptr;
    const RequestIndex index = RequestSlab::index_of(permit.ticket);
    const Request& request = slab_->at(index);
    if (request.state != Request::State::in_flight || request.attempts != permit.attempt) {
        return nullptr;
    }
    if (request.attempt >= exchanges_.size()) return nullptr;
    Exchange* exchange = exchanges_[request.attempt].get();
    const bool is_its = exchange != nullptr && exchange->open() && exchange->permit() &&
                        exchange->request() == index;
    return is_its ? exchange : nullptr;
}

void Loop::take_report_head(const PermitName& permit, AttemptReport report) {
    Exchange* exchange = exchange_of_permit(permit);
    if (exchange == nullptr || exchange->head_at() != 0) return;
    try {
        exchange->take_head(report);
        tell_head(exchange);
    } catch (const std::bad_alloc&) {
        // It comes once more, with the report.
        if (core_failed_) throw;
    }
}

void Loop::take_report_progress(const PermitName& permit, std::int64_t output_tokens) {
    if (Exchange* exchange = exchange_of_permit(permit)) {
        on_output_progress(exchange, output_tokens);
    }
}

void Loop::take_report(const PermitName& permit, AttemptReport report) {
    Exchange* exchange = exchange_of_permit(permit);
    if (exchange == nullptr) return;  // it has ended meanwhile
    std::unique_ptr<ErrorDetail> detail;
    Outcome outcome;
    try {
        detail = std::make_unique<ErrorDetail>();
        outcome = exchange->finish(report, detail.get());
        cover_keys(detail.get());
        if (outcome.cls == OutcomeClass::success) detail.reset();
    } catch (const std::bad_alloc&) {
        if (core_failed_) throw;
        // What was done is not to be done again for want of memory.
        detail.reset();
        outcome = exchange->drop(report);
    }
    attempt_ended(exchange, outcome, std::move(detail));
}

}  // namespace weir
