// Prints the goodput table: how close weir, and what programs do today, come to the limits.

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

#include "goodput.h"
#include "goodput_jobs.h"

namespace {

using namespace weir;
using namespace weir::test;

struct Options {
    int seeds = 20;
    int minutes = 60;
    bool baselines = true;
    bool jobs = false;
    std::string only;
};

struct Summary {
    double goodput = 0;
    double worst_goodput = 1e9;
    double waste = 0;
    double worst_waste = 0;
    std::uint64_t requests = 0;
    double simulated_hours = 0;
    bool repeatable = true;
};

Summary run_all(const Situation& situation, Contender contender, const Options& options) {
    Summary summary;
    const TimeNs measured = options.minutes * kNsPerMinute;
    for (int seed = 1; seed <= options.seeds; ++seed) {
        const auto number = static_cast<std::uint64_t>(seed);
        const Score score = run_goodput(situation, contender, number, measured);
        if (contender == Contender::weir)
            summary.repeatable &= score == run_goodput(situation, contender, number, measured);
        summary.goodput += score.goodput / options.seeds;
        summary.worst_goodput = std::min(summary.worst_goodput, score.goodput);
        summary.waste += score.waste / options.seeds;
        summary.worst_waste = std::max(summary.worst_waste, score.waste);
        summary.requests += score.accepted;
        summary.simulated_hours += static_cast<double>(situation.warm_up_ns + measured) / 3600e9 *
                                   (contender == Contender::weir ? 2 : 1);
    }
    return summary;
}

Options read_options(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const auto value = [&] { return i + 1 < argc ? argv[++i] : ""; };
        if (std::strcmp(argv[i], "--seeds") == 0)
            options.seeds = std::atoi(value());
        else if (std::strcmp(argv[i], "--minutes") == 0)
            options.minutes = std::atoi(value());
        else if (std::strcmp(argv[i], "--no-baselines") == 0)
            options.baselines = false;
        else if (std::strcmp(argv[i], "--only") == 0)
            options.only = value();
        else if (std::strcmp(argv[i], "--jobs") == 0)
            options.jobs = true;  // instead of the table, for goodput_http.py
        else {
            fmt::print(stderr,
                       "usage: goodput [--seeds N] [--minutes N] [--no-baselines] [--only TEXT]\n"
                       "       goodput --jobs [--seeds N]\n");
            std::exit(2);
        }
    }
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    const Options options = read_options(argc, argv);
    if (options.jobs) {
        fmt::print("{}\n", goodput_jobs_json(options.seeds));
        return 0;
    }
    fmt::print(
        "{} seeds, {} minutes simulated after the warm-up; goodput is a share of the fluid "
        "optimum, waste is 429s\nper accepted request: mean (worst seed)\n\n",
        options.seeds, options.minutes);
    fmt::print("{:<66} {:>17} {:>19} {:>15}\n", "situation", "goodput", "waste", "marks");
    bool all_met = true;
    double hours = 0;
    std::uint64_t requests = 0;
    double seconds = 0;
    for (const Situation& situation : goodput_situations()) {
        if (situation.name.find(options.only) == std::string::npos) continue;
        const std::clock_t start = std::clock();
        const Summary weir = run_all(situation, Contender::weir, options);
        seconds += static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
        hours += weir.simulated_hours;
        requests += weir.requests * 2;
        const bool met = weir.goodput >= situation.goodput_at_least &&
                         weir.waste <= situation.waste_at_most && weir.repeatable;
        all_met &= met;
        fmt::print("{:<66} {:>7.4f} ({:>6.4f}) {:>8.5f} ({:>7.5f}) {:>6.3f} {:>6.4f}  {}\n",
                   situation.name, weir.goodput, weir.worst_goodput, weir.waste, weir.worst_waste,
                   situation.goodput_at_least, situation.waste_at_most,
                   !weir.repeatable ? "NOT REPEATABLE"
                   : met            ? "met"
                                    : "MISSED");
        for (int i = 1; options.baselines && i < kContenders; ++i) {
            const auto contender = static_cast<Contender>(i);
            const Summary other = run_all(situation, contender, options);
            fmt::print("{:<66} {:>7.4f} ({:>6.4f}) {:>8.5f} ({:>7.5f})\n",
                       fmt::format("    {}", contender_name(contender)), other.goodput,
                       other.worst_goodput, other.waste, other.worst_waste);
        }
        std::fflush(stdout);
    }
    fmt::print(
        "\nweir: {:.0f} simulated hours in {:.1f} s: {:.0f} a minute, {:.0f} requests a "
        "second\n",
        hours, seconds, hours / seconds * 60, static_cast<double>(requests) / seconds);
    return all_met ? 0 : 1;
}
