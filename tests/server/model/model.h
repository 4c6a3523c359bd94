#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/config.h"
#include "model/decision.h"
#include "model/event_heap.h"
#include "model/limit_set.h"
#include "model/report.h"

namespace weir::model {

// A model of the Messages API: what it would answer to a request, when, and what that costs the
// limits. It has no clock and no socket, and does the same for the same seed and the same calls.
// Time begins at 0 and must not fall from one call to the next.
class Model {
public:
    explicit Model(const Config& config);

    // A whole request is at the server.
    Decision arrive(const Request& request, TimeNs now);
    // The client of an accepted request went away. Without effect once the request is over.
    void abandon(RequestId id, TimeNs now);
    // Does what time makes due. Every other call does it too.
    void advance(TimeNs now);

    int find_key(std::string_view secret) const;  // index, or -1
    int account_of(int key) const { return config_.keys[static_cast<std::size_t>(key)].account; }
    int find_class(std::string_view model) const;  // index, or -1

    // Changes while it runs. -1 stands for all accounts or classes.
    void set_limits(int account, int model_class, const Limits& limits, TimeNs now);
    void scale_limits(int account, int model_class, double factor,
                      TimeNs now);  // of those configured
    void revoke_key(int key, TimeNs now);
    void restore_key(int key, TimeNs now);
    void set_level(int account, int model_class, LimitKind kind, double level, TimeNs now);
    void set_faults(const std::vector<FaultRule>& rules);

    const Config& config() const { return config_; }
    void note_token_count() { ++counts_.token_counts; }
    const Counts& counts() const { return counts_; }
    const ClassCounts& counts(int account, int model_class) const;
    // Valid as of the last call.
    const LimitSet& limit_set(int account, int model_class) const;
    double level(int account, int model_class, LimitKind kind, TimeNs now);

private:
    struct Running {
        std::size_t set = 0;
        std::uint32_t generation = 1;
        bool active = false;
        bool producing = false;
        bool struck = false;
        std::int64_t microtokens_per_s = 0;
        std::int64_t max_tokens = 0;
        std::int64_t produced_tokens = 0;  // when it is over
        std::uint64_t marker = 0;
        TimeNs first_token_at = 0;
    };

    std::size_t set_index(int account, int model_class) const;
    template <typename Visit>
    void for_sets(int account, int model_class, Visit&& visit);

    bool refuse_caller(const Request& request, TimeNs now, Decision* decision);
    static void refuse_by_fault(const FaultRule& rule, Decision* decision);
    void refuse_by_limit(const LimitSet::Refusal& refusal, TimeNs now, Decision* decision);
    void accept(const Request& request, TimeNs now, Decision* decision);
    std::int64_t draw_output(const Request& request, const Generation& generation);
    void plan_production(const Generation& generation, TimeNs now, Decision* decision);
    static void apply_execution_fault(const FaultRule& rule, bool stream, Decision* decision);
    RequestId start(const Request& request, const Decision& decision);

    void handle(const Event& event);
    void begin_production(std::uint32_t slot);
    void finish(std::uint32_t slot, std::int64_t produced_tokens);
    void change_limits(const LimitChange& change, TimeNs now);
    void toggle_cotenant(std::uint32_t cotenant, bool on, TimeNs at);

    Config config_;
    std::vector<LimitSet> sets_;          // index: account * classes + class
    std::vector<Limits> configured_;      // the same index
    std::vector<TimeNs> key_revoked_at_;  // index: key
    FaultPlan faults_;
    Random random_;
    std::vector<Random> cotenant_random_;
    EventHeap events_;
    std::vector<Running> running_;
    std::vector<std::uint32_t> free_;
    Counts counts_;
};

}  // namespace weir::model
