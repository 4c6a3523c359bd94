#pragma once

#include <array>
#include <cstdint>

#include "base/time.h"
#include "limits/cost.h"
#include "queue/queue_settings.h"

namespace weir {

// What is to be expected of a request, as things are.
struct Expectation {
    Verdict::Kind kind = Verdict::Kind::never;  // never: it is larger than a limit, everywhere
    std::uint16_t account = 0;                  // where it would start first
    LimitKind binding = LimitKind::unknown;     // what it waits for, or what it never fits in
    std::int64_t holds = -1;                    // never: the limit
    std::int64_t needs = -1;                    // and what is asked of it
    Cost cost = {};
    std::uint64_t ahead = 0;    // requests that go before it, about
    TimeNs starts_at = kNever;  // about
};

// What can be told of a model class without knowing the request. Where nothing is known, nothing is
// said: -1 is no limit, and a time in the past no wait.
struct ClassOutlook {
    // The largest amounts that any account can ever pass at once.
    std::int64_t input = -1;
    std::int64_t output = -1;
    std::int64_t tokens = -1;
    std::int64_t day_tokens = -1;
    bool reserves_output = false;  // max_tokens counts as output, on every account

    // By priority: no request that is submitted now starts before this, by the most hopeful count;
    // and none of the one tenant that is waiting there, if there is just one.
    struct Level {
        TimeNs not_before = 0;
        TimeNs not_before_behind = 0;
        std::uint64_t tenant = 0;
    };
    std::array<Level, kPriorities> levels = {};
};

}  // namespace weir
