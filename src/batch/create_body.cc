#include "batch/create_body.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir {

namespace {
constexpr std::string_view kOpen = "{\"requests\":[";
constexpr std::string_view kClose = "]}";
constexpr std::string_view kId = "{\"custom_id\":\"";
constexpr std::string_view kParams = "\",\"params\":";
static_assert(kOpen.size() + kClose.size() == CreateBody::kFrame);
}  // namespace

std::uint64_t CreateBody::item_size(std::string_view mark, const WireId& id,
                                    std::uint64_t body_bytes) {
    return 1 + kId.size() + wire_id_length(mark, id) + kParams.size() + body_bytes + 1;
}

CreateBody::CreateBody(std::string_view mark, SubmissionId submission,
                       std::vector<BatchBody> bodies)
    : mark_(mark), submission_(submission), bodies_(std::move(bodies)) {
    size_ = kFrame;
    for (std::size_t i = 0; i < bodies_.size(); ++i) {
        size_ += item_size(mark_, {submission_, static_cast<std::uint32_t>(i)},
                           bodies_[i].bytes().size());
    }
    if (!bodies_.empty()) --size_;  // there is no comma after the last
    rewind();
}

void CreateBody::rewind() {
    next_ = 0;
    body_next_ = false;
    ended_ = false;
    text_ = kOpen;
    piece_ = text_;
}

std::size_t CreateBody::read(char* out, std::size_t capacity) {
    std::size_t written = 0;
    while (written < capacity) {
        if (piece_.empty() && !next_piece()) break;
        const std::size_t n = std::min(piece_.size(), capacity - written);
        std::memcpy(out + written, piece_.data(), n);
        piece_.remove_prefix(n);
        written += n;
    }
    return written;
}

bool CreateBody::next_piece() {
    if (ended_) return false;
    if (body_next_) {
        piece_ = bodies_[next_].bytes();
        body_next_ = false;
        ++next_;
        return true;
    }
    text_.clear();
    if (next_ > 0) text_.push_back('}');
    if (next_ < bodies_.size()) {
        if (next_ > 0) text_.push_back(',');
        text_.append(kId);
        append_wire_id(mark_, {submission_, static_cast<std::uint32_t>(next_)}, &text_);
        text_.append(kParams);
        body_next_ = true;
    } else {
        text_.append(kClose);
        ended_ = true;
    }
    piece_ = text_;
    return true;
}

}  // namespace weir
