#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "model/config.h"
#include "model/decision.h"

namespace weir::model {

using Headers = std::vector<std::pair<std::string, std::string>>;

// What the response's head says about limits and about waiting. `now` is the time of the arrival:
// headers are stamped at admission, however late the answer leaves.
void append_limit_headers(const Config& config, const Decision& decision, TimeNs now,
                          Headers* headers);
void append_retry_headers(const Config& config, const Decision& decision, TimeNs now,
                          Headers* headers);

}  // namespace weir::model
