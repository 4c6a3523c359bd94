#pragma once

#include <cstdint>

namespace weir {

// A waiting request's place in its queue, embedded in it.
struct QueueLink {
    static constexpr std::uint32_t kNone = 0xFFFFFFFFu;
    std::uint32_t next = kNone;
    std::uint32_t prev = kNone;   // in a heap: the left sibling, or the parent of a first child
    std::uint32_t child = kNone;  // in a heap alone
    std::uint32_t flow = kNone;   // the tenant's flow in its FairLevel
};

}  // namespace weir
