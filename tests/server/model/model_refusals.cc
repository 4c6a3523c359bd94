#include <algorithm>

#include "model/model.h"

namespace weir::model {

namespace {

TimeNs whole_seconds_up(TimeNs ns) { return (ns + kNsPerS - 1) / kNsPerS * kNsPerS; }

// What a client that understands the header learns from it.
TimeNs stated(TimeNs wait_ns, RetryAfterStyle style) {
    constexpr TimeNs kLongest = 86'400 * 365 * kNsPerS;
    if (wait_ns < 0) return -1;
    const TimeNs right = std::max(kNsPerS, whole_seconds_up(std::min(wait_ns, kLongest)));
    switch (style) {
        case RetryAfterStyle::right:
        case RetryAfterStyle::http_date:
            return right;
        case RetryAfterStyle::too_short:
            return right / 4 / kNsPerS * kNsPerS;
        case RetryAfterStyle::too_long:
            return right * 10;
        case RetryAfterStyle::milliseconds:
            return (std::min(wait_ns, kLongest) + kNsPerMs - 1) / kNsPerMs * kNsPerMs;
        case RetryAfterStyle::missing:
        case RetryAfterStyle::negative:
        case RetryAfterStyle::nonsense:
            break;
    }
    return -1;
}

struct Answer {
    int status;
    ErrorType error;
    RefusalReason reason;
    LimitKind refused_by;
};

Answer answer_of(FaultKind kind) {
    using enum FaultKind;
    constexpr LimitKind kNone = LimitKind::requests;
    constexpr ErrorType kLimit = ErrorType::rate_limit;
    switch (kind) {
        case refuse_requests:
            return {429, kLimit, RefusalReason::limit, LimitKind::requests};
        case refuse_input_tokens:
            return {429, kLimit, RefusalReason::limit, LimitKind::input_tokens};
        case refuse_output_tokens:
            return {429, kLimit, RefusalReason::limit, LimitKind::output_tokens};
        case refuse_acceleration:
            return {429, kLimit, RefusalReason::acceleration, LimitKind::input_tokens};
        case spend_cap:
            return {429, kLimit, RefusalReason::spend_cap, kNone};
        case usage_limit:
            return {400, ErrorType::invalid_request, RefusalReason::spend_cap, kNone};
        case bad_key:
            return {401, ErrorType::authentication, RefusalReason::none, kNone};
        case forbidden:
            return {403, ErrorType::permission, RefusalReason::none, kNone};
        case bad_gateway:
            return {502, ErrorType::api, RefusalReason::none, kNone};
        case unavailable:
            return {503, ErrorType::overloaded, RefusalReason::none, kNone};
        case gateway_timeout:
            return {504, ErrorType::timeout, RefusalReason::none, kNone};
        case overloaded:
            return {529, ErrorType::overloaded, RefusalReason::none, kNone};
        default:
            return {500, ErrorType::api, RefusalReason::none, kNone};
    }
}

}  // namespace

void Model::refuse_by_fault(const FaultRule& rule, Decision* decision) {
    const Answer answer = answer_of(rule.kind);
    decision->fault = rule.kind;
    decision->status = answer.status;
    decision->error = answer.error;
    decision->reason = answer.reason;
    decision->refused_by = answer.refused_by;
    if (rule.retry_after_ns < 0) return;
    decision->wait_ns = rule.retry_after_ns;
    decision->retry_after_style = rule.style;
    decision->retry_after_ns = stated(rule.retry_after_ns, rule.style);
}

void Model::refuse_by_limit(const LimitSet::Refusal& refusal, TimeNs now, Decision* decision) {
    const std::size_t index = set_index(decision->account, decision->model_class);
    ClassCounts& counts = counts_.of[index];
    decision->status = 429;
    decision->error = ErrorType::rate_limit;
    decision->reason = refusal.for_growth ? RefusalReason::acceleration : RefusalReason::limit;
    decision->refused_by = refusal.by;
    decision->wait_ns = refusal.wait_ns;
    // A request that never fits is told to wait until the bucket is full, as any other would be.
    if (refusal.wait_ns == kNever) {
        decision->wait_ns = sets_[index].bucket(refusal.by).full_in();
    }
    decision->retry_after_style = config_.retry_after;
    const FaultPlan::Subject subject{decision->account, decision->model_class, false};
    if (const FaultRule* rule = faults_.strike(FaultPhase::refusal, subject, now)) {
        ++counts.faults[index_of(rule->kind)];
        decision->fault = rule->kind;
        decision->retry_after_style = rule->style;
    }
    decision->retry_after_ns = stated(decision->wait_ns, decision->retry_after_style);
    if (decision->retry_after_ns > 0) {
        counts.wait_stated_s +=
            static_cast<double>(decision->retry_after_ns) / static_cast<double>(kNsPerS);
    }
}

}  // namespace weir::model
