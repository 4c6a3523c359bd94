#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/faults.h"
#include "model/limits.h"
#include "model/random.h"

namespace weir::model {

// How answers come about.
struct Generation {
    Lognormal output_tokens{250, 0.7};  // cut at max_tokens
    Lognormal first_token_s{0.6, 0};
    Lognormal tokens_per_s{60, 0};  // 0: all at once
};

struct ModelClass {
    std::string name;
    std::vector<std::string> models;  // ids, or prefixes that end in '*'
    Limits limits;                    // of every account that has none of its own
    Enforcement enforcement;
    Generation generation;
};

struct Account {
    struct Override {
        int model_class = 0;
        Limits limits;
    };
    std::string name;
    std::vector<Override> overrides;
};

struct Key {
    std::string secret;
    int account = 0;
    TimeNs revoked_at = kNever;
};

// Somebody else who draws on the same buckets.
struct Cotenant {
    int account = -1;      // index, or -1: every one
    int model_class = -1;  // index, or -1: every one
    double share = 0;      // of the refill, on average
    double on_s = 0;       // bursts of this length, and pauses; 0: steady
    double off_s = 0;
    bool random = true;  // lengths exponentially distributed around these, not exact
    bool requests = true;
    bool input_tokens = true;
    bool output_tokens = true;
};

// From `at` on the limits are `factor` of those configured; or `limits`, if the factor is 0.
struct LimitChange {
    TimeNs at = 0;
    int account = -1;
    int model_class = -1;
    double factor = 0;
    Limits limits;
};

enum class HeaderFamily : std::uint8_t {
    none,
    anthropic,
    x_ratelimit_date,      // x-ratelimit-*, resets as RFC 3339
    x_ratelimit_duration,  // x-ratelimit-*, resets as "6m0s"
    ietf,                  // RateLimit and RateLimit-Policy
};
inline constexpr std::size_t kHeaderFamilies = 5;
std::string_view header_family_name(HeaderFamily family);

struct Config {
    std::uint64_t seed = 1;
    std::int64_t unix_at_zero_ns = 1'767'225'600 * kNsPerS;  // the wall clock at time zero
    HeaderFamily headers = HeaderFamily::anthropic;
    std::int64_t rounding = 1000;  // of the tokens that remain, in headers
    bool should_retry_header = false;
    RetryAfterStyle retry_after = RetryAfterStyle::right;
    bool survives_disconnect = false;  // an abandoned generation goes on, and is charged in full
    std::vector<ModelClass> classes;
    std::vector<Account> accounts;
    std::vector<Key> keys;
    std::vector<Cotenant> cotenants;
    std::vector<LimitChange> changes;
    std::vector<FaultRule> faults;
};

// One account, one key "test-key", and one class that takes every model, with these limits.
Config simple_config(const Limits& limits);

// Everything `factor` times faster: pauses and latencies are divided by it, limits a minute
// multiplied, and buckets hold as many tokens as before.
void speed_up(double factor, Config* config);

}  // namespace weir::model
