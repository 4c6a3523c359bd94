#pragma once

#include "engine/config.h"
#include "retry/retry_settings.h"

namespace weir {

// What the keys below retry. say. Throws Failure.
RetrySettings retry_settings(const Config& config);

}  // namespace weir
