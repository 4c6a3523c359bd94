#pragma once

#include <cstdint>

#include "provider/json_walk.h"
#include "provider/text_count.h"

namespace weir {

// Counts what of a Messages request reaches the model, for the estimate of its input tokens. Image
// and document data, signatures and the like are not text, and are not counted as such. Each
// function visits its value whole, and returns false if that is not JSON or nested too deeply.
class RequestTraits {
public:
    bool read_messages(json::Value& value);  // an array
    bool read_system(json::Value& value);
    bool read_tools(json::Value& value);

    TextCounts text;
    std::uint32_t messages = 0;
    std::uint32_t tools = 0;
    std::uint32_t images = 0;
    std::uint32_t image_tokens = 0;  // of those whose size could be read
    std::uint32_t sized_images = 0;
    std::uint32_t documents = 0;
    bool has_unseen = false;  // what the model reads is not in the body: files, URLs, server tools
    std::uint64_t document_bytes = 0;
    bool has_system = false;
    bool messages_are_objects = true;

private:
    struct Source;

    bool tool(json::Value& value, int depth);
    bool count(json::Value& value, int depth);
    bool content(json::Value& value, int depth);
    bool block(json::Value& value, int depth);
    bool block_field(std::string_view key, json::Value& value, bool* image, int depth);
    bool source(json::Value& value, int depth);
};

}  // namespace weir
