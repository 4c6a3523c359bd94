#include "core/core.h"
#include "weir/weir.h"

// Budgets of a day, and what becomes of requests that they have no room for.
namespace weir {

// What a request fails with that will not fit. Money is never waited for beyond its day.
std::int32_t Core::why_never(const Refusal& refusal) {
    const bool spent = refusal.money || refusal.frees_at != kNever;
    return spent ? WEIR_ERR_SPEND_LIMIT : WEIR_ERR_NEVER_FITS;
}

void Core::refuse(RequestIndex index, const Refusal& refusal, std::vector<Action>* actions) {
    finish(index, Action::Kind::fail, why_never(refusal), 0, actions);
    actions->back().refusal = refusal;
}

// Whether its tenant's budget is in the way; the request is out of the queue then, so that it
// stands in nobody else's.
bool Core::tenant_has_spent(RequestIndex index, const Cost& cost, TimeNs now,
                            std::vector<Action>* actions) {
    Request& request = slab_->at(index);
    if (cost.tenant_budget == kNoDayBudget) return false;
    const Verdict verdict = limiter_.check_tenant(cost, now);
    if (verdict.kind == Verdict::Kind::granted) return false;
    if (verdict.kind == Verdict::Kind::never) {
        refuse(index, Refusal(verdict), actions);
        return true;
    }
    queue_.remove(index);
    request.state = Request::State::set_aside;
    if (verdict.at >= limiter_.day_budgets()[cost.tenant_budget].ends_at()) {
        set_aside_.until_day_end(index, verdict.at);
    } else {
        set_aside_.until_settled(index, cost.tenant_budget, verdict.at, request.was_set_aside);
    }
    request.was_set_aside = true;
    return true;
}

void Core::take_back(RequestIndex index) {
    set_aside_.remove(index);
    slab_->at(index).state = Request::State::queued;
    queue_.push_back(index);
}

// An attempt of the budget's has started or ended: the next that waits for room has its turn.
void Core::take_back_next(std::uint16_t day_budget) {
    if (day_budget == kNoDayBudget || set_aside_.size() == 0) return;
    const RequestIndex next = set_aside_.first_of(day_budget);
    if (next != kNoRequest) take_back(next);
}

}  // namespace weir
