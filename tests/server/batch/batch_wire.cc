#include "batch/batch_wire.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/answer.h"
#include "model/calendar.h"
#include "model/error_body.h"

namespace weir::model {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kJson = "application/json";
constexpr std::size_t kLinesAtOnce = 256;

// The elements of the array at the front of `text`, as they stand. A body of 256 MB is not read
// into one tree.
bool split_array(std::string_view text, std::vector<std::string_view>* elements) {
    int depth = 0;
    bool in_string = false;
    std::size_t begin = 1;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') ++i;
            if (c == '"') in_string = false;
            continue;
        }
        if (c == '"') in_string = true;
        if (c == '[' || c == '{') ++depth;
        if (c == ']' || c == '}') --depth;
        if ((depth == 1 && c == ',') || depth == 0) {
            const std::string_view element = text.substr(begin, i - begin);
            if (element.find_first_not_of(" \n\t\r") != std::string_view::npos) {
                elements->push_back(element);
            }
            begin = i + 1;
        }
        if (depth == 0) return true;
    }
    return false;
}

bool is_custom_id(std::string_view id) {
    return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    });
}

// Reads one element of `requests`. False if the batch as a whole is refused for it.
bool read_item(std::string_view text, BatchItem* item, std::string* problem) {
    const Json json = Json::parse(text, nullptr, false);
    if (!json.is_object() || !json.contains("custom_id") || !json["custom_id"].is_string() ||
        !json.contains("params") || !json["params"].is_object()) {
        *problem = "requests: custom_id and params are required";
        return false;
    }
    item->custom_id = json["custom_id"].get<std::string>();
    if (!is_custom_id(item->custom_id)) {
        *problem = "requests: custom_id must match ^[a-zA-Z0-9_-]{1,64}$";
        return false;
    }
    const std::string params = json["params"].dump();
    if (!parse_messages_request(params, true, &item->request, &item->problem)) return true;
    if (item->request.stream) item->problem = "stream: not allowed in a batch";
    return true;
}

std::string query_value(std::string_view query, std::string_view name) {
    while (!query.empty()) {
        const std::string_view part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), part.size() + 1));
        const std::size_t equals = part.find('=');
        if (part.substr(0, equals) == name && equals != std::string_view::npos) {
            return std::string(part.substr(equals + 1));
        }
    }
    return {};
}

std::string chunk(std::string_view bytes) {
    return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

}  // namespace

Script BatchService::handle(const Call& call, TimeNs now) {
    if (model_.overloaded()) {
        return error(call, 529, ErrorType::overloaded, "Overloaded", now);
    }
    if (call.path.empty()) {
        if (call.method == "POST") return create(call, now);
        if (call.method == "GET") return list(call, now);
        return error(call, 405, ErrorType::invalid_request, "Method Not Allowed", now);
    }
    std::string_view id = call.path.substr(1);
    const std::size_t slash = id.find('/');
    const std::string_view verb = slash == std::string_view::npos ? "" : id.substr(slash + 1);
    id = id.substr(0, slash);
    const Batch* batch = model_.find(call.account, id, now);
    if (batch == nullptr) return error(call, 404, ErrorType::not_found, "Not Found", now);
    if (verb.empty() && call.method == "GET") {
        return plain_script(200, call.headers, kJson, object(*batch, now), now);
    }
    if (verb.empty() && call.method == "DELETE") {
        if (now < batch->ends_at) {
            return error(call, 400, ErrorType::invalid_request, "the batch has not ended", now);
        }
        model_.remove(*batch);
        const Json deleted{{"id", id}, {"type", "message_batch_deleted"}};
        return plain_script(200, call.headers, kJson, deleted.dump(), now);
    }
    if (verb == "cancel" && call.method == "POST") {
        model_.cancel(*batch, now);
        return plain_script(200, call.headers, kJson, object(*batch, now), now);
    }
    if (verb == "results" && call.method == "GET") return results(call, *batch, now);
    return error(call, 404, ErrorType::not_found, "Not Found", now);
}

Script BatchService::create(const Call& call, TimeNs now) {
    const auto invalid = [&](std::string_view problem) {
        return error(call, 400, ErrorType::invalid_request, problem, now);
    };
    const std::size_t at = call.body.find('[');
    std::vector<std::string_view> elements;
    if (!call.body.starts_with("{\"requests\"") || at == std::string_view::npos ||
        !split_array(call.body.substr(at), &elements) || elements.empty()) {
        return invalid("requests: a list is required");
    }
    if (elements.size() > kMaxRequests) return invalid("requests: more than 100000");
    std::vector<BatchItem> items(elements.size());
    std::set<std::string_view> ids;
    for (std::size_t i = 0; i < items.size(); ++i) {
        std::string problem;
        if (!read_item(elements[i], &items[i], &problem)) return invalid(problem);
        if (!ids.insert(items[i].custom_id).second) {
            return invalid("requests: custom_id is not unique");
        }
    }
    const Batch& batch = model_.create(call.account, std::move(items), now);
    if (model_.loses_creation()) {
        Script script;
        script.end = Script::End::close;
        return script;
    }
    return plain_script(200, call.headers, kJson, object(batch, now), now);
}

Script BatchService::list(const Call& call, TimeNs now) {
    std::size_t limit = 20;
    const std::string wanted = query_value(call.query, "limit");
    if (!wanted.empty()) std::from_chars(wanted.data(), wanted.data() + wanted.size(), limit);
    if (limit < 1 || limit > 1000) {
        return error(call, 400, ErrorType::invalid_request, "limit: 1 to 1000", now);
    }
    bool has_more = false;
    const std::vector<const Batch*> page =
        model_.list(call.account, query_value(call.query, "after_id"),
                    query_value(call.query, "before_id"), limit, &has_more, now);
    std::string body = "{\"data\":[";
    for (const Batch* batch : page) {
        if (batch != page.front()) body += ',';
        body += object(*batch, now);
    }
    const auto id = [&](bool first) {
        if (page.empty()) return std::string("null");
        return '"' + (first ? page.front() : page.back())->id + '"';
    };
    body += fmt::format("],\"has_more\":{},\"first_id\":{},\"last_id\":{}}}", has_more, id(true),
                        id(false));
    return plain_script(200, call.headers, kJson, body, now);
}

Script BatchService::results(const Call& call, const Batch& batch, TimeNs now) {
    if (!model_.has_results(batch, now)) {
        return error(call, 404, ErrorType::not_found, "Not Found", now);
    }
    const std::size_t size = batch.items.size();
    const bool cut = model_.cuts_download();
    const auto end =
        cut ? static_cast<std::size_t>(static_cast<double>(size) * model_.behaviour().cut_at)
            : size;
    Script script;
    script.steps.push_back({now, response_head(200, call.headers, "application/x-jsonl", -1)});
    if (cut) script.end = Script::End::close;
    // Made as it is sent: a hundred thousand results are never there at once.
    script.more = [this, id = batch.id, account = call.account, end, cut, now,
                   next = std::size_t{0}, ended = false]() mutable -> std::string {
        const Batch* current = model_.find(account, id, now);
        if (current == nullptr || ended) return {};
        std::string lines;
        for (std::size_t i = 0; i < kLinesAtOnce && next < end; ++i, ++next) {
            const BatchItem& item = current->items[next];
            if (item.fate == BatchItem::Fate::missing) continue;
            lines += line(item, current->cancelled_at >= 0);
            if (next >= model_.behaviour().strange_lines) continue;
            lines += line(item, current->cancelled_at >= 0);
            BatchItem unknown = item;
            unknown.custom_id = fmt::format("unknown-{}", next);
            lines += line(unknown, false);
        }
        ended = next == end;
        if (!ended) return lines.empty() ? "" : chunk(lines);
        // A cut ends in the middle of a line.
        if (cut) return chunk(lines + "{\"custom_id\":\"cut");
        return (lines.empty() ? "" : chunk(lines)) + "0\r\n\r\n";
    };
    return script;
}

std::string BatchService::line(const BatchItem& item, bool cancelled) const {
    std::string result;
    if (cancelled) {
        result = "{\"type\":\"canceled\"}";
    } else if (item.fate == BatchItem::Fate::expired) {
        result = "{\"type\":\"expired\"}";
    } else if (item.fate == BatchItem::Fate::succeeded) {
        Decision decision;
        decision.id = hash_of(item.custom_id);
        decision.output_tokens = model_.behaviour().output_tokens;
        result =
            "{\"type\":\"succeeded\",\"message\":" + Answer(item.request, decision).message() + "}";
    } else {
        const bool invalid = item.fate == BatchItem::Fate::invalid;
        result = "{\"type\":\"errored\",\"error\":" +
                 error_body(invalid ? ErrorType::invalid_request : ErrorType::overloaded,
                            invalid ? item.problem : "Overloaded", "req_" + item.custom_id) +
                 "}";
    }
    return fmt::format("{{\"custom_id\":\"{}\",\"result\":{}}}\n", item.custom_id, result);
}

std::string BatchService::object(const Batch& batch, TimeNs now) const {
    const bool ended = now >= batch.ends_at;
    std::int64_t counts[5] = {};
    for (const BatchItem& item : batch.items) {
        std::size_t which = 0;
        if (ended && batch.cancelled_at >= 0) {
            which = 3;
        } else if (ended) {
            which = item.fate == BatchItem::Fate::succeeded ? 1
                    : item.fate == BatchItem::Fate::expired ? 4
                                                            : 2;
        }
        ++counts[which];
    }
    const auto time = [&](TimeNs at) { return rfc3339((unix_at_zero_ns_ + at) / kNsPerS); };
    const auto time_or_null = [&](bool there, TimeNs at) {
        return there ? Json(time(at)) : Json(nullptr);
    };
    const Json object{
        {"id", batch.id},
        {"type", "message_batch"},
        {"processing_status", ended                     ? "ended"
                              : batch.cancelled_at >= 0 ? "canceling"
                                                        : "in_progress"},
        {"request_counts",
         {{"processing", counts[0]},
          {"succeeded", counts[1]},
          {"errored", counts[2]},
          {"canceled", counts[3]},
          {"expired", counts[4]}}},
        {"created_at", time(batch.created_at)},
        {"expires_at", time(batch.created_at + 86'400 * kNsPerS)},
        {"ended_at", time_or_null(ended, batch.ends_at)},
        {"cancel_initiated_at", time_or_null(batch.cancelled_at >= 0, batch.cancelled_at)},
        {"archived_at", nullptr},
        {"results_url",
         ended ? Json(std::string(kPath) + "/" + batch.id + "/results") : Json(nullptr)}};
    return object.dump();
}

Script BatchService::error(const Call& call, int status, ErrorType type, std::string_view message,
                           TimeNs now) const {
    return plain_script(status, call.headers, kJson, error_body(type, message, call.request_id),
                        now);
}

}  // namespace weir::model
