#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "batch/batch_types.h"
#include "batch/wire_id.h"
#include "provider/body_source.h"

namespace weir {

// The body of a batch's creation, written piece by piece from the bodies of its requests, so that
// it never exists as a whole:
//     {"requests":[{"custom_id":"...","params":{...}},...]}
class CreateBody final : public BodySource {
public:
    // Bodies at positions 0 and up.
    CreateBody(std::string_view mark, SubmissionId submission, std::vector<BatchBody> bodies);

    std::uint64_t size() const override { return size_; }

    // Writes up to `capacity` bytes and returns how many; 0 at the end.
    std::size_t read(char* out, std::size_t capacity) override;
    void rewind();

    // What one request adds, separator included, and what the frame around them takes.
    static std::uint64_t item_size(std::string_view mark, const WireId& id,
                                   std::uint64_t body_bytes);
    static constexpr std::uint64_t kFrame = 15;

private:
    bool next_piece();

    std::string mark_;
    SubmissionId submission_;
    std::vector<BatchBody> bodies_;
    std::uint64_t size_ = 0;
    std::size_t next_ = 0;    // the item whose head comes next
    bool body_next_ = false;  // its head is out, its body comes next
    bool ended_ = false;
    std::string text_;        // holds the piece, unless that is a body
    std::string_view piece_;  // what is still to be read of it
};

}  // namespace weir
