#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/body.h"
#include "core/core.h"
#include "engine/attempt_report.h"
#include "engine/key_access.h"
#include "engine/settings.h"
#include "engine/transport.h"
#include "provider/count_body.h"
#include "provider/response_reader.h"
#include "provider/spliced_body.h"

namespace weir {

// One attempt on its way: what is sent, and the reader of what comes back. It serves one attempt
// after another.
class Exchange final : private ResponseReader::Sink {
public:
    // Who hears of the response as it arrives.
    class Listener {
    public:
        virtual ~Listener() = default;
        virtual void on_response_head(Exchange* exchange) = 0;
        virtual void on_stream_event(Exchange* exchange, std::string_view data) = 0;
        virtual void on_first_content(Exchange* exchange) = 0;  // of an answer that is assembled
        virtual void on_output_progress(Exchange* exchange, std::int64_t output_tokens) = 0;
        virtual void on_input_counted(Exchange* exchange, const Usage& usage) = 0;
    };

    Exchange(Listener* listener, JsonParser* parser) : listener_(listener), reader_(parser) {}

    struct Start {
        AttemptId attempt;
        RequestIndex request;
        std::uint16_t account;
        KeyAccessRef key;
        BodyRef body;
        std::string_view model;  // instead of the body's, or empty; outlives the attempt
        TimeNs now;
        std::int64_t unix_ns;
        bool permit = false;    // the caller has the response, and reports it
        bool counting = false;  // it asks for the request's input tokens
    };
    void begin(Start start, std::size_t max_response_bytes);

    // The request as it goes on the wire; its views live as long as this exchange's attempt. The
    // key's headers are joined by the request's own.
    HttpRequest wire(const AccountAccess& account, const HttpTimeouts& timeouts);

    // The attempt is over: what it came to. `detail` is for what is not a success, and does not
    // show the key.
    Outcome finish(const WireEnd& end, ErrorDetail* detail);
    // The same, without a response.
    void drop();

    // What the caller of a permit says (exchange_report.cc).
    void take_head(const AttemptReport& report);
    Outcome finish(const AttemptReport& report, ErrorDetail* detail);
    // The same without memory.
    Outcome drop(const AttemptReport& report);

    bool open() const { return open_; }
    bool counting() const { return start_.counting; }
    AttemptId attempt() const { return start_.attempt; }
    RequestIndex request() const { return start_.request; }
    bool permit() const { return start_.permit; }
    std::uint16_t account() const { return start_.account; }
    TimeNs started_at() const { return start_.now; }
    TimeNs head_at() const { return head_at_; }  // 0: no head came
    void set_head_at(TimeNs now) { head_at_ = now; }
    bool head_told() const { return head_told_; }  // to the core
    void set_head_told() { head_told_ = true; }
    std::uint32_t next_event_index() { return events_++; }
    bool passes_on() const { return events_ != 0; }
    // An event of the stream could not be kept: what follows is of no use.
    void lose_stream() { stream_lost_ = true; }
    bool stream_lost() const { return stream_lost_; }

    ResponseReader& reader() { return reader_; }
    const Usage& usage() const { return usage_; }

private:
    void on_head(const ResponseReader&) override { listener_->on_response_head(this); }
    void on_event(std::string_view, std::string_view data) override {
        if (!start_.permit) listener_->on_stream_event(this, data);
    }
    void on_first_content() override { listener_->on_first_content(this); }
    void on_progress(std::int64_t output_tokens) override {
        listener_->on_output_progress(this, output_tokens);
    }

    void on_input_counted(const Usage& usage) override { listener_->on_input_counted(this, usage); }

    void reset_reader(bool stream) {
        reader_.reset(stream, max_response_bytes_, start_.unix_ns, this);
    }
    void cover_key(ErrorDetail* detail);
    void let_go() noexcept;

    Listener* const listener_;
    ResponseReader reader_;
    Start start_{};
    SplicedBody spliced_;
    std::size_t max_response_bytes_ = 0;
    std::vector<std::string> headers_;
    CountBody count_body_;
    Usage usage_;
    TimeNs head_at_ = 0;
    bool head_told_ = false;
    std::uint32_t events_ = 0;
    bool open_ = false;
    bool stream_lost_ = false;
};

}  // namespace weir
