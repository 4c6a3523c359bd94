#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "limits/prices.h"
#include "limits/slow_start.h"

namespace weir {

// The limits that are configured, for one account and model class. Zero: not configured.
struct BucketLimits {
    std::int64_t requests_per_minute = 0;
    std::int64_t input_tokens_per_minute = 0;
    std::int64_t output_tokens_per_minute = 0;
    std::int64_t tokens_per_day = 0;
    std::int64_t in_flight = 0;
    std::int64_t spend_per_day = 0;  // millionths of a dollar

    bool operator==(const BucketLimits&) const = default;
};

// What a provider allows with Message Batches. Zero: not known.
struct BatchLimits {
    std::int64_t calls_per_minute = 0;  // over all batch endpoints
    std::int64_t queue_places = 0;      // requests in its processing queue
};

// How a provider counts output: as it is produced, or max_tokens reserved and settled at the end.
enum class OutputAccounting : std::uint8_t { automatic, produced, reserved };

// Who starts slowly: nobody, an account that was once refused for growing too fast, or every one.
enum class RampMode : std::uint8_t { off, automatic, on };

struct LimitSettings {
    struct Class {
        std::string name;                 // "claude-sonnet-4"
        std::vector<std::string> models;  // ids, or prefixes that end in '*'
        BucketLimits limits;              // for every account that has none of its own
        bool cache_reads_count = false;
        bool apart = false;  // no scope has a part in it
    };
    struct AccountLimits {
        std::uint16_t model_class;
        BucketLimits limits;
    };
    struct Account {
        std::string name;
        std::vector<AccountLimits> limits;
        BucketLimits token_count = {};  // where it has its own
        BatchLimits batch = {};         // of its tier
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
    // What may be used in a day over all model classes: by everybody, by an account, or by a
    // tenant. At most one of each matches an attempt.
    struct DayBudget {
        static constexpr std::uint64_t kNoTenant = 0;
        std::string name;                     // "account.main", "tenant.acme", or "" for all
        std::uint16_t account = Scope::kAny;  // one, or any
        std::uint64_t tenant = kNoTenant;     // its name's hash, or anybody's
        std::int64_t tokens_per_day = 0;      // 0: not limited
        std::int64_t spend_per_day = 0;       // likewise; millionths of a dollar
    };
    std::vector<DayBudget> day_budgets;
    struct Origin {
        std::string source;
        std::string date;
    };
    Origin table;  // of the table that classes and tiers are from
    PriceTable prices;

    BucketLimits token_count;       // of calls that count tokens, for every account
    std::vector<Scope> scopes;      // at most three match any one attempt
    std::vector<Class> classes;     // index: model class
    std::vector<Account> accounts;  // index: account
    OutputAccounting output_accounting = OutputAccounting::automatic;
    double burst_s = 0;   // depth of a bucket in seconds of its refill; 0: learn it
    bool pinned = false;  // configured limits win over the provider's headers
    bool refuse_over_spend =
        false;  // what a day's budget has no room for never fits; else it waits
    std::int64_t day_offset_ns = 0;  // the day begins so much before UTC's
    RampMode ramp = RampMode::automatic;
    SlowStart::Rules slow_start;
};

}  // namespace weir
