#include "model/report.h"

#include <algorithm>

namespace weir::model {

ClassCounts Counts::total() const {
    ClassCounts sum;
    for (const ClassCounts& one : of) {
        sum.requests += one.requests;
        sum.accepted += one.accepted;
        sum.completed += one.completed;
        sum.abandoned += one.abandoned;
        for (std::size_t i = 0; i < kLimitKinds; ++i) sum.refused[i] += one.refused[i];
        sum.refused_for_growth += one.refused_for_growth;
        for (std::size_t i = 0; i < kFaultKinds; ++i) sum.faults[i] += one.faults[i];
        sum.input_tokens += one.input_tokens;
        sum.output_tokens += one.output_tokens;
        sum.running += one.running;
        sum.peak_running = std::max(sum.peak_running, one.peak_running);
        sum.wait_stated_s += one.wait_stated_s;
    }
    return sum;
}

}  // namespace weir::model
