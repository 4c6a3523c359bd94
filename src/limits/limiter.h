#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "limits/limit_settings.h"
#include "provider/outcome.h"
#include "provider/request_head.h"

namespace weir {

// What one attempt is expected to take.
struct Cost {
    std::int64_t input_tokens = 0;
    std::int64_t output_tokens = 0;      // expected
    std::int64_t max_output_tokens = 0;  // the request's max_tokens
};

// Names a set of buckets that an attempt must pass together: an account and a model class.
using BudgetId = std::uint32_t;

// What an attempt holds. Kept with the attempt, given back exactly once by settle().
struct Reservation {
    BudgetId budget = 0;
    TimeNs reserved_at = 0;
    Cost cost;
    std::int64_t shown_output = 0;  // already debited by progress()
    std::uint64_t sequence = 0;     // the order of reservations in this budget
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
    ~Limiter();

    // The wall clock is monotonic time plus this; for quotas that end at a calendar's midnight.
    void set_wall_offset(std::int64_t unix_minus_monotonic_ns);

    // The budget of an account (by index in the settings) and a model class (by index). Made at its
    // first use; the same pair gives the same id.
    BudgetId budget(std::uint16_t account, std::uint16_t model_class);

    // Expected input of a request by what its body shows; corrected by the usage seen so far.
    std::int64_t expected_input(std::uint16_t model_class, const RequestHead& head) const;

    // Expected output of a request of a model class that allows `max_tokens`.
    std::int64_t expected_output(std::uint16_t model_class, std::uint32_t max_tokens) const;

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
};

}  // namespace weir
