#include "wire/service.h"

#include <fmt/format.h>

#include "model/answer.h"
#include "model/calendar.h"
#include "model/config_json.h"
#include "model/error_body.h"
#include "model/messages_request.h"

namespace weir::model {

namespace {

constexpr std::string_view kJson = "application/json";

// The versions of the API. The second one takes no sampling parameters.
constexpr std::string_view kFirstVersion = "2023-06-01";
constexpr std::string_view kSecondVersion = "2026-10-21";

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

}  // namespace

Script Service::handle(const WireRequest& request, TimeNs now) {
    using Handler = Script (Service::*)(const WireRequest&, TimeNs);
    struct Route {
        std::string_view method;
        std::string_view path;
        Handler handler;
    };
    static constexpr Route kRoutes[] = {
        {"POST", "/v1/messages", &Service::messages},
        {"POST", "/v1/messages/count_tokens", &Service::count_tokens},
        {"POST", "/model/config", &Service::change},
    };
    const std::string_view path = path_of(request.target);
    if (path == "/model/report" && request.method == "GET") {
        return plain_script(200, {}, kJson, report(now), now);
    }
    if (path == "/model/batches" && request.method == "GET") {
        return plain_script(200, {}, kJson, batches_.report(), now);
    }
    if (path.starts_with(BatchService::kPath)) return batches(request, now);
    for (const Route& route : kRoutes) {
        if (route.path != path) continue;
        if (route.method == request.method) return (this->*route.handler)(request, now);
        return error(405, ErrorType::invalid_request, "Method Not Allowed", now);
    }
    return error(404, ErrorType::not_found, "Not Found", now);
}

Script Service::messages(const WireRequest& request, TimeNs now) {
    Script refusal;
    if (!check_caller(request, now, &refusal)) return refusal;
    MessagesRequest parsed;
    std::string problem;
    if (!parse_messages_request(request.body, true, &parsed, &problem)) {
        return invalid(problem, now);
    }
    if (parsed.sampling && request.version == kSecondVersion) {
        return invalid("temperature, top_p, top_k: Extra inputs are not permitted", now);
    }
    Request asked;
    asked.key = model_.find_key(request.api_key);
    asked.model_class = model_.find_class(parsed.model);
    asked.input_tokens = parsed.input_tokens;
    asked.max_tokens = parsed.max_tokens;
    asked.stream = parsed.stream;
    asked.marker = remember(parsed.marker);
    const Decision decision = model_.arrive(asked, now);
    if (!decision.accepted()) return refuse(decision, now);

    Headers headers = common_headers(next_request_id(), decision.account, now);
    append_limit_headers(model_.config(), decision, now, &headers);
    return answer_script(decision, Answer(parsed, decision), parsed.stream, headers);
}

Script Service::batches(const WireRequest& request, TimeNs now) {
    Script refusal;
    if (!check_caller(request, now, &refusal)) return refusal;
    BatchService::Call call;
    call.method = request.method;
    call.path = path_of(request.target).substr(BatchService::kPath.size());
    const std::size_t mark = request.target.find('?');
    if (mark != std::string_view::npos) call.query = request.target.substr(mark + 1);
    call.body = request.body;
    call.account = model_.account_of(model_.find_key(request.api_key));
    call.request_id = next_request_id();
    call.headers = common_headers(call.request_id, call.account, now);
    return batches_.handle(call, now);
}

Script Service::count_tokens(const WireRequest& request, TimeNs now) {
    Script refusal;
    if (!check_caller(request, now, &refusal)) return refusal;
    MessagesRequest parsed;
    std::string problem;
    if (!parse_messages_request(request.body, false, &parsed, &problem)) {
        return invalid(problem, now);
    }
    const int account = model_.account_of(model_.find_key(request.api_key));
    model_.note_token_count();
    const std::string body = fmt::format("{{\"input_tokens\":{}}}", parsed.input_tokens);
    return plain_script(200, common_headers(next_request_id(), account, now), kJson, body, now);
}

Script Service::change(const WireRequest& request, TimeNs now) {
    try {
        apply_change(request.body, &model_, now);
    } catch (const ConfigError& problem) {
        return invalid(problem.what(), now);
    }
    return plain_script(200, {}, kJson, "{\"ok\":true}", now);
}

bool Service::check_caller(const WireRequest& request, TimeNs now, Script* refusal) {
    if (request.api_key.empty()) {
        *refusal = error(401, ErrorType::authentication, "x-api-key header is required", now);
        return false;
    }
    if (model_.find_key(request.api_key) < 0) {
        Request unknown;
        unknown.key = -1;
        *refusal = refuse(model_.arrive(unknown, now), now);
        return false;
    }
    if (request.version.empty()) {
        *refusal = invalid("anthropic-version: header is required", now);
        return false;
    }
    if (request.version != kFirstVersion && request.version != kSecondVersion) {
        *refusal = invalid("anthropic-version: not a version of the API", now);
        return false;
    }
    return true;
}

Script Service::refuse(const Decision& decision, TimeNs now) {
    if (decision.no_response()) return reset_script(now, 0);
    const std::string request_id = next_request_id();
    Headers headers = common_headers(request_id, decision.account, now);
    append_limit_headers(model_.config(), decision, now, &headers);
    append_retry_headers(model_.config(), decision, now, &headers);
    const ErrorResponse response = error_response(model_.config(), decision, request_id);
    return plain_script(decision.status, headers, response.content_type, response.body, now);
}

Script Service::invalid(std::string_view problem, TimeNs now) {
    return error(400, ErrorType::invalid_request, problem, now);
}

Script Service::error(int status, ErrorType type, std::string_view message, TimeNs now) {
    const std::string request_id = next_request_id();
    return plain_script(status, common_headers(request_id, -1, now), kJson,
                        error_body(type, message, request_id), now);
}

Script Service::too_large(TimeNs now) {
    Script script = error(413, ErrorType::too_large,
                          "Request exceeds the maximum allowed number of bytes.", now);
    script.end = Script::End::close;
    return script;
}

std::string Service::next_request_id() {
    return "req_" + hex_of(Random::mix(model_.config().seed + ++requests_));
}

Headers Service::common_headers(std::string_view request_id, int account, TimeNs now) const {
    const std::int64_t unix_ns = model_.config().unix_at_zero_ns + now;
    Headers headers{{"date", http_date(unix_ns / kNsPerS)},
                    {"request-id", std::string(request_id)}};
    if (account >= 0) {
        const auto& name = model_.config().accounts[static_cast<std::size_t>(account)].name;
        const std::string hex = hex_of(hash_of(name));
        headers.emplace_back(
            "anthropic-organization-id",
            fmt::format("00000000-0000-4000-{}-{}", hex.substr(0, 4), hex.substr(4)));
    }
    return headers;
}

std::uint64_t Service::remember(const std::string& marker) {
    const std::uint64_t hash = hash_of(marker);
    marker_names_.try_emplace(hash, marker);
    return hash;
}

std::string Service::name_of(std::uint64_t marker) const {
    const auto found = marker_names_.find(marker);
    return found == marker_names_.end() ? hex_of(marker) : found->second;
}

}  // namespace weir::model
