#include "provider/batch_reader.h"

#include <utility>

#include "provider/request_head.h"

namespace weir {
namespace {

// A line longer than this gives its memory back.
constexpr std::size_t kKeptCapacity = std::size_t{256} << 10;

}  // namespace

void BatchReader::reset(Kind kind, std::size_t max_bytes, std::int64_t unix_ns, Sink* sink) {
    head_.reset(false, max_bytes, unix_ns, nullptr);
    kind_ = kind;
    max_bytes_ = max_bytes;
    sink_ = sink;
    text_.clear();
    if (text_.capacity() > kKeptCapacity) text_.shrink_to_fit();
    batch_ = BatchObject();
    page_ = BatchPage();
    broken_lines_ = 0;
    progress_ = false;
}

void BatchReader::on_status(int http_status) { head_.on_status(http_status); }

void BatchReader::on_header(std::string_view name, std::string_view value) {
    head_.on_header(name, value);
}

void BatchReader::on_headers_end() { head_.on_headers_end(); }

bool BatchReader::on_body(std::string_view bytes) {
    progress_ = true;
    if (!succeeded()) return head_.on_body(bytes);
    if (kind_ != Kind::results) {
        if (bytes.size() > max_bytes_ - text_.size()) return false;
        text_.append(bytes);
        return true;
    }
    for (std::size_t end = bytes.find('\n'); end != std::string_view::npos;
         end = bytes.find('\n')) {
        if (!take_line(bytes.substr(0, end))) return false;
        read_line(true);
        bytes.remove_prefix(end + 1);
    }
    return take_line(bytes);
}

bool BatchReader::take_progress() { return std::exchange(progress_, false); }

bool BatchReader::take_line(std::string_view part) {
    if (part.size() > max_bytes_ - text_.size()) return false;
    text_.append(part);
    return true;
}

void BatchReader::read_line(bool ended) {
    const std::size_t size = text_.size();
    text_.resize(size + kBodyPadding);
    const std::string_view line(text_.data(), size);
    BatchResult result;
    if (read_batch_result(parser_, line, ended, &result)) {
        if (sink_) sink_->on_result(result);
    } else if (line.find_first_not_of(" \t\r") != std::string_view::npos) {
        ++broken_lines_;
    }
    text_.clear();
    if (text_.capacity() > kKeptCapacity) text_.shrink_to_fit();
}

void BatchReader::finish(const WireEnd& end, Outcome* outcome, ErrorDetail* detail) {
    head_.finish(end, outcome, detail);
    if (!succeeded()) return;
    // A 2xx is no Message here, whatever the reader of Messages makes of it.
    outcome->maybe_executed = true;
    if (end.kind != WireEnd::Kind::complete) {
        if (outcome->cls == OutcomeClass::success) outcome->cls = OutcomeClass::broken;
        return;
    }
    bool read = true;
    if (kind_ == Kind::results) {
        // The last line may lack its newline. If it is cut off, it makes no sense and is missing.
        if (!text_.empty()) read_line(false);
    } else {
        const std::size_t size = text_.size();
        text_.resize(size + kBodyPadding);
        const std::string_view json(text_.data(), size);
        if (kind_ == Kind::batch) read = read_batch(parser_, json, &batch_);
        if (kind_ == Kind::page) read = read_batch_page(parser_, json, &page_);
        text_.clear();
    }
    *detail = ErrorDetail{};
    outcome->cls = OutcomeClass::success;
    if (read) return;
    outcome->cls = OutcomeClass::broken;
    detail->message = "the answer is not what the batch endpoints promise";
}

}  // namespace weir
