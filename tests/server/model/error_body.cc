#include "model/error_body.h"

#include <fmt/format.h>

#include <array>

#include <nlohmann/json.hpp>

namespace weir::model {

namespace {

std::string limit_message(const Config& config, const Decision& decision) {
    constexpr std::array<const char*, kLimitKinds> what{
        "requests per minute", "input tokens per minute", "output tokens per minute",
        "tokens per day"};
    const std::string& account = config.accounts[static_cast<std::size_t>(decision.account)].name;
    const std::string& name = config.classes[static_cast<std::size_t>(decision.model_class)].name;
    return fmt::format(
        "This request would exceed your organization's rate limit of {} {} (org: {}, "
        "model: {}).",
        decision.readings[index_of(decision.refused_by)].limit, what[index_of(decision.refused_by)],
        account, name);
}

std::string message_of(const Config& config, const Decision& decision) {
    switch (decision.reason) {
        case RefusalReason::limit:
            return limit_message(config, decision);
        case RefusalReason::acceleration:
            return "This request would exceed your organization's maximum usage increase rate for "
                   "input tokens per minute.";
        case RefusalReason::spend_cap:
            return decision.status == 400
                       ? "You have reached your specified API usage limits. You will regain access "
                         "on the 1st of next month at 00:00 UTC."
                       : "You have reached the monthly spend limit of your organization.";
        case RefusalReason::none:
            break;
    }
    switch (decision.error) {
        case ErrorType::authentication:
            return "invalid x-api-key";
        case ErrorType::permission:
            return "Your API key does not have permission to use the specified resource.";
        case ErrorType::not_found:
            return "model not found";
        case ErrorType::timeout:
            return "The request timed out.";
        case ErrorType::overloaded:
            return "Overloaded";
        default:
            return "Internal server error";
    }
}

}  // namespace

std::string_view error_type_name(ErrorType type) {
    constexpr std::array<std::string_view, 10> names{"",
                                                     "invalid_request_error",
                                                     "authentication_error",
                                                     "permission_error",
                                                     "not_found_error",
                                                     "request_too_large",
                                                     "rate_limit_error",
                                                     "api_error",
                                                     "timeout_error",
                                                     "overloaded_error"};
    return names[static_cast<std::size_t>(type)];
}

std::string error_body(ErrorType type, std::string_view message, std::string_view request_id,
                       std::string_view error_code) {
    nlohmann::ordered_json error{{"type", error_type_name(type)}, {"message", message}};
    if (!error_code.empty()) error["details"] = {{"error_code", error_code}};
    return nlohmann::ordered_json{{"type", "error"}, {"error", error}, {"request_id", request_id}}
        .dump();
}

ErrorResponse error_response(const Config& config, const Decision& decision,
                             std::string_view request_id) {
    if (decision.status == 502) {
        return {
            "text/html",
            "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 "
            "Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"};
    }
    const bool cap = decision.reason == RefusalReason::spend_cap && decision.status == 429;
    return {"application/json", error_body(decision.error, message_of(config, decision), request_id,
                                           cap ? "enforced_spend_limit_reached" : "")};
}

}  // namespace weir::model
