#include "provider/batch_calls.h"

#include <charconv>
#include <optional>

#include "provider/error_class.h"
#include "provider/json_skipper.h"
#include "provider/json_walk.h"
#include "provider/rfc3339.h"

namespace weir {
namespace {

constexpr std::size_t kMaxName = 128;
constexpr std::size_t kMaxErrorText = 2048;
constexpr std::int64_t kMaxRequests = 1'000'000'000;
// What the listing may hold at most on a page.
constexpr std::size_t kMaxBatches = 1000;

bool read_time(json::Value& value, std::int64_t* unix_ns, int depth) {
    std::string text;
    if (!json::read_text(value, kMaxName, &text, depth)) return false;
    if (const auto time = parse_rfc3339(text)) *unix_ns = *time;
    return true;
}

bool read_count(json::Value& value, std::int64_t* count, int depth) {
    if (!json::is_other_scalar(value)) return json::check(value, depth);
    std::string_view token;
    if (!json::read_other_scalar(value, &token)) return false;
    const auto number = json_integer(token);
    if (number && *number >= 0 && *number <= kMaxRequests) *count = *number;
    return true;
}

bool read_counts(json::Value& value, BatchObject* batch, int depth) {
    return json::each_field(value, [&](std::string_view key, json::Value& v) {
        if (key == "processing") return read_count(v, &batch->processing, depth + 1);
        if (key == "succeeded") return read_count(v, &batch->succeeded, depth + 1);
        if (key == "errored") return read_count(v, &batch->errored, depth + 1);
        if (key == "canceled") return read_count(v, &batch->canceled, depth + 1);
        if (key == "expired") return read_count(v, &batch->expired, depth + 1);
        return json::check(v, depth + 1);
    });
}

// An id is part of a URL later: only what an id can have.
bool is_id(std::string_view text) {
    if (text.empty() || text.size() > kMaxName) return false;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!plain) return false;
    }
    return true;
}

// The fields of a batch, whatever object they are in.
struct BatchFields {
    std::string type;
    std::string status;
    bool has_counts = false;

    bool read(std::string_view key, json::Value& value, BatchObject* batch, int depth) {
        if (key == "type") return json::read_text(value, kMaxName, &type, depth);
        if (key == "id") return json::read_text(value, kMaxName, &batch->id, depth);
        if (key == "processing_status") return json::read_text(value, kMaxName, &status, depth);
        if (key == "request_counts" && json::is_object(value)) {
            has_counts = true;
            return read_counts(value, batch, depth);
        }
        if (key == "created_at") return read_time(value, &batch->created_unix_ns, depth);
        if (key == "expires_at") return read_time(value, &batch->expires_unix_ns, depth);
        if (key == "ended_at") return read_time(value, &batch->ended_unix_ns, depth);
        if (key == "archived_at") {
            batch->archived = json::is_string(value);
            return json::check(value, depth);
        }
        return json::check(value, depth);
    }

    // A status that is not known is one on the way: what has not ended goes on.
    bool finish(BatchObject* batch) const {
        if (status == "ended") batch->status = BatchObject::Status::ended;
        if (status == "canceling") batch->status = BatchObject::Status::canceling;
        return type == "message_batch" && is_id(batch->id) && !status.empty() && has_counts &&
               batch->created_unix_ns > 0;
    }
};

// The text of an object, its inside not looked at.
bool read_raw_object(json::Value& value, std::string_view* raw) {
    simdjson::ondemand::object object;
    return !value.get_object().get(object) && !object.raw_json().get(*raw);
}

// An error of a type that is not known is an answer like any other.
OutcomeClass class_of(const ErrorBody& error) {
    const OutcomeClass cls = classify_stream_error(error);
    if (cls != OutcomeClass::stream_error) return cls;
    if (error.type == "overloaded_error") return OutcomeClass::overloaded;
    if (error.type == "rate_limit_error") return OutcomeClass::rate_limited;
    const bool passes = error.type == "api_error" || error.type == "timeout_error";
    return passes ? OutcomeClass::server_error : OutcomeClass::bad_request;
}

// The fields of a line's result.
struct ResultFields {
    std::string type;
    std::string_view message;
    std::string_view error;
    std::string error_text;

    bool read(json::Value& value) {
        return json::each_field(value, [&](std::string_view key, json::Value& v) {
            if (key == "type") return json::read_text(v, kMaxName, &type, 2);
            if (key == "message" && json::is_object(v)) return read_raw_object(v, &message);
            if (key == "error" && json::is_object(v)) return read_raw_object(v, &error);
            if (key == "error") return json::read_text(v, kMaxErrorText, &error_text, 2);
            return json::check(v, 2);
        });
    }

    // False if they are of no form that is known.
    bool judge(JsonParser* parser, BatchResult* result) {
        if (type == "canceled" || type == "expired") {
            result->type =
                type == "expired" ? BatchResult::Type::expired : BatchResult::Type::canceled;
            return true;
        }
        if (type == "succeeded" && !message.empty()) {
            result->message = json::without_trailing_space(message);
            return read_message_facts(parser, result->message, &result->facts);
        }
        if (type != "errored") return false;
        result->type = BatchResult::Type::errored;
        result->error.message = error_text;
        const bool told = !error_text.empty() ||
                          (!error.empty() && (read_error_body(parser, error, &result->error) ||
                                              read_flat_error(parser, error, &result->error)));
        result->error_class = class_of(result->error);
        return told;
    }
};

// The text of a line's result; without one, the line.
std::string_view result_of(std::string_view line) {
    std::string_view text = line;
    each_member(line, [&](std::string_view name, std::size_t, std::size_t value, std::size_t end) {
        if (name == "result") text = line.substr(value, end - value);
    });
    return json::without_trailing_space(text);
}

// Of a line that is no JSON.
std::string_view find_custom_id(std::string_view line) {
    constexpr std::string_view kName = "\"custom_id\"";
    constexpr std::string_view kBetween = " \t:";
    const std::size_t name = line.find(kName);
    if (name == line.npos) return {};
    const std::size_t quote = line.find_first_not_of(kBetween, name + kName.size());
    if (quote == line.npos || line[quote] != '"') return {};
    const std::string_view id = line.substr(quote + 1);
    const std::size_t end = id.find('"');
    return end == id.npos ? std::string_view() : id.substr(0, end);
}

}  // namespace

std::vector<std::uint32_t> refused_positions(std::string_view message) {
    constexpr std::string_view kName = "requests";
    std::vector<std::uint32_t> positions;
    for (std::size_t at = message.find(kName); at != message.npos; at = message.find(kName, at)) {
        at += kName.size();
        const char opens = at < message.size() ? message[at] : '\0';
        if (opens != '.' && opens != '[') continue;
        std::uint32_t position = 0;
        const char* const end = message.data() + message.size();
        const auto [stop, error] = std::from_chars(message.data() + at + 1, end, position);
        if (error != std::errc()) continue;
        const bool closed = stop == end || *stop == '.' || *stop == ':' || *stop == ']';
        if (closed) positions.push_back(position);
    }
    return positions;
}

bool read_batch(JsonParser* parser, std::string_view json, BatchObject* batch) {
    BatchObject read;
    BatchFields fields;
    const bool whole =
        !json::each_root_field(parser, json, [&](std::string_view key, json::Value& value) {
            return fields.read(key, value, &read, 1);
        });
    if (!whole || !fields.finish(&read)) return false;
    *batch = std::move(read);
    return true;
}

bool read_batch_page(JsonParser* parser, std::string_view json, BatchPage* page) {
    BatchPage read;
    bool has_data = false;
    const auto read_one = [&](json::Value& value) {
        BatchObject batch;
        BatchFields fields;
        const bool is_batch = json::is_object(value) &&
                              json::each_field(value, [&](std::string_view key, json::Value& v) {
                                  return fields.read(key, v, &batch, 3);
                              });
        if (!is_batch || !fields.finish(&batch) || read.batches.size() == kMaxBatches) return false;
        read.batches.push_back(std::move(batch));
        return true;
    };
    const bool whole =
        !json::each_root_field(parser, json, [&](std::string_view key, json::Value& value) {
            if (key == "data" && json::is_array(value)) {
                has_data = true;
                return json::each_element(value, read_one);
            }
            if (key == "has_more" && json::is_other_scalar(value)) {
                std::string_view token;
                if (!json::read_other_scalar(value, &token)) return false;
                read.has_more = token == "true";
                return true;
            }
            return json::check(value, 1);
        });
    if (!whole || !has_data) return false;
    *page = std::move(read);
    return true;
}

bool read_batch_result(JsonParser* parser, std::string_view line, bool ended, BatchResult* result) {
    ResultFields fields;
    std::string_view custom_id;
    const bool whole =
        !json::each_root_field(parser, line, [&](std::string_view key, json::Value& value) {
            if (key == "custom_id" && json::is_string(value)) {
                return json::read_string(value, &custom_id);
            }
            if (key == "result" && json::is_object(value)) return fields.read(value);
            return json::check(value, 1);
        });
    if (!whole && ended) custom_id = find_custom_id(line);
    if (custom_id.empty() || (!whole && !ended)) return false;
    BatchResult read;
    read.custom_id = custom_id;
    if (!whole || !fields.judge(parser, &read)) {
        read = BatchResult();
        read.custom_id = custom_id;
        read.type = BatchResult::Type::other;
        read.bytes = whole ? result_of(line) : json::without_trailing_space(line);
    }
    *result = std::move(read);
    return true;
}

}  // namespace weir
