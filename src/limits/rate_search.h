#pragma once

#include <cstdint>

#include "base/time.h"

namespace weir {

// Finds a limit that nobody states, by refusals alone.
//
// At a refusal the provider's bucket is empty. So what was let through between two refusals, over
// the time between them, is the limit itself, whatever the pace was in between and however deep the
// bucket is. The pace is kept a little below that for a time, so that a cushion builds up, and then
// grows slowly until the next refusal, which is the next measurement.
class RateSearch {
public:
    bool active() const { return pace_per_s_ > 0; }
    double pace_per_s() const { return pace_per_s_; }

    void begin(TimeNs now);
    void end() { pace_per_s_ = 0; }

    // A request was let through. Returns whether the pace has changed.
    bool accepted(TimeNs now);
    // A request that was sent at `sent_at` was refused. Those that were under way when the refusal
    // before came are part of its event. Returns how long to wait if the provider does not say.
    TimeNs refused(TimeNs sent_at, TimeNs now);

private:
    double growth_per_s(TimeNs now) const;

    double pace_per_s_ = 0;
    TimeNs grown_at_ = 0;      // when the pace was last looked at
    double since_growth_ = 0;  // let through since then
    TimeNs refused_at_ = 0;    // the last refusal's event
    bool was_refused_ = false;
    double since_refusal_ = 0;  // let through since then
    int short_cycles_ = 0;      // in a row
    // Decaying sums over the times between refusals.
    double requests_ = 0;
    double seconds_ = 0;
};

}  // namespace weir
