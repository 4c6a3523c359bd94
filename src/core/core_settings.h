#pragma once

#include <cstdint>

#include "accounts/account_settings.h"
#include "base/time.h"
#include "limits/limit_settings.h"
#include "queue/queue_settings.h"
#include "retry/adaptive_concurrency.h"
#include "retry/retry_settings.h"
#include "routing/route_settings.h"

namespace weir {

struct CoreSettings {
    std::uint32_t max_in_flight = 64;
    AdaptiveSettings adaptive;
    // An attempt of whose end nothing is heard for so long has timed out; 0: never.
    TimeNs lease_ns = 0;
    AccountsSettings accounts;  // by the same index as the limits' accounts
    LimitSettings limits;
    QueueSettings queue;
    RetrySettings retry;
    RouteSettings routes;  // their model classes are those of the limits
};

}  // namespace weir
