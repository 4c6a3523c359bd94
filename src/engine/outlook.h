#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "core/body.h"
#include "core/core_outlook.h"

namespace weir {

// What the loop knows of each model class, where a submit can look without waiting for it: what can
// never fit, or never in time, is refused there and then. Written by the loop, read by any thread;
// each figure is whole by itself, and was right within the last milliseconds.
class Outlook {
public:
    explicit Outlook(std::size_t classes) : rows_(classes) {}

    // The loop's side.
    void publish(std::uint16_t model_class, const ClassOutlook& outlook) noexcept;

    // What matters of a request that is about to be submitted.
    struct Asked {
        const BodyHead& head;
        std::uint32_t input_tokens;   // the caller's figure, or 0
        std::uint32_t output_tokens;  // likewise
        std::uint64_t tenant;
        std::uint8_t priority;
        TimeNs submitted_at;
        TimeNs deadline_at;
        bool counted;  // its input tokens will be asked for: an estimate says nothing
    };
    // Throws a Failure if the request is larger than a limit on every account, or cannot start
    // before its deadline. Where nothing is known nothing is refused.
    void check(std::uint16_t model_class, std::string_view class_name, const Asked& asked) const {
        const Row& row = rows_[model_class];
        if (!row.known.load(std::memory_order_acquire)) return;
        const Units units = units_of(row, asked);
        if (fits(row, units) && not_before(row, asked) <= asked.deadline_at) return;
        refuse(row, class_name, asked, units);
    }

private:
    using Figure = std::atomic<std::int64_t>;
    struct Level {
        Figure not_before{0};
        // The tenant that alone is waiting; its lower half again, and above it when what it adds
        // may start.
        std::atomic<std::uint64_t> tenant{0};
        std::atomic<std::uint64_t> behind{0};
    };
    static constexpr int kBehindBits = 24;  // 17 ms, so that two years of uptime have room

    struct alignas(64) Row {
        std::atomic<bool> known{false};
        std::atomic<bool> reserves_output{false};
        // The most that fits, or more than there can be.
        Figure input{INT64_MAX};
        Figure output{INT64_MAX};
        Figure tokens{INT64_MAX};
        Figure day_tokens{INT64_MAX};
        std::array<Level, kPriorities> levels;
    };
    struct Units {
        std::int64_t input;
        std::int64_t output;
    };

    static std::int64_t load(const Figure& figure) {
        return figure.load(std::memory_order_relaxed);
    }
    static Units units_of(const Row& row, const Asked& asked) {
        Units units{asked.input_tokens, asked.output_tokens};
        // An estimate alone refuses nothing.
        if (units.input == 0 && !asked.counted) units.input = least_input(asked.head);
        // What will be produced is not known before; what is promised is.
        const bool reserves = row.reserves_output.load(std::memory_order_relaxed);
        if (reserves && asked.head.max_tokens != 0) units.output = asked.head.max_tokens;
        return units;
    }
    static bool fits(const Row& row, const Units& units) {
        const std::int64_t both = units.input + units.output;
        return units.input <= load(row.input) && units.output <= load(row.output) &&
               both <= load(row.tokens) && both <= load(row.day_tokens);
    }
    static TimeNs not_before(const Row& row, const Asked& asked) {
        const Level& level = row.levels[asked.priority];
        const std::uint64_t behind = level.behind.load(std::memory_order_relaxed);
        const std::uint64_t tenant = level.tenant.load(std::memory_order_relaxed);
        if (tenant != asked.tenant ||
            static_cast<std::uint32_t>(behind) != static_cast<std::uint32_t>(tenant)) {
            return load(level.not_before);
        }
        return static_cast<TimeNs>((behind >> 32) << kBehindBits);
    }
    static void refuse(const Row& row, std::string_view class_name, const Asked& asked,
                       const Units& units);

    std::vector<Row> rows_;  // by model class
};

}  // namespace weir
