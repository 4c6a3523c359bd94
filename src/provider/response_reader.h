#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "provider/message_body.h"
#include "provider/message_stream.h"
#include "provider/outcome.h"
#include "provider/response_head.h"
#include "provider/response_taker.h"

namespace weir {

// How the transport saw an exchange end.
struct WireEnd {
    enum class Kind : std::uint8_t {
        complete,        // the response ended as HTTP says it should
        connect_failed,  // no connection: nothing was sent
        no_memory,       // this process had none for the exchange
        tls_failed,
        connect_timeout,
        idle_timeout,   // no byte for too long
        stall_timeout,  // bytes, but nothing beyond pings for too long
        total_timeout,
        broken,  // the connection ended before the response did
        too_large,
        aborted,  // we ended it
    };
    Kind kind = Kind::complete;
    bool request_sent = false;  // all of the request may have reached the provider
    std::string detail;         // the transport's words, with nothing secret in them
};

// Reads one HTTP response of the Messages API, whole or streamed, as it arrives, and judges what
// the attempt came to. Trusts nothing that it reads. It is used for one response after another.
class ResponseReader final : public ResponseTaker {
public:
    // Gets what a streamed answer holds as it comes. Until the first content is seen the events are
    // held back, so that an attempt that fails earlier can be repeated unnoticed. Pings and the
    // error event are not passed on.
    class Sink : public MessageStream::Sink {
    public:
        // The response's status and headers are known.
        virtual void on_head(const ResponseReader& reader) = 0;
    };

    using Header = std::pair<std::string, std::string>;

    // The parser is the caller's; it is used within the calls.
    explicit ResponseReader(JsonParser* parser) : parser_(parser), stream_(parser) {}

    // `unix_ns` is the wall clock at the start; it serves to read dates where the response has
    // none. `sink` may be NULL.
    void reset(bool stream, std::size_t max_bytes, std::int64_t unix_ns, Sink* sink);

    // What is asked for is a count of tokens, and no message. After reset.
    void expect_token_count() { asked_for_count_ = true; }
    // A streamed answer becomes the body of the whole message, and none of its events is passed on.
    // After reset.
    void assemble() { assembles_ = true; }

    void on_status(int http_status) override;  // after a 1xx: forgets the headers so far
    void on_header(std::string_view name, std::string_view value) override;
    void on_headers_end() override;
    bool on_body(std::string_view bytes) override;
    bool is_over() const override { return is_stream_ && stream_.is_over(); }
    bool take_progress() override;

    // The judgement. Called once, at the end.
    //
    // A stream is a success from its message_stop on, however the exchange ends then. Where a
    // stream was asked for and a whole message came, that is a success too, and take_body has it.
    // A whole answer that could not be read is a failure, and its bytes are in `detail`.
    void finish(const WireEnd& end, Outcome* outcome, ErrorDetail* detail);

    int http_status() const { return http_status_; }
    const std::vector<Header>& headers() const { return headers_; }
    const LimitReadings& limits() const { return head_.limits; }  // valid from on_headers_end
    TimeNs retry_after_ns() const { return head_.retry_after_ns; }
    std::string_view request_id() const { return head_.request_id; }
    std::string_view model() const { return facts().model; }  // as the answer names it
    std::string_view stop_reason() const { return facts().stop_reason; }
    // The whole body of an unstreamed or assembled answer, and the headers; after finish with
    // success.
    // Calls f(&text) for each text that the headers hold, for what must not be shown.
    template <class F>
    void each_header_text(F&& f) {
        for (auto& [name, value] : headers_) f(&value);
        f(&head_.request_id);
    }
    std::string take_body();
    std::vector<Header> take_headers();

private:
    bool asked_for_count_ = false;
    bool has_head() const { return head_ended_ && http_status_ >= 200; }
    const MessageFacts& facts() const { return is_stream_ ? stream_.facts() : facts_; }

    void judge_without_head(const WireEnd& end, Outcome* outcome, ErrorDetail* detail) const;
    void judge_refusal(const WireEnd& end, Outcome* outcome, ErrorDetail* detail);
    void judge_error(int http_status, const ErrorBody& error, Outcome* outcome);
    void judge_message(const WireEnd& end, Outcome* outcome, ErrorDetail* detail);
    void judge_stream(const WireEnd& end, Outcome* outcome, ErrorDetail* detail);

    JsonParser* const parser_;
    bool asked_for_stream_ = false;
    bool assembles_ = false;
    std::size_t max_bytes_ = 0;
    std::int64_t unix_ns_ = 0;
    Sink* sink_ = nullptr;

    int http_status_ = 0;
    bool head_ended_ = false;
    std::vector<Header> headers_;
    std::size_t header_bytes_ = 0;
    ResponseHead head_;

    bool is_stream_ = false;
    std::size_t body_bytes_ = 0;
    std::string body_;
    MessageFacts facts_;  // of an unstreamed answer
    MessageStream stream_;
    bool progress_ = false;
};

}  // namespace weir
