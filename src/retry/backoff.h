#pragma once

#include "base/random.h"
#include "base/time.h"
#include "retry/retry_settings.h"

namespace weir {

// The pause after so many failures: exponential with jitter, without a floor from the provider.
TimeNs backoff(int failures, const RetrySettings::Pace& pace, const RetrySettings& settings,
               Random* random);

}  // namespace weir
