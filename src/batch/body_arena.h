#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string_view>

#include "batch/batch_types.h"

namespace weir {

// Many bodies in few blocks of memory, each of which goes back to the system when the last of its
// bodies has gone: a malloc gives large blocks back at once, and a hundred thousand small ones not.
class BodyArena {
public:
    BatchBody copy(std::string_view bytes) {
        if (bytes.size() > left_) {
            const std::size_t size = std::max(bytes.size(), next_size_);
            block_.reset(new char[size]);
            at_ = block_.get();
            left_ = size;
            next_size_ = kLarge;
        }
        std::copy(bytes.begin(), bytes.end(), at_);
        const BatchBody body(block_, {at_, bytes.size()});
        at_ += bytes.size();
        left_ -= bytes.size();
        return body;
    }

private:
    static constexpr std::size_t kSmall = std::size_t{1} << 18;
    static constexpr std::size_t kLarge = std::size_t{40} << 20;
    std::shared_ptr<char[]> block_{new char[kSmall]};
    char* at_ = block_.get();
    std::size_t left_ = kSmall;
    std::size_t next_size_ = kLarge;
};

}  // namespace weir
