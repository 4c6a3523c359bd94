#include "provider/message_stream.h"

#include "provider/delta_text.h"
#include "provider/utf8.h"

namespace weir {
namespace {

// Characters a token of ASCII text, for the estimate of what a stream shows.
constexpr std::uint64_t kCharsPerToken = 4;
constexpr std::size_t kKeptCapacity = std::size_t{64} << 10;

bool looks_like_an_object(std::string_view data) {
    return data.size() >= 2 && data.front() == '{' && data.back() == '}';
}

// What shows that there is something of the answer: that a block begins does not. There are blocks
// without deltas, and messages without blocks.
bool is_first_content(std::string_view name) {
    return name == "content_block_delta" || name == "content_block_stop" || name == "message_stop";
}

}  // namespace

void MessageStream::reset(Sink* sink) {
    reader_.reset();
    sink_ = sink;
    state_ = State::waiting;
    facts_ = MessageFacts{};
    error_ = ErrorBody{};
    held_.clear();
    if (held_.capacity() > kKeptCapacity) held_.shrink_to_fit();
    held_sizes_.clear();
    holding_ = true;
    assembles_ = false;
    assembler_.reset();
    content_delivered_ = false;
    progress_ = false;
    shown_ = TextCounts{};
    exact_output_ = 0;
    reported_output_ = 0;
}

void MessageStream::feed(std::string_view bytes) {
    if (!is_over()) reader_.feed(bytes, this);
}

void MessageStream::on_sse_event(std::string_view name, std::string_view data) {
    std::string type;
    if (name.empty()) {
        read_event_type(parser_, data, &type);
        name = type;
    }
    if (is_over() || name == "ping") return;
    progress_ = true;
    if (name == "error") {
        state_ = State::failed;
        read_error_body(parser_, data, &error_);
        return;
    }
    if (!is_utf8(data) || !understand(name, data)) {
        state_ = State::garbled;
        return;
    }
    if (name == "message_start" && sink_ && facts_.usage.input_tokens >= 0)
        sink_->on_input_counted(facts_.usage);
    if (assembles_) {
        if (!add_to_message(name, data)) {
            state_ = State::garbled;
            return;
        }
    } else {
        if (holding_ && is_first_content(name)) release();
        pass_on(name, data);
    }
    if (name == "content_block_delta") show_delta(data);
    if (name == "message_start" || name == "message_delta") show_exactly();
}

// False if the event is not what it should be at this place. Events with unknown names are allowed
// anywhere.
bool MessageStream::understand(std::string_view name, std::string_view data) {
    if (name == "message_start") {
        if (state_ != State::waiting || !read_message_start(parser_, data, &facts_)) return false;
        state_ = State::open;
        return true;
    }
    const bool of_message = name == "content_block_start" || name == "content_block_delta" ||
                            name == "content_block_stop" || name == "message_delta" ||
                            name == "message_stop";
    if (!of_message) return true;
    if (state_ != State::open || !looks_like_an_object(data)) return false;
    if (name == "message_delta") return read_message_delta(parser_, data, &facts_);
    if (name == "message_stop") state_ = State::stopped;
    return true;
}

bool MessageStream::add_to_message(std::string_view name, std::string_view data) {
    if (!looks_like_an_object(data)) return true;  // of a kind that no message holds
    if (!is_json_object(parser_, data) || !assembler_.take(name, data)) return false;
    if (holding_ && is_first_content(name)) {
        holding_ = false;
        if (sink_) sink_->on_first_content();
    }
    return true;
}

void MessageStream::pass_on(std::string_view name, std::string_view data) {
    if (holding_) {
        held_.append(name).append(data);
        held_sizes_.emplace_back(name.size(), data.size());
        return;
    }
    content_delivered_ = true;
    if (sink_) sink_->on_event(name, data);
}

void MessageStream::release() {
    holding_ = false;
    std::string_view rest = held_;
    for (const auto& [name_size, data_size] : held_sizes_) {
        const std::string_view name = rest.substr(0, name_size);
        pass_on(name, rest.substr(name_size, data_size));
        rest.remove_prefix(name_size + data_size);
    }
    held_.clear();
    held_sizes_.clear();
}

void MessageStream::show_delta(std::string_view data) {
    count_delta_text(data, &shown_);
    const std::uint64_t tokens =
        (shown_.letters + shown_.other_ascii) / kCharsPerToken + shown_.wide_chars;
    report(exact_output_ + static_cast<std::int64_t>(tokens));
}

void MessageStream::show_exactly() {
    if (facts_.usage.output_tokens < 0) return;
    exact_output_ = facts_.usage.output_tokens;
    shown_ = TextCounts{};
    report(exact_output_);
}

void MessageStream::report(std::int64_t output_tokens) {
    if (output_tokens <= reported_output_) return;
    reported_output_ = output_tokens;
    if (sink_) sink_->on_progress(output_tokens);
}

}  // namespace weir
