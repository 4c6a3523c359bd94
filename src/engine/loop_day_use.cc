#include <new>
#include <vector>

#include "engine/clock.h"
#include "engine/loop.h"

namespace weir {

void Loop::restore_day_use() {
    const TimeNs now = monotonic_now();
    core_.limiter().set_wall_offset(unix_now() - now);
    for (const DayUseRow& row : batch_lane_->day_use()) {
        core_.limiter().restore(
            {.scope = row.scope, .day = row.day, .tokens = row.tokens, .spend = row.spend}, now);
    }
    kept_version_ = core_.limiter().day_use_version();
}

// What online answers have used, at most once a second: what a crash loses is that much. What batch
// answers have used, in the turn that delivers them: an acknowledged one has been kept before.
void Loop::keep_day_use(bool at_once) noexcept {
    const std::uint64_t version = core_.limiter().day_use_version();
    if (!batch_lane_) return;
    const bool charged = batch_lane_->has_charged();
    if (!charged && (version == kept_version_ || (now_ < keep_at_ && !at_once))) return;
    keep_at_ = now_ + kNsPerS;
    try {
        std::vector<DayUseRow> rows;
        for (Limiter::DayUse& use : core_.limiter().day_use()) {
            rows.push_back({.scope = std::move(use.scope),
                            .day = use.day,
                            .tokens = use.tokens,
                            .spend = use.spend});
        }
        batch_lane_->keep_day_use(std::move(rows));
        kept_version_ = version;
    } catch (const std::bad_alloc&) {
        // The next second tries again.
    }
}

}  // namespace weir
