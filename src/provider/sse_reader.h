#pragma once

#include <string>
#include <string_view>

namespace weir {

// Takes a stream of server-sent events apart (HTML, 9.2.6), however its bytes are split. Lines end
// with LF, CR or CRLF. What the stream ends in the middle of is not an event. Holds no more than
// one event, whose size the caller bounds by what it feeds.
class SseReader {
public:
    class Handler {
    public:
        virtual ~Handler() = default;
        // `data` is followed by kBodyPadding readable bytes; both views end with the call.
        virtual void on_sse_event(std::string_view name, std::string_view data) = 0;
    };

    void reset();
    void feed(std::string_view bytes, Handler* handler);

private:
    void end_line(std::string_view line, Handler* handler);
    void end_event(Handler* handler);

    std::string line_;  // the part of a line that came in earlier pieces
    std::string name_;
    std::string data_;
    bool has_data_ = false;
    bool after_cr_ = false;  // a LF that comes now belongs to the line before
    bool first_line_ = true;
};

}  // namespace weir
