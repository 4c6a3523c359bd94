#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "provider/body_source.h"

namespace weir {

// A body with another text in one place, sent without a copy of the rest. The views are the
// caller's, and have to live until it is sent.
class SplicedBody final : public BodySource {
public:
    SplicedBody() = default;
    // `body` with the `length` bytes at `offset` replaced by `text`.
    SplicedBody(std::string_view body, std::size_t offset, std::size_t length,
                std::string_view text)
        : pieces_{body.substr(0, offset), text, body.substr(offset + length)} {
        restart();
    }

    std::uint64_t size() const override {
        return pieces_[0].size() + pieces_[1].size() + pieces_[2].size();
    }

    std::size_t read(char* out, std::size_t capacity) override {
        std::size_t written = 0;
        while (written < capacity) {
            while (rest_.empty() && piece_ + 1 < pieces_.size()) rest_ = pieces_[++piece_];
            if (rest_.empty()) break;
            const std::size_t n = std::min(rest_.size(), capacity - written);
            std::memcpy(out + written, rest_.data(), n);
            rest_.remove_prefix(n);
            written += n;
        }
        return written;
    }

    bool restart() override {
        piece_ = 0;
        rest_ = pieces_[0];
        return true;
    }

private:
    std::array<std::string_view, 3> pieces_;
    std::size_t piece_ = 0;
    std::string_view rest_;
};

}  // namespace weir
