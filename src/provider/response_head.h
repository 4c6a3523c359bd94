#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "provider/outcome.h"

namespace weir {

// What the headers of a response say.
struct ResponseHead {
    TimeNs retry_after_ns = -1;     // retry-after-ms or retry-after; -1 if neither asks for a wait
    std::int8_t should_retry = -1;  // x-should-retry
    std::string request_id;
    std::string media_type;  // of the content, in lower case, without parameters
    LimitReadings limits;
};

// `unix_ns` serves as the time of the response if it has no Date.
ResponseHead read_response_head(const std::vector<std::pair<std::string, std::string>>& headers,
                                std::int64_t unix_ns);

}  // namespace weir
