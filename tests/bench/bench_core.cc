// What the core costs: a bucket, a reservation over four, a queued request's memory, and requests
// through the whole core in virtual time.

#include <benchmark/benchmark.h>
#include <malloc.h>

#include <chrono>
#include <queue>
#include <vector>

#include "base/random.h"
#include "core/core.h"
#include "marks.h"

namespace weir::bench {
namespace {

LimitSettings four_buckets(std::int64_t scale) {
    LimitSettings settings;
    settings.classes.push_back({.name = "class", .models = {"class"}, .limits = {}});
    settings.classes[0].limits = {.requests_per_minute = 1'000 * scale,
                                  .input_tokens_per_minute = 500'000 * scale,
                                  .output_tokens_per_minute = 100'000 * scale,
                                  .tokens_per_day = 500'000'000 * scale};
    settings.accounts.push_back({.name = "main", .limits = {}});
    settings.burst_s = 60;
    return settings;
}

void reserve_over_four_buckets(benchmark::State& state) {
    Limiter limiter(four_buckets(1'000'000));
    const BudgetId budget = limiter.budget(0, 0);
    const Cost cost{.input_tokens = 1'500, .output_tokens = 400, .max_output_tokens = 4'096};
    Reservation reservation;
    TimeNs now = kNsPerS;
    for (auto _ : state) {
        now += kNsPerUs;
        Verdict verdict = limiter.reserve(budget, cost, now, &reservation);
        benchmark::DoNotOptimize(verdict);
    }
}
BENCHMARK(reserve_over_four_buckets);

void refuse_over_four_buckets(benchmark::State& state) {
    Limiter limiter(four_buckets(1));
    const BudgetId budget = limiter.budget(0, 0);
    const Cost cost{.input_tokens = 1'500, .output_tokens = 400, .max_output_tokens = 4'096};
    Reservation reservation;
    while (limiter.reserve(budget, cost, kNsPerS, &reservation).kind == Verdict::Kind::granted) {
    }
    for (auto _ : state) {
        Verdict verdict = limiter.reserve(budget, cost, kNsPerS, &reservation);
        benchmark::DoNotOptimize(verdict);
    }
}
BENCHMARK(refuse_over_four_buckets);

// Requests through the core in virtual time, each answered a second after its start.
void core_requests(benchmark::State& state) {
    std::uint64_t finished = 0;
    for (auto _ : state) {
        CoreSettings settings;
        settings.max_in_flight = 100'000;
        settings.limits = four_buckets(10'000);
        settings.accounts.accounts.resize(1);
        RequestSlab slab;
        Core core(settings, &slab, 1);
        std::vector<Action> actions;
        std::queue<std::pair<TimeNs, AttemptId>> in_flight;
        TimeNs now = kNsPerS;
        const std::uint64_t target = 200'000;
        std::uint64_t submitted = 0;
        Outcome outcome;
        outcome.usage = {.input_tokens = 1'500, .output_tokens = 400};
        for (std::uint64_t done = 0; done < target;) {
            while (submitted < target && submitted - done < 20'000) {
                const RequestIndex index = slab.take();
                Request& request = slab.at(index);
                request.submitted_at = now;
                request.input_tokens = 1'500;
                request.output_tokens = 400;
                request.tenant = static_cast<std::uint32_t>(submitted % 16);
                request.deadline_at = now + 600 * kNsPerS;
                core.submit(index, now, &actions);
                ++submitted;
            }
            const TimeNs next_end = in_flight.empty() ? kNever : in_flight.front().first;
            now = std::max(now + 1, std::min(core.next_timer(), next_end));
            while (!in_flight.empty() && in_flight.front().first <= now) {
                core.on_end(in_flight.front().second, outcome, nullptr, now, &actions);
                in_flight.pop();
            }
            core.advance(now, &actions);
            for (const Action& action : actions) {
                if (action.kind == Action::Kind::start) {
                    in_flight.emplace(now + kNsPerS, action.attempt);
                } else {
                    slab.give_back(action.request);
                    ++done;
                }
            }
            actions.clear();
        }
        finished += target;
    }
    state.counters["figure"] =
        benchmark::Counter(static_cast<double>(finished), benchmark::Counter::kIsRate);
}
BENCHMARK(core_requests)->Unit(benchmark::kMillisecond);

// Memory of a million queued requests, beside the bytes of their bodies.
void queued_request_memory(benchmark::State& state) {
    constexpr std::size_t kRequests = 1'000'000;
    const std::string bytes(1'000, 'x');
    double per_request = 0;
    for (auto _ : state) {
        const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
        CoreSettings settings;
        settings.limits = four_buckets(1);
        settings.accounts.accounts.resize(1);
        RequestSlab slab;
        Core core(settings, &slab, 1);
        core.set_delivery_blocked(true);
        std::vector<Action> actions;
        for (std::size_t i = 0; i < kRequests; ++i) {
            const RequestIndex index = slab.take();
            Request& request = slab.at(index);
            request.body = BodyRef(BodyBlock::make(bytes, {}, {}));
            request.deadline_at = kNsPerS * 3'600;
            core.submit(index, kNsPerS, &actions);
        }
        const std::size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
        per_request =
            static_cast<double>(after - before) / kRequests - static_cast<double>(bytes.size());
    }
    state.counters["figure"] = per_request;
}
BENCHMARK(queued_request_memory)->Iterations(1)->Unit(benchmark::kMillisecond);

// A queue of so many requests of sixteen tenants, of which one is in flight at a time.
class FullQueue {
public:
    explicit FullQueue(std::size_t size, std::size_t tags = 0)
        : size_(size), tags_(tags), core_(settings(), &slab_, 1) {
        core_.set_delivery_blocked(true);
        for (std::size_t i = 0; i < size; ++i) submit();
        core_.set_delivery_blocked(false);
        dispatch();
    }

    RequestIndex submit() {
        const RequestIndex index = slab_.take();
        Request& request = slab_.at(index);
        request.submitted_at = now_;
        request.input_tokens = 1'500;
        request.output_tokens = 400;
        request.tenant = random_.below(16);
        request.priority = static_cast<std::uint8_t>(random_.below(kPriorities));
        request.deadline_at = now_ + 1'000'000 * kNsPerS;
        if (tags_ != 0) slab_.set_tag(index, 1 + random_.below(tags_));
        core_.submit(index, now_, &actions_);
        return index;
    }
    // All that wait, or are in flight, of one of the tags that has some.
    void cancel_tag() {
        RequestIndex first = kNoRequest;
        while (first == kNoRequest) first = slab_.first_of_tag(1 + random_.below(tags_));
        core_.cancel_group(first, now_, &actions_);
        give_back();
    }
    void fill_up() {
        while (core_.counts().accepted - core_.counts().failed < size_) submit();
    }
    // Any of those that wait.
    void cancel() {
        for (;;) {
            const auto index = static_cast<RequestIndex>(random_.below(slab_.used()));
            if (slab_.at(index).state != Request::State::queued) continue;
            core_.cancel(slab_.at(index).ticket, now_, &actions_);
            return give_back();
        }
    }
    // Ends the attempt in flight, which starts another one.
    void dispatch() {
        now_ += kNsPerS;
        if (attempt_ != 0) core_.on_end(attempt_, outcome_, nullptr, now_, &actions_);
        core_.advance(now_, &actions_);
        give_back();
    }

private:
    static CoreSettings settings() {
        CoreSettings settings;
        settings.max_in_flight = 1;
        settings.limits = four_buckets(1'000'000);
        settings.accounts.accounts.resize(1);
        return settings;
    }
    void give_back() {
        for (const Action& action : actions_) {
            if (action.kind == Action::Kind::start) {
                attempt_ = action.attempt;
            } else if (action.kind == Action::Kind::abort) {
                attempt_ = 0;
            } else {
                slab_.give_back(action.request);
            }
        }
        actions_.clear();
    }

    const std::size_t size_;
    const std::size_t tags_;  // among which the requests are divided; 0: they have none
    RequestSlab slab_;
    Core core_;
    Random random_{1};
    TimeNs now_ = kNsPerS;
    AttemptId attempt_ = 0;
    Outcome outcome_;
    std::vector<Action> actions_;
};

// How much more an operation costs in a queue of a million than in one of a thousand. It is not 1:
// the one is in the processor's caches, and the other is not. What grew with the queue would cost a
// thousand times as much.
template <class Operation, class Inverse>
void ratio_at_a_million(benchmark::State& state, Operation&& operation, Inverse&& inverse,
                        std::size_t of_a_tag = 0) {
    constexpr int kRounds = 200;
    constexpr int kPerRound = 100;
    const auto ns_each = [&](std::size_t size) {
        FullQueue queue(size, of_a_tag == 0 ? 0 : size / of_a_tag);
        std::chrono::nanoseconds spent{0};
        for (int round = 0; round < kRounds; ++round) {
            const auto began = std::chrono::steady_clock::now();
            for (int i = 0; i < kPerRound; ++i) operation(&queue);
            spent += std::chrono::steady_clock::now() - began;
            for (int i = 0; i < kPerRound; ++i) inverse(&queue);
        }
        return static_cast<double>(spent.count()) / (kRounds * kPerRound);
    };
    for (auto _ : state) {
        const double few = ns_each(1'000);
        const double many = ns_each(100'000);
        const double most = ns_each(1'000'000);
        state.counters["ns_at_1e3"] = few;
        state.counters["ns_at_1e5"] = many;
        state.counters["ns_at_1e6"] = most;
        state.counters["figure"] = most / few;
    }
}

void queue_submit_ratio(benchmark::State& state) {
    ratio_at_a_million(
        state, [](FullQueue* queue) { queue->submit(); },
        [](FullQueue* queue) { queue->cancel(); });
}
BENCHMARK(queue_submit_ratio)->Iterations(1)->Unit(benchmark::kMillisecond);

void queue_cancel_ratio(benchmark::State& state) {
    ratio_at_a_million(
        state, [](FullQueue* queue) { queue->cancel(); },
        [](FullQueue* queue) { queue->submit(); });
}
BENCHMARK(queue_cancel_ratio)->Iterations(1)->Unit(benchmark::kMillisecond);

// Of four requests, in the mean, each of which lies elsewhere in memory.
void queue_cancel_tag_ratio(benchmark::State& state) {
    ratio_at_a_million(
        state, [](FullQueue* queue) { queue->cancel_tag(); },
        [](FullQueue* queue) { queue->fill_up(); }, 4);
}
BENCHMARK(queue_cancel_tag_ratio)->Iterations(1)->Unit(benchmark::kMillisecond);

void queue_dispatch_ratio(benchmark::State& state) {
    ratio_at_a_million(
        state, [](FullQueue* queue) { queue->dispatch(); },
        [](FullQueue* queue) { queue->submit(); });
}
BENCHMARK(queue_dispatch_ratio)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
    using weir::bench::add_mark;
    add_mark("reserve_over_four_buckets", 25, "ns", true);
    add_mark("core_requests", 300'000, "per s", false);
    add_mark("queued_request_memory", 192, "bytes", true);
    add_mark("queue_submit_ratio", 10, "ratio", true);
    add_mark("queue_cancel_ratio", 10, "ratio", true);
    add_mark("queue_cancel_tag_ratio", 10, "ratio", true);
    add_mark("queue_dispatch_ratio", 10, "ratio", true);
    return weir::bench::run_with_marks(argc, argv);
}
