#include <algorithm>

#include "engine/clock.h"
#include "engine/engine.h"
#include "engine/request_route.h"
#include "weir/weir.h"

namespace weir {

std::uint64_t Engine::acquire(const RequestBuilder& request) {
    refuse_if_no_account();
    bool wake = false;
    Submission submission =
        request.permit(monotonic_now(), settings_.default_deadline_ns, settings_.permit_lease_ms);
    choose_route(settings_.core.routes, request, &submission, nullptr);
    const std::uint64_t ticket = inbox_.submit(submission, &wake);
    if (wake) loop_.wake();
    return ticket;
}

std::int32_t Engine::try_acquire(const RequestBuilder& request, std::unique_ptr<weir_permit>* out,
                                 std::int64_t* retry_after_ms) {
    refuse_if_no_account();
    const std::lock_guard lock(turn_mutex_);
    // The core's time does not go back: it is read within the lock, as for a turn.
    const TimeNs now = monotonic_now();
    TimeNs ask_again_at = kNever;
    Submission submission =
        request.permit(now, settings_.default_deadline_ns, settings_.permit_lease_ms);
    choose_route(settings_.core.routes, request, &submission, nullptr);
    const std::int32_t status = loop_.try_acquire(submission, now, out, &ask_again_at);
    // Rounded up, so that asking then is not too early.
    *retry_after_ms = ask_again_at == kNever
                          ? -1
                          : (std::max(ask_again_at - now, TimeNs{0}) + kNsPerMs - 1) / kNsPerMs;
    return status;
}

bool Engine::report(const PermitName& permit, const AttemptReport& report, bool whole) {
    bool wake = false;
    const bool found = inbox_.report(permit, report, whole, &wake);
    if (wake) loop_.wake();
    return found;
}

bool Engine::report_progress(const PermitName& permit, std::int64_t output_tokens) {
    bool wake = false;
    const bool found = inbox_.report_progress(permit, output_tokens, &wake);
    if (wake) loop_.wake();
    return found;
}

}  // namespace weir
