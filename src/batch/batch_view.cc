#include "batch/batch_view.h"

#include <algorithm>

#include "batch/batch_machine.h"

namespace weir {

namespace {

const char* state_of(const BatchSubmission& submission) {
    switch (submission.stage) {
        case BatchSubmission::Stage::closed:
        case BatchSubmission::Stage::loading:
            return submission.intent_written ? "sent" : "collected";
        case BatchSubmission::Stage::intent:
            return "intent";
        case BatchSubmission::Stage::reconciling:
            return "sent";
        case BatchSubmission::Stage::acknowledged:
            return submission.cancel_wanted ? "cancelling" : "acknowledged";
        case BatchSubmission::Stage::ended:
            return "ended";
        case BatchSubmission::Stage::settled:
        case BatchSubmission::Stage::removing:
            break;
    }
    return "delivered";
}

}  // namespace

BatchView BatchMachine::view_of(const BatchSubmission& submission, TimeNs now) const {
    const UnixNs unix_now = now + unix_minus_now_;
    BatchView view;
    view.id = submission.id;
    view.state = state_of(submission);
    view.account = submission.account;
    view.model = groups_[submission.group].model;
    view.remote_id = submission.remote_id;
    view.requests = static_cast<std::uint32_t>(submission.entries.size());
    view.open = submission.open;
    view.undelivered = submission.unconfirmed;
    view.late = submission.stage < BatchSubmission::Stage::settled ? submission.late : 0;
    view.tally = submission.tally;
    view.cost = submission.cost;
    view.not_found = submission.not_found_told_at != kNever;
    view.cancel_wanted = submission.cancel_wanted;
    view.cancel_sent = submission.cancel_sent;
    if (submission.asked_at != kNever) view.asked_ago_ns = now - submission.asked_at;
    if (submission.created_unix != kNoUnixTime) {
        view.age_ns = std::max<TimeNs>(unix_now - submission.created_unix, 0);
    }
    if (submission.expires_unix != kNoUnixTime) {
        view.expires_in_ns = std::max<TimeNs>(submission.expires_unix - unix_now, 0);
    }
    return view;
}

bool BatchMachine::view(SubmissionId id, TimeNs now, BatchView* out) const {
    const auto it = submissions_.find(id);
    if (it == submissions_.end()) return false;
    *out = view_of(it->second, now);
    return true;
}

void BatchMachine::view(TimeNs now, std::vector<BatchView>* out) const {
    for (const auto& [id, submission] : submissions_) out->push_back(view_of(submission, now));
}

BatchLimitsView BatchMachine::limits(std::uint16_t index, TimeNs now) const {
    const Account& account = accounts_[index];
    return {.calls_per_minute = kNsPerMinute / account.pacer.interval(),
            .next_call_in_ns = std::max<TimeNs>(account.pacer.next() - now, 0),
            .queue_places = account.most_places,
            .places_taken = account.places};
}

}  // namespace weir
