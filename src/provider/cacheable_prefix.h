#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

// A number for the part of a Messages request that the provider may find in its prompt cache: like
// requests, and the turns of one conversation, have the same. 0: nothing of it is to be cached.
//
// The provider reads tools, then system, then messages, whatever their order in the body, and
// caches up to each cache_control. Where the last one is in tools or system, what is before it
// counts; else all of these, and the first message, which a conversation keeps. `body` is a JSON
// object, as read_request_head has found it.
std::uint32_t cacheable_prefix(std::string_view body);

}  // namespace weir
