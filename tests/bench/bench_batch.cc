// The batch lane with one batch of 100,000 requests whose results have 10 KB each: the memory of
// the engine, and the journal's speed. Each figure is taken in a process of its own:
//   collect  bodies of 1 KB are submitted as fast as may be, and the batch is created: by how much
//            the highest resident memory is above that before the engine was opened, as a multiple
//            of the bodies; and accepted records a second, until the last is durable
//   read     an engine opens the journal, and its 100,000 results are taken and acknowledged: by
//            how much the highest resident memory is above that before

#include <benchmark/benchmark.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "batch_peer.h"
#include "marks.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

constexpr int kRequests = 100'000;
constexpr std::size_t kBodyBytes = 1'000;
constexpr std::size_t kResultBytes = 10'000;
constexpr int kEventsAtOnce = 256;

void must(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "bench_batch: %s\n", what);
    std::_Exit(1);
}

double now_s() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

// A line of /proc/self/status, in bytes.
double memory(const char* name) {
    std::ifstream lines("/proc/self/status");
    std::string line;
    while (std::getline(lines, line)) {
        if (line.starts_with(name)) return 1024 * std::atof(line.c_str() + std::strlen(name));
    }
    return 0;
}

// How far resident memory rises.
class Peak {
public:
    Peak() {
        std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
        before_ = memory("VmRSS:");
    }
    double bytes() const { return memory("VmHWM:") - before_; }

private:
    double before_;
};

struct Figures {
    double peak_bytes = 0;
    double seconds = 0;  // until all is durable, or all is read
};

weir_engine* open_engine(const std::string& url, const std::string& journal) {
    weir_config* config = nullptr;
    weir_engine* engine = nullptr;
    weir_error* error = nullptr;
    weir_config_new(&config, nullptr);
    const char* const settings[][2] = {
        {"account.main.key", "test-key"},  {"transport.base_url", url.c_str()},
        {"journal.path", journal.c_str()}, {"batch.max_age_ms", "3600000"},
        {"batch.poll_min_ms", "100"},      {"batch.poll_max_ms", "1000"},
        {"queue.max_requests", "200000"}};
    for (const auto& [key, value] : settings) {
        must(weir_config_set(config, key, WEIR_NUL, value, WEIR_NUL, nullptr) == WEIR_OK, key);
    }
    if (weir_engine_open(config, &engine, &error) != WEIR_OK)
        must(false, weir_error_message(error));
    weir_config_release(config);
    return engine;
}

void close_engine(weir_engine* engine) {
    weir_engine_close(engine);
    must(weir_engine_wait(engine, 60'000) == WEIR_OK, "the engine does not end");
    weir_engine_release(engine);
}

bool is_created(weir_engine* engine) {
    weir_text* text = nullptr;
    must(weir_batch_list(engine, &text, nullptr) == WEIR_OK, "no list");
    const bool found = std::strstr(weir_text_data(text, nullptr), "msgbatch_1") != nullptr;
    weir_text_release(text);
    return found;
}

Figures collect(const std::string& url, const std::string& journal) {
    std::string body = R"({"model":"claude-sonnet-4-5","max_tokens":4096,"messages":[)"
                       R"({"role":"user","content":")";
    body.append(kBodyBytes - body.size() - 4, 'x').append("\"}]}");
    const Peak peak;
    weir_engine* engine = open_engine(url, journal);
    weir_request* request = nullptr;
    weir_request_new(&request, nullptr);
    weir_request_set(request, "lane", WEIR_NUL, "batch", WEIR_NUL, nullptr);
    const double began = now_s();
    int submitted = 0;
    int durable = 0;
    Figures figures;
    weir_event events[kEventsAtOnce];
    while (durable < kRequests || !is_created(engine)) {
        for (int i = 0; i < 1'000 && submitted < kRequests; ++i, ++submitted) {
            const std::string id = "row-" + std::to_string(submitted);
            weir_request_set_body(request, body.data(), body.size(), nullptr);
            weir_request_set(request, "custom_id", WEIR_NUL, id.data(), id.size(), nullptr);
            must(weir_submit(engine, request, nullptr, nullptr) == WEIR_OK, "a submit is refused");
        }
        const int wait_ms = submitted < kRequests ? 0 : 10;
        const std::int32_t count =
            weir_poll(engine, events, sizeof *events, kEventsAtOnce, wait_ms);
        must(count >= 0, "the engine has failed");
        for (int i = 0; i < count; ++i) {
            must(!WEIR_EVENT_IS_TERMINAL(events[i].type), "a request has ended too early");
            durable += events[i].type == WEIR_EVENT_DURABLE ? 1 : 0;
        }
        weir_events_release(events, sizeof *events, static_cast<std::size_t>(count));
        if (durable == kRequests && figures.seconds == 0) {
            figures.seconds = now_s() - began;
            weir_batch_flush(engine);
        }
    }
    figures.peak_bytes = peak.bytes();
    weir_request_release(request);
    close_engine(engine);
    return figures;
}

Figures read(const std::string& url, const std::string& journal) {
    const Peak peak;
    const double began = now_s();
    weir_engine* engine = open_engine(url, journal);
    int answered = 0;
    weir_event events[kEventsAtOnce];
    while (answered < kRequests) {
        const std::int32_t count = weir_poll(engine, events, sizeof *events, kEventsAtOnce, 60'000);
        must(count > 0, "the results do not come");
        for (int i = 0; i < count; ++i) {
            if (!WEIR_EVENT_IS_TERMINAL(events[i].type)) continue;
            must(events[i].type == WEIR_EVENT_DONE, "a request has failed");
            weir_batch_acknowledge(engine, events[i].ticket);
            ++answered;
        }
        weir_events_release(events, sizeof *events, static_cast<std::size_t>(count));
    }
    Figures figures;
    figures.peak_bytes = peak.bytes();
    figures.seconds = now_s() - began;
    close_engine(engine);
    return figures;
}

// Runs `function` in a child process.
template <class Function>
Figures apart(Function function) {
    int out[2];
    Figures figures;
    must(pipe(out) == 0, "no pipe");
    const pid_t child = fork();
    must(child >= 0, "no process");
    if (child == 0) {
        figures = function();
        const bool written = write(out[1], &figures, sizeof figures) == sizeof figures;
        std::_Exit(written ? 0 : 1);
    }
    close(out[1]);
    must(::read(out[0], &figures, sizeof figures) == sizeof figures, "a child has failed");
    close(out[0]);
    waitpid(child, nullptr, 0);
    return figures;
}

// Both, once for all benchmarks.
struct Run {
    Figures collected;
    Figures read_back;
};

const Run& run() {
    static const Run once = [] {
        char directory[] = "/tmp/weir-bench-batch-XXXXXX";
        must(mkdtemp(directory) != nullptr, "no directory");
        const std::string journal = std::string(directory) + "/journal";
        const BatchPeer peer(kRequests, kResultBytes);
        Run figures;
        figures.collected = apart([&] { return collect(peer.url(), journal); });
        figures.read_back = apart([&] { return read(peer.url(), journal); });
        for (const char* suffix : {"", "-wal", "-shm"}) unlink((journal + suffix).c_str());
        rmdir(directory);
        return figures;
    }();
    return once;
}

void show(benchmark::State& state, double figure) {
    for (auto _ : state) benchmark::DoNotOptimize(figure);
    state.counters["figure"] = figure;
}

void batch_collect_memory(benchmark::State& state) {
    show(state, run().collected.peak_bytes / (kRequests * static_cast<double>(kBodyBytes)));
}

void batch_read_memory(benchmark::State& state) { show(state, run().read_back.peak_bytes / 1e6); }

void batch_journal_records(benchmark::State& state) {
    show(state, kRequests / run().collected.seconds);
}

void batch_results(benchmark::State& state) { show(state, kRequests / run().read_back.seconds); }

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
    using namespace weir::bench;
    benchmark::RegisterBenchmark("batch_collect_memory", batch_collect_memory)->Iterations(1);
    benchmark::RegisterBenchmark("batch_read_memory", batch_read_memory)->Iterations(1);
    benchmark::RegisterBenchmark("batch_journal_records", batch_journal_records)->Iterations(1);
    benchmark::RegisterBenchmark("batch_results", batch_results)->Iterations(1);
    add_mark("batch_collect_memory", 2, "x body", true);
    add_mark("batch_read_memory", 64, "MB", true);
    add_mark("batch_journal_records", 10'000, "per s", false);
    add_mark("batch_results", 5'000, "per s", false);
    return run_with_marks(argc, argv);
}
