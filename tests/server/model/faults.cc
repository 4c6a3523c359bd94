#include "model/faults.h"

#include <array>

namespace weir::model {

std::string_view fault_kind_name(FaultKind kind) {
    constexpr std::array<std::string_view, kFaultKinds> names{
        "none",
        "reset_before_read",
        "refuse_requests",
        "refuse_input_tokens",
        "refuse_output_tokens",
        "refuse_acceleration",
        "spend_cap",
        "usage_limit",
        "bad_key",
        "forbidden",
        "server_error",
        "bad_gateway",
        "unavailable",
        "gateway_timeout",
        "overloaded",
        "reset_after_read",
        "reset_mid_body",
        "truncated_body",
        "garbage_not_json",
        "garbage_wrong_json",
        "stall",
        "stall_pings",
        "stream_error_early",
        "stream_error_late",
        "stream_without_stop",
        "retry_after",
    };
    return names[index_of(kind)];
}

std::string_view retry_after_style_name(RetryAfterStyle style) {
    constexpr std::array<std::string_view, 8> names{"right",    "missing",   "too_short",
                                                    "too_long", "http_date", "milliseconds",
                                                    "negative", "nonsense"};
    return names[static_cast<std::size_t>(style)];
}

FaultPhase phase_of(FaultKind kind) {
    if (kind == FaultKind::retry_after) return FaultPhase::refusal;
    return kind >= FaultKind::reset_after_read ? FaultPhase::execution : FaultPhase::admission;
}

FaultPlan::FaultPlan(const std::vector<FaultRule>& rules, std::uint64_t seed) {
    for (const FaultRule& rule : rules) {
        const std::uint64_t own_seed = Random::mix(seed + entries_.size() + 1);
        entries_.push_back({rule, phase_of(rule.kind), Random(own_seed)});
    }
}

const FaultRule* FaultPlan::strike(FaultPhase phase, const Subject& subject, TimeNs now) {
    for (Entry& entry : entries_) {
        if (entry.phase == phase && strikes(&entry, subject, now)) return &entry.rule;
    }
    return nullptr;
}

bool FaultPlan::strikes(Entry* entry, const Subject& subject, TimeNs now) {
    const FaultRule& rule = entry->rule;
    if (now < rule.from || now >= rule.until) return false;
    if (rule.account >= 0 && rule.account != subject.account) return false;
    if (rule.model_class >= 0 && rule.model_class != subject.model_class) return false;
    const bool stream_only =
        rule.kind >= FaultKind::stall_pings && rule.kind <= FaultKind::stream_without_stop;
    if (stream_only && !subject.stream) return false;
    ++entry->seen;
    if (rule.first > 0 && entry->seen > rule.first) return false;
    if (rule.every > 0 && entry->seen % rule.every != 0) return false;
    return rule.probability >= 1 || entry->random.uniform() < rule.probability;
}

}  // namespace weir::model
