#include "provider/message_assembler.h"

#include <cstddef>
#include <optional>

#include "provider/json_parser.h"
#include "provider/json_skipper.h"
#include "provider/json_text.h"
#include "provider/json_walk.h"
#include "provider/request_head.h"

namespace weir {
namespace {

// No honest answer has as many blocks.
constexpr std::int64_t kMostBlocks = 100'000;

bool is_string(std::string_view value) { return value.size() >= 2 && value.front() == '"'; }
bool is_array(std::string_view value) { return value.size() >= 2 && value.front() == '['; }
std::string_view inside(std::string_view value) { return value.substr(1, value.size() - 2); }

// The value of a member, as it stands in the text; empty if there is none.
std::string_view member(std::string_view object, std::string_view name) {
    std::string_view found;
    each_member(object, [&](std::string_view n, std::size_t, std::size_t value, std::size_t end) {
        if (n == name) found = json::without_trailing_space(object.substr(value, end - value));
    });
    return found;
}

template <class F>
void each_value(std::string_view object, F&& f) {
    each_member(object,
                [&](std::string_view name, std::size_t, std::size_t value, std::size_t end) {
                    f(name, json::without_trailing_space(object.substr(value, end - value)));
                });
}

// The index of the block that an event is about.
std::optional<std::uint32_t> index_of(std::string_view data) {
    const auto index = json_integer(member(data, "index"));
    if (!index || *index < 0 || *index >= kMostBlocks) return std::nullopt;
    return static_cast<std::uint32_t>(*index);
}

std::string joined(std::string_view array, std::string_view element) {
    const std::string_view before = json::without_trailing_space(inside(array));
    std::string all = "[";
    all.append(before);
    if (before.find_first_not_of(" \t\r\n") != std::string_view::npos) all.push_back(',');
    return all.append(element).append("]");
}

bool is_json(std::string_view text) {
    std::string padded(text);
    padded.resize(text.size() + kBodyPadding);
    JsonParser parser(text.size());
    return !json::each_root_field(
        &parser, std::string_view(padded.data(), text.size()),
        [](std::string_view, json::Value& value) { return json::check(value, 1); });
}

}  // namespace

void MessageAssembler::Object::read(std::string_view json) {
    members_.clear();
    each_value(json, [this](std::string_view name, std::string_view value) {
        members_.emplace_back(name, value);
    });
}

std::string* MessageAssembler::Object::find(std::string_view name) {
    for (auto& [known, value] : members_) {
        if (known == name) return &value;
    }
    return nullptr;
}

void MessageAssembler::Object::set(std::string_view name, std::string value) {
    if (std::string* known = find(name)) {
        *known = std::move(value);
    } else {
        members_.emplace_back(name, std::move(value));
    }
}

void MessageAssembler::Object::append_to(std::string* json) const {
    char before = '{';
    for (const auto& [name, value] : members_) {
        json->push_back(std::exchange(before, ','));
        json->append("\"").append(name).append("\":").append(value);
    }
    json->append(members_.empty() ? "{}" : "}");
}

void MessageAssembler::reset() {
    message_ = Object();
    usage_ = Object();
    blocks_.clear();
    started_ = false;
}

bool MessageAssembler::take(std::string_view name, std::string_view data) {
    if (name == "message_start") return start_message(data);
    if (name == "content_block_start") return start_block(data);
    if (name == "content_block_delta") return take_delta(data);
    if (name == "message_delta") take_message_delta(data);
    return true;
}

bool MessageAssembler::start_message(std::string_view data) {
    const std::string_view message = member(data, "message");
    if (started_ || !message.starts_with('{')) return false;
    started_ = true;
    message_.read(message);
    if (const std::string* usage = message_.find("usage"); usage && usage->starts_with('{')) {
        usage_.read(*usage);
    }
    return true;
}

bool MessageAssembler::start_block(std::string_view data) {
    const auto index = index_of(data);
    const std::string_view block = member(data, "content_block");
    if (!index || !block.starts_with('{')) return false;
    const auto [made, is_new] = blocks_.try_emplace(*index);
    made->second.object.read(block);
    return is_new;
}

bool MessageAssembler::take_delta(std::string_view data) {
    const auto index = index_of(data);
    const std::string_view delta = member(data, "delta");
    if (!index || !delta.starts_with('{')) return false;
    const auto found = blocks_.find(*index);
    if (found == blocks_.end()) return false;
    add_delta(delta, &found->second);
    return true;
}

void MessageAssembler::add_delta(std::string_view delta, Block* block) {
    const std::string_view type = member(delta, "type");
    each_value(delta, [&](std::string_view name, std::string_view value) {
        if (name == "type") return;
        if (name == "partial_json" && is_string(value)) {
            block->partial_json.append(inside(value));
            return;
        }
        if (name == "citation" && type == "\"citations_delta\"") {
            std::string* const citations = block->object.find("citations");
            const bool has = citations != nullptr && is_array(*citations);
            block->object.set("citations", joined(has ? *citations : "[]", value));
            return;
        }
        std::string* const before = block->object.find(name);
        // A signature comes whole; the other strings grow.
        if (before != nullptr && is_string(*before) && is_string(value) && name != "signature") {
            before->pop_back();
            before->append(inside(value)).push_back('"');
        } else if (before != nullptr && is_array(*before) && is_array(value)) {
            *before = joined(*before, inside(value));
        } else {
            block->object.set(name, std::string(value));
        }
    });
}

// What a message_delta has beside its usage belongs to the message. Of the usage, which is
// cumulative, null says nothing.
void MessageAssembler::take_message_delta(std::string_view data) {
    each_value(data, [this](std::string_view name, std::string_view value) {
        if (name == "type") return;
        if (name == "usage" && value.starts_with('{')) {
            each_value(value, [this](std::string_view figure, std::string_view count) {
                if (count != "null" || usage_.find(figure) == nullptr) {
                    usage_.set(figure, std::string(count));
                }
            });
        } else if (name == "delta" && value.starts_with('{')) {
            each_value(value, [this](std::string_view field, std::string_view now) {
                message_.set(field, std::string(now));
            });
        } else {
            message_.set(name, std::string(value));
        }
    });
}

// The input of a tool came as the text of its JSON. An answer that was cut off in its middle keeps
// that text, as a string.
void MessageAssembler::finish_input(Block* block) {
    if (block->partial_json.empty()) return;
    std::string text = unescape(block->partial_json, block->partial_json.size());
    if (is_json(text)) {
        block->object.set("input", std::move(text));
    } else {
        block->object.set("input", "\"" + block->partial_json + "\"");
    }
}

std::string MessageAssembler::finish() {
    std::string content = "[";
    for (auto& [index, block] : blocks_) {
        finish_input(&block);
        if (content.size() > 1) content.push_back(',');
        block.object.append_to(&content);
    }
    message_.set("content", content + "]");
    std::string usage;
    usage_.append_to(&usage);
    message_.set("usage", std::move(usage));
    std::string json;
    message_.append_to(&json);
    reset();
    return json;
}

}  // namespace weir
