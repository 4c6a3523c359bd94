#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/time.h"
#include "model/answer.h"
#include "model/decision.h"
#include "model/headers.h"

namespace weir::model {

// What goes on a connection in answer to one request, and when. Whoever owns the socket plays it:
// waits for each step's time, writes its bytes, and at last does what `end` says.
struct Script {
    enum class End : std::uint8_t {
        keep,   // the next request may follow
        close,  // an orderly end of the connection
        reset,  // RST
    };
    struct Step {
        TimeNs at = 0;  // in the model's time
        std::string bytes;
    };
    std::vector<Step> steps;
    // After the steps: more bytes whenever the last ones are out, until there are none.
    std::function<std::string()> more;
    End end = End::keep;
    RequestId running = 0;  // to be abandoned if the client goes away meanwhile
};

// The head of a response. Its body's length, or chunks if that is negative.
std::string response_head(int status, const Headers& headers, std::string_view content_type,
                          std::int64_t content_length);

// A response that has no faults and is there at once.
Script plain_script(int status, const Headers& headers, std::string_view content_type,
                    std::string_view body, TimeNs now);

// The answer to an accepted request, with the fault that strikes it.
Script answer_script(const Decision& decision, const Answer& answer, bool stream,
                     const Headers& headers);

// A connection that is reset before any response.
Script reset_script(TimeNs at, RequestId running);

}  // namespace weir::model
