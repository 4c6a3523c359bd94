#pragma once

#include "engine/config.h"
#include "limits/limit_settings.h"
#include "provider/outcome.h"

namespace weir {

// The classes, accounts and limits of a configuration: the configured and built-in classes, then
// ModelClasses::kSpare spare ones; the accounts by name. Throws Failure.
LimitSettings limit_settings(const Config& config);

// "input_tokens" and so on, for statistics and estimates.
const char* kind_name(LimitKind kind);

}  // namespace weir
