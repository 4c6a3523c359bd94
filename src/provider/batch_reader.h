#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "provider/batch_calls.h"
#include "provider/response_reader.h"
#include "provider/response_taker.h"

namespace weir {

// Reads one HTTP response of the batch endpoints as it arrives, and judges what the call came to.
// Results are read line by line: no more than one line is held, however many there are. Trusts
// nothing that it reads. It is used for one response after another.
class BatchReader final : public ResponseTaker {
public:
    enum class Kind : std::uint8_t { batch, page, results, nothing };

    class Sink {
    public:
        virtual ~Sink() = default;
        // One line of the results that makes sense.
        virtual void on_result(const BatchResult& result) = 0;
    };

    // `parser` is kept, and outlives the reader.
    explicit BatchReader(JsonParser* parser) : head_(parser), parser_(parser) {}

    // `sink` takes results. `max_bytes` bounds a line, and what is not results as a whole.
    void reset(Kind kind, std::size_t max_bytes, std::int64_t unix_ns, Sink* sink);

    void on_status(int http_status) override;
    void on_header(std::string_view name, std::string_view value) override;
    void on_headers_end() override;
    bool on_body(std::string_view bytes) override;
    bool take_progress() override;

    // The judgement. Called once, at the end. Success means that batch() or page() holds what was
    // asked for, or that the results have come to their end.
    void finish(const WireEnd& end, Outcome* outcome, ErrorDetail* detail);

    const BatchObject& batch() const { return batch_; }
    const BatchPage& page() const { return page_; }
    std::uint64_t broken_lines() const { return broken_lines_; }

private:
    bool succeeded() const { return head_.http_status() / 100 == 2; }
    bool take_line(std::string_view line);
    void read_line(bool ended);

    ResponseReader head_;  // and the body of what is no success
    JsonParser* const parser_;
    Kind kind_ = Kind::nothing;
    std::size_t max_bytes_ = 0;
    Sink* sink_ = nullptr;
    std::string text_;  // the body, or the line, so far
    BatchObject batch_;
    BatchPage page_;
    std::uint64_t broken_lines_ = 0;
    bool progress_ = false;
};

}  // namespace weir
