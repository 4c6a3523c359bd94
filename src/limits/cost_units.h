#pragma once

#include <cstdint>

#include "limits/cost.h"
#include "provider/outcome.h"

namespace weir {

// What a request takes of a limit, with `output` tokens where it counts those; -1: the kind says
// not.
inline std::int64_t units_of(LimitKind kind, const Cost& cost, std::int64_t output) {
    switch (kind) {
        case LimitKind::requests:
            return 1;
        case LimitKind::input_tokens:
            return cost.input_tokens;
        case LimitKind::output_tokens:
            return output;
        case LimitKind::tokens:
            return cost.input_tokens + output;
        case LimitKind::day_tokens:
            return cost.input_tokens + cost.output_tokens;
        case LimitKind::unknown:
            break;
    }
    return -1;
}

}  // namespace weir
