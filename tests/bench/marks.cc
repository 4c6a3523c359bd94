#include "marks.h"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <map>
#include <vector>

namespace weir::bench {

namespace {

struct Mark {
    std::string benchmark;
    double value;
    std::string unit;
    bool at_most;
};

std::vector<Mark>& marks() {
    static auto* list = new std::vector<Mark>;
    return *list;
}

// Keeps what a benchmark measured: the counter "figure" where it has one, else its time in ns.
class Collector : public benchmark::ConsoleReporter {
public:
    void ReportRuns(const std::vector<Run>& runs) override {
        ConsoleReporter::ReportRuns(runs);
        for (const Run& run : runs) {
            if (run.error_occurred) continue;
            // With repetitions it is the median that counts.
            if (run.run_type == Run::RT_Aggregate && run.aggregate_name != "median") continue;
            const auto figure = run.counters.find("figure");
            figures[run.run_name.function_name] =
                figure != run.counters.end() ? figure->second.value : run.GetAdjustedRealTime();
        }
    }
    std::map<std::string, double> figures;
};

}  // namespace

void add_mark(const std::string& benchmark, double mark, const std::string& unit, bool at_most) {
    marks().push_back({benchmark, mark, unit, at_most});
}

int run_with_marks(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    Collector collector;
    benchmark::RunSpecifiedBenchmarks(&collector);
    int missed = 0;
    std::printf("\n%-44s %14s %14s  %s\n", "standing mark", "measured", "mark", "");
    for (const Mark& mark : marks()) {
        const auto found = collector.figures.find(mark.benchmark);
        if (found == collector.figures.end()) continue;
        const bool met = mark.at_most ? found->second <= mark.value : found->second >= mark.value;
        missed += met ? 0 : 1;
        std::printf("%-44s %14.4g %s%13.4g  %-6s %s\n", mark.benchmark.c_str(), found->second,
                    mark.at_most ? "<" : ">", mark.value, mark.unit.c_str(),
                    met ? "met" : "MISSED");
    }
    return missed;
}

}  // namespace weir::bench
