#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "accounts/account_chooser.h"
#include "accounts/key_ring.h"
#include "base/random.h"
#include "base/timing_wheel.h"
#include "core/core_outlook.h"
#include "core/core_settings.h"
#include "core/hedge_pace.h"
#include "core/request.h"
#include "core/request_slab.h"
#include "core/set_aside.h"
#include "limits/limiter.h"
#include "queue/queue.h"
#include "retry/breaker.h"
#include "retry/policy.h"
#include "retry/retry_budget.h"
#include "routing/route_choice.h"

namespace weir {

// The engine's name for an attempt: generation << 32 | index, never reused.
using AttemptId = std::uint64_t;

// Why a request will never fit: a day's budget, or kNoDayBudget where it was another limit.
struct Refusal {
    std::uint16_t day_budget = kNoDayBudget;
    bool money = false;
    TimeNs frees_at = kNever;  // when the budget's day ends, if that would help

    Refusal() = default;
    explicit Refusal(const Verdict& verdict)
        : day_budget(verdict.day_budget), money(verdict.spend), frees_at(verdict.at) {}
};

// What the core wants done. Data, so that a run can be recorded and compared.
struct Action {
    enum class Kind : std::uint8_t {
        start,        // begin the attempt
        count,        // likewise, one that asks for the request's input tokens
        permit,       // give the attempt to the caller
        abort,        // end the attempt; no on_end will be given for it
        restart,      // what the caller has seen of a stream is void; another attempt follows
        succeed,      // the request's terminal event: the answer of `attempt`
        fail,         // the request's terminal event: `status`
        key_changed,  // the key has another state, or another secret
    };
    Kind kind;
    bool replaced = false;      // key_changed: it has another secret
    std::uint16_t account = 0;  // start, permit, key_changed
    std::uint16_t key = 0;      // likewise
    std::int32_t status = 0;    // fail: the WEIR_ERR_ code
    RequestIndex request = kNoRequest;
    AttemptId attempt = 0;    // fail: the attempt that failed now, or 0
    TimeNs keys_back_at = 0;  // fail, as no key may be used: when the first comes back, if known
    Refusal refusal = {};     // fail, as it will never fit
};

// The state machine of requests; it owns them from submit to their terminal event. Single-threaded
// and pure: time, outcomes and a seed go in, actions come out, in the order in which they are to
// be done. After succeed or fail the request's slot is the caller's, to read and give back.
class Core {
public:
    Core(const CoreSettings& settings, RequestSlab* slab, std::uint64_t seed);

    // Inputs. Each appends to `actions`.
    void submit(RequestIndex request, TimeNs now, std::vector<Action>* actions);
    void cancel(std::uint64_t ticket, TimeNs now, std::vector<Action>* actions);
    // Everything of the tag whose group begins with `first` (RequestSlab::first_of_tag).
    void cancel_group(RequestIndex first, TimeNs now, std::vector<Action>* actions);
    // The request was claimed by a caller as dropped.
    void drop(std::uint64_t ticket, TimeNs now, std::vector<Action>* actions);
    void close(TimeNs now, std::vector<Action>* actions);  // everything outstanding fails

    // An attempt's life, as the transport and the dialect see it.
    // `answered`: it is the head of an answer, and not of a refusal. Where the input is counted,
    // that is told first.
    void on_head(AttemptId attempt, bool answered, const LimitReadings& readings, TimeNs now);
    // The first content of a stream is here, and is about to be passed on. False if it is not to
    // be: the request's other attempt was faster.
    bool on_content(AttemptId attempt, TimeNs now, std::vector<Action>* actions);
    void on_progress(AttemptId attempt, std::int64_t output_tokens, TimeNs now);
    // The beginning of a stream says what its input came to.
    void on_input_counted(AttemptId attempt, const Usage& usage, TimeNs now);
    void on_end(AttemptId attempt, const Outcome& outcome, std::unique_ptr<ErrorDetail> detail,
                TimeNs now, std::vector<Action>* actions);

    // A permit at once, or none: for a request that is not submitted. What waits in its model class
    // and is as urgent, or more so, is never overtaken.
    struct Grant {
        std::int32_t status = 0;  // WEIR_OK, WEIR_ERR_NOT_NOW, or what a submit would fail with
        TimeNs ask_again_at = kNever;  // not now: when it makes sense; kNever is not known
        Action permit = {};            // granted
    };
    Grant try_acquire(RequestIndex request, TimeNs now);
    // Takes back what the last try_acquire has granted and nobody has seen.
    void withdraw(RequestIndex request, TimeNs now);
    // What an attempt in flight holds.
    Cost held(AttemptId attempt) const;

    // Keys come and go (core_keys.cc). A key that is retired finishes what it has in flight; one
    // that gets another secret is as new, and whoever is retired comes back with it. add_key gives
    // KeyRing::kNoKey if there are too many, and changes nothing if memory runs out.
    std::uint16_t add_key(std::uint16_t account, std::string_view name,
                          std::vector<Action>* actions);
    void replace_key(KeyId id, std::vector<Action>* actions);
    void retire_key(KeyId id, std::vector<Action>* actions);

    // Does what time makes due, and starts what may start. Called after every batch of inputs, and
    // at next_timer().
    void advance(TimeNs now, std::vector<Action>* actions);
    TimeNs next_timer() const;

    // What is to be expected of a request, as far as the limits say it. Takes nothing.
    Expectation estimate(const Request& request, TimeNs now);  // that is not submitted
    Expectation place(RequestIndex request, TimeNs now);       // that is outstanding here
    ClassOutlook outlook(std::uint16_t model_class, TimeNs now);

    // While the caller does not take its events nothing new is started.
    void set_delivery_blocked(bool blocked) { delivery_blocked_ = blocked; }

    Limiter& limiter() { return limiter_; }
    const Limiter& limiter() const { return limiter_; }
    const KeyRing& keys() const { return keys_; }

    struct Counts {
        std::uint64_t accepted = 0;
        std::uint64_t succeeded = 0;
        std::uint64_t failed = 0;  // cancelled among them
        std::uint64_t cancelled = 0;
        std::uint64_t dropped = 0;  // likewise: for more urgent ones, the queue being full
        std::uint64_t attempts = 0;
        std::uint64_t retries = 0;     // attempts beyond a request's first
        std::uint64_t refused = 0;     // attempts that the provider's limits turned away
        std::uint64_t unpaid = 0;      // retries put off, the retry budget being used up
        std::uint64_t hedges = 0;      // attempts beside another one of the same request
        std::uint64_t hedges_won = 0;  // of these, the ones that were heard
        std::uint64_t backing_off = 0;
        std::uint64_t in_flight = 0;
        std::uint64_t permits = 0;              // attempts that were given to the caller
        std::uint64_t permits_expired = 0;      // and never reported
        std::uint64_t leases_ended = 0;         // attempts of whose end nothing was heard
        std::uint64_t token_counts = 0;         // calls that ask for input tokens
        std::uint64_t token_counts_failed = 0;  // requests that went on without their answer
    };
    const Counts& counts() const { return counts_; }
    // What has become of the requests at a step of a route.
    struct StepCounts {
        std::uint64_t first = 0;     // whose first choice it was
        std::uint64_t moved_in = 0;  // from an earlier step
        std::uint64_t succeeded = 0;
        std::uint64_t left_overloaded = 0;  // moved on to a later step
        std::uint64_t left_budget = 0;
        std::uint64_t left_capacity = 0;
    };
    const StepCounts& step_counts(std::size_t route, std::size_t step) const {
        return step_counts_[route * Route::kMaxSteps + step];
    }
    std::uint64_t queued() const { return queue_.size() + set_aside_.size(); }
    std::uint64_t set_aside() const { return set_aside_.size(); }

    // What is known of the concurrency that an endpoint bears, where it is adaptive.
    struct ConcurrencyView {
        std::uint16_t account;
        std::uint16_t model_class;
        std::uint32_t in_flight;
        std::uint32_t limit;
        TimeNs usual_first_token;  // 0: not known
        TimeNs recent_first_token;
    };
    std::vector<ConcurrencyView> concurrency() const;  // of the endpoints that were used

    // When the request, which waits, was promised to start as far as its limits go. kNever: it was
    // promised nothing.
    TimeNs promised_start(RequestIndex request) const;

private:
    struct Attempt {
        std::uint32_t generation = 0;
        RequestIndex request = kNoRequest;  // the next free attempt while free
        KeyRing::Pick key;
        bool live = false;
        bool trial = false;     // the breaker counts it
        bool probe = false;     // of an endpoint that is out: a failure is not the request's fault
        bool answered = false;  // the head of an answer has come
        bool showed_token = false;
        bool content = false;            // content of it was passed on
        bool hedge = false;              // it began beside another one
        AttemptIndex twin = kNoAttempt;  // the request's other attempt (core_hedging.cc)
        // What an earlier end of that has left to say if this one fails as well.
        std::int32_t twin_status = 0;  // the request fails with it; 0: it may be repeated
        TimeNs twin_wait_until = 0;    // not before
        Reservation reservation;
    };
    // An account's model class, as far as failures go.
    struct Endpoint {
        Breaker breaker;
        RetryBudget retries;
        TimeNs stated_until = 0;  // the end of a wait that the provider has stated
        AdaptiveConcurrency concurrency;
        std::uint32_t in_flight = 0;
        bool used = false;
    };
    // A request at the head of its model class that has long to wait for its budget has the time
    // at which it will start, at the latest. What is behind it passes where it keeps that time.
    struct Promise {
        RequestIndex request = kNoRequest;
        std::uint32_t generation = 0;
        std::uint16_t account = 0;
        Limiter::Promise start;
        TimeNs latest = 0;  // more urgent requests may put the start off until then
    };
    Endpoint& endpoint(std::size_t account, std::size_t model_class) {
        return endpoints_[account * queue_.lanes() + model_class];
    }

    std::uint16_t accounts() const {
        return static_cast<std::uint16_t>(settings_.accounts.accounts.size());
    }
    BudgetId budget_of(std::uint16_t account, std::uint16_t model_class) const {
        return budgets_[account * queue_.lanes() + model_class];
    }

    Attempt* find(AttemptId id);
    const Attempt* find(AttemptId id) const { return const_cast<Core*>(this)->find(id); }
    AttemptId id_of(AttemptIndex index) const;
    AttemptIndex index_of(const Attempt& attempt) const {
        return static_cast<AttemptIndex>(&attempt - attempts_.data());
    }
    AttemptIndex take_attempt();
    void free_attempt(Attempt* attempt);

    void make_key_budgets();
    BudgetId budget_of(KeyId key, std::uint16_t model_class) const {
        return key_budgets_[key.account][key.key * queue_.lanes() + model_class];
    }

    void start_what_may(TimeNs now, std::vector<Action>* actions);
    RequestIndex next_to_start(TimeNs now);
    RequestIndex next_in(std::size_t lane, TimeNs now);
    bool promise_holds(std::size_t lane) const;
    void try_start(RequestIndex index, TimeNs now, std::vector<Action>* actions);
    static constexpr std::uint16_t kNoAccount = 0xFFFF;
    // How many requests behind a head that waits are looked at.
    static constexpr std::size_t kMostTried = 8;
    // The account that has room for the request now, or what it waits for.
    struct Room {
        Verdict::Kind kind = Verdict::Kind::never;  // never: it fits nowhere
        std::uint16_t account = kNoAccount;         // not before: the first that has room
        TimeNs at = kNever;                         // likewise: when
        Refusal refusal = {};                       // never
        BudgetId budget = 0;                        // likewise: of the key that it waits for
        LimitKind binding = LimitKind::unknown;     // likewise: its limit, if it is known
        bool may_be_soon = false;                   // where nobody knows when: one has to end
    };
    // What an attempt starts with.
    struct Offer {
        KeyId key;
        BudgetId budget = 0;  // no room: the one that will have room first
        Reservation reservation;
    };
    Room find_room(const Request& request, const Cost& cost, TimeNs now, Offer* out);
    Verdict reserve(const Request& request, const Cost& cost, std::uint16_t account, TimeNs now,
                    Offer* out, const Limiter::Promise* beside = nullptr);
    const Promise* promise(RequestIndex head, const Room& room, const Cost& cost, TimeNs now);
    bool backfill(RequestIndex head, const Room& room, const Promise* promise, TimeNs now,
                  TimeNs* earliest, std::vector<Action>* actions);
    const std::vector<std::uint16_t>& accounts_for(const Request& request, TimeNs now);
    std::int32_t why_no_account() const;
    static std::int32_t why_never(const Refusal& refusal);
    void refuse(RequestIndex index, const Refusal& refusal, std::vector<Action>* actions);
    bool tenant_has_spent(RequestIndex index, const Cost& cost, TimeNs now,
                          std::vector<Action>* actions);
    void take_back(RequestIndex index);
    void take_back_next(std::uint16_t day_budget);
    Grant grant_at_once(RequestIndex index, TimeNs now);
    void forget_steps(const RoutePlace& place);
    bool would_overtake(const Request& request) const;
    void start(RequestIndex index, const Offer& offer, TimeNs now, std::vector<Action>* actions,
               bool in_turn = true);
    AttemptIndex begin_attempt(RequestIndex index, const Offer& offer, TimeNs now);
    void tell_start(AttemptIndex attempt, std::vector<Action>* actions);
    void give_back_unsent(const Reservation& reservation, TimeNs now);
    void claimed_by_caller(RequestIndex index, const Offer& offer, TimeNs now,
                           std::vector<Action>* actions);
    Cost cost_of(const Request& request, std::uint16_t model_class) const;
    Cost cost_of(const Request& request) const { return cost_of(request, request.model_class); }

    // Expectations (core_outlook.cc).
    struct Need {
        double requests = 0;
        double input = 0;
        double output = 0;
        double promised = 0;

        void add(const Need& other, double share) {
            requests += share * other.requests;
            input += share * other.input;
            output += share * other.output;
            promised += share * other.promised;
        }
    };
    Expectation expect(const Request& request, std::uint64_t position, TimeNs now);
    void expect_of(const Request& request, KeyId key, TimeNs now, Expectation* best);
    void wait_for_those_ahead(const Request& request, std::uint64_t position, TimeNs now,
                              Expectation* best);
    TimeNs opens_at(std::uint16_t account, std::uint16_t model_class, TimeNs now);
    Need need_of(std::uint16_t model_class, const Backlog& backlog, bool surely) const;
    TimeNs refill_time(std::uint16_t model_class, const Need& need, const Need& last, bool surely,
                       TimeNs now, LimitKind* binding);
    TimeNs soonest(std::uint16_t model_class, const Need& need, TimeNs now);
    void charge_difference(const Request& request, const Reservation& reservation,
                           const Outcome& outcome);

    // Requests with a route (core_routing.cc).
    struct Prospect {
        TimeNs at = kNever;     // about when the request could start; never: it does not fit
        bool out = false;       // every endpoint that it has a key for is thought to be out
        bool on_trial = false;  // likewise, and is due to be tried again
    };
    Prospect prospect(const Request& request, std::uint16_t model_class, std::uint64_t before,
                      TimeNs now);
    TimeNs time_behind(const Request& request, std::uint16_t model_class, std::uint16_t account,
                       std::uint64_t before, TimeNs now);
    std::uint64_t waiting_before(const Request& request, std::uint16_t model_class) const;
    void enter_route(RequestIndex index, TimeNs now);
    bool look_ahead(RequestIndex index, const Prospect& here, TimeNs now);
    bool leave_after(RequestIndex index, const Outcome& outcome, bool counted, TimeNs now);
    bool move_on(RequestIndex index, RouteReason reason, TimeNs by, TimeNs wait_ns, TimeNs now);
    void arm_waiting(RequestIndex index, TimeNs now);
    void join_back(RequestIndex index);
    StepCounts& counts_of(const RoutePlace& place) {
        return step_counts_[(place.route - 1u) * Route::kMaxSteps + place.step];
    }

    void learn_of_endpoint(const Attempt& attempt, const Outcome& outcome, TimeNs now);
    void learn_of_concurrency(const Attempt& attempt, const Outcome& outcome, TimeNs now);
    void learn_of_key(const Attempt& attempt, const Outcome& outcome, TimeNs now,
                      std::vector<Action>* actions);
    bool is_about_the_request(const Outcome& outcome) const;
    // Whether and when a request may be tried again (core_retrying.cc).
    Situation situation_of(const Request& request, const Attempt& attempt, const Outcome& outcome,
                           TimeNs now);
    TimeNs elsewhere_at(const Attempt& attempt, const Outcome& outcome, TimeNs now);
    TimeNs other_account_at(const Request& request, std::uint16_t account, TimeNs now);
    TimeNs could_start_at(const Request& request, std::uint16_t model_class, std::uint16_t account,
                          TimeNs now);
    void try_again(RequestIndex index, const Decision& decision, std::uint16_t account,
                   OutcomeClass cls, TimeNs now);
    bool fail_if_outlasted(RequestIndex index, std::uint16_t account, TimeNs earliest, TimeNs now,
                           std::vector<Action>* actions);
    void say_when_keys_come_back(TimeNs now, Action* failure) const;
    void rearm(RequestIndex index, TimeNs at);
    void pause(RequestIndex index, TimeNs until);
    void let_go(Attempt* attempt, const Outcome& outcome, TimeNs now, std::vector<Action>* actions);
    // A second attempt beside a slow one (core_hedging.cc).
    static bool is_stream(const Request& request);
    TimeNs hedge_at(const Request& request, TimeNs now) const;
    bool may_hedge(const Request& request) const;
    void hedge(RequestIndex index, TimeNs now, std::vector<Action>* actions);
    bool find_hedge(const Request& request, TimeNs now, Offer* out);
    Attempt* part(Attempt* attempt);
    void lose(Attempt* loser, TimeNs now, std::vector<Action>* actions);
    void leave_to(Attempt* twin, const Outcome& outcome, const Decision& decision, TimeNs now);
    void wait_for_twins_too(const Request& request, TimeNs wait_until, const Outcome& outcome,
                            TimeNs now, Decision* decision) const;
    void note_first_content(const Attempt& attempt, bool came, TimeNs now);
    TimeNs lease_ends_at(const Attempt& attempt) const;
    void arm_in_flight(RequestIndex index, TimeNs now);
    void on_timer_in_flight(RequestIndex index, TimeNs now, std::vector<Action>* actions);
    void on_timer(RequestIndex index, TimeNs now, std::vector<Action>* actions);
    // Asking for input tokens (core_counting.cc).
    static CoreSettings with_counting(CoreSettings settings);
    std::uint16_t lane_of(const Request& request) const {
        return request.counting ? counting_lane_ : request.model_class;
    }
    TimeNs first_timer(const Request& request, TimeNs now) const;
    void wait_to_count(RequestIndex index, const Room& room, TimeNs now);
    void go_on_uncounted(RequestIndex index, TimeNs now);
    void enqueue_counted(RequestIndex index, TimeNs now);
    void count(RequestIndex index, AttemptId attempt, const KeyId& key,
               std::vector<Action>* actions);
    void counting_is_late(RequestIndex index, TimeNs now, std::vector<Action>* actions);
    void on_counted(RequestIndex index, const Outcome& outcome, TimeNs now,
                    std::vector<Action>* actions);
    void lease_ended(const Attempt& attempt, TimeNs now, std::vector<Action>* actions);
    void end_early(RequestIndex index, std::int32_t status, TimeNs now,
                   std::vector<Action>* actions);
    void finish(RequestIndex index, Action::Kind kind, std::int32_t status, AttemptId attempt,
                std::vector<Action>* actions);

    CoreSettings settings_;
    std::uint16_t counting_lane_;
    RequestSlab* slab_;
    Random random_;
    Limiter limiter_;
    KeyRing keys_;
    AccountChooser chooser_;
    Queue<RequestSlab> queue_;
    TimingWheel<RequestSlab> wheel_;
    SetAside set_aside_;
    std::vector<Attempt> attempts_;
    AttemptIndex free_attempt_ = kNoAttempt;
    std::vector<BudgetId> budgets_;    // by account and model class
    std::vector<Supplies> supplies_;   // of a class's budgets, while they are looked at
    std::vector<Endpoint> endpoints_;  // likewise
    std::vector<std::uint32_t> accounts_in_flight_;
    std::vector<Promise> promises_;                   // by model class
    std::vector<std::vector<BudgetId>> key_budgets_;  // by account; by key and model class
    std::size_t first_lane_ = 0;                      // round robin over the lanes
    std::vector<double> headroom_;                    // by account
    std::vector<HedgePace> hedge_paces_;              // by model class
    std::vector<Action> scratch_;
    bool closed_ = false;
    bool delivery_blocked_ = false;
    Counts counts_;
    std::vector<StepCounts> step_counts_;                         // by route and step
    std::array<StepCounts, Route::kMaxSteps> counts_before_try_;  // of the route asked about last
};

}  // namespace weir
