#include "goodput_jobs.h"

#include <nlohmann/json.hpp>

namespace weir::test {

namespace {

using Json = nlohmann::ordered_json;

// Every bucket holds so much of its refill. Half a minute of work has to be refilled.
constexpr double kDepthS = 10;
constexpr double kJobS = 30;
constexpr double kRequestsPerS = 12;
constexpr std::int64_t kMaxTokens = 2048;

// The program does not stream.
Job job(const std::string& name, const model::Limits& limits, bool configured) {
    Job job;
    Situation& row = job.situation;
    row.name = name;
    row.world.model = model::simple_config(limits);
    model::ModelClass& model_class = row.world.model.classes[0];
    model_class.enforcement.depth_s = kDepthS;
    model_class.generation.first_token_s = {0.2, 0};
    model_class.generation.tokens_per_s = {2'000, 0};
    row.world.input = {1'500, 0.7};
    row.world.output = {200, 0.7};
    row.world.input_error = 0.05;
    row.world.max_tokens = kMaxTokens;
    row.world.stream = false;
    row.world.least_delay_ns = 0;
    row.world.most_delay_ns = 2 * kNsPerMs;
    LimitSettings::Class known;
    known.name = "any";
    known.models = {"*"};
    if (configured) {
        known.limits = {.requests_per_minute = limits.requests_per_minute,
                        .input_tokens_per_minute = limits.input_tokens_per_minute,
                        .output_tokens_per_minute = limits.output_tokens_per_minute};
    }
    row.limits.classes.push_back(known);
    row.limits.accounts.emplace_back();
    row.limits.accounts.back().name = "main";
    job.requests = static_cast<std::uint64_t>(kRequestsPerS * (kJobS + kDepthS));
    job.configured = configured;
    return job;
}

Json limits_json(const model::Limits& limits) {
    return {{"requests_per_minute", limits.requests_per_minute},
            {"input_tokens_per_minute", limits.input_tokens_per_minute},
            {"output_tokens_per_minute", limits.output_tokens_per_minute}};
}

Json spread_json(const Spread& spread) { return {{"mean", spread.mean}, {"sigma", spread.sigma}}; }

}  // namespace

std::vector<Job> goodput_jobs() {
    // What does not bind has room for half as much again.
    const model::Limits requests{720, 1'620'000, 216'000, 0};
    const model::Limits input{1'080, 1'080'000, 216'000, 0};
    const model::Limits output{1'080, 1'620'000, 144'000, 0};
    std::vector<Job> jobs;
    for (const bool configured : {true, false}) {
        const std::string known = configured ? "limits configured" : "limits learnt from headers";
        jobs.push_back(job(known + ", requests bind", requests, configured));
        jobs.push_back(job(known + ", input binds", input, configured));
        jobs.push_back(job(known + ", output binds", output, configured));
    }
    return jobs;
}

std::string goodput_jobs_json(int seeds) {
    Json list = Json::array();
    for (const Job& job : goodput_jobs()) {
        const World::Settings& world = job.situation.world;
        const model::ModelClass& model_class = world.model.classes[0];
        double goodput = 0;
        double waste = 0;
        for (int seed = 1; seed <= seeds; ++seed) {
            const JobScore score =
                run_job(job.situation, job.requests, static_cast<std::uint64_t>(seed));
            goodput += score.goodput() / seeds;
            waste +=
                static_cast<double>(score.refused) / static_cast<double>(score.accepted) / seeds;
        }
        list.push_back({{"name", job.situation.name},
                        {"requests", job.requests},
                        {"configured", job.configured},
                        {"max_tokens", world.max_tokens},
                        {"input_tokens", spread_json(world.input)},
                        {"output_tokens", spread_json(world.output)},
                        {"first_token_s", model_class.generation.first_token_s.median},
                        {"tokens_per_s", model_class.generation.tokens_per_s.median},
                        {"depth_s", model_class.enforcement.depth_s},
                        {"limits", limits_json(model_class.limits)},
                        {"goodput", goodput},
                        {"waste", waste}});
    }
    return list.dump(2);
}

}  // namespace weir::test
