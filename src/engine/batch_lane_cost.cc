#include "engine/batch_lane_cost.h"

#include <algorithm>
#include <utility>

#include "engine/batch_lane.h"

namespace weir {

void write_cost(const BatchCost& cost, std::string_view prefix, JsonWriter* json) {
    const auto name = [&](const char* what) { return std::string(prefix) + what; };
    json->member(name("cost_micros"), cost.priced > 0 ? cost.micros : -1);
    json->member(name("saved_micros"), cost.priced > 0 ? cost.saved_micros : -1);
    json->member(name("priced_results"), cost.priced);
    json->member(name("unpriced_results"), cost.unpriced);
}

ResultPrice BatchLane::price_of(const BatchResult& result) const {
    if (result.type != BatchResult::Type::succeeded) return {};
    const PriceTable& prices = settings_.core.limits.prices;
    const PricesId id = prices.find(result.facts.model, false);
    const std::int64_t micros = prices.cost_of(id, result.facts.usage, prices.batch_factor);
    if (micros < 0) return {};
    return {micros, prices.cost_of(id, result.facts.usage) - micros};
}

// The result at hand, unless it was charged by an earlier run, whose answer was not acknowledged.
void BatchLane::charge(const BatchAction& action, std::uint64_t tenant) {
    if (result_ == nullptr || result_->type != BatchResult::Type::succeeded) return;
    const auto it = tickets_.find(action.ticket);
    if (it != tickets_.end()) {
        if (std::exchange(it->second.charged, true)) return;
        if (it->second.automatic) auto_cost_.add(price_);
    }
    const Usage& usage = result_->facts.usage;
    half_price_input_ += std::max<std::int64_t>(usage.input_tokens, 0);
    half_price_output_ += std::max<std::int64_t>(usage.output_tokens, 0);
    cost_.add(price_);
    host_->on_batch_usage(action.account, tenant, usage, price_.micros);
    if (action.entry != 0) charged_.push_back(action.entry);
}

void BatchLane::keep_day_use(std::vector<DayUseRow> rows) {
    if (journal_failure_.empty()) machine_.keep_use(std::move(rows), charged_, &out_);
    charged_.clear();
    carry_out();
}

}  // namespace weir
