#pragma once

#include <cstdint>

#include "limits/limit_settings.h"
#include "queue/queue_settings.h"
#include "retry/retry_settings.h"

namespace weir {

struct CoreSettings {
    std::uint32_t max_in_flight = 64;
    LimitSettings limits;  // its accounts and classes are the engine's
    QueueSettings queue;
    RetrySettings retry;
};

}  // namespace weir
