#pragma once

#include <string>

namespace weir::bench {

// Benchmarks are printed beside their standing marks: what the project wants of them, whatever
// machine they run on. `unit` is what the figure counts ("ns", "bytes", "ratio", "per s").
void add_mark(const std::string& benchmark, double mark, const std::string& unit, bool at_most);

// Runs the benchmarks and prints the table of marks. Returns the number of marks that were missed.
int run_with_marks(int argc, char** argv);

}  // namespace weir::bench
