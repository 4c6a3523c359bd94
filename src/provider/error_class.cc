#include "provider/error_class.h"

#include <algorithm>
#include <initializer_list>
#include <string>

#include "provider/rfc3339.h"

namespace weir {
namespace {

constexpr std::string_view kSpendLimitCode = "enforced_spend_limit_reached";
constexpr std::string_view kOrganizationHoldCode = "organization_on_hold";

// What error.details.error_code says beyond the type (update of November 2026, A3). Other codes say
// no more than their type.
struct CodeRow {
    std::string_view code;
    OutcomeClass cls;
};
constexpr CodeRow kCodes[] = {
    {kSpendLimitCode, OutcomeClass::spend_limit},
    {"contract_spend_limit_reached", OutcomeClass::spend_limit},
    {"insufficient_quota", OutcomeClass::spend_limit},  // gateways; also as a type
    {"ramp_limit_exceeded", OutcomeClass::acceleration},
    {kOrganizationHoldCode, OutcomeClass::on_hold},
    {"cmek_key_disabled", OutcomeClass::on_hold},
    {"cmek_key_network_blocked", OutcomeClass::on_hold},
    {"workspace_human_review_disabled", OutcomeClass::on_hold},
    {"claude_code_key_creator_not_member", OutcomeClass::on_hold},
    {"linked_organization_spend_limit_reached", OutcomeClass::payer_limit},
    {"linked_organization_billing_unavailable", OutcomeClass::payer_limit},
};

const CodeRow* row_of(const ErrorBody& error) {
    for (const CodeRow& row : kCodes) {
        if (row.code == error.code || row.code == error.type) return &row;
    }
    return nullptr;
}

// The provider's types of errors, and the statuses that they come with.
struct TypeRow {
    std::string_view type;
    int http_status;
};
constexpr TypeRow kTypes[] = {
    {"invalid_request_error", 400}, {"authentication_error", 401}, {"billing_error", 402},
    {"permission_error", 403},      {"not_found_error", 404},      {"conflict_error", 409},
    {"request_too_large", 413},     {"rate_limit_error", 429},     {"api_error", 500},
    {"timeout_error", 504},         {"overloaded_error", 529},
};

bool has_any(std::string_view text, std::initializer_list<std::string_view> words) {
    return std::any_of(words.begin(), words.end(), [text](std::string_view word) {
        return text.find(word) != std::string_view::npos;
    });
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

// Types and codes don't tell these apart; the provider documents the phrases.
bool speaks_of_acceleration(std::string_view message) {
    return has_any(lower(message), {"usage increase rate", "acceleration limit"});
}

bool speaks_of_spending(std::string_view message) {
    return has_any(lower(message),
                   {"specified api usage limits", "specified workspace api usage limits",
                    "credit balance is too low"});
}

// Something that the account has not bought: no waiting mends it.
bool speaks_of_entitlement(std::string_view message) {
    return has_any(lower(message), {"extra usage is required", "not available on your plan",
                                    "not included in your plan"});
}

OutcomeClass classify_429(const ErrorBody& error) {
    if (speaks_of_entitlement(error.message)) return OutcomeClass::bad_request;
    if (speaks_of_acceleration(error.message)) return OutcomeClass::acceleration;
    return OutcomeClass::rate_limited;
}

LimitKind limit_in_words(std::string_view message) {
    const std::string text = lower(message);
    const bool tokens = has_any(text, {"token"});
    if (has_any(text, {"per day", "per-day", "daily"})) {
        return tokens ? LimitKind::day_tokens : LimitKind::unknown;
    }
    if (has_any(text, {"input token", "input-token"})) return LimitKind::input_tokens;
    if (has_any(text, {"output token", "output-token"})) return LimitKind::output_tokens;
    // "This request would exceed ..." speaks of no limit on requests.
    if (has_any(text, {"requests per", "number of requests", "request limit", "request rate"})) {
        return LimitKind::requests;
    }
    return tokens ? LimitKind::tokens : LimitKind::unknown;
}

// "2026-12-01 at 00:00", as RFC 3339 has it; the time may be missing.
std::string date_and_time(std::string_view words) {
    constexpr std::size_t kDate = 10;
    constexpr std::string_view kAt = " at ";
    if (words.size() < kDate) return {};
    std::string time = "00:00";
    const std::string_view rest = words.substr(kDate);
    if (rest.starts_with(kAt)) time = rest.substr(kAt.size(), 5);
    return std::string(words.substr(0, kDate)) + "T" + time + ":00Z";
}

}  // namespace

int status_of_error(const ErrorBody& error) {
    for (const TypeRow& row : kTypes) {
        if (row.type == error.type) return row.http_status;
    }
    return 0;
}

bool is_of_organization(const ErrorBody& error) { return error.code == kOrganizationHoldCode; }

bool is_of_workspace(const ErrorBody& error) {
    return has_any(lower(error.message), {"specified workspace api usage limits"});
}

std::int64_t access_resumes_at(const ErrorBody& error) {
    constexpr std::string_view kPhrase = "regain access on ";
    const std::string text = lower(error.message);
    const std::size_t at = text.find(kPhrase);
    if (at == std::string::npos) return 0;
    const std::string_view words = std::string_view(error.message).substr(at + kPhrase.size());
    return parse_rfc3339(date_and_time(words)).value_or(0);
}

OutcomeClass classify_refusal(int http_status, const ErrorBody& error, bool has_retry_after) {
    // The provider's own cap is a rate limit like others while it says how long it lasts.
    const CodeRow* row = http_status < 500 ? row_of(error) : nullptr;
    if (row != nullptr && !(row->code == kSpendLimitCode && has_retry_after)) return row->cls;
    switch (http_status) {
        case 400:
            return speaks_of_spending(error.message) ? OutcomeClass::spend_limit
                                                     : OutcomeClass::bad_request;
        case 401:
            return OutcomeClass::bad_key;
        case 402:
            return OutcomeClass::spend_limit;
        case 403:
            return OutcomeClass::forbidden;
        case 408:
        case 409:
            return OutcomeClass::server_error;
        case 429:
            return classify_429(error);
        case 529:
            return OutcomeClass::overloaded;
        default:
            break;
    }
    if (http_status < 500) return OutcomeClass::bad_request;
    return error.type == "overloaded_error" ? OutcomeClass::overloaded : OutcomeClass::server_error;
}

OutcomeClass classify_stream_error(const ErrorBody& error) {
    const CodeRow* row = row_of(error);
    if (row != nullptr && row->cls != OutcomeClass::acceleration) return row->cls;
    if (error.type == "authentication_error") return OutcomeClass::bad_key;
    if (error.type == "permission_error") return OutcomeClass::forbidden;
    if (error.type == "billing_error") return OutcomeClass::spend_limit;
    if (error.type == "invalid_request_error" || error.type == "not_found_error" ||
        error.type == "request_too_large") {
        return speaks_of_spending(error.message) ? OutcomeClass::spend_limit
                                                 : OutcomeClass::bad_request;
    }
    return OutcomeClass::stream_error;
}

LimitKind refused_limit(const LimitReadings& readings, std::string_view message) {
    const LimitKind said = limit_in_words(message);
    const auto used_up = [&](LimitKind kind) { return readings[kind].remaining == 0; };
    if (said != LimitKind::unknown && used_up(said)) return said;
    for (const LimitKind kind : {LimitKind::input_tokens, LimitKind::output_tokens,
                                 LimitKind::requests, LimitKind::day_tokens, LimitKind::tokens}) {
        if (used_up(kind)) return kind;
    }
    return said;
}

}  // namespace weir
