#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir {

// The limits that are configured, for one account and model class. Zero: not configured.
struct BucketLimits {
    std::int64_t requests_per_minute = 0;
    std::int64_t input_tokens_per_minute = 0;
    std::int64_t output_tokens_per_minute = 0;
    std::int64_t tokens_per_day = 0;
    std::int64_t in_flight = 0;
    std::int64_t spend_per_day = 0;  // millionths of a dollar
};

// Dollars per million tokens, which is also millionths of a dollar per token.
struct TokenPrices {
    double input = 0;
    double cache_write_5m = 0;
    double cache_write_1h = 0;
    double cache_read = 0;
    double output = 0;

    bool known() const { return input > 0 || output > 0; }
};

// How a provider counts output: as it is produced, or max_tokens reserved and settled at the end.
enum class OutputAccounting : std::uint8_t { automatic, produced, reserved };

struct LimitSettings {
    struct Class {
        std::string name;                 // "claude-sonnet-4"
        std::vector<std::string> models;  // ids, or prefixes that end in '*'
        BucketLimits limits;              // for every account that has none of its own
        bool cache_reads_count = false;
        TokenPrices prices = {};  // for spend_per_day
        bool apart = false;       // no scope has a part in it
    };
    struct AccountLimits {
        std::uint16_t model_class;
        BucketLimits limits;
    };
    struct Account {
        std::string name;
        std::vector<AccountLimits> limits;
        BucketLimits token_count = {};  // where it has its own
    };
    // Limits beside those of an account and model class, for instance a workspace's or a key's.
    // All attempts that match draw on one set of buckets; an attempt passes every scope that it
    // matches.
    struct Scope {
        static constexpr std::uint16_t kAny = 0xFFFF;
        std::string name;
        std::uint16_t account = kAny;
        std::uint16_t workspace = kAny;
        std::uint16_t key = kAny;
        std::uint16_t model_class = kAny;
        BucketLimits limits;

        static bool matches(std::uint16_t of, std::uint16_t with) {
            return of == kAny || of == with;
        }
    };
    BucketLimits token_count;       // of calls that count tokens, for every account
    std::vector<Scope> scopes;      // at most three match any one attempt
    std::vector<Class> classes;     // index: model class
    std::vector<Account> accounts;  // index: account
    OutputAccounting output_accounting = OutputAccounting::automatic;
    double burst_s = 0;              // depth of a bucket in seconds of its refill; 0: learn it
    bool pinned = false;             // configured limits win over the provider's headers
    bool refuse_over_spend = false;  // what a day's spend has no room for never fits; else it waits
};

}  // namespace weir
