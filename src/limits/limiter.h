#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/time.h"
#include "limits/input_estimate.h"
#include "limits/limit_settings.h"
#include "limits/output_histogram.h"
#include "limits/pool.h"
#include "provider/outcome.h"
#include "provider/request_head.h"

namespace weir {

// What one attempt is expected to take.
struct Cost {
    std::int64_t input_tokens = 0;
    std::int64_t output_tokens = 0;      // expected
    std::int64_t max_output_tokens = 0;  // the request's max_tokens
    double raw_input = 0;                // input as estimated without correction; 0: not estimated
};

// Names a set of buckets that an attempt must pass together: an account and a model class.
using BudgetId = std::uint32_t;

// What an attempt holds. Kept with the attempt, given back exactly once by settle().
struct Reservation {
    BudgetId budget = 0;
    TimeNs reserved_at = 0;
    Cost cost;
    std::int64_t shown_output = 0;  // what progress() has seen
    std::uint64_t sequence = 0;     // the order of reservations in this budget, from 1

    // The limiter's own.
    std::int64_t held_output = 0;  // debited for output so far
    std::uint8_t debited = 0;      // bit per LimitKind: the buckets that existed
    bool reserved_output = false;  // held_output is max_tokens, not an expectation
    std::array<double, kMinuteKinds> baseline{};

    bool has_debited(LimitKind kind) const {
        return (debited >> static_cast<unsigned>(kind) & 1u) != 0;
    }
};

struct Verdict {
    enum class Kind : std::uint8_t { granted, not_before, never };
    Kind kind = Kind::granted;
    LimitKind binding = LimitKind::unknown;  // the bucket that said so
    TimeNs at = 0;                           // not_before: when to ask again
};

// The provider's buckets, mirrored. One owner, the core; no clock of its own.
class Limiter {
public:
    explicit Limiter(const LimitSettings& settings);

    // The wall clock is monotonic time plus this; for quotas that end at a calendar's midnight.
    void set_wall_offset(std::int64_t unix_minus_monotonic_ns);

    // The budget of an account (by index in the settings) and a model class (by index). Made at its
    // first use; the same pair gives the same id.
    BudgetId budget(std::uint16_t account, std::uint16_t model_class);

    // Expected input of a request whose body was estimated at `raw_estimate` tokens
    // (raw_input_estimate): corrected by the usage seen so far.
    std::int64_t expected_input(std::uint16_t model_class, double raw_estimate) const;

    // Expected output of a request of a model class that allows `max_tokens`.
    std::int64_t expected_output(std::uint16_t model_class, std::uint32_t max_tokens) const;

    // How much of the budget the cost is, in time: the longest that one of its buckets takes to
    // refill it. What fairness between tenants is counted in. A budget without limits counts
    // tokens.
    TimeNs dominant_cost(BudgetId budget, const Cost& cost) const;

    // Holds `cost` in every bucket of the budget, or in none.
    Verdict reserve(BudgetId budget, const Cost& cost, TimeNs now, Reservation* out);

    // A stream has shown this much output so far.
    void progress(Reservation* reservation, std::int64_t output_tokens, TimeNs now);

    // The response's head is here: what the provider says is left. `reservation` is the attempt's.
    void observe(const Reservation& reservation, const LimitReadings& readings, TimeNs now);

    // The provider refused the attempt: pauses the bucket that it names. Returns until when.
    TimeNs refuse(const Reservation& reservation, const Outcome& outcome, TimeNs now);

    // The attempt is over. Its usage, as far as known, replaces what was held.
    void settle(const Reservation& reservation, const Outcome& outcome, TimeNs now);

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
    };
    void view(TimeNs now, std::vector<BucketView>* out) const;

    // Readings that made no sense.
    std::uint64_t ignored_readings() const { return ignored_; }

private:
    // Powers of two of max_tokens.
    static constexpr std::size_t kMaxTokensBins = 32;
    struct ClassEstimates {
        InputCorrection input;
        OutputHistogram output;
        std::array<OutputHistogram, kMaxTokensBins> output_by_max;
    };

    Pool make_pool(std::uint16_t account, std::uint16_t model_class) const;
    Bucket::Shape shape(LimitKind kind) const;
    static Amounts amounts_of(const Cost& cost, std::int64_t held_output);
    TimeNs probe_fits_at(const Pool& pool) const;
    static void start_paced(Pool* pool, const Amounts& amounts, TimeNs now);
    void take(Pool* pool, const Amounts& amounts, TimeNs now, Reservation* out);

    void observe_limit(Pool* pool, LimitKind kind, const LimitReading& reading,
                       const Reservation& reservation, TimeNs now);
    void observe_remaining(Pool* pool, LimitKind kind, const LimitReading& reading,
                           const Reservation& reservation, TimeNs now);
    static bool tokens_bind(const LimitReadings& readings);
    void detect_accounting(Pool* pool, LimitKind kind, const LimitReading& reading,
                           const Reservation& reservation);
    LimitKind most_likely(const Pool& pool, TimeNs now) const;
    void give_back(Pool* pool, const Reservation& reservation, const Amounts& back, bool executed,
                   TimeNs now);
    std::int64_t counted_input(const Pool& pool, const Usage& usage) const;
    void learn_usage(const Pool& pool, const Reservation& reservation, const Outcome& outcome);

    LimitSettings settings_;
    std::int64_t wall_offset_ns_ = 0;
    std::vector<Pool> pools_;                // by BudgetId
    std::vector<BudgetId> budgets_;          // by account and model class; kNoBudget: not made yet
    std::vector<ClassEstimates> estimates_;  // by model class
    std::uint64_t ignored_ = 0;
};

}  // namespace weir
