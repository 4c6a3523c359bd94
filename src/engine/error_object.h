#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/status_table.h"
#include "weir/weir.h"

// An error, immutable, with its strings in the same block of memory. Trivially destructible, so
// that there can be one of every code in static storage for when there is no memory.
struct weir_error {
    std::uint32_t magic;
    std::int32_t code;
    std::uint32_t flags;
    std::int32_t http_status;
    std::int64_t retry_after_ms;
    std::uint32_t attempts;
    weir::ErrorSource source;
    bool immortal;
    const char* message;
    const char* provider_type;
    const char* request_id;
    const char* answer;
    std::size_t answer_length;
};

namespace weir {

inline constexpr std::uint32_t kErrorMagic = 0x57456572;

// What an error is made of. Empty strings stand for the defaults of the code.
struct ErrorParts {
    std::int32_t code = WEIR_ERR_INTERNAL;
    std::uint32_t more_flags = 0;  // beside those that always hold
    std::int32_t http_status = 0;
    std::int64_t retry_after_ms = -1;
    std::uint32_t attempts = 0;
    ErrorSource source = ErrorSource::local;
    std::string_view message = {};
    std::string_view provider_type = {};
    std::string_view request_id = {};
    std::string_view answer = {};  // the bytes of an answer that could not be read
};

// Never fails: without memory it is the immortal error of the code.
weir_error* make_error(const ErrorParts& parts) noexcept;

// The error of a code that needs no memory. A code that is not in the table becomes internal.
weir_error* immortal_error(std::int32_t code) noexcept;

// Accepts NULL and immortal errors.
void release_error(weir_error* error) noexcept;

}  // namespace weir
