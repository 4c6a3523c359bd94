#pragma once

#include <cstdint>

namespace weir {

// What requests that wait will take, in the units of their limits. Sums of what does not change
// while a request waits, so that it leaves what it came with.
struct Backlog {
    std::int64_t requests = 0;
    std::int64_t given_input = 0;    // by their callers' own figures
    std::int64_t raw_input = 0;      // as estimated, without correction
    std::int64_t given_output = 0;   // by their callers' own figures
    std::int64_t learnt_output = 0;  // requests whose output is expected as learnt
    std::int64_t learnt_max = 0;     // and the sum of their max_tokens
    std::int64_t promised = 0;       // what is reserved where the provider reserves

    void add(const Backlog& other, std::int64_t sign) {
        requests += sign * other.requests;
        given_input += sign * other.given_input;
        raw_input += sign * other.raw_input;
        given_output += sign * other.given_output;
        learnt_output += sign * other.learnt_output;
        learnt_max += sign * other.learnt_max;
        promised += sign * other.promised;
    }
};

}  // namespace weir
