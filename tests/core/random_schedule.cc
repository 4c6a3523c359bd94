#include "random_schedule.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <vector>

#include "core/core.h"
#include "weir/weir.h"

namespace weir::test {

namespace {

constexpr TimeNs kTick = TimeNs{1} << 20;  // the timing wheel's

class Schedule {
public:
    explicit Schedule(std::uint64_t seed)
        : random_(seed), settings_(make_settings()), core_(settings_, &slab_, random_.next()) {}

    ScheduleResult run() {
        plan();
        advance_core();
        while (result_.broken.empty()) {
            const TimeNs timer = core_.next_timer();
            const TimeNs event = events_.empty() ? kNever : events_.top().at;
            if (timer == kNever && event == kNever) break;
            if (++result_.events > 200'000) {
                broken("the schedule does not come to an end");
                break;
            }
            now_ = std::max(now_, std::min(timer, event));
            if (event <= now_) {
                const Event next = events_.top();
                events_.pop();
                happen(next);
            }
            advance_core();
            check();
        }
        check_end();
        return result_;
    }

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

    CoreSettings make_settings() {
        CoreSettings settings;
        settings.max_in_flight = static_cast<std::uint32_t>(1 + random_.below(8));
        if (random_.below(2) == 0) {
            settings.limits.token_count.requests_per_minute =
                static_cast<std::int64_t>(10 + random_.below(600));
        }
        if (random_.below(2) == 0) settings.lease_ns = lease() * kNsPerMs;
        settings.accounts.choice = static_cast<AccountChoice>(random_.below(4));
        settings.accounts.wait_when_all_out = random_.below(2) == 0;
        settings.queue.order = static_cast<QueueSettings::Order>(random_.below(2));
        settings.queue.sharing = static_cast<QueueSettings::Sharing>(random_.below(2));
        settings.queue.ageing_ns = static_cast<TimeNs>(random_.below(10 * kNsPerS));
        settings.retry.max_attempts = static_cast<std::uint8_t>(1 + random_.below(4));
        settings.retry.max_refusals = static_cast<std::uint8_t>(1 + random_.below(6));
        settings.retry.jitter = static_cast<Jitter>(random_.below(4));
        for (RetrySettings::Pace& own : settings.retry.own) {
            if (random_.below(4) == 0)
                own.max_attempts = static_cast<std::uint8_t>(1 + random_.below(4));
            if (random_.below(4) == 0) own.base_ns = 100 * kNsPerMs;
            if (random_.below(4) == 0) own.cap_ns = 2 * kNsPerS;
        }
        if (random_.below(2) == 0) {
            settings.retry.hedge_after_ns = static_cast<TimeNs>(1 + random_.below(kNsPerS / 2));
            settings.retry.hedge_after_p95 = random_.below(3) == 0;
            settings.retry.hedge_share = 1;
        }
        if (random_.below(3) == 0) settings.retry.max_wait_ns = 3 * kNsPerS;
        if (random_.below(3) == 0) {
            settings.retry.budget_capacity = static_cast<double>(5 * random_.below(4));
        }
        settings.retry.after_timeout = random_.below(4) != 0;
        settings.adaptive = {.on = random_.below(3) == 0,
                             .floor = 1,
                             .ceiling = static_cast<std::uint32_t>(1 + random_.below(8))};
        settings.queue.tenant_max_in_flight = bound();
        if (random_.below(3) == 0) settings.queue.tenant_bounds = {{1, 1}};
        const std::uint64_t classes = 1 + random_.below(3);
        for (std::uint64_t i = 0; i < classes; ++i) {
            LimitSettings::Class model_class;
            model_class.name = "class" + std::to_string(i);
            model_class.models = {model_class.name};
            if (random_.below(2) == 0) {
                model_class.limits.requests_per_minute =
                    static_cast<std::int64_t>(30 + random_.below(600));
            }
            if (random_.below(2) == 0) {
                model_class.limits.input_tokens_per_minute =
                    static_cast<std::int64_t>(20'000 + random_.below(400'000));
            }
            if (random_.below(2) == 0) {
                model_class.limits.output_tokens_per_minute =
                    static_cast<std::int64_t>(8'000 + random_.below(80'000));
            }
            model_class.limits.in_flight = bound();
            settings.limits.classes.push_back(model_class);
        }
        const std::uint64_t accounts = 1 + random_.below(3);
        for (std::uint64_t i = 0; i < accounts; ++i) {
            settings.limits.accounts.push_back(
                {.name = "account" + std::to_string(i), .limits = {}});
            settings.accounts.accounts.push_back(
                {.name = "account" + std::to_string(i),
                 .max_in_flight = bound(),
                 .keys = std::vector<KeySettings>(1 + random_.below(3))});
            add_scopes(static_cast<std::uint16_t>(i), &settings);
        }
        for (std::uint64_t i = random_.below(3); i > 0; --i) add_route(&settings);
        add_day_budgets(&settings.limits);
        settings.limits.ramp = static_cast<RampMode>(random_.below(3));
        settings.limits.slow_start = {
            .idle_ns = static_cast<TimeNs>(kNsPerS + random_.below(20 * kNsPerS)),
            .doubling_ns = static_cast<TimeNs>(kNsPerS + random_.below(5 * kNsPerS)),
            .first_share = 0.05 + 0.95 * random_.unit()};
        return settings;
    }

    void add_route(CoreSettings* settings) {
        Route route;
        route.name = "route" + std::to_string(settings->routes.routes.size());
        route.fallback = static_cast<std::uint8_t>(random_.below(16));
        route.max_wait_ns = static_cast<TimeNs>(random_.below(5 * kNsPerS));
        for (std::uint64_t i = 1 + random_.below(4); i > 0; --i) {
            RouteStep step;
            step.model_class =
                static_cast<std::uint16_t>(random_.below(settings->limits.classes.size()));
            if (random_.below(3) == 0) step.max_input_tokens = 1500;
            if (random_.below(3) == 0) step.max_deadline_ns = 10 * kNsPerS;
            if (random_.below(3) == 0) {
                step.priorities = static_cast<std::uint8_t>(1 + random_.below(15));
            }
            route.steps.push_back(step);
        }
        settings->routes.routes.push_back(route);
    }

    // Some requests have a route, if one of its steps takes them.
    void choose_route(Request* request) {
        const std::uint64_t routes = settings_.routes.routes.size();
        if (routes == 0 || random_.below(2) == 0) return;
        RouteFacts facts{.input_tokens = request->input_tokens, .priority = request->priority};
        if (request->deadline_at != kNever) {
            facts.deadline_ns = request->deadline_at - request->submitted_at;
        }
        const auto route = static_cast<std::uint16_t>(1 + random_.below(routes));
        if (!first_step(settings_.routes, route, facts, &request->route)) return;
        request->model_class = step_of(settings_.routes, request->route).model_class;
    }

    // Budgets of a day: everybody's, the first account's, and those of two tenants of three.
    void add_day_budgets(LimitSettings* limits) {
        limits->prices.rows.push_back({.models = {"*"}, .prices = {.input = 1, .output = 2}});
        limits->refuse_over_spend = random_.below(3) == 0;
        for (std::uint64_t i = 0; i < 4; ++i) {
            if (random_.below(3) != 0) continue;
            LimitSettings::DayBudget budget;
            if (i == 1) budget.account = 0;
            if (i > 1) budget.tenant = i - 1;
            if (random_.below(2) == 0) {
                budget.spend_per_day = static_cast<std::int64_t>(2'000 + random_.below(100'000));
            }
            if (random_.below(2) == 0) {
                budget.tokens_per_day = static_cast<std::int64_t>(2'000 + random_.below(100'000));
            }
            limits->day_budgets.push_back(budget);
        }
    }

    // What begins has room in the budgets that it draws on.
    void check_day_budgets(const Action& action) {
        const std::vector<DayBudget>& budgets = core_.limiter().day_budgets();
        for (std::size_t i = 0; i < budgets.size(); ++i) {
            const LimitSettings::DayBudget& row = settings_.limits.day_budgets[i];
            if (row.account != LimitSettings::Scope::kAny && row.account != action.account)
                continue;
            if (row.tenant != 0 && row.tenant != slab_.at(action.request).tenant) continue;
            const DayBudget& budget = budgets[i];
            const auto over = [](std::int64_t limit, std::int64_t used, std::int64_t held) {
                return limit > 0 && used + held > limit;
            };
            if (over(budget.limit().tokens, budget.used().tokens, budget.held().tokens) ||
                over(budget.limit().spend, budget.used().spend, budget.held().spend)) {
                broken("an attempt began that a day's budget had no room for");
            }
        }
    }

    // Of attempts in flight; 0: none.
    std::uint32_t bound() {
        return static_cast<std::uint32_t>(random_.below(3) == 0 ? 1 + random_.below(3) : 0);
    }

    // Names for the keys, and limits for some of the workspaces and keys.
    void add_scopes(std::uint16_t index, CoreSettings* settings) {
        AccountSettings& account = settings->accounts.accounts.back();
        for (std::size_t key = 0; key < account.keys.size(); ++key) {
            account.keys[key].name = "key" + std::to_string(key);
            account.keys[key].max_in_flight = bound();
            if (random_.below(2) == 0) account.keys[key].workspace = 0;
        }
        for (std::uint64_t i = random_.below(4); i > 1; --i) {
            LimitSettings::Scope scope;
            scope.account = index;
            (random_.below(2) == 0 ? scope.workspace : scope.key) = 0;
            if (random_.below(2) == 0) scope.model_class = 0;
            scope.limits.requests_per_minute = static_cast<std::int64_t>(20 + random_.below(200));
            if (random_.below(2) == 0) scope.limits.input_tokens_per_minute = 20'000;
            settings->limits.scopes.push_back(scope);
        }
    }

    void plan() {
        for (std::uint64_t i = random_.below(6); i > 1; --i) {
            const bool retire = random_.below(2) == 0;
            const auto in_ns = random_.below(30 * kNsPerS);
            post(in_ns, retire ? Event::Kind::retire_key : Event::Kind::set_key, i);
        }
        const std::uint64_t requests = 5 + random_.below(60);
        for (std::uint64_t i = 0; i < requests; ++i) {
            const Event::Kind kind =
                random_.below(5) == 0 ? Event::Kind::try_acquire : Event::Kind::submit;
            post(random_.below(20) * kNsPerS / (1 + random_.below(20)), kind, i);
        }
        for (std::uint64_t i = random_.below(4); i > 0; --i) {
            post(random_.below(30 * kNsPerS), Event::Kind::cancel_tag, 1 + random_.below(3));
        }
        if (random_.below(3) == 0) post(random_.below(60 * kNsPerS), Event::Kind::close, 0);
        if (random_.below(4) == 0) {
            core_.set_delivery_blocked(true);
            post(random_.below(5 * kNsPerS), Event::Kind::unblock, 0);
        }
    }

    void post(std::uint64_t in_ns, Event::Kind kind, std::uint64_t what) {
        events_.push({now_ + static_cast<TimeNs>(in_ns), order_++, kind, what});
    }

    void happen(const Event& event) {
        switch (event.kind) {
            case Event::Kind::submit:
                submit();
                break;
            case Event::Kind::try_acquire:
                try_acquire();
                break;
            case Event::Kind::cancel:
                core_.cancel(event.what, now_, &actions_);
                break;
            case Event::Kind::cancel_tag:
                core_.cancel_tag(event.what, now_, &actions_);
                break;
            case Event::Kind::claim:
                claim(event.what);
                break;
            case Event::Kind::drop:
                core_.drop(event.what, now_, &actions_);
                break;
            case Event::Kind::close:
                core_.close(now_, &actions_);
                break;
            case Event::Kind::unblock:
                core_.set_delivery_blocked(false);
                break;
            case Event::Kind::set_key:
                set_key(event.what);
                break;
            case Event::Kind::retire_key:
                retire_key(event.what);
                break;
            case Event::Kind::head:
                head(event.what);
                break;
            case Event::Kind::content:
                content(event.what);
                break;
            case Event::Kind::progress:
                core_.on_progress(event.what, static_cast<std::int64_t>(random_.below(500)), now_);
                break;
            case Event::Kind::end:
                end(event.what);
                break;
        }
        take_actions();
    }

    RequestIndex make_request() {
        const RequestIndex index = slab_.take();
        Request& request = slab_.at(index);
        request.submitted_at = now_;
        request.prices = random_.below(4) == 0 ? kNoPrices : PricesId{0};
        request.priority = static_cast<std::uint8_t>(random_.below(kPriorities));
        request.model_class =
            static_cast<std::uint16_t>(random_.below(settings_.limits.classes.size()));
        request.tenant = static_cast<std::uint32_t>(random_.below(3));
        request.tag = random_.below(4);
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

    void accept(RequestIndex index) {
        const Request& request = slab_.at(index);
        const std::uint64_t ticket = request.ticket.load();
        if (known_.contains(ticket)) broken("a ticket was given twice");
        known_[ticket] = {.tag = request.tag, .deadline_at = request.deadline_at};
        known_[ticket].may_restart = request.stream_restart;
        known_[ticket].stream = static_cast<bool>(request.body);
        ++result_.accepted;
        if (random_.below(6) == 0) post(random_.below(20 * kNsPerS), Event::Kind::cancel, ticket);
        if (random_.below(8) == 0) post(random_.below(20 * kNsPerS), Event::Kind::claim, ticket);
    }

    // A caller drops the request while it waits, and the core hears of it later.
    void claim(std::uint64_t ticket) {
        if (!slab_.outstanding(ticket)) return;
        if (!slab_.at(RequestSlab::index_of(ticket)).take(Request::Claim::dropped)) return;
        known_.at(ticket).dropped = true;
        post(random_.below(2 * kNsPerS), Event::Kind::drop, ticket);
    }

    std::uint32_t lease() { return static_cast<std::uint32_t>(1 + random_.below(20'000)); }

    void submit() {
        const RequestIndex index = make_request();
        if (random_.below(4) == 0) slab_.at(index).lease_ms = lease();
        if (random_.below(4) == 0) {
            slab_.at(index).counting = true;
            if (random_.below(8) != 0) slab_.at(index).input_tokens = 0;
        }
        accept(index);
        core_.submit(index, now_, &actions_);
    }

    void try_acquire() {
        const RequestIndex index = make_request();
        Request& request = slab_.at(index);
        request.lease_ms = lease();
        const Core::Grant grant = core_.try_acquire(index, now_);
        if (grant.status != WEIR_OK) {
            if (grant.ask_again_at < now_) broken("a refused permit is told to ask in the past");
            return slab_.give_back(index);
        }
        if (somebody_waits_before(request))
            broken("a permit overtook a request that was there first");
        if (random_.below(10) == 0) {
            core_.withdraw(index, now_);
            return slab_.give_back(index);
        }
        accept(index);
        actions_.push_back(grant.permit);
    }

    bool somebody_waits_before(const Request& request) {
        bool found = false;
        slab_.for_each([&](RequestIndex index) {
            const Request& other = slab_.at(index);
            if (is_held_back(other.tenant)) return;
            found |= other.state == Request::State::queued && !other.counting &&
                     other.model_class == request.model_class && other.priority <= request.priority;
        });
        return found;
    }

    void set_key(std::uint64_t what) {
        const auto account = static_cast<std::uint16_t>(what % core_.keys().accounts());
        const std::string name = "key" + std::to_string(what % 5);
        const KeyId id{account, core_.keys().find(account, name)};
        if (id.key == KeyRing::kNoKey) {
            const std::uint16_t added = core_.add_key(account, name, &actions_);
            keys_[{account, added}] = {.version = keys_[{account, added}].version + 1};
            return;
        }
        core_.replace_key(id, &actions_);
        keys_[{account, id.key}] = {.version = keys_[{account, id.key}].version + 1};
    }

    // Another secret comes later, so that nothing waits for ever.
    void retire_key(std::uint64_t what) {
        const auto account = static_cast<std::uint16_t>(what % core_.keys().accounts());
        const KeyId id{account, core_.keys().find(account, "key" + std::to_string(what % 5))};
        if (id.key == KeyRing::kNoKey) return;
        core_.retire_key(id, &actions_);
        keys_[{account, id.key}].retired = true;
        post(random_.below(10 * kNsPerS), Event::Kind::set_key, what);
    }

    void head(AttemptId attempt) {
        LimitReadings readings;
        if (random_.below(2) == 0) {
            LimitReading& reading = readings.of[random_.below(kLimitKinds)];
            reading.limit = static_cast<std::int64_t>(100 + random_.below(1'000'000));
            reading.remaining =
                static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(reading.limit)));
        }
        core_.on_head(attempt, random_.below(4) != 0, readings, now_);
    }

    void content(AttemptId attempt) {
        const auto live = live_.find(attempt);
        const bool wanted = core_.on_content(attempt, now_, &actions_);
        if (wanted != (live != live_.end())) broken("content of the wrong attempt is wanted");
        if (live != live_.end()) live->second.content = true;
    }

    void end(AttemptId attempt) {
        const auto live = live_.find(attempt);
        if (live == live_.end()) return;  // aborted meanwhile
        Outcome outcome;
        outcome.cls = random_.below(3) == 0
                          ? static_cast<OutcomeClass>(random_.below(kOutcomeClasses))
                          : OutcomeClass::success;
        outcome.maybe_executed = random_.below(3) == 0;
        outcome.content_delivered = random_.below(10) == 0;
        if (random_.below(8) == 0)
            outcome.should_retry = static_cast<std::int8_t>(random_.below(2));
        outcome.refused = static_cast<LimitKind>(random_.below(kLimitKinds + 1));
        if (random_.below(3) == 0) {
            outcome.retry_after_ns = static_cast<TimeNs>(random_.below(5 * kNsPerS));
        }
        outcome.usage.input_tokens = static_cast<std::int64_t>(random_.below(4000));
        outcome.usage.output_tokens = static_cast<std::int64_t>(random_.below(2000));
        Known& known = known_.at(live->second.ticket);
        if (known.stream) outcome.content_delivered = live->second.content;
        // Trials of an endpoint that is out are not counted, and cannot be told from here.
        const bool counting = live->second.counting;
        if (!counting && !not_its_fault(outcome, true)) ++known.countable;
        // A bucket's pause, or a key's, is theirs and not the request's.
        if (!counting && outcome.retry_after_ns > 0 && !not_its_fault(outcome, false)) {
            const std::uint16_t here =
                slab_.at(RequestSlab::index_of(live->second.ticket)).model_class;
            if (known.not_before_of != here) known.not_before = 0;
            known.not_before = std::max(known.not_before, now_ + outcome.retry_after_ns);
            known.not_before_of = here;
        }
        if (!counting && outcome.content_delivered && outcome.cls != OutcomeClass::success) {
            known.content_seen = true;
        }
        const KeyId id = live->second.key;
        KnownKey& key = keys_[{id.account, id.key}];
        if (outcome.cls == OutcomeClass::bad_key && key.version == live->second.key_version &&
            core_.keys().view(id).state == KeyRing::State::active) {
            key.not_before = now_ + 30 * kNsPerS;
        }
        live_.erase(live);
        core_.on_end(attempt, outcome, nullptr, now_, &actions_);
    }

    void advance_core() {
        core_.advance(now_, &actions_);
        take_actions();
    }

    void take_actions() {
        for (const Action& action : actions_) {
            record(action);
            if (action.kind == Action::Kind::key_changed) continue;
            const std::uint64_t ticket = slab_.at(action.request).ticket.load();
            const auto found = known_.find(ticket);
            if (found == known_.end())
                return broken("an action for a ticket that was never accepted");
            Known& known = found->second;
            if (known.ended) return broken("an action after the terminal one");
            switch (action.kind) {
                case Action::Kind::start:
                case Action::Kind::permit:
                case Action::Kind::count:
                    started(action, ticket, &known);
                    break;
                case Action::Kind::abort:
                    aborted(action, &known);
                    break;
                case Action::Kind::restart:
                    if (!known.may_restart) broken("a stream was restarted without leave");
                    if (!known.content_seen) broken("a restart of what nobody has seen");
                    known.content_seen = false;
                    break;
                case Action::Kind::succeed:
                case Action::Kind::fail:
                    ended(action, &known);
                    break;
                case Action::Kind::key_changed:
                    break;
            }
        }
        actions_.clear();
    }

    void aborted(const Action& action, Known* known) {
        const auto live = live_.find(action.attempt);
        if (live == live_.end()) return broken("an abort of no attempt in flight");
        // An attempt whose lease is over counts as one that has timed out.
        if (!live->second.permit && !live->second.counting && live->second.lease_ends_at <= now_)
            ++known->countable;
        live_.erase(live);
    }

    void started(const Action& action, std::uint64_t ticket, Known* known) {
        check_day_budgets(action);
        const bool beside = check_hedge(action, ticket, known);
        if (!used_attempts_.insert(action.attempt).second) broken("an attempt id was used twice");
        if (known->dropped) broken("an attempt began for a request that was dropped");
        const Request& request = slab_.at(action.request);
        if (!beside && now_ < known->not_before && request.model_class == known->not_before_of) {
            broken("an attempt began before the pause was over");
        }
        if (request.route.routed()) check_route(request, known);
        if (known->countable >= most_attempts()) broken("more attempts than allowed");
        if (known->content_seen) broken("a stream began again without a word");
        const KnownKey& key = keys_[{action.account, action.key}];
        if (key.retired) broken("an attempt began with a key that is retired");
        if (now_ < key.not_before) broken("an attempt began with a key that was refused");
        const std::uint32_t lease_ms = slab_.at(action.request).lease_ms;
        if ((action.kind == Action::Kind::permit) != (lease_ms != 0)) {
            broken("a permit is no permit");
        }
        const bool permit = lease_ms != 0;
        const bool counting = action.kind == Action::Kind::count;
        if (counting != slab_.at(action.request).counting) broken("a count is no count");
        if (counting && known->starts > 0) broken("counted when it had begun");
        if (counting && known->counted) broken("counted twice");
        known->counted |= counting;
        const TimeNs lease = permit     ? lease_ms * kNsPerMs
                             : counting ? 5 * kNsPerS
                                        : settings_.lease_ns;
        live_[action.attempt] = {.ticket = ticket,
                                 .lease_ends_at = lease == 0 ? kNever : now_ + lease,
                                 .permit = permit,
                                 .counting = counting,
                                 .key = {action.account, action.key},
                                 .key_version = key.version,
                                 .model_class = slab_.at(action.request).model_class,
                                 .tenant = slab_.at(action.request).tenant};
        if (!counting) ++known->starts;
        ++result_.attempts;
        const std::uint64_t takes = random_.below(4 * kNsPerS);
        if (random_.below(4) != 0) post(takes / 4, Event::Kind::head, action.attempt);
        if (random_.below(2) == 0) post(takes / 2, Event::Kind::progress, action.attempt);
        if (known->stream && !permit && !counting && random_.below(3) != 0) {
            post(takes / 3, Event::Kind::content, action.attempt);
        }
        // Some permits are never reported.
        if (lease == 0 || random_.below(3) != 0) post(takes, Event::Kind::end, action.attempt);
    }

    // Whether it begins beside another attempt of its request, which is only where that is allowed.
    bool check_hedge(const Action& action, std::uint64_t ticket, Known* known) {
        bool beside = false;
        for (const auto& [attempt, live] : live_) {
            if (live.ticket != ticket) continue;
            if (beside || !settings_.retry.hedges() || known->hedged || !known->stream ||
                live.permit || live.counting || live.content ||
                live.key.account == action.account || action.kind != Action::Kind::start) {
                broken("two attempts of one request at a time");
            }
            beside = true;
        }
        if (!beside) return false;
        known->hedged = true;
        ++result_.hedges;
        return true;
    }

    std::size_t attempts_of(std::uint64_t ticket) const {
        return static_cast<std::size_t>(
            std::count_if(live_.begin(), live_.end(),
                          [&](const auto& live) { return live.second.ticket == ticket; }));
    }

    std::size_t requests_in_flight() {
        std::set<std::uint64_t> tickets;
        for (const auto& [attempt, live] : live_) {
            tickets.insert(live.ticket);
            if (live.content && attempts_of(live.ticket) != 1) broken("the slower one goes on");
        }
        return tickets.size();
    }

    void check_route(const Request& request, Known* known) {
        const RoutePlace& place = request.route;
        if (request.model_class != step_of(settings_.routes, place).model_class) {
            broken("an attempt's class is not that of its model");
        }
        if (place.step < known->step) broken("a request went back on its route");
        if ((place.ahead & ((2u << place.step) - 1)) != 0) broken("a way back is open");
        const Route& route = route_of(settings_.routes, place);
        if (place.reason != RouteReason::first_choice && !route.allows(place.reason)) {
            broken("a request moved on for a reason that does not count");
        }
        known->step = place.step;
    }

    std::uint32_t most_attempts() const {
        std::uint32_t most = settings_.retry.max_attempts;
        for (const RetrySettings::Pace& own : settings_.retry.own) {
            most = std::max<std::uint32_t>(most, own.max_attempts);
        }
        return most;
    }

    void ended(const Action& action, Known* known) {
        known->ended = true;
        if (attempts_of(slab_.at(action.request).ticket.load()) != 0) {
            broken("a request ended, and an attempt of it goes on");
        }
        ++result_.terminals;
        if (known->deadline_at != kNever && now_ > known->deadline_at + 2 * kTick) {
            broken("a request outlived its deadline");
        }
        if (action.status == WEIR_ERR_QUEUE_FULL && !known->dropped) {
            broken("a request was dropped by nobody");
        }
        if (action.kind == Action::Kind::fail && action.status >= WEIR_OK) {
            broken("a failure without a status");
        }
        if (action.keys_back_at != 0 &&
            (action.keys_back_at <= now_ || core_.keys().any_usable(now_))) {
            broken("a failure for want of a key, and there is one");
        }
        slab_.give_back(action.request);
    }

    void record(const Action& action) {
        const std::uint64_t words[] = {static_cast<std::uint64_t>(now_),
                                       static_cast<std::uint64_t>(action.kind),
                                       action.account,
                                       action.key,
                                       static_cast<std::uint64_t>(action.status),
                                       action.request,
                                       action.attempt};
        for (const std::uint64_t word : words) {
            result_.trace_hash = (result_.trace_hash ^ word) * 0x100000001B3u;
        }
    }

    void check() {
        const Core::Counts& counts = core_.counts();
        if (counts.in_flight != live_.size()) broken("in flight is not what is in flight");
        if (live_.size() > settings_.max_in_flight) broken("more in flight than configured");
        if (result_.accepted !=
            result_.terminals + core_.queued() + counts.backing_off + requests_in_flight()) {
            broken("a request is nowhere");
        }
        for (const auto& [attempt, live] : live_) {
            if (live.lease_ends_at != kNever && now_ > live.lease_ends_at + 2 * kTick) {
                broken("an attempt outlived its lease");
            }
        }
        check_step_counts();
        check_bounds();
        check_expectations();
        double held = 0;
        views_.clear();
        core_.limiter().view(now_, &views_);
        for (const Limiter::BucketView& view : views_) {
            if (view.scope != LimitSettings::Scope::kAny) {
                if (view.kind == LimitKind::requests &&
                    view.held > static_cast<double>(live_.size())) {
                    broken("a scope holds more than is in flight");
                }
                continue;
            }
            if (view.kind == LimitKind::requests) held += view.held;
            if (view.held < 0) broken("a bucket holds less than nothing");
        }
        if (held > static_cast<double>(live_.size())) broken("more is held than is in flight");
        for (const DayBudget& budget : core_.limiter().day_budgets()) {
            const DayBudget::Amount& amount = budget.held();
            if (live_.empty() && (amount.tokens != 0 || amount.spend != 0)) {
                broken("a day's budget holds something, and nothing is in flight");
            }
        }
        if (live_.empty() && held != 0) broken("something is held, and nothing is in flight");
    }

    // Who came to a step has left it, or is there yet or ended there.
    void check_step_counts() {
        for (std::size_t route = 0; route < settings_.routes.routes.size(); ++route) {
            std::uint64_t moved_in = 0;
            std::uint64_t moved_on = 0;
            for (std::size_t i = 0; i < settings_.routes.routes[route].steps.size(); ++i) {
                const Core::StepCounts& step = core_.step_counts(route, i);
                const std::uint64_t left =
                    step.left_overloaded + step.left_budget + step.left_capacity;
                if (step.succeeded + left > step.first + step.moved_in) {
                    broken("more left a step than came to it");
                }
                moved_in += step.moved_in;
                moved_on += left;
            }
            if (moved_in != moved_on) broken("a request was lost between two steps");
        }
    }

    std::uint32_t tenant_bound(std::uint64_t tenant) const {
        for (const auto& [named, most] : settings_.queue.tenant_bounds) {
            if (named == tenant) return most;
        }
        return settings_.queue.tenant_max_in_flight;
    }
    bool is_held_back(std::uint64_t tenant) const {
        const std::uint32_t most = tenant_bound(tenant);
        return most != 0 && std::count_if(live_.begin(), live_.end(), [&](const auto& live) {
                                return live.second.tenant == tenant;
                            }) >= most;
    }

    // What is in flight of each account, class, key and tenant is within its bound.
    void check_bounds() {
        const auto within = [&](std::uint64_t bound, auto&& matches) {
            if (bound == 0) return;
            const auto count = std::count_if(
                live_.begin(), live_.end(), [&](const auto& live) { return matches(live.second); });
            if (static_cast<std::uint64_t>(count) > bound) broken("a bound on what is in flight");
        };
        const auto& accounts = settings_.accounts.accounts;
        for (std::uint16_t account = 0; account < accounts.size(); ++account) {
            within(accounts[account].max_in_flight,
                   [&](const Live& live) { return live.key.account == account; });
            for (std::uint16_t key = 0; key < accounts[account].keys.size(); ++key) {
                within(accounts[account].keys[key].max_in_flight, [&](const Live& live) {
                    return live.key == KeyId{account, key};
                });
            }
            for (std::uint16_t c = 0; c < settings_.limits.classes.size(); ++c) {
                const auto matches = [&](const Live& live) {
                    return live.key.account == account && live.model_class == c && !live.counting;
                };
                within(static_cast<std::uint64_t>(settings_.limits.classes[c].limits.in_flight),
                       matches);
                if (settings_.adaptive.on) within(settings_.adaptive.ceiling, matches);
            }
        }
        for (std::uint64_t tenant = 0; tenant < 3; ++tenant) {
            within(tenant_bound(tenant), [&](const Live& live) { return live.tenant == tenant; });
        }
    }

    // Whoever is asked about says something that may be.
    void check_expectations() {
        for (const auto& [ticket, known] : known_) {
            if (known.ended || random_.below(4) != 0) continue;
            const RequestIndex index = RequestSlab::index_of(ticket);
            const Expectation place = core_.place(index, now_);
            if (place.ahead > core_.queued()) broken("more are ahead than wait");
            if (place.starts_at < now_) broken("a start is expected in the past");
            const ClassOutlook outlook = core_.outlook(slab_.at(index).model_class, now_);
            for (const ClassOutlook::Level& level : outlook.levels) {
                if (level.not_before > level.not_before_behind) broken("who is behind is before");
                if (core_.queued() == 0 && level.not_before_behind > level.not_before) {
                    broken("a wait behind nobody");
                }
            }
        }
    }

    void check_end() {
        if (!result_.broken.empty()) return;
        if (!live_.empty()) broken("attempts in flight at the end");
        for (const auto& [ticket, known] : known_) {
            if (!known.ended) return broken("a request was lost");
        }
    }

    // Without max_tokens: what is held of a day's budget is what it was asked for.
    static BodyRef stream_body() {
        RequestHead head;
        head.stream = true;
        return BodyRef(BodyBlock::make("{}", head, {}));
    }

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
    ScheduleResult result_;
};

}  // namespace

ScheduleResult run_random_schedule(std::uint64_t seed) { return Schedule(seed).run(); }

}  // namespace weir::test
