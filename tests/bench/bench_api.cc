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

// The median over single calls, less what reading the clock costs.
void submit_median(benchmark::State& state) {
    using Clock = std::chrono::steady_clock;
    const auto elapsed_ns = [](Clock::time_point from) {
        return std::chrono::duration<double, std::nano>(Clock::now() - from).count();
    };
    Engine engine("thread");
    std::vector<double> empty, calls;
    for (auto _ : state) {
        Clock::time_point start = Clock::now();
        empty.push_back(elapsed_ns(start));
        start = Clock::now();
        engine.submit();
        calls.push_back(elapsed_ns(start));
    }
    const auto median = [](std::vector<double>& values) {
        std::nth_element(values.begin(), values.begin() + static_cast<long>(values.size() / 2),
                         values.end());
        return values[values.size() / 2];
    };
    state.counters["figure"] = median(calls) - median(empty);
}
BENCHMARK(submit_median)->Iterations(300'000);

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
    return weir::bench::run_with_marks(argc, argv);
}
