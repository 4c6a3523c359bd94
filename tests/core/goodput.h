#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "goodput_world.h"
#include "limits/limit_settings.h"

namespace weir::test {

// One situation of the goodput table: what the provider does, and what weir was told of it.
struct Situation {
    std::string name;
    World::Settings world;
    LimitSettings limits;  // what weir knows
    double goodput_at_least = 0;
    double waste_at_most = 0;
    TimeNs warm_up_ns = 5 * kNsPerMinute;
    // The pace of the paced queue: the requests limits of all accounts and classes.
    double requests_per_s = 0;
};

// Every row of the table, both spreads where the row has both.
std::vector<Situation> goodput_situations();

enum class Contender : std::uint8_t {
    weir,
    workers_10,
    workers_50,
    workers_200,
    paced_queue,
    debit_bucket,
};
inline constexpr int kContenders = 6;
std::string_view contender_name(Contender contender);

struct Score {
    double goodput = 0;  // share of the fluid optimum
    double waste = 0;    // 429s per accepted request
    std::uint64_t accepted = 0;
    std::uint64_t events = 0;
    std::uint64_t trace_hash = 0;
    std::uint64_t ignored = 0;  // readings that made no sense

    bool operator==(const Score&) const = default;
};

// One run: the warm-up, and then `measured_ns`, all in virtual time.
Score run_goodput(const Situation& situation, Contender contender, std::uint64_t seed,
                  TimeNs measured_ns);

// A job of so many requests by weir, from nothing. The optimum is the least time in which the
// buckets could pass the work, and a mean service time.
struct JobScore {
    double seconds = 0;
    double optimum_s = 0;
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;

    double goodput() const { return optimum_s / seconds; }
};
JobScore run_job(const Situation& situation, std::uint64_t requests, std::uint64_t seed);

}  // namespace weir::test
