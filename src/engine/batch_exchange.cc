#include "engine/batch_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "engine/request_headers.h"

namespace weir {
namespace {

constexpr std::string_view kPath = "/v1/messages/batches";
constexpr TimeNs kShortCallNs = 60 * kNsPerS;

BatchReader::Kind answer_of(BatchCall::Kind kind) {
    switch (kind) {
        case BatchCall::Kind::create:
        case BatchCall::Kind::retrieve:
        case BatchCall::Kind::cancel:
            return BatchReader::Kind::batch;
        case BatchCall::Kind::list:
            return BatchReader::Kind::page;
        case BatchCall::Kind::results:
            return BatchReader::Kind::results;
        case BatchCall::Kind::remove:
            break;
    }
    return BatchReader::Kind::nothing;
}

std::string path_of(const BatchCall& call) {
    switch (call.kind) {
        case BatchCall::Kind::create:
            break;
        case BatchCall::Kind::list:
            if (call.after_id.empty()) return fmt::format("{}?limit={}", kPath, call.page_size);
            return fmt::format("{}?limit={}&after_id={}", kPath, call.page_size, call.after_id);
        case BatchCall::Kind::results:
            return fmt::format("{}/{}/results", kPath, call.remote_id);
        case BatchCall::Kind::cancel:
            return fmt::format("{}/{}/cancel", kPath, call.remote_id);
        case BatchCall::Kind::retrieve:
        case BatchCall::Kind::remove:
            return fmt::format("{}/{}", kPath, call.remote_id);
    }
    return std::string(kPath);
}

std::string_view method_of(BatchCall::Kind kind) {
    switch (kind) {
        case BatchCall::Kind::create:
        case BatchCall::Kind::cancel:
            return "POST";
        case BatchCall::Kind::remove:
            return "DELETE";
        default:
            return "GET";
    }
}

}  // namespace

BatchExchange::BatchExchange(Listener* listener, JsonParser* parser,
                             std::shared_ptr<BatchCall> call, KeyAccessRef key,
                             std::size_t max_bytes, std::int64_t unix_ns)
    : listener_(listener),
      call_(std::move(call)),
      key_(std::move(key)),
      reader_(parser),
      path_(path_of(*call_)) {
    reader_.reset(answer_of(call_->kind), max_bytes, unix_ns, this);
}

BatchExchange::~BatchExchange() {
    for (std::string& header : headers_) wipe(&header);
}

HttpRequest BatchExchange::wire(const AccountAccess& account, const HttpTimeouts& timeouts) {
    std::vector<std::string> more;
    std::string_view lines = call_->headers;
    while (!lines.empty()) {
        const std::string_view line = lines.substr(0, lines.find('\n'));
        lines.remove_prefix(std::min(lines.size(), line.size() + 1));
        more.emplace_back(line);
    }
    headers_ = merged_headers(key_->headers(), more);
    HttpRequest request;
    request.method = method_of(call_->kind);
    request.base_url = account.base_url;
    request.path = path_;
    request.headers = &headers_;
    request.source = call_->body.get();
    // libcurl sends again by itself what a reused connection has lost: that would be a second
    // batch.
    request.fresh_connection = call_->kind == BatchCall::Kind::create;
    request.timeouts = timeouts;
    request.timeouts.stall_ns = 0;
    const bool is_long =
        call_->kind == BatchCall::Kind::create || call_->kind == BatchCall::Kind::results;
    request.timeouts.total_ns = is_long ? 0 : kShortCallNs;
    return request;
}

}  // namespace weir
