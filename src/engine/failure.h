#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <utility>

#include "engine/status_table.h"

namespace weir {

// What a refused call throws: the guard of the C API turns it into a status and an error object.
// The message is a sentence for people, and never holds a secret.
class Failure : public std::exception {
public:
    Failure(std::int32_t code, ErrorSource source, std::string message,
            std::int64_t retry_after_ms = -1)
        : code_(code),
          source_(source),
          message_(std::move(message)),
          retry_after_ms_(retry_after_ms) {}

    std::int32_t code() const { return code_; }
    ErrorSource source() const { return source_; }
    const std::string& message() const { return message_; }
    std::int64_t retry_after_ms() const { return retry_after_ms_; }
    const char* what() const noexcept override { return message_.c_str(); }

private:
    std::int32_t code_;
    ErrorSource source_;
    std::string message_;
    std::int64_t retry_after_ms_;
};

}  // namespace weir
