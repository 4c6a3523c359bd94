#include "model/answer.h"

#include <fmt/format.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "model/random.h"

namespace weir::model {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kBytesPerToken = 4;
constexpr std::size_t kEchoBytes = 48;
constexpr std::string_view kFiller =
    " The river does not ask how wide the weir is; it comes as it comes, and what the weir lets"
    " pass is what the meadow below can drink.";

bool continues_a_character(char byte) {
    return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U;
}

std::string_view first_words(std::string_view text) {
    std::size_t end = std::min(text.size(), kEchoBytes);
    while (end > 0 && end < text.size() && continues_a_character(text[end])) --end;
    return text.substr(0, end);
}

std::string event(std::string_view name, const Json& data) {
    return fmt::format("event: {}\ndata: {}\n\n", name, data.dump());
}

Json usage_of(std::int64_t input_tokens, std::int64_t output_tokens) {
    return {{"input_tokens", input_tokens},
            {"cache_creation_input_tokens", 0},
            {"cache_read_input_tokens", 0},
            {"output_tokens", output_tokens},
            {"service_tier", "standard"}};
}

}  // namespace

Answer::Answer(const MessagesRequest& request, const Decision& decision)
    : id_("msg_" + hex_of(Random::mix(decision.id))),
      model_(request.model),
      stop_reason_(decision.hit_max_tokens ? "max_tokens" : "end_turn"),
      input_tokens_(request.input_tokens),
      output_tokens_(decision.output_tokens),
      produced_tokens_(decision.produced_tokens) {
    text_ = fmt::format("#{} {}", hex_of(hash_of(request.question)), first_words(request.question));
    const std::size_t wanted = static_cast<std::size_t>(output_tokens_) * kBytesPerToken;
    text_.reserve(std::max(wanted, text_.size()));
    while (text_.size() < wanted) {
        text_ += kFiller.substr(0, std::min(kFiller.size(), wanted - text_.size()));
    }
}

std::string Answer::message() const {
    const Json message{{"id", id_},
                       {"type", "message"},
                       {"role", "assistant"},
                       {"model", model_},
                       {"content", Json::array({{{"type", "text"}, {"text", text_}}})},
                       {"stop_reason", stop_reason_},
                       {"stop_sequence", nullptr},
                       {"usage", usage_of(input_tokens_, output_tokens_)}};
    return message.dump();
}

std::string Answer::start() const {
    const Json message{{"id", id_},
                       {"type", "message"},
                       {"role", "assistant"},
                       {"model", model_},
                       {"content", Json::array()},
                       {"stop_reason", nullptr},
                       {"stop_sequence", nullptr},
                       {"usage", usage_of(input_tokens_, 1)}};
    return event("message_start", {{"type", "message_start"}, {"message", message}}) +
           event("content_block_start", {{"type", "content_block_start"},
                                         {"index", 0},
                                         {"content_block", {{"type", "text"}, {"text", ""}}}}) +
           ping();
}

// The text is spread evenly over the tokens, and cut between characters.
std::size_t Answer::offset_of(std::int64_t tokens) const {
    if (tokens >= output_tokens_) return text_.size();
    const double share = static_cast<double>(tokens) / static_cast<double>(output_tokens_);
    auto offset = static_cast<std::size_t>(static_cast<double>(text_.size()) * share);
    while (offset > 0 && continues_a_character(text_[offset])) --offset;
    return offset;
}

std::string Answer::delta(std::int64_t from_tokens, std::int64_t to_tokens) const {
    const std::size_t from = offset_of(from_tokens);
    const std::size_t to = offset_of(to_tokens);
    if (to <= from) return {};
    return event("content_block_delta",
                 {{"type", "content_block_delta"},
                  {"index", 0},
                  {"delta", {{"type", "text_delta"}, {"text", text_.substr(from, to - from)}}}});
}

std::string Answer::ping() { return event("ping", {{"type", "ping"}}); }

std::string Answer::error(ErrorType type, std::string_view message) {
    const bool overloaded = type == ErrorType::overloaded;
    return event(
        "error",
        {{"type", "error"},
         {"error",
          {{"type", overloaded ? "overloaded_error" : "api_error"}, {"message", message}}}});
}

std::string Answer::end(bool stop) const {
    std::string text =
        event("content_block_stop", {{"type", "content_block_stop"}, {"index", 0}}) +
        event("message_delta",
              {{"type", "message_delta"},
               {"delta", {{"stop_reason", stop_reason_}, {"stop_sequence", nullptr}}},
               {"usage", {{"output_tokens", produced_tokens_}}}});
    if (stop) text += event("message_stop", {{"type", "message_stop"}});
    return text;
}

}  // namespace weir::model
