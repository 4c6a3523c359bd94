#pragma once

#include <string>
#include <string_view>

#include "model/config.h"
#include "model/decision.h"

namespace weir::model {

std::string_view error_type_name(ErrorType type);

// The usual envelope.
std::string error_body(ErrorType type, std::string_view message, std::string_view request_id,
                       std::string_view error_code = {});

struct ErrorResponse {
    std::string content_type;
    std::string body;
};
// What the provider says to a request that it refuses.
ErrorResponse error_response(const Config& config, const Decision& decision,
                             std::string_view request_id);

}  // namespace weir::model
