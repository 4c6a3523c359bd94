#include "engine/exchange.h"

#include <utility>

#include "engine/request_headers.h"

namespace weir {

void Exchange::begin(Start start, std::size_t max_response_bytes) {
    start_ = std::move(start);
    usage_ = Usage();
    head_at_ = 0;
    head_told_ = false;
    events_ = 0;
    stream_lost_ = false;
    max_response_bytes_ = max_response_bytes;
    // A permit's reader begins with its report.
    if (!start_.permit) {
        reset_reader(start_.body->head().stream && !start_.counting);
        if (start_.body->head().assemble) reader_.assemble();
    }
    if (start_.counting) {
        reader_.expect_token_count();
        const BodyHead& head = start_.body->head();
        count_body_.set(start_.body->bytes(), head.model_offset, head.model_length, start_.model);
    }
    open_ = true;
}

HttpRequest Exchange::wire(const AccountAccess& account, const HttpTimeouts& timeouts) {
    const std::vector<std::string>& headers = start_.key->headers();
    HttpRequest request;
    request.base_url = account.base_url;
    request.path = start_.counting ? "/v1/messages/count_tokens" : "/v1/messages";
    request.headers = &headers;
    if (const std::vector<std::string>* extra = start_.body->extra_headers()) {
        headers_ = merged_headers(headers, *extra);
        request.headers = &headers_;
    }
    if (start_.counting) {
        request.source = &count_body_;
    } else if (start_.model.empty()) {
        request.body = start_.body->bytes();
    } else {
        const BodyHead& head = start_.body->head();
        spliced_ =
            SplicedBody(start_.body->bytes(), head.model_offset, head.model_length, start_.model);
        request.source = &spliced_;
    }
    request.timeouts = timeouts;
    return request;
}

Outcome Exchange::finish(const WireEnd& end, ErrorDetail* detail) {
    Outcome outcome;
    reader_.finish(end, &outcome, detail);
    if (stream_lost_) {
        outcome.cls = OutcomeClass::stream_error;
        outcome.content_delivered = true;
        outcome.maybe_executed = true;
        detail->message = "an event of the stream was lost for want of memory";
    }
    usage_ = outcome.usage;
    cover_key(detail);
    let_go();
    return outcome;
}

// Whatever the provider sends back, the key is not shown.
void Exchange::cover_key(ErrorDetail* detail) {
    for (std::string* text :
         {&detail->message, &detail->type, &detail->code, &detail->request_id, &detail->answer}) {
        start_.key->cover(text);
    }
    reader_.each_header_text([this](std::string* text) { start_.key->cover(text); });
}

void Exchange::drop() { let_go(); }

void Exchange::let_go() noexcept {
    open_ = false;
    start_.body = BodyRef();
    start_.key.reset();
    for (std::string& header : headers_) wipe(&header);
    headers_.clear();
}

}  // namespace weir
