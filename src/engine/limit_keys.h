#pragma once

#include <string>

#include "engine/config.h"
#include "limits/limit_settings.h"
#include "provider/outcome.h"

namespace weir {

// The classes, accounts and limits of a configuration: the configured and built-in classes, then
// ModelClasses::kSpare spare ones; the accounts by name. Throws Failure.
LimitSettings limit_settings(const Config& config);

// Overwrites what is set below `prefix`, "limit.claude-sonnet-4".
void read_limits(const Config& config, const std::string& prefix, BucketLimits* limits);

// "input_tokens" and so on, for statistics and estimates.
const char* kind_name(LimitKind kind);

}  // namespace weir
