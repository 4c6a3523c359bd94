#pragma once

#include <cstdint>

#include "base/time.h"
#include "model/bucket.h"

namespace weir::model {

// A provider refuses use that grows too fast, below the limits proper. The ceiling of input tokens
// a minute starts low, grows with every minute of use (or other time), and falls back after a
// pause.
struct RampSettings {
    std::int64_t start_per_minute = 0;   // 0: no ramp
    std::int64_t growth_per_minute = 0;  // of the ceiling, at each step
    double idle_s = 600;
    double growth_factor = 1;  // likewise, before growth_per_minute is added
    double step_s = 60;
};

class Ramp {
public:
    explicit Ramp(const RampSettings& settings);

    void refresh(TimeNs now);
    // How long `input_tokens` must wait, as of the last refresh; 0: not at all.
    TimeNs wait_for(std::int64_t input_tokens) const;
    void take(std::int64_t input_tokens);

private:
    bool on() const { return settings_.start_per_minute > 0; }
    void set_ceiling(std::int64_t ceiling);
    TimeNs step_ns() const;

    RampSettings settings_;
    Bucket bucket_;
    std::int64_t ceiling_ = 0;
    TimeNs now_ = 0;
    TimeNs last_use_ = 0;
    TimeNs grows_at_ = kNever;
};

}  // namespace weir::model
