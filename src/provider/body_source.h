#pragma once

#include <cstddef>
#include <cstdint>

namespace weir {

// A request's body that is written piece by piece as it is sent, once.
class BodySource {
public:
    virtual ~BodySource() = default;
    virtual std::uint64_t size() const = 0;
    virtual std::size_t read(char* out, std::size_t capacity) = 0;  // 0 at the end
};

}  // namespace weir
