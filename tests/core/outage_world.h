#pragma once

#include <cstdint>
#include <map>
#include <queue>
#include <vector>

#include "core/core.h"
#include "model/model.h"

namespace weir::test {

// Requests that come at a steady rate, the core, and the model of the API behind a network, in
// virtual time: what happens while the provider is out, and afterwards.
class OutageWorld {
public:
    struct Settings {
        model::Config model;
        CoreSettings core;
        double requests_per_s = 5;
        TimeNs requests_until = 300 * kNsPerS;
        TimeNs deadline_ns = 0;  // of each request; 0: none
        TimeNs attempt_timeout_ns = 20 * kNsPerS;
        std::uint64_t seed = 1;
    };

    // One second, as the server and the callers see it.
    struct Second {
        std::uint32_t offered = 0;  // requests submitted
        std::uint32_t sent = 0;     // attempts that arrived at the server
        std::uint32_t answered = 0;
    };

    explicit OutageWorld(const Settings& settings);

    // Lets time pass until then, or until there is nothing left to do. Returns the time.
    TimeNs run(TimeNs until);

    std::uint64_t offered() const { return offered_; }
    std::uint64_t answered() const { return answered_; }
    std::uint64_t failed() const { return failed_; }
    std::uint64_t outstanding() const { return offered_ - answered_ - failed_; }
    const Core& core() const { return core_; }
    std::uint32_t offered(std::size_t from_s, std::size_t to_s) const;
    std::uint32_t sent(std::size_t from_s, std::size_t to_s) const;
    // Of the failures.
    const std::map<std::int32_t, std::uint64_t>& statuses() const { return statuses_; }
    // The time from submit to first content that a share `q` of the answers took at most.
    double first_content_s(double q) const;
    TimeNs last_stated_wait() const { return last_stated_wait_; }
    // When all that was submitted before `at` had ended; kNever: not yet.
    TimeNs ended_by(TimeNs at) const;

private:
    struct Event {
        enum class Kind : std::uint8_t { submit, arrival, head, end };
        TimeNs at;
        std::uint64_t order;
        Kind kind;
        AttemptId attempt;
        bool operator<(const Event& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };
    struct Call {
        std::uint16_t account = 0;
        std::uint16_t model_class = 0;
        TimeNs sent_at = 0;
        TimeNs submitted_at = 0;
        model::Decision decision;
    };
    struct Ended {
        TimeNs submitted_at;
        TimeNs ended_at;
    };

    TimeNs delay();
    void post(TimeNs at, Event::Kind kind, AttemptId attempt = 0);
    void happen(const Event& event);
    void submit();
    void arrive(AttemptId attempt);
    void head(AttemptId attempt);
    void end(AttemptId attempt);
    void advance();
    void take_actions();
    Second& second(TimeNs at);
    static Outcome outcome_of(const model::Decision& decision);

    Settings settings_;
    Random random_;
    model::Model model_;
    RequestSlab slab_;
    Core core_;
    BodyRef body_;
    TimeNs now_ = 0;
    std::uint64_t order_ = 0;
    std::priority_queue<Event> events_;
    std::vector<Action> actions_;
    std::map<AttemptId, Call> calls_;
    std::vector<Second> seconds_;
    std::vector<Ended> ended_;
    std::vector<double> waited_s_;  // for first content
    std::map<std::int32_t, std::uint64_t> statuses_;
    TimeNs last_stated_wait_ = -1;
    std::uint64_t offered_ = 0;
    std::uint64_t answered_ = 0;
    std::uint64_t failed_ = 0;
};

}  // namespace weir::test
