#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"
#include "limits/output_histogram.h"

namespace weir {

// When a model class's streams count as slow, and how many of them may be asked for a second time:
// so many for each hundred streams, a few of them at once.
class HedgePace {
public:
    // An attempt at a stream began that is no hedge.
    void stream_began(double share) { credit_ = std::min(credit_ + share, kMostAtOnce); }
    bool may_hedge() const { return credit_ >= 1; }
    void hedged() { credit_ -= 1; }

    // The first content came after so long; or it did not, and nobody waits for it any more.
    void first_content(TimeNs took, bool came) {
        times_ms_.add(std::max<TimeNs>(took / kNsPerMs, 1), !came);
        if (times_ms_.samples() < kEnoughStreams || --good_for_ > 0) return;
        good_for_ = kStreamsBetween;
        usual_ns_ = times_ms_.quantile(0.95, kLongestMs) * kNsPerMs;
    }
    // The time within which 95 of 100 streams have had content lately; kNever: not known yet.
    TimeNs usual_ns() const { return usual_ns_; }

private:
    static constexpr double kMostAtOnce = 10;
    static constexpr double kEnoughStreams = 30;  // before their times say anything
    static constexpr int kStreamsBetween = 8;     // two looks at the histogram
    static constexpr std::int64_t kLongestMs = 3'600'000;

    double credit_ = 1;
    OutputHistogram times_ms_;
    TimeNs usual_ns_ = kNever;
    int good_for_ = 0;
};

}  // namespace weir
