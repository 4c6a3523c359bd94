#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string_view>
#include <utility>

#include "engine/outbox.h"
#include "weir/weir.h"

namespace weir {

// The log records of one engine, which become events. What is logged must hold no key and no body.
class Log {
public:
    Log(Outbox* outbox, std::uint32_t level) : outbox_(outbox), level_(level) {}

    // Returns true if events wait now, and did not before. A record that finds no memory is lost.
    template <class... Args>
    bool write(std::uint32_t level, fmt::format_string<Args...> format, Args&&... args) noexcept {
        if (level > level_) return false;
        try {
            return push(level, fmt::format(format, std::forward<Args>(args)...));
        } catch (const std::exception&) {
            return false;
        }
    }

private:
    bool push(std::uint32_t level, std::string line) {
        const std::uint64_t dropped = outbox_->dropped_logs();
        if (dropped > 0) line += fmt::format(" ({} older records were dropped)", dropped);
        weir_event record = make_data_event(WEIR_EVENT_LOG, line);
        record.index = level;
        return outbox_->push_log(record);
    }

    Outbox* const outbox_;
    const std::uint32_t level_;
};

}  // namespace weir
