#pragma once

#include <cstdint>

#include "base/time.h"

namespace weir {

struct AdaptiveSettings {
    bool on = false;
    std::uint32_t floor = 1;
    std::uint32_t ceiling = 512;
};

// How many attempts an endpoint (an account's model class) bears at a time. The limit doubles with
// each round trip until something says that it is too much (slow start), and from there on grows by
// one a round trip and shrinks by a share (AIMD; Chiu and Jain, 1989). Two things say that it is
// too much: a refusal, and a time to first token that has grown to more than twice what is
// usual (the gradient of Netflix's concurrency-limits, with its tolerance of 2). The limit grows
// only while it is used, and shrinks at most once a round trip: what was sent before it shrank says
// nothing about it.
class AdaptiveConcurrency {
public:
    explicit AdaptiveConcurrency(const AdaptiveSettings& settings = {});

    bool on() const { return settings_.on; }
    std::uint32_t limit() const { return static_cast<std::uint32_t>(limit_); }
    // With so many in flight. Always, where it is off.
    bool may_start(std::uint32_t in_flight) const { return !on() || in_flight < limit(); }

    // An attempt ended well, while so many were in flight, itself among them.
    void succeeded(std::uint32_t in_flight);
    // The provider turned an attempt away because there is too much.
    void refused(TimeNs sent_at, TimeNs now);
    // The first token of an attempt came.
    void first_token(TimeNs sent_at, TimeNs now);

    TimeNs usual_first_token() const { return static_cast<TimeNs>(usual_ns_); }
    TimeNs recent_first_token() const { return static_cast<TimeNs>(recent_ns_); }

private:
    void shrink(double share, TimeNs now);

    AdaptiveSettings settings_;
    double limit_;
    bool slow_start_ = true;
    TimeNs shrunk_at_ = -1;
    double usual_ns_ = 0;  // over many attempts, and the mean of the latest
    double recent_ns_ = 0;
    std::uint64_t samples_ = 0;
};

}  // namespace weir
