// What the boundary costs: submit and poll, through the exported functions of the shared library.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "marks.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

void must(std::int32_t status, const char* what) {
    if (status >= 0) return;
    std::fprintf(stderr, "bench_api: %s: status %d\n", what, static_cast<int>(status));
    std::exit(1);
}

// An engine whose requests wait for ever: nothing of it but the way in is measured.
class Engine {
public:
    explicit Engine(const char* drive) {
        weir_config* config = nullptr;
        must(weir_config_new(&config, nullptr), "config");
        const char* const settings[][2] = {
            {"engine.drive", drive},
            {"account.main.key", "key"},
            {"transport.base_url", "http://127.0.0.1:9"},
            {"queue.max_requests", "4000000"},
            {"queue.max_bytes", "100000000000"},
            {"limit.claude-sonnet-4.requests_per_minute", "1"},
        };
        for (const auto& [key, value] : settings) {
            must(weir_config_set(config, key, WEIR_NUL, value, WEIR_NUL, nullptr), key);
        }
        must(weir_engine_open(config, &engine_, nullptr), "open");
        weir_config_release(config);
        must(weir_request_new(&request_, nullptr), "request");
        const std::string body = R"({"model":"claude-sonnet-4-5","max_tokens":100,"messages":)"
                                 R"([{"role":"user","content":")" +
                                 std::string(1'000, 'x') + R"("}]})";
        must(weir_request_set_body(request_, body.data(), body.size(), nullptr), "body");
        must(weir_request_set_tag(request_, 1), "tag");
    }
    ~Engine() {
        weir_request_release(request_);
        weir_engine_release(engine_);
    }
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    std::uint64_t submit() {
        std::uint64_t ticket = 0;
        must(weir_submit(engine_, request_, &ticket, nullptr), "submit");
        return ticket;
    }
    weir_engine* get() { return engine_; }

private:
    weir_engine* engine_ = nullptr;
    weir_request* request_ = nullptr;
};

using Clock = std::chrono::steady_clock;

double elapsed_ns(Clock::time_point from) {
    return std::chrono::duration<double, std::nano>(Clock::now() - from).count();
}

double median(std::vector<double>& values) {
    std::nth_element(values.begin(), values.begin() + static_cast<long>(values.size() / 2),
                     values.end());
    return values[values.size() / 2];
}

// The median over single calls, less what reading the clock costs.
void submit_median(benchmark::State& state) {
    Engine engine("thread");
    std::vector<double> empty, calls;
    for (auto _ : state) {
        Clock::time_point start = Clock::now();
        empty.push_back(elapsed_ns(start));
        start = Clock::now();
        engine.submit();
        calls.push_back(elapsed_ns(start));
    }
    state.counters["figure"] = median(calls) - median(empty);
}
BENCHMARK(submit_median)->Iterations(300'000);

// An engine with room for `requests_per_minute`, asked for permits at once; between the calls that
// are measured the permits come back, unused. Of `wanted` status, the median over single calls.
void try_acquire(benchmark::State& state, const char* requests_per_minute, std::int32_t wanted) {
    constexpr int kBatch = 256;
    weir_config* config = nullptr;
    must(weir_config_new(&config, nullptr), "config");
    const char* const settings[][2] = {
        {"engine.drive", "caller"},
        {"account.main.key", "key"},
        {"concurrency.max", "1000"},
        {"limits.pinned", "true"},
        {"limit.claude-sonnet-4.requests_per_minute", requests_per_minute},
        {"limit.claude-sonnet-4.input_tokens_per_minute", "1000000000000"},
        {"limit.claude-sonnet-4.output_tokens_per_minute", "1000000000000"},
    };
    for (const auto& [key, value] : settings) {
        must(weir_config_set(config, key, WEIR_NUL, value, WEIR_NUL, nullptr), key);
    }
    weir_engine* engine = nullptr;
    must(weir_engine_open(config, &engine, nullptr), "open");
    weir_config_release(config);
    weir_request* request = nullptr;
    must(weir_request_new(&request, nullptr), "request");
    must(weir_request_set(request, "model", WEIR_NUL, "claude-sonnet-4-5", WEIR_NUL, nullptr), "");
    must(weir_request_set(request, "input_tokens", WEIR_NUL, "1000", WEIR_NUL, nullptr), "");
    must(weir_request_set(request, "output_tokens", WEIR_NUL, "200", WEIR_NUL, nullptr), "");
    weir_outcome* unused = nullptr;
    must(weir_outcome_new(&unused, nullptr), "outcome");
    must(weir_outcome_set_failure(unused, WEIR_FAILURE_UNUSED), "failure");

    std::vector<double> empty, calls;
    std::vector<weir_permit*> permits;
    weir_event events[64];
    for (auto _ : state) {
        for (int i = 0; i < kBatch; ++i) {
            weir_permit* permit = nullptr;
            Clock::time_point start = Clock::now();
            empty.push_back(elapsed_ns(start));
            start = Clock::now();
            const std::int32_t status = weir_try_acquire(engine, request, &permit, nullptr);
            const double took = elapsed_ns(start);
            if (status == wanted) calls.push_back(took);
            if (permit != nullptr) permits.push_back(permit);
        }
        for (weir_permit* permit : permits) {
            must(weir_report(engine, weir_permit_ticket(permit), 1, unused, nullptr), "report");
            weir_permit_release(permit);
        }
        permits.clear();
        std::int32_t count = 0;
        while ((count = weir_poll(engine, events, sizeof(weir_event), 64, 0)) > 0) {
            weir_events_release(events, sizeof(weir_event), static_cast<std::size_t>(count));
        }
    }
    if (calls.size() < empty.size() / 2) must(WEIR_ERR_INTERNAL, "the answers are not as expected");
    state.counters["figure"] = median(calls) - median(empty);
    weir_outcome_release(unused);
    weir_request_release(request);
    weir_engine_release(engine);
}

void try_acquire_granted(benchmark::State& state) { try_acquire(state, "1000000000000", WEIR_OK); }
BENCHMARK(try_acquire_granted)->Iterations(1'000);

void try_acquire_refused(benchmark::State& state) { try_acquire(state, "1", WEIR_ERR_NOT_NOW); }
BENCHMARK(try_acquire_refused)->Iterations(1'000);

// Events of cancelled requests, drained in batches of 64: per event, taking and releasing.
void poll_event(benchmark::State& state) {
    constexpr std::size_t kBatch = 64;
    weir_event events[kBatch];
    std::uint64_t taken = 0;
    Engine engine("caller");
    for (auto _ : state) {
        state.PauseTiming();
        for (int i = 0; i < 20'000; ++i) engine.submit();
        std::int32_t count = weir_poll(engine.get(), events, sizeof(weir_event), 1, 0);
        must(weir_cancel_tag(engine.get(), 1), "cancel_tag");
        state.ResumeTiming();
        benchmark::DoNotOptimize(count);
        while ((count = weir_poll(engine.get(), events, sizeof(weir_event), kBatch, 0)) > 0) {
            weir_events_release(events, sizeof(weir_event), static_cast<std::size_t>(count));
            taken += static_cast<std::uint64_t>(count);
        }
    }
    state.counters["events"] = static_cast<double>(taken);
    state.counters["figure"] =
        benchmark::Counter(static_cast<double>(taken) / 1e9,
                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(poll_event)->Iterations(10)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
    weir::bench::add_mark("submit_median", 250, "ns", true);
    weir::bench::add_mark("try_acquire_granted", 500, "ns", true);
    weir::bench::add_mark("try_acquire_refused", 500, "ns", true);
    return weir::bench::run_with_marks(argc, argv);
}
