#pragma once

#include <cstdint>
#include <string>

namespace weir::test {

// What a random schedule came to. Two runs of a seed are equal in every field.
struct ScheduleResult {
    std::uint64_t trace_hash = 0;  // of every action with its time, in order
    std::uint64_t accepted = 0;
    std::uint64_t terminals = 0;
    std::uint64_t attempts = 0;
    std::uint64_t hedges = 0;
    std::uint64_t events = 0;
    std::string broken;  // the first invariant that did not hold, or empty

    bool operator==(const ScheduleResult&) const = default;
};

// Drives a core through a schedule of submits, cancels, closes and outcomes that the seed decides,
// in virtual time, and checks the invariants at each event:
//   - a ticket that was accepted has exactly one terminal action, and none before its submit;
//   - an attempt starts for a request that has none, or once beside one that is slow, at another
//     account, and ends once: by an outcome or an abort; of two, one has content at most;
//   - what the limiter holds is what the attempts in flight reserved;
//   - no more are in flight than configured; no attempt starts before a pause that was asked for;
//   - a permit that is wanted at once overtakes nobody, and none outlives its lease;
//   - no attempt starts with a key that is retired, or was refused and is not due to be tried;
//   - nothing outlives its deadline, and at the end nothing is left.
ScheduleResult run_random_schedule(std::uint64_t seed);

}  // namespace weir::test
