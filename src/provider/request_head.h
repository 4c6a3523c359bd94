#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

// The provider takes no larger body.
inline constexpr std::size_t kMaxBodyBytes = std::size_t{32} << 20;

// What weir needs to know of a Messages request, read once when the body is set.
struct RequestHead {
    std::uint32_t model_offset = 0;  // of the model's characters in the body, without quotes
    std::uint32_t model_length = 0;
    std::uint32_t max_tokens = 0;  // 0 fills the prompt cache and generates nothing
    bool stream = false;
    bool fast = false;  // "speed": "fast" draws on limits of its own

    // Bytes of the body; both 0: there are none.
    struct Range {
        std::uint32_t begin = 0;
        std::uint32_t end = 0;
    };
    Range stream_value;  // of "stream"
    // "betas" is a field of the SDKs, which the provider takes as a header: the array, and the
    // bytes to leave out of the body, a comma among them.
    Range betas;
    Range betas_field;

    // What the input estimator looks at (limits/input_estimate.h).
    std::uint32_t ascii_letters = 0;  // bytes of a-z, A-Z and spaces inside text
    std::uint32_t other_ascii = 0;    // digits, punctuation, JSON syntax that reaches the model
    std::uint32_t wide_chars = 0;     // characters outside ASCII
    std::uint32_t messages = 0;
    std::uint32_t tools = 0;
    std::uint32_t images = 0;
    std::uint32_t image_tokens = 0;  // of those whose size could be read
    std::uint32_t sized_images = 0;
    std::uint32_t documents = 0;       // PDFs and the like, given as base64
    std::uint32_t document_bytes = 0;  // decoded
    bool has_unseen =
        false;  // files, URLs, server tools, a container: their tokens are not in the body
    bool has_system = false;

    bool text_only() const { return images == 0 && documents == 0 && !has_unseen; }
};

// Reads the head of a body. `body` must be followed by kBodyPadding readable bytes. On failure
// returns false and says in `problem` what to change; the body itself is never quoted in it.
inline constexpr std::size_t kBodyPadding = 64;
bool read_request_head(std::string_view body, RequestHead* head, std::string* problem);

}  // namespace weir
