#pragma once

#include <cstdint>
#include <functional>

#include "virtual_core.h"

namespace weir::test {

// A core in virtual time, and a provider that answers everything as was expected of it.
class QueueWorld : public VirtualCore {
public:
    QueueWorld(const CoreSettings& settings, std::uint64_t seed)
        : VirtualCore(settings, seed, 1'000 * kNsPerS) {}

    struct Work {
        std::uint64_t tenant = 0;
        std::uint8_t priority = 2;
        std::uint32_t input_tokens = 100;
        std::uint32_t output_tokens = 1;
        std::uint16_t model_class = 0;
        std::uint64_t user_data = 0;
        std::uint32_t affinity = 0;
        std::uint32_t lease_ms = 0;  // of a permit, whose attempt goes as that of a request
    };
    RequestIndex submit(const Work& work);
    void cancel(RequestIndex index);

    const Request& request(RequestIndex index) const { return slab_.at(index); }
    TimeNs cost(const Request& request);
    std::uint64_t in_flight() const { return core_.counts().in_flight; }
    std::uint16_t account() const { return account_; }  // of the attempt that on_start tells of

    // How long an attempt takes, and what it comes to.
    std::function<TimeNs(const Request&)> takes = [](const Request&) { return kNsPerS / 5; };
    std::function<void(const Request&, Outcome*)> outcome = [](const Request&, Outcome*) {};
    // 0: the attempt shows no token before its end.
    std::function<TimeNs(const Request&)> first_token = [](const Request&) { return TimeNs{0}; };
    std::function<void(RequestIndex)> on_start = [](RequestIndex) {};
    std::function<void(RequestIndex, std::int32_t status)> on_finish = [](RequestIndex,
                                                                          std::int32_t) {};

private:
    void act(const Action& action) override;
    void started(const Action& action);

    std::uint16_t account_ = 0;
};

// One account, one class; buckets that are known.
CoreSettings one_class(const BucketLimits& limits, double burst_s);

}  // namespace weir::test
