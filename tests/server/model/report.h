#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "model/faults.h"
#include "model/limits.h"

namespace weir::model {

// What the model saw of one account and model class.
struct ClassCounts {
    std::uint64_t requests = 0;
    std::uint64_t accepted = 0;
    std::uint64_t completed = 0;                       // generated to the end
    std::uint64_t abandoned = 0;                       // the client went away before that
    std::array<std::uint64_t, kLimitKinds> refused{};  // by their buckets
    std::uint64_t refused_for_growth = 0;              // by the ramp
    std::array<std::uint64_t, kFaultKinds> faults{};
    std::int64_t input_tokens = 0;   // of accepted requests
    std::int64_t output_tokens = 0;  // produced so far
    std::uint32_t running = 0;
    std::uint32_t peak_running = 0;
    double wait_stated_s = 0;  // the sum of what refusals said to wait

    std::uint64_t refused_in_all() const {
        std::uint64_t sum = refused_for_growth;
        for (const std::uint64_t one : refused) sum += one;
        return sum;
    }
};

// What became of the requests that carry the same marker.
struct MarkerCounts {
    std::uint32_t arrived = 0;
    std::uint32_t executed = 0;  // admitted, whatever became of the response
    std::uint32_t answered = 0;  // generated to the end and not struck by a fault
};

struct Counts {
    std::vector<ClassCounts> of;  // index: account * classes + class
    std::uint64_t unknown_key = 0;
    std::uint64_t revoked_key = 0;
    std::uint64_t unknown_model = 0;
    std::uint64_t token_counts = 0;  // calls that were answered
    std::uint32_t running = 0;
    std::uint32_t peak_running = 0;
    std::unordered_map<std::uint64_t, MarkerCounts> markers;

    ClassCounts total() const;
};

}  // namespace weir::model
