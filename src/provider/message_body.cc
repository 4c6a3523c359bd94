#include "provider/message_body.h"

#include "provider/json_walk.h"

namespace weir {
namespace {

constexpr std::size_t kMaxName = 256;
constexpr std::int64_t kMostTokens = 1'000'000'000'000;

bool read_count(json::Value& value, std::int64_t* count, int depth) {
    if (!json::is_other_scalar(value)) return json::check(value, depth);
    std::string_view token;
    if (!json::read_other_scalar(value, &token)) return false;
    const auto number = json_integer(token);
    if (number && *number >= 0 && *number <= kMostTokens) *count = *number;
    return true;
}

bool read_usage(json::Value& value, Usage* usage, int depth) {
    return json::each_field(value, [&](std::string_view key, json::Value& v) {
        if (key == "input_tokens") return read_count(v, &usage->input_tokens, depth + 1);
        if (key == "output_tokens") return read_count(v, &usage->output_tokens, depth + 1);
        if (key == "cache_creation_input_tokens") {
            return read_count(v, &usage->cache_write_tokens, depth + 1);
        }
        if (key == "cache_read_input_tokens") {
            return read_count(v, &usage->cache_read_tokens, depth + 1);
        }
        if (key == "cache_creation" && json::is_object(v)) {
            return json::each_field(v, [&](std::string_view life, json::Value& count) {
                if (life != "ephemeral_1h_input_tokens") return json::check(count, depth + 2);
                return read_count(count, &usage->cache_write_1h_tokens, depth + 2);
            });
        }
        return json::check(v, depth + 1);
    });
}

// The fields of a Message, whatever object they are in.
struct MessageFields {
    std::string type;
    bool has_content = false;
    bool has_usage = false;

    bool read(std::string_view key, json::Value& value, MessageFacts* facts, int depth) {
        if (key == "type") return json::read_text(value, kMaxName, &type, depth);
        if (key == "model") return json::read_text(value, kMaxName, &facts->model, depth);
        if (key == "stop_reason") {
            return json::read_text(value, kMaxName, &facts->stop_reason, depth);
        }
        if (key == "usage" && json::is_object(value)) {
            has_usage = true;
            return read_usage(value, &facts->usage, depth);
        }
        if (key == "content" && json::is_array(value)) has_content = true;
        return json::check(value, depth);
    }
};

bool read_fields(JsonParser* parser, std::string_view json, MessageFields* fields,
                 MessageFacts* facts) {
    return !json::each_root_field(parser, json, [&](std::string_view key, json::Value& value) {
        return fields->read(key, value, facts, 1);
    });
}

}  // namespace

bool read_message(JsonParser* parser, std::string_view json, MessageFacts* facts) {
    MessageFields fields;
    return read_fields(parser, json, &fields, facts) && fields.type == "message" &&
           fields.has_content && fields.has_usage;
}

bool read_message_facts(JsonParser* parser, std::string_view json, MessageFacts* facts) {
    MessageFields fields;
    return read_fields(parser, json, &fields, facts);
}

bool read_token_count(JsonParser* parser, std::string_view json, MessageFacts* facts) {
    const bool whole =
        !json::each_root_field(parser, json, [&](std::string_view key, json::Value& value) {
            if (key == "input_tokens") return read_count(value, &facts->usage.input_tokens, 1);
            return json::check(value, 1);
        });
    return whole && facts->usage.input_tokens >= 0;
}

bool read_message_start(JsonParser* parser, std::string_view json, MessageFacts* facts) {
    MessageFields fields;
    const bool whole =
        !json::each_root_field(parser, json, [&](std::string_view key, json::Value& value) {
            if (key != "message" || !json::is_object(value)) return json::check(value, 1);
            return json::each_field(value, [&](std::string_view inner, json::Value& v) {
                return fields.read(inner, v, facts, 2);
            });
        });
    return whole && fields.type == "message";
}

bool read_message_delta(JsonParser* parser, std::string_view json, MessageFacts* facts) {
    MessageFields fields;
    return !json::each_root_field(parser, json, [&](std::string_view key, json::Value& value) {
        if (key == "delta" && json::is_object(value)) {
            return json::each_field(value, [&](std::string_view inner, json::Value& v) {
                return fields.read(inner, v, facts, 2);
            });
        }
        if (key == "usage") return fields.read(key, value, facts, 1);
        return json::check(value, 1);
    });
}

bool read_event_type(JsonParser* parser, std::string_view json, std::string* type) {
    return !json::each_root_field(parser, json, [&](std::string_view key, json::Value& value) {
        return key == "type" ? json::read_text(value, kMaxName, type, 1) : json::check(value, 1);
    });
}

bool is_json_object(JsonParser* parser, std::string_view json) {
    return !json::each_root_field(
        parser, json, [](std::string_view, json::Value& value) { return json::check(value, 1); });
}

}  // namespace weir
