#include "engine/terminal.h"

#include <fmt/format.h>

#include <memory>
#include <new>
#include <string>

#include "engine/error_object.h"
#include "engine/response_object.h"
#include "routing/route_choice.h"

namespace weir {
namespace {

weir_event event_of(const Request& request, std::uint32_t type) noexcept {
    weir_event event{};
    event.ticket = request.ticket.load(std::memory_order_relaxed);
    event.user_data = request.user_data;
    event.type = type;
    event.data = "";
    return event;
}

weir_event failed_event(const Request& request, weir_error* error) noexcept {
    weir_event event = event_of(request, WEIR_EVENT_FAILED);
    event.status = error->code;
    event.flags = error->flags;
    event.object = error;
    event.data = error->answer;
    event.data_length = error->answer_length;
    return event;
}

std::int64_t ms_between(TimeNs from, TimeNs to) { return (to - from) / kNsPerMs; }

void tell_route(const Request& request, const RouteSettings& routes, weir_response* response) {
    if (!request.route.routed()) return;
    response->numbers[WEIR_NUMBER_ROUTE_STEP] = request.route.step + 1;
    response->strings[WEIR_STRING_ROUTE] = route_of(routes, request.route).name;
    response->strings[WEIR_STRING_ROUTE_REASON] = reason_text(routes, request.route);
}

std::unique_ptr<weir_response> make_response(const Request& request, Exchange* exchange,
                                             std::string_view account, std::int64_t cost_micros,
                                             const RouteSettings& routes, TimeNs now) {
    auto response = std::make_unique<weir_response>();
    ResponseReader& reader = exchange->reader();
    const Usage& usage = exchange->usage();
    response->magic = kResponseMagic;
    response->http_status = reader.http_status();
    response->headers = reader.take_headers();
    if (!exchange->permit()) response->body = reader.take_body();
    auto& numbers = response->numbers;
    numbers.fill(-1);
    numbers[WEIR_NUMBER_INPUT_TOKENS] = usage.input_tokens;
    numbers[WEIR_NUMBER_CACHE_WRITE_TOKENS] = usage.cache_write_tokens;
    numbers[WEIR_NUMBER_CACHE_READ_TOKENS] = usage.cache_read_tokens;
    numbers[WEIR_NUMBER_OUTPUT_TOKENS] = usage.output_tokens;
    numbers[WEIR_NUMBER_ATTEMPTS] = request.attempts;
    numbers[WEIR_NUMBER_QUEUED_MS] = ms_between(request.submitted_at, exchange->started_at());
    numbers[WEIR_NUMBER_FIRST_BYTE_MS] =
        exchange->head_at() == 0 ? -1 : ms_between(exchange->started_at(), exchange->head_at());
    numbers[WEIR_NUMBER_TOTAL_MS] = ms_between(request.submitted_at, now);
    numbers[WEIR_NUMBER_COST_MICROS] = cost_micros;
    numbers[WEIR_NUMBER_HEDGED] = request.hedged ? 1 : 0;
    auto& strings = response->strings;
    strings[WEIR_STRING_MODEL] = reader.model();
    strings[WEIR_STRING_ACCOUNT] = account;
    strings[WEIR_STRING_REQUEST_ID] = reader.request_id();
    strings[WEIR_STRING_STOP_REASON] = reader.stop_reason();
    tell_route(request, routes, response.get());
    return response;
}

template <class Make>
weir_event done_event(const Request& request, Make&& make) noexcept {
    try {
        weir_response* response = make().release();
        weir_event event = event_of(request, WEIR_EVENT_DONE);
        event.data = response->body.c_str();
        event.data_length = response->body.size();
        event.object = response;
        return event;
    } catch (const std::bad_alloc&) {
        weir_event event = failed_event(request, immortal_error(WEIR_ERR_NOMEM));
        event.flags |= WEIR_ERROR_MAYBE_EXECUTED;
        return event;
    }
}

// "overloaded_error: Overloaded", after what the code says.
std::string message_of(const StatusRow& row, const ErrorDetail& detail) {
    std::string words = detail.type;
    if (!words.empty() && !detail.message.empty()) words += ": ";
    words += detail.message;
    std::string message = row.text;
    if (row.source == ErrorSource::local && !words.empty()) message += "; the last attempt failed";
    return words.empty() ? message : message + ": " + words;
}

weir_error* error_of(const Request& request, std::int32_t status, TimeNs keys_back_in_ns) {
    const StatusRow* row = find_status(status);
    if (row == nullptr) row = &status_table()[0];
    ErrorParts parts;
    parts.code = row->code;
    parts.source = row->source;
    parts.attempts = request.attempts;
    if (request.maybe_executed) parts.more_flags |= WEIR_ERROR_MAYBE_EXECUTED;
    std::string message;
    if (const ErrorDetail* detail = request.last_error.get()) {
        message = message_of(*row, *detail);
        parts.message = message;
        parts.provider_type = detail->type;
        parts.request_id = detail->request_id;
        parts.answer = detail->answer;
        parts.http_status = detail->http_status;
        parts.retry_after_ms = detail->retry_after_ns < 0 ? -1 : detail->retry_after_ns / kNsPerMs;
        if (row->source != ErrorSource::local) {
            parts.source = detail->from_provider ? ErrorSource::provider : ErrorSource::transport;
        }
    }
    if (keys_back_in_ns >= 0) {
        parts.retry_after_ms = (keys_back_in_ns + kNsPerMs - 1) / kNsPerMs;
        if (message.empty()) message = row->text;
        message += fmt::format("; every key is out, and the first comes back in {} ms",
                               parts.retry_after_ms);
        parts.message = message;
    }
    return make_error(parts);
}

}  // namespace

weir_event make_permit_event(const Request& request, std::unique_ptr<weir_permit> permit) noexcept {
    weir_event event = event_of(request, WEIR_EVENT_PERMIT);
    event.index = request.attempts;
    event.object = permit.release();
    return event;
}

weir_event make_done(const Request& request, Exchange* exchange, std::string_view account,
                     std::int64_t cost_micros, const RouteSettings& routes, TimeNs now) noexcept {
    return done_event(request, [&] {
        return make_response(request, exchange, account, cost_micros, routes, now);
    });
}

weir_event make_batch_done(const Request& request, const BatchResult& result,
                           std::string_view account, std::int64_t cost_micros,
                           const RouteSettings& routes, TimeNs now) noexcept {
    return done_event(request, [&] {
        auto response = std::make_unique<weir_response>();
        const Usage& usage = result.facts.usage;
        response->magic = kResponseMagic;
        response->http_status = 200;
        response->body = result.message;
        auto& numbers = response->numbers;
        numbers.fill(-1);
        numbers[WEIR_NUMBER_INPUT_TOKENS] = usage.input_tokens;
        numbers[WEIR_NUMBER_CACHE_WRITE_TOKENS] = usage.cache_write_tokens;
        numbers[WEIR_NUMBER_CACHE_READ_TOKENS] = usage.cache_read_tokens;
        numbers[WEIR_NUMBER_OUTPUT_TOKENS] = usage.output_tokens;
        numbers[WEIR_NUMBER_ATTEMPTS] = request.attempts;
        numbers[WEIR_NUMBER_TOTAL_MS] = ms_between(request.submitted_at, now);
        numbers[WEIR_NUMBER_COST_MICROS] = cost_micros;
        response->strings[WEIR_STRING_MODEL] = result.facts.model;
        response->strings[WEIR_STRING_ACCOUNT] = account;
        response->strings[WEIR_STRING_STOP_REASON] = result.facts.stop_reason;
        tell_route(request, routes, response.get());
        return response;
    });
}

weir_event make_stream_restart(const Request& request) noexcept {
    return event_of(request, WEIR_EVENT_STREAM_RESTART);
}

weir_event make_failed(const Request& request, std::int32_t status,
                       TimeNs keys_back_in_ns) noexcept {
    try {
        return failed_event(request, error_of(request, status, keys_back_in_ns));
    } catch (const std::bad_alloc&) {
        return make_plain_failure(request, status);
    }
}

weir_event make_refused(const Request& request, std::int32_t status, std::string_view message,
                        TimeNs frees_in_ns) noexcept {
    ErrorParts parts;
    parts.code = status;
    parts.source = ErrorSource::local;
    parts.attempts = request.attempts;
    parts.message = message;
    if (request.maybe_executed) parts.more_flags |= WEIR_ERROR_MAYBE_EXECUTED;
    if (frees_in_ns >= 0) parts.retry_after_ms = (frees_in_ns + kNsPerMs - 1) / kNsPerMs;
    return failed_event(request, make_error(parts));
}

weir_event make_plain_failure(const Request& request, std::int32_t status) noexcept {
    return failed_event(request, immortal_error(status));
}

}  // namespace weir
