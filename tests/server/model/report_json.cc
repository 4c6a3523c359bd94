#include "model/report_json.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace weir::model {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostListed = 1000;

Json faults_json(const ClassCounts& counts) {
    Json faults = Json::object();
    for (std::size_t i = 1; i < kFaultKinds; ++i) {
        if (counts.faults[i] == 0) continue;
        faults[std::string(fault_kind_name(static_cast<FaultKind>(i)))] = counts.faults[i];
    }
    return faults;
}

Json refused_json(const ClassCounts& counts) {
    Json refused = Json::object();
    for (std::size_t i = 0; i < kLimitKinds; ++i) {
        refused[std::string(limit_kind_name(limit_kind_at(i)))] = counts.refused[i];
    }
    refused["acceleration"] = counts.refused_for_growth;
    return refused;
}

Json counts_json(const ClassCounts& counts) {
    return {{"requests", counts.requests},           {"accepted", counts.accepted},
            {"completed", counts.completed},         {"abandoned", counts.abandoned},
            {"refused", refused_json(counts)},       {"wait_stated_s", counts.wait_stated_s},
            {"faults", faults_json(counts)},         {"input_tokens", counts.input_tokens},
            {"output_tokens", counts.output_tokens}, {"running", counts.running},
            {"peak_running", counts.peak_running}};
}

Json buckets_json(const LimitSet& set) {
    Json buckets = Json::object();
    for (std::size_t i = 0; i < kLimitKinds; ++i) {
        const Bucket& bucket = set.bucket(limit_kind_at(i));
        if (!bucket.limited()) continue;
        buckets[std::string(limit_kind_name(limit_kind_at(i)))] = {
            {"limit", set.limits()[limit_kind_at(i)]},
            {"depth", bucket.depth()},
            {"level", bucket.level()},
            {"lowest", bucket.lowest()},
            {"overflowed", bucket.overflowed()},
            {"cotenant_took", bucket.cotenant_took()}};
    }
    return buckets;
}

Json markers_json(const Counts& counts, const MarkerNames* names) {
    std::uint32_t most_executed = 0;
    std::uint64_t executed = 0;
    std::uint64_t answered = 0;
    std::uint64_t repeated = 0;
    Json list = Json::array();
    for (const auto& [marker, one] : counts.markers) {
        executed += one.executed > 0 ? 1 : 0;
        answered += one.answered > 0 ? 1 : 0;
        most_executed = std::max(most_executed, one.executed);
        if (one.executed < 2) continue;
        ++repeated;
        if (names == nullptr || list.size() >= kMostListed) continue;
        list.push_back({{"marker", names->name_of(marker)},
                        {"arrived", one.arrived},
                        {"executed", one.executed},
                        {"answered", one.answered}});
    }
    return {{"distinct", counts.markers.size()},
            {"executed", executed},
            {"answered", answered},
            {"executed_more_than_once", repeated},
            {"most_executions_of_one", most_executed},
            {"repeated", list}};
}

}  // namespace

std::string report_json(Model* model, const MarkerNames* names, TimeNs now) {
    model->advance(now);
    const Config& config = model->config();
    const Counts& counts = model->counts();
    Json sets = Json::array();
    for (int a = 0; a < static_cast<int>(config.accounts.size()); ++a) {
        for (int c = 0; c < static_cast<int>(config.classes.size()); ++c) {
            model->level(a, c, LimitKind::requests, now);  // brings its buckets to now
            Json set{{"account", config.accounts[static_cast<std::size_t>(a)].name},
                     {"class", config.classes[static_cast<std::size_t>(c)].name}};
            set.update(counts_json(model->counts(a, c)));
            set["buckets"] = buckets_json(model->limit_set(a, c));
            sets.push_back(set);
        }
    }
    Json total = counts_json(counts.total());
    total["peak_running"] = counts.peak_running;
    const Json report{{"time_s", static_cast<double>(now) / static_cast<double>(kNsPerS)},
                      {"seed", config.seed},
                      {"total", total},
                      {"unknown_key", counts.unknown_key},
                      {"revoked_key", counts.revoked_key},
                      {"unknown_model", counts.unknown_model},
                      {"token_counts", counts.token_counts},
                      {"markers", markers_json(counts, names)},
                      {"sets", sets}};
    return report.dump(2) + "\n";
}

}  // namespace weir::model
