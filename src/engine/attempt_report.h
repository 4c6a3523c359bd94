#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "provider/outcome.h"
#include "provider/response_reader.h"

namespace weir {

// Which of a ticket's permits.
struct PermitName {
    std::uint64_t ticket;
    std::uint32_t attempt;
};

// What a caller says of an attempt that it made with a permit; behind a weir_outcome. What throws,
// throws Failure or std::bad_alloc, and changes nothing.
class AttemptReport {
public:
    void set_status(std::int32_t http_status);
    void set_failure(std::uint32_t failure);  // WEIR_FAILURE_; 0: none
    void add_header(std::string_view name, std::string_view value);
    void set_body(std::string_view body);
    void set_number(std::uint32_t number, std::int64_t value);  // WEIR_NUMBER_ of the usage
    void set_delivered(bool delivered) { delivered_ = delivered; }

    int http_status() const { return http_status_; }
    std::uint32_t failure() const { return failure_; }
    const std::vector<ResponseReader::Header>& headers() const { return headers_; }
    bool has_body() const { return has_body_; }
    std::string_view body() const { return body_; }
    const Usage& usage() const { return usage_; }
    bool delivered() const { return delivered_; }

    // The answer is known to be whole, and its body is the caller's alone.
    bool says_success() const { return http_status_ / 100 == 2 && failure_ == 0 && !has_body_; }
    bool is_event_stream() const;
    // How a transport would have seen the attempt end.
    WireEnd wire_end() const;

private:
    int http_status_ = 0;
    std::uint32_t failure_ = 0;
    bool has_body_ = false;
    bool delivered_ = false;  // content of the answer has been passed on
    std::string body_;
    std::vector<ResponseReader::Header> headers_;
    Usage usage_;
};

}  // namespace weir
