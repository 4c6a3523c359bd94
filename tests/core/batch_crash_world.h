#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace weir::test {

struct CrashSettings {
    std::size_t requests = 60;
    std::size_t crashes = 6;     // at most
    double crash_chance = 0.01;  // at each event
    std::size_t max_events = 400'000;
    bool with_file = false;  // the journal's own, on a disk that tears its last write (TornDisk)
};

struct CrashResult {
    std::string broken;  // the first thing that must not happen, or empty
    std::uint64_t trace_hash = 0;
    std::uint64_t events = 0;
    std::uint64_t crashes = 0;
    std::uint64_t batches = 0;
    std::uint64_t answers = 0;
    std::uint64_t answered_again = 0;  // by a run that could not know of the first answer
    std::uint64_t late = 0;            // results that were charged though nobody waited for them
    std::uint64_t written_in_crashes = 0;  // transactions that the power's end did not tear
    std::uint64_t reconciled = 0;
    std::uint64_t found = 0;
    std::uint64_t sent_again = 0;
    std::uint64_t refused = 0;       // requests for which a batch was refused
    std::uint64_t unknown = 0;       // requests that ended without word of their batch
    std::uint64_t partial_runs = 0;  // that only submitted, or only looked

    bool operator==(const CrashResult&) const = default;
};

// A caller, a BatchMachine, its disk and a model of the provider, in virtual time, on a schedule
// that the seed decides. Replies get lost, come late, say 529 or nonsense, whether the batch was
// made or not; creations are refused for one of their requests; the listing leads in a circle;
// downloads are cut; at any event the program may die, and starts again on what the disk holds. At
// each event:
//   - no request is refused for another one;
//   - no request is at the provider twice, unless its batch has come to nothing for it;
//   - what was durable is there after a crash, until its answer is durably acknowledged;
//   - a run gives each request one terminal action.
// At the end every request has its answer, and the journal is empty.
CrashResult run_crash_schedule(std::uint64_t seed, const CrashSettings& settings);

}  // namespace weir::test
