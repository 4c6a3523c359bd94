#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/ramp.h"

namespace weir::model {

// The buckets of one account and model class.
enum class LimitKind : std::uint8_t { requests, input_tokens, output_tokens, day_tokens };
inline constexpr std::size_t kLimitKinds = 4;

constexpr std::size_t index_of(LimitKind kind) { return static_cast<std::size_t>(kind); }
constexpr LimitKind limit_kind_at(std::size_t index) { return static_cast<LimitKind>(index); }

constexpr std::string_view limit_kind_name(LimitKind kind) {
    constexpr std::array<std::string_view, kLimitKinds> names{"requests", "input_tokens",
                                                              "output_tokens", "day_tokens"};
    return names[index_of(kind)];
}

// Zero: there is no such limit.
struct Limits {
    std::int64_t requests_per_minute = 0;
    std::int64_t input_tokens_per_minute = 0;
    std::int64_t output_tokens_per_minute = 0;
    std::int64_t tokens_per_day = 0;

    std::int64_t operator[](LimitKind kind) const {
        switch (kind) {
            case LimitKind::requests:
                return requests_per_minute;
            case LimitKind::input_tokens:
                return input_tokens_per_minute;
            case LimitKind::output_tokens:
                return output_tokens_per_minute;
            case LimitKind::day_tokens:
                return tokens_per_day;
        }
        return 0;
    }
    Limits scaled(double factor) const;
    bool operator==(const Limits&) const = default;
};

// How output is counted: as it is produced, or max_tokens at the start, corrected at the end.
enum class OutputAccounting : std::uint8_t { produced, reserved };

// How the limits of a class are enforced.
struct Enforcement {
    OutputAccounting output = OutputAccounting::produced;
    double depth_s = 60;       // a bucket holds this many seconds of its refill
    double initial_fill = 1;   // the share of it that is there at time zero
    bool rolling_day = false;  // the day's tokens refill continuously, not at midnight UTC
    bool refused_count =
        false;  // a request that is refused by a limit takes a request all the same
    // A request that needs more than the bucket holds but no more than its limit a minute is
    // admitted when the bucket is full, and leaves it in debt; a strict depth refuses it for ever.
    bool strict_depth = false;
    RampSettings ramp;
};

}  // namespace weir::model
