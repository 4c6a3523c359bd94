#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "goodput.h"

namespace weir::test {

// A job that is run twice: here in virtual time, and over real HTTP by goodput_http.py, with the
// program weir against the model server.
struct Job {
    Situation situation;
    std::uint64_t requests = 0;
    bool configured = false;  // weir is told the limits
};
std::vector<Job> goodput_jobs();

// The jobs with what they came to in virtual time over so many seeds, as JSON.
std::string goodput_jobs_json(int seeds);

}  // namespace weir::test
