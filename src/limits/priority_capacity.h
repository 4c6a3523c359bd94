#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"
#include "provider/outcome.h"

namespace weir {

// The tokens that a contract for Priority Tier sets aside for an account and a model class, as the
// provider told them last. A pool that is shown and holds nothing back: what has no room in it is
// served at the standard tier, and what has draws on the standard limits all the same.
class PriorityCapacity {
public:
    struct Part {
        std::int64_t limit = -1;  // -1: there is no contract
        std::int64_t remaining = -1;
        TimeNs full_at = 0;
    };

    void observe(const PriorityReadings& readings, TimeNs now) {
        take(readings.input, now, &input_);
        take(readings.output, now, &output_);
    }

    // `kind` is input_tokens or output_tokens.
    Part at(LimitKind kind, TimeNs now) const {
        Part part = kind == LimitKind::input_tokens ? input_ : output_;
        if (part.full_at <= now) part.remaining = part.limit;
        return part;
    }

private:
    static void take(const LimitReading& reading, TimeNs now, Part* part) {
        if (reading.limit < 0 || reading.remaining < 0) return;
        part->limit = reading.limit;
        part->remaining = std::min(reading.remaining, reading.limit);
        part->full_at = later(now, std::max<TimeNs>(reading.reset_in_ns, 0));
    }

    Part input_;
    Part output_;
};

}  // namespace weir
