#pragma once

#include <map>
#include <queue>
#include <set>
#include <utility>
#include <vector>

#include "base/random.h"
#include "core/core.h"
#include "random_schedule.h"

namespace weir::test {

inline constexpr TimeNs kTick = TimeNs{1} << 20;  // the timing wheel's

// A core, what it was asked for, and what it has done about it. Each feature's part has its file.
class Schedule {
public:
    explicit Schedule(std::uint64_t seed)
        : random_(seed), settings_(make_settings()), core_(settings_, &slab_, random_.next()) {}

    ScheduleResult run();

private:
    struct Event {
        enum class Kind {
            submit,
            try_acquire,
            cancel,
            cancel_tag,
            claim,
            drop,
            close,
            head,
            content,
            progress,
            end,
            unblock,
            set_key,
            retire_key
        };
        TimeNs at;
        std::uint64_t order;
        Kind kind;
        std::uint64_t what;
        bool operator<(const Event& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };
    struct Live {  // an attempt in flight
        std::uint64_t ticket;
        TimeNs lease_ends_at;  // kNever: there is none
        bool permit;
        bool counting;
        KeyId key;
        std::uint32_t key_version;
        std::uint16_t model_class;
        std::uint64_t tenant;
        bool content = false;
    };
    struct KnownKey {
        std::uint32_t version = 0;
        bool retired = false;
        TimeNs not_before = 0;
    };
    struct Known {  // a request that was accepted
        bool ended = false;
        bool counted = false;
        bool dropped = false;  // by a caller
        std::uint64_t tag = 0;
        TimeNs deadline_at = kNever;
        TimeNs not_before = 0;
        std::uint16_t not_before_of = 0;  // the model class that said so
        std::uint8_t step = 0;            // of its route, at its last attempt
        std::uint32_t starts = 0;
        std::uint32_t countable = 0;
        bool may_restart = false;
        bool stream = false;
        bool hedged = false;
        bool content_seen = false;  // of an attempt that failed
    };

    // random_schedule.cc
    void plan();
    void post(std::uint64_t in_ns, Event::Kind kind, std::uint64_t what);
    void happen(const Event& event);
    void advance_core();

    // schedule_settings.cc
    CoreSettings make_settings();

    // schedule_requests.cc
    RequestIndex make_request();
    void accept(RequestIndex index);
    void claim(std::uint64_t ticket);
    std::uint32_t lease();
    void cancel_tag(std::uint64_t tag);
    void submit();
    void try_acquire();
    std::vector<RequestIndex> queued();
    bool comes_before_one_of(const std::vector<RequestIndex>& waiting,
                             const Request& request) const;
    static BodyRef stream_body();

    // schedule_attempts.cc
    void head(AttemptId attempt);
    void content(AttemptId attempt);
    void end(AttemptId attempt);
    void take_actions();
    void aborted(const Action& action, Known* known);
    void started(const Action& action, std::uint64_t ticket, Known* known);
    std::uint32_t most_attempts() const;
    void ended(const Action& action, Known* known);
    void record(const Action& action);

    // schedule_checks.cc
    void check();
    void check_expectations();
    void check_end();

    // schedule_keys.cc
    void add_scopes(std::uint16_t index, CoreSettings* settings);
    void plan_later_keys();
    void set_key(std::uint64_t what);
    void retire_key(std::uint64_t what);

    // schedule_routes.cc
    void add_route(CoreSettings* settings);
    void choose_route(Request* request);
    void check_route(const Request& request, Known* known);
    void check_step_counts();

    // schedule_day_budgets.cc
    void add_day_budgets(LimitSettings* limits);
    void check_day_budgets(const Action& action);

    // schedule_hedging.cc
    bool check_hedge(const Action& action, std::uint64_t ticket, Known* known);
    std::size_t attempts_of(std::uint64_t ticket) const;
    std::size_t requests_in_flight();

    // schedule_bounds.cc
    std::uint32_t bound();
    std::uint32_t tenant_bound(std::uint64_t tenant) const;
    bool is_held_back(std::uint64_t tenant) const;
    void check_bounds();

    void broken(const char* what) {
        if (result_.broken.empty()) result_.broken = what;
    }

    BodyRef stream_ = stream_body();
    Random random_;
    CoreSettings settings_;
    RequestSlab slab_;
    Core core_;
    TimeNs now_ = 1'000 * kNsPerS;
    std::uint64_t order_ = 0;
    std::priority_queue<Event> events_;
    std::vector<Action> actions_;
    std::map<AttemptId, Live> live_;
    std::set<AttemptId> used_attempts_;
    std::map<std::uint64_t, Known> known_;
    std::map<std::pair<std::uint16_t, std::uint16_t>, KnownKey> keys_;
    std::vector<Limiter::BucketView> views_;
    std::uint64_t tag_ = 0;  // of the request that was made last
    ScheduleResult result_;
};

}  // namespace weir::test
