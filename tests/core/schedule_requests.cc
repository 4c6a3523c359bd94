#include <algorithm>

#include "schedule.h"
#include "weir/weir.h"

namespace weir::test {

RequestIndex Schedule::make_request() {
    const RequestIndex index = slab_.take();
    Request& request = slab_.at(index);
    request.submitted_at = now_;
    request.prices = random_.below(4) == 0 ? kNoPrices : PricesId{0};
    request.priority = static_cast<std::uint8_t>(random_.below(kPriorities));
    request.model_class =
        static_cast<std::uint16_t>(random_.below(settings_.limits.classes.size()));
    request.tenant = static_cast<std::uint32_t>(random_.below(3));
    request.affinity = static_cast<std::uint32_t>(random_.below(3));
    tag_ = random_.below(4);
    slab_.set_tag(index, tag_);
    request.stream_restart = random_.below(3) == 0;
    if (random_.below(4) != 0) request.body = stream_;
    request.input_tokens = static_cast<std::uint32_t>(1 + random_.below(3000));
    request.output_tokens = static_cast<std::uint32_t>(1 + random_.below(1000));
    if (random_.below(3) == 0) {
        request.deadline_at = now_ + static_cast<TimeNs>(random_.below(20 * kNsPerS));
    }
    choose_route(&request);
    return index;
}

void Schedule::accept(RequestIndex index) {
    const Request& request = slab_.at(index);
    const std::uint64_t ticket = request.ticket.load();
    if (known_.contains(ticket)) broken("a ticket was given twice");
    known_[ticket] = {.tag = tag_, .deadline_at = request.deadline_at};
    known_[ticket].may_restart = request.stream_restart;
    known_[ticket].stream = static_cast<bool>(request.body);
    ++result_.accepted;
    if (random_.below(6) == 0) post(random_.below(20 * kNsPerS), Event::Kind::cancel, ticket);
    if (random_.below(8) == 0) post(random_.below(20 * kNsPerS), Event::Kind::claim, ticket);
}

// A caller drops the request while it waits, and the core hears of it later.
void Schedule::claim(std::uint64_t ticket) {
    if (!slab_.outstanding(ticket)) return;
    if (!slab_.at(RequestSlab::index_of(ticket)).take(Request::Claim::dropped)) return;
    known_.at(ticket).dropped = true;
    post(random_.below(2 * kNsPerS), Event::Kind::drop, ticket);
}

// What is outstanding of the tag ends, and nothing else does.
void Schedule::cancel_tag(std::uint64_t tag) {
    const auto outstanding = [&](bool of_tag) {
        return std::count_if(known_.begin(), known_.end(), [&](const auto& entry) {
            return !entry.second.ended && (entry.second.tag == tag) == of_tag;
        });
    };
    const auto others = outstanding(false);
    core_.cancel_group(slab_.first_of_tag(tag), now_, &actions_);
    take_actions();
    if (outstanding(true) != 0) broken("a request of a cancelled tag goes on");
    if (outstanding(false) != others) broken("a request of another tag was cancelled");
}

std::uint32_t Schedule::lease() { return static_cast<std::uint32_t>(1 + random_.below(20'000)); }

void Schedule::submit() {
    const RequestIndex index = make_request();
    if (random_.below(4) == 0) slab_.at(index).lease_ms = lease();
    if (random_.below(4) == 0) {
        slab_.at(index).counting = true;
        if (random_.below(8) != 0) slab_.at(index).input_tokens = 0;
    }
    accept(index);
    core_.submit(index, now_, &actions_);
}

void Schedule::try_acquire() {
    const RequestIndex index = make_request();
    Request& request = slab_.at(index);
    request.lease_ms = lease();
    const std::vector<RequestIndex> waiting = queued();
    const Core::Grant grant = core_.try_acquire(index, now_);
    if (grant.status != WEIR_OK) {
        if (grant.ask_again_at < now_) broken("a refused permit is told to ask in the past");
        return slab_.give_back(index);
    }
    if (comes_before_one_of(waiting, request))
        broken("a permit overtook a request that was there first");
    if (random_.below(10) == 0) {
        core_.withdraw(index, now_);
        return slab_.give_back(index);
    }
    accept(index);
    actions_.push_back(grant.permit);
}

std::vector<RequestIndex> Schedule::queued() {
    std::vector<RequestIndex> found;
    slab_.for_each([&](RequestIndex index) {
        const Request& request = slab_.at(index);
        if (request.state == Request::State::queued && !request.counting) found.push_back(index);
    });
    return found;
}

bool Schedule::comes_before_one_of(const std::vector<RequestIndex>& waiting,
                                   const Request& request) const {
    return std::any_of(waiting.begin(), waiting.end(), [&](RequestIndex index) {
        const Request& other = slab_.at(index);
        return other.state == Request::State::queued && !is_held_back(other.tenant) &&
               other.model_class == request.model_class && other.priority <= request.priority;
    });
}

// Without max_tokens: what is held of a day's budget is what it was asked for.
BodyRef Schedule::stream_body() {
    RequestHead head;
    head.stream = true;
    return BodyRef(BodyBlock::make("{}", head, {}));
}

}  // namespace weir::test
