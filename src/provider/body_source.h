#pragma once

#include <cstddef>
#include <cstdint>

namespace weir {

// A request's body that is written piece by piece as it is sent.
class BodySource {
public:
    virtual ~BodySource() = default;
    virtual std::uint64_t size() const = 0;
    virtual std::size_t read(char* out, std::size_t capacity) = 0;  // 0 at the end
    // Goes back to the beginning, for a transport that read some of it and sent nothing. False: it
    // is written once.
    virtual bool restart() { return false; }
};

}  // namespace weir
