#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "provider/outcome.h"

namespace weir {

// What a response's headers say about limits. Understood, the better one first where several
// families tell of the same limit:
//
//   anthropic-fast-{input,output}-tokens-*   sent for "speed": "fast" alone. That draws on limits
//                                            of its own, so that the standard token limits beside
//                                            them are not this request's, and are left out
//   anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}
//   x-ratelimit-{limit,remaining,reset}-{the same}
//   RateLimit and RateLimit-Policy           a window of other than a minute is scaled to one
//   RateLimit-{Limit,Remaining,Reset}        drafts up to 07: requests
//
// A subject may end in -minute or -day. anthropic-priority-{input,output}-tokens-* tell of a pool
// of their own; anthropic-ratelimit-unified-* of a subscription's, and are left out. `now_unix_ns`
// is when the response was made.
LimitReadings read_limit_headers(const std::vector<std::pair<std::string, std::string>>& headers,
                                 std::int64_t now_unix_ns);

}  // namespace weir
