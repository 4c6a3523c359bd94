#include "provider/request_head.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "provider/json_walk.h"
#include "provider/request_traits.h"

namespace weir {
namespace {

static_assert(kBodyPadding >= simdjson::SIMDJSON_PADDING);
static_assert(kMaxBodyBytes <= std::numeric_limits<std::uint32_t>::max());

constexpr std::size_t kMaxModelLength = 256;

class HeadReader {
public:
    explicit HeadReader(std::string_view body) : body_(body) {}

    bool read(RequestHead* head, std::string* problem);

private:
    // The keys that are read here. Given twice, they could mean two things.
    enum Key {
        kModel,
        kMaxTokens,
        kStream,
        kSpeed,
        kMessages,
        kSystem,
        kTools,
        kBetas,
        kContainer,
        kServers,
        kKeys
    };
    static constexpr std::string_view kNames[kKeys] = {"model",     "max_tokens", "stream", "speed",
                                                       "messages",  "system",     "tools",  "betas",
                                                       "container", "mcp_servers"};

    bool field(std::string_view key, json::Value& value);
    bool read_field(Key key, std::string_view written_key, json::Value& value);
    bool read_model(json::Value& value);
    bool read_max_tokens(json::Value& value);
    bool read_stream(json::Value& value);
    bool read_speed(json::Value& value);
    bool read_messages(json::Value& value);
    bool read_tools(json::Value& value);
    bool read_betas(std::string_view written_key, json::Value& value);
    std::uint32_t offset(const char* at) const {
        return static_cast<std::uint32_t>(at - body_.data());
    }
    bool check_whole();

    // The first problem is the one that is told. The document is read on, for it may be no JSON.
    void complain(std::string problem) {
        if (problem_.empty()) problem_ = std::move(problem);
    }

    std::string_view body_;
    RequestHead head_;
    RequestTraits traits_;
    bool seen_[kKeys] = {};
    std::string problem_;
};

bool HeadReader::field(std::string_view key, json::Value& value) {
    const std::string_view written_key = key;
    std::string plain;
    if (key.find('\\') != std::string_view::npos) key = plain = unescape(key, 64);
    for (int i = 0; i < kKeys; ++i) {
        if (key != kNames[i]) continue;
        if (seen_[i]) complain(fmt::format("\"{}\" is given twice: give it once", kNames[i]));
        seen_[i] = true;
        return read_field(static_cast<Key>(i), written_key, value);
    }
    return json::check(value, 1);
}

bool HeadReader::read_field(Key key, std::string_view written_key, json::Value& value) {
    switch (key) {
        case kModel:
            return read_model(value);
        case kMaxTokens:
            return read_max_tokens(value);
        case kStream:
            return read_stream(value);
        case kSpeed:
            return read_speed(value);
        case kMessages:
            return read_messages(value);
        case kSystem:
            return traits_.read_system(value);
        case kTools:
            return read_tools(value);
        case kBetas:
            return read_betas(written_key, value);
        case kContainer:
        case kServers:
            traits_.has_unseen |= value.raw_json_token().substr(0, 4) != "null";
            return json::check(value, 1);
        case kKeys:
            break;
    }
    return false;
}

bool HeadReader::read_model(json::Value& value) {
    if (!json::is_string(value)) {
        complain("\"model\" is not a string: give the name of a model");
        return json::check(value, 1);
    }
    std::string_view model;
    if (!json::read_string(value, &model)) return false;
    if (model.empty()) complain("\"model\" is empty: give the name of a model");
    if (model.size() > kMaxModelLength) {
        complain(fmt::format("\"model\" is longer than {} bytes: give the name of a model",
                             kMaxModelLength));
    }
    if (model.find('\\') != std::string_view::npos) {
        complain("\"model\" is written with escape sequences: write its characters as they are");
    }
    head_.model_offset = static_cast<std::uint32_t>(model.data() - body_.data());
    head_.model_length = static_cast<std::uint32_t>(model.size());
    return true;
}

bool HeadReader::read_max_tokens(json::Value& value) {
    std::string_view token;
    std::optional<std::int64_t> number;
    const bool scalar = json::is_other_scalar(value);
    if (scalar) {
        if (!json::read_other_scalar(value, &token)) return false;
        number = json_integer(token);
    }
    if (!number || *number < 0 || *number > std::numeric_limits<std::int32_t>::max()) {
        complain("\"max_tokens\" is not a count of tokens: give a whole number, zero or more");
        return scalar || json::check(value, 1);
    }
    head_.max_tokens = static_cast<std::uint32_t>(*number);
    return true;
}

bool HeadReader::read_stream(json::Value& value) {
    std::string_view token;
    const bool scalar = json::is_other_scalar(value);
    if (scalar && !json::read_other_scalar(value, &token)) return false;
    if (token != "true" && token != "false" && token != "null") {
        complain("\"stream\" is neither true nor false: give one of them, or leave it out");
        return scalar || json::check(value, 1);
    }
    head_.stream = token == "true";
    head_.stream_value = {offset(token.data()), offset(token.data() + token.size())};
    return true;
}

bool HeadReader::read_speed(json::Value& value) {
    if (!json::is_string(value)) return json::check(value, 1);
    std::string_view speed;
    if (!json::read_string(value, &speed)) return false;
    head_.fast = unescape(speed, 16) == "fast";
    return true;
}

bool HeadReader::read_messages(json::Value& value) {
    if (!json::is_array(value)) {
        complain("\"messages\" is not an array: give an array of messages");
        return json::check(value, 1);
    }
    if (!traits_.read_messages(value)) return false;
    if (traits_.messages == 0) complain("\"messages\" is empty: give at least one message");
    if (!traits_.messages_are_objects) {
        complain(
            "\"messages\" holds what is not an object: give each message a role and a content");
    }
    return true;
}

bool HeadReader::read_tools(json::Value& value) {
    if (!json::is_array(value) && value.raw_json_token().substr(0, 4) != "null") {
        complain("\"tools\" is not an array: give an array of tools, or leave it out");
    }
    return traits_.read_tools(value);
}

// A beta's name goes into a header, in a list that commas part.
bool is_beta_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_';
    });
}

bool HeadReader::read_betas(std::string_view written_key, json::Value& value) {
    const char* const begin = value.raw_json_token().data();
    if (!json::is_array(value)) {
        complain("\"betas\" is not an array: give an array of the names of betas");
        return json::check(value, 1);
    }
    const char* end = begin + 1;
    bool names = true;
    const bool read = json::each_element(value, [&](json::Value& element) {
        std::string_view name;
        names = names && json::is_string(element);
        if (!names) return json::check(element, 2);
        if (!json::read_string(element, &name)) return false;
        end = name.data() + name.size() + 1;
        names = is_beta_name(name);
        return true;
    });
    if (!read) return false;
    if (!names) {
        complain("\"betas\" holds what is not the name of a beta: give letters, digits, - and .");
        return true;
    }
    const char* const last = body_.data() + body_.size();
    const auto skip_space = [last](const char* at) {
        while (at != last && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')) ++at;
        return at;
    };
    end = skip_space(end);
    if (end == last) return false;
    ++end;  // the bracket
    head_.betas = {offset(begin), offset(end)};
    const char* field_begin = written_key.data() - 1;
    const char* field_end = skip_space(end);
    if (field_end != last && *field_end == ',') {
        ++field_end;
    } else {
        while (*(field_begin - 1) == ' ' || *(field_begin - 1) == '\n' ||
               *(field_begin - 1) == '\t' || *(field_begin - 1) == '\r') {
            --field_begin;
        }
        if (*(field_begin - 1) == ',') --field_begin;
    }
    head_.betas_field = {offset(field_begin), offset(field_end)};
    return true;
}

bool HeadReader::check_whole() {
    if (!seen_[kModel]) complain("\"model\" is missing: give the name of a model");
    if (!seen_[kMaxTokens]) {
        complain("\"max_tokens\" is missing: give the largest number of tokens to generate");
    }
    if (!seen_[kMessages]) complain("\"messages\" is missing: give an array of messages");
    return problem_.empty();
}

std::string not_json(simdjson::error_code error, std::string_view body, std::size_t near) {
    switch (error) {
        case simdjson::EMPTY:
            return "the body is empty: give a JSON object with model, max_tokens and messages";
        case simdjson::UTF8_ERROR:
            return "the body is not UTF-8: encode it as UTF-8";
        case simdjson::UNCLOSED_STRING:
            return "the body is not valid JSON: a string in it has no closing quote";
        case simdjson::UNESCAPED_CHARS:
            return "the body is not valid JSON: a control character in a string is not escaped";
        case simdjson::INCORRECT_TYPE:
            return "the body is not a JSON object: give one with model, max_tokens and messages";
        case simdjson::TAPE_ERROR:
            if (near > 0 && near < body.size()) {
                return fmt::format(
                    "the body is not valid JSON, or nested more than {} deep, near byte {}",
                    json::kMaxDepth, near);
            }
            [[fallthrough]];
        default:
            return "the body is not valid JSON, or not whole";
    }
}

bool HeadReader::read(RequestHead* head, std::string* problem) {
    std::size_t near = 0;
    JsonParser parser(body_.size());
    const simdjson::error_code error = json::each_root_field(
        &parser, body_,
        [this](std::string_view key, json::Value& value) { return field(key, value); }, &near);
    if (error) {
        *problem = not_json(error, body_, near);
        return false;
    }
    if (const std::size_t at = find_lone_surrogate(body_); at != body_.npos) {
        *problem = fmt::format(
            "the body has half a surrogate pair at byte {}, which the provider takes for no JSON: "
            "write the whole character, or leave it out",
            at);
        return false;
    }
    if (!check_whole()) {
        *problem = std::move(problem_);
        return false;
    }
    // No count exceeds the number of the body's bytes twice over, which fits.
    head_.ascii_letters = static_cast<std::uint32_t>(traits_.text.letters);
    head_.other_ascii = static_cast<std::uint32_t>(traits_.text.other_ascii);
    head_.wide_chars = static_cast<std::uint32_t>(traits_.text.wide_chars);
    head_.messages = traits_.messages;
    head_.tools = traits_.tools;
    head_.images = traits_.images;
    head_.image_tokens = traits_.image_tokens;
    head_.sized_images = traits_.sized_images;
    head_.documents = traits_.documents;
    head_.has_unseen = traits_.has_unseen;
    head_.document_bytes = static_cast<std::uint32_t>(traits_.document_bytes);
    head_.has_system = traits_.has_system;
    *head = head_;
    return true;
}

}  // namespace

bool read_request_head(std::string_view body, RequestHead* head, std::string* problem) {
    if (body.size() > kMaxBodyBytes) {
        *problem = fmt::format("the body has {} bytes: the provider takes at most {}", body.size(),
                               kMaxBodyBytes);
        return false;
    }
    return HeadReader(body).read(head, problem);
}

}  // namespace weir
