#include <algorithm>

#include "schedule.h"

namespace weir::test {

// Whether it begins beside another attempt of its request, which is only where that is allowed.
bool Schedule::check_hedge(const Action& action, std::uint64_t ticket, Known* known) {
    bool beside = false;
    for (const auto& [attempt, live] : live_) {
        if (live.ticket != ticket) continue;
        if (beside || !settings_.retry.hedges() || known->hedged || !known->stream || live.permit ||
            live.counting || live.content || live.key.account == action.account ||
            action.kind != Action::Kind::start) {
            broken("two attempts of one request at a time");
        }
        beside = true;
    }
    if (!beside) return false;
    known->hedged = true;
    ++result_.hedges;
    return true;
}

std::size_t Schedule::attempts_of(std::uint64_t ticket) const {
    return static_cast<std::size_t>(
        std::count_if(live_.begin(), live_.end(),
                      [&](const auto& live) { return live.second.ticket == ticket; }));
}

std::size_t Schedule::requests_in_flight() {
    std::set<std::uint64_t> tickets;
    for (const auto& [attempt, live] : live_) {
        tickets.insert(live.ticket);
        if (live.content && attempts_of(live.ticket) != 1) broken("the slower one goes on");
    }
    return tickets.size();
}

}  // namespace weir::test
