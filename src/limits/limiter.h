#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "limits/cost.h"
#include "limits/day_budget.h"
#include "limits/input_estimate.h"
#include "limits/limit_settings.h"
#include "limits/output_histogram.h"
#include "limits/pool.h"
#include "limits/priority_capacity.h"
#include "limits/supply.h"
#include "provider/outcome.h"
#include "provider/request_head.h"

namespace weir {

// Names what an attempt must pass together: the buckets of its account and model class, and those
// of every further scope that it matches.
using BudgetId = std::uint32_t;

// An account's and model class's own limits, and three more.
inline constexpr std::size_t kMaxScopes = 4;

// What an attempt holds. Kept with the attempt, given back exactly once by settle().
struct Reservation {
    BudgetId budget = 0;
    TimeNs reserved_at = 0;
    Cost cost;
    std::int64_t shown_output = 0;  // what progress() has seen
    std::int64_t known_input = -1;  // what input_counted() has settled
    std::array<Hold, kMaxScopes> holds;
};

// The most that an attempt may come to.
inline DayBudget::Amount most_of(const Cost& cost) {
    return {.tokens = cost.input_tokens + cost.promised_output(), .spend = cost.most_spend};
}

// The provider's buckets, mirrored. One owner, the core; no clock of its own.
class Limiter {
public:
    explicit Limiter(const LimitSettings& settings);

    // The wall clock is monotonic time plus this; for quotas that end at a calendar's midnight.
    void set_wall_offset(std::int64_t unix_minus_monotonic_ns);

    // The budget of an account and a model class (by index in the settings), and of a workspace and
    // a key if the caller knows them. Made at its first use; the same call gives the same id, and
    // so does a call that differs only in what no scope speaks of.
    BudgetId budget(std::uint16_t account, std::uint16_t model_class,
                    std::uint16_t workspace = LimitSettings::Scope::kAny,
                    std::uint16_t key = LimitSettings::Scope::kAny);

    // Expected input of a request whose body was estimated at `raw_estimate` tokens
    // (raw_input_estimate): corrected by the usage seen so far, of texts or of what holds more than
    // text.
    std::int64_t expected_input(std::uint16_t model_class, double raw_estimate,
                                bool text_only = true) const;

    // The provider has counted the input of such a request.
    void learn_input(std::uint16_t model_class, double raw_estimate, std::int64_t counted,
                     bool text_only = true);

    // Expected output of a request of a model class that allows `max_tokens`.
    std::int64_t expected_output(std::uint16_t model_class, std::uint32_t max_tokens) const;

    // How much of the budget the cost is, in time: the longest that one of its buckets takes to
    // refill it. What fairness between tenants is counted in. A budget without limits counts
    // tokens.
    TimeNs dominant_cost(BudgetId budget, const Cost& cost) const;

    // The share of its limits that the budget has left: that of the bucket that has least. 1 where
    // nothing is limited.
    double headroom(BudgetId budget, TimeNs now) const;

    // Holds `cost` in every bucket of the budget, or in none.
    Verdict reserve(BudgetId budget, const Cost& cost, TimeNs now, Reservation* out);

    // Another attempt, which was promised that its budget has room for it then.
    struct Promise {
        BudgetId budget = 0;
        Cost cost;
        TimeNs at = kNever;
    };
    // The same as reserve(), unless the promise could not be kept then: not before kNever. Where
    // nothing would do that takes as much input, neither now nor later, input is the limit.
    Verdict reserve_beside(const Promise& promise, BudgetId budget, const Cost& cost, TimeNs now,
                           Reservation* out);

    // When `cost` could start if nothing else were waiting, and which limit says so. Takes nothing.
    Verdict estimate(BudgetId budget, const Cost& cost, TimeNs now);

    // The largest amount of a kind that the budget can ever pass at once; -1 if it is not limited.
    std::int64_t largest(BudgetId budget, LimitKind kind) const;

    Supplies supplies(BudgetId budget, TimeNs now) const;

    // Nothing of the budget starts before this: the provider has said so.
    TimeNs paused_until(BudgetId budget) const;

    // Whether output is promised in full, by max_tokens, when an attempt starts.
    bool reserves_output(BudgetId budget) const;
    bool surely_reserves_output(BudgetId budget) const;

    // A stream has shown this much output so far.
    void progress(Reservation* reservation, std::int64_t output_tokens, TimeNs now);

    // A stream's beginning says what the provider has counted as input. True if that leaves more
    // room than was thought.
    bool input_counted(Reservation* reservation, const Usage& usage, TimeNs now);

    // The response's head is here: what the provider says is left. `reservation` is the attempt's.
    // True if that changes what fits.
    bool observe(const Reservation& reservation, const LimitReadings& readings, TimeNs now);

    // The provider refused the attempt: pauses the bucket that it names. Returns until when.
    TimeNs refuse(const Reservation& reservation, const Outcome& outcome, TimeNs now);

    // The attempt is over. Its usage, as far as known, replaces what was held.
    void settle(const Reservation& reservation, const Outcome& outcome, TimeNs now);

    // ---- A day's budgets (day_use.cc) ----

    // The budget of a tenant by its name's hash, for Cost::tenant_budget.
    std::uint16_t tenant_budget(std::uint64_t tenant) const;
    // Whether the tenant's budget alone lets `cost` go: what it has no room for stands in nobody
    // else's way.
    Verdict check_tenant(const Cost& cost, TimeNs now);

    // Used beside all attempts, in a batch.
    void add_day_use(std::uint16_t account, std::uint64_t tenant, const DayBudget::Amount& used,
                     TimeNs now);

    // What is used of the current day, to be kept over a restart and put back once the budgets are
    // made. Of a day that has ended nothing is put back. Beside it the accounts that were refused
    // for growing too fast, where that is what has them start slowly, and what the start of each
    // class has come to: who goes on before it was idle for long goes on from there. In the order
    // of day_use(), or of the scopes' names.
    struct DayUse {
        std::string scope;    // a name that the next run knows
        std::int64_t day;     // since 1970
        std::int64_t tokens;  // what these two are of a start is said in day_use.cc
        std::int64_t spend;   // millionths of a dollar

        bool operator==(const DayUse&) const = default;
    };
    std::vector<DayUse> day_use() const;
    void restore(const DayUse& use, TimeNs now);
    // Grows with every change to what day_use() says.
    std::uint64_t day_use_version() const { return day_use_version_; }

    // By index in the settings.
    const std::vector<DayBudget>& day_budgets() const { return day_budgets_; }
    // Attempts whose model has no prices, though there are budgets of money.
    std::uint64_t unpriced() const { return unpriced_; }

    // The length that a share `q` of the answers that allow `max_tokens` (0: not limited) stays
    // within.
    std::int64_t output_quantile(std::uint16_t model_class, double q,
                                 std::int64_t max_tokens) const;

    // How good the estimates are for a model class.
    struct EstimateQuality {
        double input_factor;  // counted by raw estimate
        double input_spread;  // relative, around the corrected estimate
        double input_samples;
        double output_samples;
        std::int64_t output_median;
        std::int64_t output_p99;
    };
    const InputCorrection& input_correction(std::uint16_t model_class) const {
        return estimates_[model_class].input;
    }
    // Answers that speak for the output to expect; old ones count less.
    double answers_seen(std::uint16_t model_class) const {
        return estimates_[model_class].output.samples();
    }
    EstimateQuality estimate_quality(std::uint16_t model_class) const;

    // For statistics: the state of each bucket in use.
    struct BucketView {
        std::uint16_t account;
        std::uint16_t model_class;
        LimitKind kind;
        double limit;  // in its period
        double level;  // what could be taken now
        double held;   // by attempts in flight
        bool learnt;   // from headers or refusals rather than from the configuration
        TimeNs paused_until;
        std::uint16_t scope = LimitSettings::Scope::kAny;  // index in the settings; else its own
    };
    void view(TimeNs now, std::vector<BucketView>* out) const;

    // For statistics: what is left of each contract for Priority Tier.
    struct PriorityView {
        std::uint16_t account;
        std::uint16_t model_class;
        LimitKind kind;
        PriorityCapacity::Part part;
    };
    std::vector<PriorityView> priority_view(TimeNs now) const;

    // Readings that made no sense.
    std::uint64_t ignored_readings() const { return ignored_; }

private:
    // Powers of two of max_tokens.
    static constexpr std::size_t kMaxTokensBins = 32;
    struct ClassEstimates {
        InputCorrection input;        // of texts
        InputCorrection mixed_input;  // of what holds images, documents and what is not in the body
        OutputHistogram output;
        std::array<OutputHistogram, kMaxTokensBins> output_by_max;
    };

    struct Budget {
        std::uint16_t account;
        std::uint16_t model_class;
        std::uint16_t workspace;
        std::uint16_t key;
        std::uint8_t count;  // of pools
        std::array<std::uint32_t, kMaxScopes> pools;
    };
    struct OwnedPool {
        std::uint16_t account;
        std::uint16_t model_class;
        std::uint16_t scope;  // index in the settings, or kAny
        Pool pool;
        PriorityCapacity priority = {};
    };

    // The day budgets that an attempt passes beside its pools.
    struct DayBudgets {
        std::array<std::uint16_t, 3> of;
        std::size_t count = 0;
    };
    DayBudgets day_budgets_of(std::uint16_t account, std::uint16_t tenant_budget) const;
    void check_day(const DayBudgets& budgets, const Cost& cost, TimeNs now, Verdict* verdict);
    void settle_day(const Budget& budget, const Cost& cost, const Pool::Settlement& settlement,
                    TimeNs now);
    std::string scope_name(const OwnedPool& owned) const;

    void start_slowly(std::uint16_t account, TimeNs now, TimeNs learnt_doubling_ns = 0);
    bool starts_slowly(const OwnedPool& owned) const;
    void add_starts(std::vector<DayUse>* all) const;
    void restore_start(const DayUse& use, TimeNs now);
    Cost sane(const Cost& cost) const {
        Cost asked{.input_tokens = sane_units(cost.input_tokens),
                   .output_tokens = sane_units(cost.output_tokens),
                   .max_output_tokens = sane_units(cost.max_output_tokens),
                   .raw_input = cost.raw_input,
                   .least_input = sane_units(cost.least_input),
                   .text_only = cost.text_only,
                   .estimates_output = cost.estimates_output,
                   .prices = cost.prices,
                   .tenant_budget = cost.tenant_budget};
        if (cost.prices != kNoPrices) price(&asked);
        return asked;
    }
    void price(Cost* asked) const;
    std::uint32_t own_pool(std::uint16_t account, std::uint16_t model_class);
    std::uint32_t scope_pool(std::uint16_t scope);
    Pool& pool_of(const Budget& budget, std::size_t i) { return pools_[budget.pools[i]].pool; }
    const Pool& pool_of(const Budget& budget, std::size_t i) const {
        return pools_[budget.pools[i]].pool;
    }
    using Needs = std::array<Pool::Needs, kMaxScopes>;  // by the budget's pools
    Verdict check(const Budget& budget, const Cost& cost, TimeNs now, Needs* needs);
    // The same, with estimates that no limit could hold lowered to what it holds.
    Verdict check_fitted(BudgetId id, Cost* cost, TimeNs now, Needs* needs);
    bool lower_estimates(BudgetId id, LimitKind kind, Cost* cost) const;
    void take(BudgetId id, const Cost& asked, const Needs& needs, TimeNs now, Reservation* out);
    bool surely_breaks(const Promise& promise, const Cost& promised, const Budget& budget,
                       const Needs& needs, TimeNs now) const;
    void view_pool(const OwnedPool& owned, TimeNs now, std::vector<BucketView>* out) const;
    std::int64_t counted_input(std::uint16_t model_class, const Usage& usage) const;
    void learn_usage(std::uint16_t model_class, const Cost& cost, const Outcome& outcome);

    LimitSettings settings_;
    std::int64_t wall_offset_ns_ = 0;
    std::vector<OwnedPool> pools_;
    std::vector<Budget> budgets_;            // by BudgetId
    std::vector<bool> starts_slowly_;        // by account
    std::int64_t ramp_day_ = 0;              // when that was learnt last
    std::vector<ClassEstimates> estimates_;  // by model class
    std::uint64_t ignored_ = 0;
    std::vector<DayBudget> day_budgets_;                           // by index in the settings
    std::uint16_t for_all_ = kNoDayBudget;                         // that of everybody
    std::vector<std::uint16_t> for_account_;                       // by account
    std::unordered_map<std::uint64_t, std::uint16_t> for_tenant_;  // by its name's hash
    std::uint64_t day_use_version_ = 0;
    std::uint64_t unpriced_ = 0;
    // As they were before a reservation that is not sure to stand.
    std::vector<Pool> kept_;
    std::vector<DayBudget> kept_days_;
};

}  // namespace weir
