#include "engine/attempt_report.h"

#include <algorithm>

#include "engine/failure.h"
#include "provider/header_name.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr std::size_t kMaxHeaders = 256;
constexpr std::size_t kMaxHeaderBytes = std::size_t{64} << 10;
constexpr std::size_t kMaxBody = std::size_t{1} << 30;

[[noreturn]] void refuse(const char* message) {
    throw Failure(WEIR_ERR_BAD_ARGUMENT, ErrorSource::local, message);
}

}  // namespace

void AttemptReport::set_status(std::int32_t http_status) {
    if (http_status < 200 || http_status > 599) {
        refuse("the status is not a final one of HTTP, from 200 to 599");
    }
    http_status_ = http_status;
}

void AttemptReport::set_failure(std::uint32_t failure) {
    if (failure > WEIR_FAILURE_BROKEN) refuse("the failure is not one of WEIR_FAILURE_");
    failure_ = failure;
}

void AttemptReport::add_header(std::string_view name, std::string_view value) {
    if (name.empty() || name.size() + value.size() > kMaxHeaderBytes) {
        refuse("the header has no name, or is longer than 64 KiB");
    }
    if (headers_.size() == kMaxHeaders) refuse("the outcome has 256 headers already");
    headers_.emplace_back(name, value);
}

void AttemptReport::set_body(std::string_view body) {
    if (body.size() > kMaxBody) refuse("the body is above 1 GiB");
    body_ = body;
    has_body_ = true;
}

void AttemptReport::set_number(std::uint32_t number, std::int64_t value) {
    if (value < 0) refuse("the number is negative");
    switch (number) {
        case WEIR_NUMBER_INPUT_TOKENS:
            usage_.input_tokens = value;
            break;
        case WEIR_NUMBER_CACHE_WRITE_TOKENS:
            usage_.cache_write_tokens = value;
            break;
        case WEIR_NUMBER_CACHE_READ_TOKENS:
            usage_.cache_read_tokens = value;
            break;
        case WEIR_NUMBER_OUTPUT_TOKENS:
            usage_.output_tokens = value;
            break;
        default:
            refuse("the number is not one of the usage: input, output, cache write or cache read");
    }
}

bool AttemptReport::is_event_stream() const {
    constexpr std::string_view kEventStream = "text/event-stream";
    return std::any_of(headers_.begin(), headers_.end(), [&](const auto& header) {
        return HeaderName(header.first).lower() == "content-type" &&
               header.second.starts_with(kEventStream);
    });
}

WireEnd AttemptReport::wire_end() const {
    switch (failure_) {
        case WEIR_FAILURE_UNUSED:
            return {WireEnd::Kind::aborted, false, {}};
        case WEIR_FAILURE_CONNECT:
            return {WireEnd::Kind::connect_failed, false, {}};
        case WEIR_FAILURE_TLS:
            return {WireEnd::Kind::tls_failed, false, {}};
        case WEIR_FAILURE_TIMEOUT:
            return {WireEnd::Kind::total_timeout, true, {}};
        case WEIR_FAILURE_BROKEN:
            return {WireEnd::Kind::broken, true, {}};
        default:
            return {WireEnd::Kind::complete, true, {}};
    }
}

}  // namespace weir
