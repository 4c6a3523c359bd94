#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "provider/error_body.h"
#include "provider/message_assembler.h"
#include "provider/message_body.h"
#include "provider/sse_reader.h"
#include "provider/text_count.h"

namespace weir {

// The events of one streamed Message: what is passed on, what is read of them, and how they end.
//
// Until the first token is there, which the first content_block_delta shows, the events are held
// back; then they go on in order. Pings and the error event are not passed on: the one is nothing
// to a caller, the other is the outcome. Once the stream is over, by message_stop, an error or
// nonsense, what follows is dropped. An event without a name has the type that its data says.
//
// Where the message is assembled nothing is passed on.
class MessageStream : private SseReader::Handler {
public:
    class Sink {
    public:
        virtual ~Sink() = default;
        // One server-sent event, in order. Both views end with the call.
        virtual void on_event(std::string_view name, std::string_view data) = 0;
        // Output tokens that the stream has shown so far, exact (message_delta) or estimated from
        // the text; never falls.
        virtual void on_progress(std::int64_t output_tokens) = 0;
        // What message_start says was counted as input, if it says so.
        virtual void on_input_counted(const Usage&) {}
        // The first content of a message that is assembled is there.
        virtual void on_first_content() {}
    };

    enum class State : std::uint8_t {
        waiting,  // nothing but pings yet
        open,     // since message_start
        stopped,  // message_stop: the message is whole
        failed,   // an error event
        garbled,  // what no such stream contains
    };

    // The parser is the caller's; it is used within the calls.
    explicit MessageStream(JsonParser* parser) : parser_(parser) {}

    void reset(Sink* sink);
    // The message is put together, for take_message. After reset.
    void assemble() { assembles_ = true; }
    void feed(std::string_view bytes);

    State state() const { return state_; }
    bool is_over() const { return state_ != State::waiting && state_ != State::open; }
    // The whole message, once it has stopped.
    std::string take_message() { return assembler_.finish(); }
    const MessageFacts& facts() const { return facts_; }
    const ErrorBody& error() const { return error_; }
    bool content_delivered() const { return content_delivered_; }
    // Whether there was anything but pings since the last call.
    bool take_progress() { return std::exchange(progress_, false); }

private:
    void on_sse_event(std::string_view name, std::string_view data) override;
    bool understand(std::string_view name, std::string_view data);
    bool add_to_message(std::string_view name, std::string_view data);
    void pass_on(std::string_view name, std::string_view data);
    void release();
    void show_delta(std::string_view data);
    void show_exactly();
    void report(std::int64_t output_tokens);

    JsonParser* const parser_;
    SseReader reader_;
    Sink* sink_ = nullptr;
    State state_ = State::waiting;
    MessageFacts facts_;
    ErrorBody error_;

    std::string held_;  // names and data of the events held back, one after the other
    std::vector<std::pair<std::size_t, std::size_t>> held_sizes_;
    bool holding_ = true;
    bool assembles_ = false;
    MessageAssembler assembler_;
    bool content_delivered_ = false;
    bool progress_ = false;

    TextCounts shown_;               // since the last exact figure
    std::int64_t exact_output_ = 0;  // of the last message_delta
    std::int64_t reported_output_ = 0;
};

}  // namespace weir
