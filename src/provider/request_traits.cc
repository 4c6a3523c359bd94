#include "provider/request_traits.h"

#include <algorithm>
#include <array>

#include "provider/image_size.h"

namespace weir {
namespace {

// Fields of a content block that steer, and that the model does not see as text.
bool is_not_text(std::string_view key) {
    constexpr std::array<std::string_view, 9> names{"type",          "id",        "tool_use_id",
                                                    "cache_control", "citations", "signature",
                                                    "data",          "is_error",  "caller"};
    return std::find(names.begin(), names.end(), key) != names.end();
}

}  // namespace

// Where an image or a document comes from. Its parts come in any order.
struct RequestTraits::Source {
    std::string_view type;
    std::string_view media_type;
    std::string_view data;
    TextCounts data_as_text;
};

bool RequestTraits::read_messages(json::Value& value) {
    return json::each_element(value, [this](json::Value& message) {
        ++messages;
        if (!json::is_object(message)) {
            messages_are_objects = false;
            return json::check(message, 2);
        }
        return json::each_field(message, [this](std::string_view key, json::Value& v) {
            return key == "content" ? content(v, 3) : json::check(v, 3);
        });
    });
}

bool RequestTraits::read_system(json::Value& value) {
    has_system = json::is_string(value) || json::is_array(value);
    return content(value, 1);
}

bool RequestTraits::read_tools(json::Value& value) {
    if (!json::is_array(value)) return json::check(value, 1);
    return json::each_element(value, [this](json::Value& tool) {
        ++tools;
        return json::is_object(tool) ? this->tool(tool, 2) : count(tool, 2);
    });
}

// The provider's own tools have a type; what they bring is not in the body.
bool RequestTraits::tool(json::Value& value, int depth) {
    text.other_ascii += 2;
    return json::each_field(value, [this, depth](std::string_view key, json::Value& v) {
        text.other_ascii += 4;
        if (!count_text(key, &text)) return false;
        if (key != "type" || !json::is_string(v)) return count(v, depth + 1);
        std::string_view type;
        if (!json::read_string(v, &type)) return false;
        has_unseen |= type != "custom";
        text.other_ascii += 2;
        return count_text(type, &text);
    });
}

// JSON that the model reads as such: its strings, and the characters of its syntax.
bool RequestTraits::count(json::Value& value, int depth) {
    if (depth > json::kMaxDepth) return false;
    if (json::is_object(value)) {
        text.other_ascii += 2;
        return json::each_field(value, [this, depth](std::string_view key, json::Value& v) {
            text.other_ascii += 4;  // the key's quotes, a colon and a comma
            return count_text(key, &text) && count(v, depth + 1);
        });
    }
    if (json::is_array(value)) {
        text.other_ascii += 2;
        return json::each_element(value, [this, depth](json::Value& v) {
            ++text.other_ascii;
            return count(v, depth + 1);
        });
    }
    std::string_view raw;
    if (json::is_string(value)) {
        text.other_ascii += 2;
        return json::read_unchecked_string(value, &raw) && count_text(raw, &text);
    }
    return json::read_other_scalar(value, &raw) && count_text(raw, &text);
}

// The content of a message, of a tool's result or of the system prompt.
bool RequestTraits::content(json::Value& value, int depth) {
    if (depth > json::kMaxDepth) return false;
    if (json::is_string(value)) {
        std::string_view raw;
        return json::read_unchecked_string(value, &raw) && count_text(raw, &text);
    }
    if (json::is_object(value)) return block(value, depth);
    if (!json::is_array(value)) return json::check(value, depth);
    return json::each_element(value, [this, depth](json::Value& v) {
        return json::is_array(v) ? json::check(v, depth + 1) : content(v, depth + 1);
    });
}

bool RequestTraits::block(json::Value& value, int depth) {
    bool image = false;
    if (!json::each_field(value, [&](std::string_view key, json::Value& v) {
            return block_field(key, v, &image, depth + 1);
        })) {
        return false;
    }
    images += image;
    return true;
}

bool RequestTraits::block_field(std::string_view key, json::Value& value, bool* image, int depth) {
    if (key == "type" && json::is_string(value)) {
        std::string_view type;
        if (!json::read_string(value, &type)) return false;
        *image = type == "image";
        return true;
    }
    if (is_not_text(key)) return json::check(value, depth);
    if (key == "input") return count(value, depth);
    if (key == "source" && json::is_object(value)) return source(value, depth);
    return content(value, depth);
}

bool RequestTraits::source(json::Value& value, int depth) {
    Source source;
    if (!json::each_field(value, [&](std::string_view key, json::Value& v) {
            if (key == "content") return content(v, depth + 1);
            if (!json::is_string(v)) return json::check(v, depth + 1);
            std::string_view raw;
            if (key == "data") {
                source.data_as_text = TextCounts{};
                return json::read_unchecked_string(v, &source.data) &&
                       count_text(source.data, &source.data_as_text);
            }
            if (!json::read_string(v, &raw)) return false;
            if (key == "type") source.type = raw;
            if (key == "media_type") source.media_type = raw;
            return true;
        })) {
        return false;
    }
    if (source.type == "text") {
        text.add(source.data_as_text);
    } else if (source.type == "file" || source.type == "url") {
        has_unseen = true;
    } else if (source.media_type.substr(0, 6) != "image/") {
        ++documents;
        document_bytes += source.data.size() / 4 * 3;
    } else if (const auto size = read_image_size(source.data)) {
        image_tokens += tokens_of_image(*size);
        ++sized_images;
    }
    return true;
}

}  // namespace weir
