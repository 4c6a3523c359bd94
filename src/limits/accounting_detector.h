#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "limits/limit_settings.h"

namespace weir {

// Finds out how a provider counts output, from what remained at two moments: between them either
// what was produced has gone, or what was reserved less what was settled. Only where the two differ
// by more than the readings can be wrong does a comparison count.
class AccountingDetector {
public:
    // Sums of what has gone so far under either assumption. A reservation keeps them.
    std::int64_t produced() const { return produced_; }
    std::int64_t reserved() const { return reserved_; }
    void add_produced(std::int64_t tokens) { produced_ += tokens; }
    void add_reserved(std::int64_t tokens) { reserved_ += tokens; }

    // A reservation was made. Those that were made close together may have overtaken each other.
    void reserved_at(std::uint64_t sequence, TimeNs now) { times_[sequence % kTimes] = now; }

    // What remained for the attempt `sequence`, whose reservation was made at `at`.
    struct Moment {
        std::uint64_t sequence = 0;
        TimeNs at = 0;
        double remaining = 0;
        std::int64_t produced = 0;
        std::int64_t reserved = 0;
        std::int64_t promised = 0;  // by the attempt itself
        std::int64_t unshown = 0;   // expected of the attempts in flight and not seen yet
        std::uint64_t crowd = 0;    // the detector's own: reservations close to it in time

        std::int64_t outstanding() const { return reserved - produced; }
    };
    // A reading. It counts once its attempt proves to have been let through: of one that was
    // refused nothing has been taken.
    void note(const Moment& moment, std::uint64_t latest_sequence);
    bool waits_for(std::uint64_t sequence) const { return noted_.sequence == sequence; }
    void drop() { noted_.sequence = 0; }
    // The noted reading counts: of a bucket that refills `per_s` and holds up to `full`, within
    // `rounding` of the truth. Returns the kind that is now believed, or automatic while none is.
    OutputAccounting confirm(double per_s, double full, double rounding);

    bool decided() const { return decided_; }

private:
    static constexpr int kEnough = 3;
    static constexpr std::size_t kTimes = 64;

    std::uint64_t crowd(std::uint64_t sequence, std::uint64_t latest_sequence) const;

    std::int64_t produced_ = 0;
    std::int64_t reserved_ = 0;
    std::array<TimeNs, kTimes> times_{};  // of the latest reservations, by sequence
    Moment noted_;
    Moment last_;
    bool has_last_ = false;
    bool decided_ = false;
    int votes_ = 0;  // for reserved, less those for produced
};

}  // namespace weir
