#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::model {

// What the server reads of the body of POST /v1/messages.
struct MessagesRequest {
    std::string model;
    std::int64_t max_tokens = 0;
    bool stream = false;
    bool sampling = false;          // temperature, top_p or top_k is given
    std::int64_t input_tokens = 0;  // by the model's own tokenizer
    std::string marker;             // metadata.user_id, or the hash of the body
    std::string question;           // the text of the last message of the user
};

// False if the provider would answer 400; `problem` is then its message. Without `needs_max_tokens`
// it is a request to count tokens.
bool parse_messages_request(std::string_view body, bool needs_max_tokens, MessagesRequest* request,
                            std::string* problem);

// FNV-1a, 64 bits.
std::uint64_t hash_of(std::string_view text);
std::string hex_of(std::uint64_t hash);

}  // namespace weir::model
