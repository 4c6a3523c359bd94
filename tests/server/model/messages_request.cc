#include "model/messages_request.h"

#include <fmt/format.h>

#include <cmath>

#include <nlohmann/json.hpp>

namespace weir::model {

namespace {

using Json = nlohmann::json;

// The tokenizer: so many bytes a token, and a little for every message.
constexpr double kBytesPerToken = 3.6;
constexpr std::int64_t kTokensPerMessage = 4;
constexpr std::int64_t kTokensPerRequest = 3;
constexpr std::int64_t kTokensPerImage = 1500;
constexpr std::int64_t kTokensForTools = 300;

struct Sizes {
    std::size_t bytes = 0;
    std::int64_t tokens = 0;
};

// Text is a string, or a list of blocks. `text`, if given, gets the text found.
bool read_content(const Json& content, Sizes* sizes, std::string* text) {
    if (content.is_string()) {
        const auto& value = content.get_ref<const std::string&>();
        sizes->bytes += value.size();
        if (text != nullptr) *text += value;
        return true;
    }
    if (!content.is_array()) return false;
    for (const Json& block : content) {
        if (!block.is_object() || !block.contains("type")) return false;
        if (block["type"] == "text") {
            if (!block.contains("text") || !block["text"].is_string()) return false;
            if (!read_content(block["text"], sizes, text)) return false;
        } else if (block["type"] == "image" || block["type"] == "document") {
            sizes->tokens += kTokensPerImage;
        } else {
            sizes->bytes += block.dump().size();
        }
    }
    return true;
}

bool read_messages(const Json& messages, Sizes* sizes, std::string* question,
                   std::string* problem) {
    if (!messages.is_array() || messages.empty()) {
        *problem = "messages: at least one message is required";
        return false;
    }
    for (const Json& message : messages) {
        const bool whole =
            message.is_object() && message.contains("role") && message.contains("content");
        const bool user = whole && message["role"] == "user";
        if (!user && (!whole || message["role"] != "assistant")) {
            *problem = "messages: each needs a role, user or assistant, and a content";
            return false;
        }
        if (user) question->clear();
        if (!read_content(message["content"], sizes, user ? question : nullptr)) {
            *problem = "messages: content must be a string or a list of blocks";
            return false;
        }
        sizes->tokens += kTokensPerMessage;
    }
    return true;
}

bool read_fields(const Json& body, bool needs_max_tokens, MessagesRequest* request,
                 std::string* problem) {
    if (!body.contains("model") || !body["model"].is_string()) {
        *problem = "model: Field required";
        return false;
    }
    request->model = body["model"].get<std::string>();
    if (needs_max_tokens) {
        if (!body.contains("max_tokens") || !body["max_tokens"].is_number_integer()) {
            *problem = "max_tokens: Field required";
            return false;
        }
        request->max_tokens = body["max_tokens"].get<std::int64_t>();
        if (request->max_tokens < 1) {
            *problem = "max_tokens: must be greater than or equal to 1";
            return false;
        }
    }
    for (const char* extra : {"max_tokens", "stream", "temperature", "metadata"}) {
        if (needs_max_tokens || !body.contains(extra)) continue;
        *problem = std::string(extra) + ": Extra inputs are not permitted";
        return false;
    }
    for (const char* field : {"temperature", "top_p", "top_k"}) {
        request->sampling = request->sampling || body.contains(field);
    }
    if (body.contains("stream")) {
        if (!body["stream"].is_boolean()) {
            *problem = "stream: Input should be a valid boolean";
            return false;
        }
        request->stream = body["stream"].get<bool>();
    }
    if (!body.contains("messages")) {
        *problem = "messages: Field required";
        return false;
    }
    return true;
}

}  // namespace

bool parse_messages_request(std::string_view text, bool needs_max_tokens, MessagesRequest* request,
                            std::string* problem) {
    const Json body = Json::parse(text, nullptr, false);
    if (!body.is_object()) {
        *problem = "The request body is not valid JSON";
        return false;
    }
    if (!read_fields(body, needs_max_tokens, request, problem)) return false;
    Sizes sizes;
    if (!read_messages(body["messages"], &sizes, &request->question, problem)) return false;
    if (body.contains("system") && !read_content(body["system"], &sizes, nullptr)) {
        *problem = "system: must be a string or a list of blocks";
        return false;
    }
    if (body.contains("tools")) {
        sizes.bytes += body["tools"].dump().size();
        sizes.tokens += kTokensForTools;
    }
    const double by_bytes = std::ceil(static_cast<double>(sizes.bytes) / kBytesPerToken);
    request->input_tokens = kTokensPerRequest + sizes.tokens + static_cast<std::int64_t>(by_bytes);
    const auto metadata = body.find("metadata");
    if (metadata != body.end() && metadata->is_object() && metadata->contains("user_id") &&
        (*metadata)["user_id"].is_string()) {
        request->marker = (*metadata)["user_id"].get<std::string>();
    } else {
        request->marker = hex_of(hash_of(text));
    }
    return true;
}

std::uint64_t hash_of(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325U;
    for (const char c : text) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 0x100000001b3U;
    }
    return hash;
}

std::string hex_of(std::uint64_t hash) { return fmt::format("{:016x}", hash); }

}  // namespace weir::model
