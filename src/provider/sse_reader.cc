#include "provider/sse_reader.h"

#include <algorithm>

#include "provider/request_head.h"

namespace weir {
namespace {

constexpr std::size_t kKeptCapacity = std::size_t{64} << 10;

void empty(std::string* buffer) {
    buffer->clear();
    if (buffer->capacity() > kKeptCapacity) buffer->shrink_to_fit();
}

}  // namespace

void SseReader::reset() {
    empty(&line_);
    empty(&name_);
    empty(&data_);
    has_data_ = false;
    after_cr_ = false;
    first_line_ = true;
}

void SseReader::feed(std::string_view bytes, Handler* handler) {
    // Where the next LF is, kept while the lines before it end with CR.
    std::size_t lf = 0;
    std::size_t begin = 0;
    while (begin < bytes.size()) {
        if (after_cr_) {
            after_cr_ = false;
            if (bytes[begin] == '\n') {
                ++begin;
                continue;
            }
        }
        if (lf <= begin) lf = std::min(bytes.find('\n', begin), bytes.size());
        const std::size_t end =
            begin + std::min(bytes.substr(begin, lf - begin).find('\r'), lf - begin);
        const std::string_view part = bytes.substr(begin, end - begin);
        if (end == bytes.size()) {
            line_.append(part);
            return;
        }
        if (line_.empty()) {
            end_line(part, handler);
        } else {
            line_.append(part);
            end_line(line_, handler);
            line_.clear();
        }
        after_cr_ = bytes[end] == '\r';
        begin = end + 1;
    }
}

void SseReader::end_line(std::string_view line, Handler* handler) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (first_line_ && line.substr(0, 3) == byte_order_mark) line.remove_prefix(3);
    first_line_ = false;
    if (line.empty()) return end_event(handler);
    const std::size_t colon = line.find(':');
    const std::string_view field = line.substr(0, colon);
    std::string_view value;
    if (colon != std::string_view::npos) value = line.substr(colon + 1);
    if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    if (field == "data") {
        if (has_data_) data_.push_back('\n');
        data_.append(value);
        has_data_ = true;
    } else if (field == "event") {
        name_.assign(value);
    }
}

void SseReader::end_event(Handler* handler) {
    if (has_data_) {
        const std::size_t size = data_.size();
        data_.resize(size + kBodyPadding);
        handler->on_sse_event(name_, std::string_view(data_.data(), size));
    }
    name_.clear();
    data_.clear();
    has_data_ = false;
}

}  // namespace weir
