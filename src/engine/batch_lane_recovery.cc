#include <algorithm>
#include <utility>

#include "engine/batch_lane.h"
#include "engine/event.h"
#include "engine/terminal.h"
#include "provider/request_head.h"
#include "routing/route_choice.h"
#include "weir/weir.h"

// What earlier runs have left, and what goes online: both take from the journal what a request was
// submitted with.
namespace weir {

namespace {

// What an earlier run has left is told in portions, as it is taken: so many a turn, and no more
// while more bytes than this wait.
constexpr std::size_t kRecoveredAtOnce = 1024;
constexpr std::size_t kRecoveredAhead = std::size_t{64} << 10;

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        lines.emplace_back(line);
    }
    return lines;
}

}  // namespace

void BatchLane::recover(Journal* journal, TimeNs now) {
    JournalState state = journal->load();
    day_use_ = std::move(state.day_use);
    tickets_.reserve(state.entry_count);
    recovered_.reserve(state.entry_count);
    machine_.recover(state, now);
    const auto deadline_of = [&](const JournalState::Entry& row) {
        return row.deadline_unix == kNoUnixTime ? kNever : row.deadline_unix - unix_minus_now_;
    };
    journal->load_entries([&](const JournalState::Entry& row) {
        const std::uint64_t ticket =
            row.dropped ? 0 : inbox_->adopt(row.origin, deadline_of(row), now);
        const std::uint16_t account = machine_.recover_entry(row, ticket, now);
        if (row.dropped) return;
        if (account < open_.size()) ++open_[account];
        tickets_.emplace(ticket, Ticket{.entry = row.id,
                                        .account = account,
                                        .automatic = row.origin.automatic,
                                        .charged = row.charged,
                                        .recovered = true,
                                        .durable = true});
        if (!row.origin.route.empty() && row.fallback_unix != kNoUnixTime) {
            routed_[row.id] = {row.origin.route, row.origin.complexity};
        }
        recovered_.emplace_back(ticket, row.custom_id);
    });
}

void BatchLane::tell_recovered(std::size_t at_most) {
    if (!tell_recovered_) return;
    for (; at_most > 0 && told_ < recovered_.size(); --at_most, ++told_) {
        const auto& [ticket, custom_id] = recovered_[told_];
        weir_event event = make_data_event(WEIR_EVENT_RECOVERED, custom_id);
        event.ticket = ticket;
        host_->on_batch_event(event);
    }
    if (told_ < recovered_.size()) return;
    tell_recovered_ = false;
    recovered_ = {};
    host_->on_batch_event(make_engine_event(WEIR_ENGINE_RECOVERED));
}

void BatchLane::tell_some_recovered() {
    const bool may_tell = tell_recovered_ && !outbox_->above(kRecoveredAhead);
    if (may_tell) tell_recovered(kRecoveredAtOnce);
    tell_more_ = may_tell && tell_recovered_;
}

void BatchLane::go_online(EntryId entry, const BatchBody& body) {
    const auto it = falling_back_.find(entry);
    if (it == falling_back_.end()) return;
    const std::uint64_t ticket = it->second.ticket;
    const std::vector<std::string> headers = lines_of(it->second.headers);
    falling_back_.erase(it);
    const auto found = tickets_.find(ticket);
    if (found == tickets_.end() || !slab_->outstanding(ticket)) return;
    std::string padded(body.bytes());
    const std::size_t size = padded.size();
    padded.append(kBodyPadding, '\0');
    RequestHead head;
    std::string problem;
    tell_recovered(recovered_.size());
    found->second.outstanding = false;
    const RequestIndex index = RequestSlab::index_of(ticket);
    // It was read when it was submitted, perhaps by an earlier weir that took more.
    if (!read_request_head({padded.data(), size}, &head, &problem)) {
        return host_->on_batch_end(index,
                                   make_refused(slab_->at(index), WEIR_ERR_BAD_BODY, problem));
    }
    const BodyRef block(BodyBlock::make(body.bytes(), head, headers));
    inbox_->restore_body(index, block);
    if (found->second.recovered) choose_way(entry, *block.get(), &slab_->at(index));
    host_->on_batch_fall_back(index);
}

// A request of an earlier run chooses its way anew, out of what is known of it now. Where its route
// is no more, or has no step for it, it keeps the model that it had in its batch.
void BatchLane::choose_way(EntryId entry, const BodyBlock& body, Request* request) {
    const ModelClasses::Found of_model = inbox_->class_of(body);
    request->model_class = of_model.model_class;
    request->prices = of_model.prices;
    const auto found = routed_.find(entry);
    if (found == routed_.end()) return;
    const Routed routed = std::move(found->second);
    routed_.erase(found);
    const RouteSettings& routes = settings_.core.routes;
    const std::uint16_t route = find_route(routes, routed.route);
    const RouteFacts facts{
        .input_tokens = request->input_tokens != 0
                            ? request->input_tokens
                            : static_cast<std::int64_t>(body.head().input_tokens),
        .complexity = routed.complexity,
        .priority = request->priority,
        .deadline_ns = request->deadline_at == kNever ? kNever : request->deadline_at - now_};
    if (route == 0 || !first_step(routes, route, facts, &request->route)) return;
    const RouteStep& step = step_of(routes, request->route);
    request->model_class = step.model_class;
    request->prices = step.prices;
}

}  // namespace weir
