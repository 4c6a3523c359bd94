#include "provider/response_reader.h"

#include <fmt/format.h>

#include "provider/clean_text.h"
#include "provider/error_body.h"
#include "provider/error_class.h"
#include "provider/json_parser.h"
#include "provider/request_head.h"

namespace weir {
namespace {

// Headers beyond these bounds are not kept.
constexpr std::size_t kMaxHeaders = 256;
constexpr std::size_t kMaxHeaderBytes = std::size_t{256} << 10;
constexpr std::size_t kUsualHeaders = 32;
constexpr std::size_t kMaxDetail = 2048;
constexpr std::size_t kKeptCapacity = std::size_t{64} << 10;

std::string_view trim(std::string_view text) {
    const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

std::string_view describe(WireEnd::Kind kind) {
    switch (kind) {
        case WireEnd::Kind::complete:
            return "the response ended before its head did";
        case WireEnd::Kind::connect_failed:
            return "no connection could be made";
        case WireEnd::Kind::no_memory:
            return "there was no memory for it";
        case WireEnd::Kind::tls_failed:
            return "the TLS connection was refused";
        case WireEnd::Kind::connect_timeout:
            return "no connection was made in time";
        case WireEnd::Kind::idle_timeout:
            return "nothing was received for too long";
        case WireEnd::Kind::stall_timeout:
            return "nothing but pings was received for too long";
        case WireEnd::Kind::total_timeout:
            return "the response took too long";
        case WireEnd::Kind::broken:
            return "the connection broke";
        case WireEnd::Kind::too_large:
            return "the response is larger than is allowed";
        case WireEnd::Kind::aborted:
            return "the attempt was ended";
    }
    return "the exchange failed";
}

std::string message_of(const WireEnd& end, std::string_view when) {
    std::string text(describe(end.kind));
    if (!when.empty()) text.append(" ").append(when);
    if (!end.detail.empty()) text.append(": ").append(end.detail);
    if (end.kind == WireEnd::Kind::tls_failed) {
        text.append("; transport.ca_file names the certificates to trust");
    }
    return clean_text(text, kMaxDetail);
}

// The class of an end that is not `complete`. `cut` is for a connection that broke.
OutcomeClass class_of(WireEnd::Kind kind, OutcomeClass cut) {
    switch (kind) {
        case WireEnd::Kind::connect_failed:
            return OutcomeClass::connection;
        case WireEnd::Kind::no_memory:
            return OutcomeClass::no_memory;
        case WireEnd::Kind::tls_failed:
            return OutcomeClass::tls;
        case WireEnd::Kind::connect_timeout:
        case WireEnd::Kind::idle_timeout:
        case WireEnd::Kind::stall_timeout:
        case WireEnd::Kind::total_timeout:
            return OutcomeClass::timeout;
        case WireEnd::Kind::too_large:
            return OutcomeClass::too_large;
        case WireEnd::Kind::aborted:
            return OutcomeClass::aborted;
        case WireEnd::Kind::complete:
        case WireEnd::Kind::broken:
            break;
    }
    return cut;
}

bool nothing_was_sent(const WireEnd& end) {
    return !end.request_sent || end.kind == WireEnd::Kind::connect_failed ||
           end.kind == WireEnd::Kind::tls_failed || end.kind == WireEnd::Kind::connect_timeout;
}

void show(const ErrorBody& error, ErrorDetail* detail) {
    detail->type = error.type;
    detail->code = error.code;
    detail->message = error.message;
    if (detail->request_id.empty()) detail->request_id = error.request_id;
    detail->from_provider = true;
}

// What a refusal says of itself where the provider says nothing.
std::string message_for_status(int http_status, std::string_view media_type) {
    if (http_status < 400) {
        return fmt::format(
            "the server redirects (HTTP {}), which is not followed: check the base URL",
            http_status);
    }
    if (media_type.empty()) {
        return fmt::format("HTTP {} without an error object of the provider", http_status);
    }
    return fmt::format("HTTP {} with {} instead of an error object of the provider", http_status,
                       media_type == "application/json" ? "other JSON" : media_type);
}

// Reads `body` with the padding that the parser needs.
template <class F>
bool read_padded(std::string* body, F&& read) {
    const std::size_t size = body->size();
    body->resize(size + kBodyPadding);
    const bool done = read(std::string_view(body->data(), size));
    body->resize(size);
    return done;
}

}  // namespace

void ResponseReader::reset(bool stream, std::size_t max_bytes, std::int64_t unix_ns, Sink* sink) {
    asked_for_stream_ = stream;
    asked_for_count_ = false;
    assembles_ = false;
    max_bytes_ = max_bytes;
    unix_ns_ = unix_ns;
    sink_ = sink;
    http_status_ = 0;
    head_ended_ = false;
    headers_.clear();
    header_bytes_ = 0;
    head_ = ResponseHead{};
    is_stream_ = false;
    body_bytes_ = 0;
    body_.clear();
    if (body_.capacity() > kKeptCapacity) body_.shrink_to_fit();
    facts_ = MessageFacts{};
    stream_.reset(sink);
    progress_ = false;
}

void ResponseReader::on_status(int http_status) {
    if (body_bytes_ != 0) return;
    http_status_ = http_status;
    head_ended_ = false;
    headers_.clear();
    header_bytes_ = 0;
    head_ = ResponseHead{};
    is_stream_ = false;
}

void ResponseReader::on_header(std::string_view name, std::string_view value) {
    if (head_ended_) return;  // trailers
    name = trim(name);
    value = trim(value);
    if (name.empty() || headers_.size() == kMaxHeaders ||
        name.size() + value.size() > kMaxHeaderBytes - header_bytes_) {
        return;
    }
    header_bytes_ += name.size() + value.size();
    if (headers_.empty()) headers_.reserve(kUsualHeaders);
    headers_.emplace_back(clean_text(name, kMaxHeaderBytes), clean_text(value, kMaxHeaderBytes));
}

void ResponseReader::on_headers_end() {
    if (head_ended_) return;
    head_ended_ = true;
    if (!has_head()) return;
    head_ = read_response_head(headers_, unix_ns_);
    const bool success = http_status_ / 100 == 2;
    is_stream_ = asked_for_stream_ && success &&
                 (head_.media_type == "text/event-stream" || head_.media_type.empty());
    if (is_stream_ && assembles_) stream_.assemble();
    progress_ = true;
    if (sink_) sink_->on_head(*this);
}

bool ResponseReader::on_body(std::string_view bytes) {
    if (bytes.empty()) return true;
    if (bytes.size() > max_bytes_ - body_bytes_) return false;
    body_bytes_ += bytes.size();
    if (!has_head()) return true;
    if (is_stream_) {
        stream_.feed(bytes);
    } else {
        body_.append(bytes);
        progress_ = true;
    }
    return true;
}

bool ResponseReader::take_progress() {
    const bool streamed = stream_.take_progress();
    return std::exchange(progress_, false) || streamed;
}

void ResponseReader::finish(const WireEnd& end, Outcome* outcome, ErrorDetail* detail) {
    *outcome = Outcome{};
    *detail = ErrorDetail{};
    outcome->maybe_executed = !nothing_was_sent(end);
    if (!has_head()) {
        judge_without_head(end, outcome, detail);
    } else {
        outcome->http_status = http_status_;
        detail->request_id = head_.request_id;
        if (http_status_ / 100 != 2) {
            judge_refusal(end, outcome, detail);
        } else if (is_stream_) {
            judge_stream(end, outcome, detail);
        } else {
            judge_message(end, outcome, detail);
        }
        outcome->usage = facts().usage;
        outcome->hit_max_tokens = facts().stop_reason == "max_tokens";
        parser_->shrink();
    }
    if (outcome->cls == OutcomeClass::success) {
        *detail = ErrorDetail{};
        return;
    }
    outcome->should_retry = head_.should_retry;
    outcome->retry_after_ns = head_.retry_after_ns;
    body_.clear();
}

void ResponseReader::judge_without_head(const WireEnd& end, Outcome* outcome,
                                        ErrorDetail* detail) const {
    outcome->cls = end.kind == WireEnd::Kind::complete
                       ? OutcomeClass::broken
                       : class_of(end.kind, OutcomeClass::connection);
    detail->message = message_of(end, "");
}

void ResponseReader::judge_refusal(const WireEnd& end, Outcome* outcome, ErrorDetail* detail) {
    ErrorBody error;
    const bool told = read_padded(
        &body_, [&](std::string_view json) { return read_error_body(parser_, json, &error); });
    if (told) {
        show(error, detail);
    } else {
        detail->message = message_for_status(http_status_, head_.media_type);
        detail->from_provider = true;
    }
    if (end.kind == WireEnd::Kind::aborted) {
        outcome->cls = OutcomeClass::aborted;
        return;
    }
    judge_error(http_status_, error, outcome);
}

// What an error object comes to under that status.
void ResponseReader::judge_error(int http_status, const ErrorBody& error, Outcome* outcome) {
    outcome->cls = classify_refusal(http_status, error, head_.retry_after_ns >= 0);
    if (outcome->cls == OutcomeClass::rate_limited || outcome->cls == OutcomeClass::acceleration) {
        outcome->refused = refused_limit(head_.limits, error.message);
    }
    if (outcome->cls == OutcomeClass::on_hold) outcome->of_workspace = !is_of_organization(error);
    if (outcome->cls == OutcomeClass::spend_limit) {
        outcome->of_workspace = is_of_workspace(error);
        const std::int64_t resumes_at = access_resumes_at(error);
        if (head_.retry_after_ns < 0 && resumes_at > unix_ns_) {
            head_.retry_after_ns = resumes_at - unix_ns_;
        }
    }
    // A refusal says that nothing was done, by its status alone; of a server error that is not
    // sure.
    const bool refused = http_status < 500 || outcome->cls == OutcomeClass::overloaded;
    if (refused) outcome->maybe_executed = false;
}

void ResponseReader::judge_message(const WireEnd& end, Outcome* outcome, ErrorDetail* detail) {
    if (end.kind != WireEnd::Kind::complete) {
        outcome->cls = class_of(end.kind, OutcomeClass::broken);
        detail->message = message_of(end, "before the response was whole");
        return;
    }
    ErrorBody error;
    const bool whole = read_padded(&body_, [&](std::string_view json) {
        if (asked_for_count_ ? read_token_count(parser_, json, &facts_)
                             : read_message(parser_, json, &facts_)) {
            return true;
        }
        read_error_body(parser_, json, &error);
        return false;
    });
    if (whole) return;
    if (const int status = status_of_error(error); status != 0) {
        show(error, detail);
        judge_error(status, error, outcome);
        return;
    }
    outcome->cls = OutcomeClass::unreadable;
    if (!error.type.empty() || !error.message.empty()) {
        show(error, detail);
    } else {
        detail->message = fmt::format("HTTP {} without a whole message", http_status_);
    }
    detail->answer = std::move(body_);
}

void ResponseReader::judge_stream(const WireEnd& end, Outcome* outcome, ErrorDetail* detail) {
    outcome->content_delivered = stream_.content_delivered();
    if (end.kind == WireEnd::Kind::aborted) {
        outcome->cls = OutcomeClass::aborted;
        detail->message = message_of(end, "");
        return;
    }
    switch (stream_.state()) {
        case MessageStream::State::stopped:
            if (assembles_) body_ = stream_.take_message();
            return;
        case MessageStream::State::failed:
            outcome->cls = classify_stream_error(stream_.error());
            show(stream_.error(), detail);
            if (detail->message.empty()) detail->message = "an error event without an error object";
            return;
        case MessageStream::State::garbled:
            outcome->cls = OutcomeClass::unreadable;
            detail->message = "the stream holds what no stream of a message holds";
            return;
        case MessageStream::State::waiting:
        case MessageStream::State::open:
            break;
    }
    const bool begun = stream_.state() == MessageStream::State::open;
    if (end.kind == WireEnd::Kind::complete) {
        outcome->cls = begun ? OutcomeClass::stream_error : OutcomeClass::unreadable;
        detail->message = "the stream ended before message_stop";
        return;
    }
    outcome->cls =
        class_of(end.kind, begun ? OutcomeClass::stream_error : OutcomeClass::connection);
    detail->message = message_of(end, "before the stream was whole");
}

std::string ResponseReader::take_body() { return std::exchange(body_, {}); }

std::vector<ResponseReader::Header> ResponseReader::take_headers() {
    return std::exchange(headers_, {});
}

}  // namespace weir
