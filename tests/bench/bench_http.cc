// CPU per HTTP request: weir beside a bare libcurl multi loop, against the same model of the API,
// in turns in one process. What counts is their ratio.

#include <benchmark/benchmark.h>
#include <curl/curl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "marks.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

constexpr int kRequests = 8'000;  // a round
constexpr int kParallel = 64;
constexpr int kRounds = 5;

const std::string& body() {
    static const auto* text = new std::string(
        R"({"model":"claude-sonnet-4-5","max_tokens":16,"messages":[{"role":"user","content":")" +
        std::string(2'000, 'x') + R"("}]})");
    return *text;
}

void must(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "bench_http: %s\n", what);
    std::exit(1);
}

// The model of the API as a child process, whose CPU is not ours.
class Server {
public:
    Server() {
        const char* program = std::getenv("WEIR_MODEL_SERVER");
        must(program != nullptr, "WEIR_MODEL_SERVER must name the model server");
        int out[2];
        must(pipe(out) == 0, "no pipe");
        child_ = fork();
        must(child_ >= 0, "no process");
        if (child_ == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);  // however we end
            dup2(out[1], STDOUT_FILENO);
            close(out[0]);
            // Limits that are told, as in life, and that nobody meets.
            execl(program, program, "--instant", "--output", "16", "--limits",
                  "rpm=100000000,itpm=100000000000,otpm=100000000000", static_cast<char*>(nullptr));
            _exit(127);
        }
        close(out[1]);
        FILE* lines = fdopen(out[0], "r");
        char line[256];
        must(std::fgets(line, sizeof line, lines) != nullptr, "the model server did not start");
        url_ = line;
        url_ = url_.substr(url_.find("http://"));
        url_.erase(url_.find_last_not_of("\r\n") + 1);
    }
    ~Server() {
        kill(child_, SIGTERM);
        waitpid(child_, nullptr, 0);
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    const std::string& url() const { return url_; }

private:
    pid_t child_ = -1;
    std::string url_;
};

double cpu_us() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto us = [](const timeval& time) {
        return 1e6 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec);
    };
    return us(usage.ru_utime) + us(usage.ru_stime);
}

// ---- The bare loop ----

std::size_t keep(char* bytes, std::size_t size, std::size_t count, void* user) {
    static_cast<std::string*>(user)->append(bytes, size * count);
    return size * count;
}

class BareLoop {
public:
    explicit BareLoop(const std::string& url) : url_(url + "/v1/messages") {
        multi_ = curl_multi_init();
        headers_ = curl_slist_append(headers_, "content-type: application/json");
        headers_ = curl_slist_append(headers_, "anthropic-version: 2023-06-01");
        headers_ = curl_slist_append(headers_, "x-api-key: test-key");
        headers_ = curl_slist_append(headers_, "Expect:");
        answers_.resize(kParallel);
    }
    ~BareLoop() {
        curl_multi_cleanup(multi_);
        curl_slist_free_all(headers_);
    }
    BareLoop(const BareLoop&) = delete;
    BareLoop& operator=(const BareLoop&) = delete;

    void run(int requests) {
        int started = 0;
        int ended = 0;
        for (; started < kParallel; ++started) {
            CURL* easy = curl_easy_init();
            curl_easy_setopt(easy, CURLOPT_PRIVATE, &answers_[static_cast<std::size_t>(started)]);
            begin(easy, &answers_[static_cast<std::size_t>(started)]);
        }
        while (ended < requests) {
            int running = 0;
            curl_multi_perform(multi_, &running);
            int left = 0;
            while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
                if (message->msg != CURLMSG_DONE) continue;
                must(message->data.result == CURLE_OK, "a bare request failed");
                CURL* easy = message->easy_handle;
                std::string* answer = nullptr;
                curl_easy_getinfo(easy, CURLINFO_PRIVATE, &answer);
                must(answer->find("\"usage\"") != std::string::npos, "a bare answer has no usage");
                curl_multi_remove_handle(multi_, easy);
                ++ended;
                if (started < requests) {
                    ++started;
                    begin(easy, answer);
                } else {
                    curl_easy_cleanup(easy);
                }
            }
            if (ended < requests) curl_multi_poll(multi_, nullptr, 0, 1'000, nullptr);
        }
    }

private:
    void begin(CURL* easy, std::string* answer) {
        answer->clear();
        curl_easy_setopt(easy, CURLOPT_URL, url_.c_str());
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body().data());
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(body().size()));
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &keep);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_multi_add_handle(multi_, easy);
    }

    std::string url_;
    CURLM* multi_ = nullptr;
    curl_slist* headers_ = nullptr;
    std::vector<std::string> answers_;
};

// ---- weir ----

class Weir {
public:
    explicit Weir(const std::string& url) {
        weir_config* config = nullptr;
        must(weir_config_new(&config, nullptr) == WEIR_OK, "config");
        set(config, "account.main.key", "test-key");
        set(config, "transport.base_url", url);
        set(config, "concurrency.max", std::to_string(kParallel));
        set(config, "limit.claude-sonnet-4.requests_per_minute", "100000000");
        must(weir_engine_open(config, &engine_, nullptr) == WEIR_OK, "open");
        weir_config_release(config);
        must(weir_request_new(&request_, nullptr) == WEIR_OK, "request");
        must(weir_request_set_body(request_, body().data(), body().size(), nullptr) == WEIR_OK,
             "body");
    }
    ~Weir() {
        weir_request_release(request_);
        weir_engine_release(engine_);
    }
    Weir(const Weir&) = delete;
    Weir& operator=(const Weir&) = delete;

    void run(int requests) {
        int started = 0;
        int ended = 0;
        weir_event events[kParallel];
        // As with the bare loop, a new request follows each that ends.
        for (; started < kParallel; ++started) submit();
        while (ended < requests) {
            const std::int32_t count =
                weir_poll(engine_, events, sizeof(weir_event), kParallel, 10'000);
            must(count >= 0, "poll");
            for (std::int32_t i = 0; i < count; ++i) {
                must(events[i].type == WEIR_EVENT_DONE, "a request of weir's failed");
                ++ended;
                if (started < requests) {
                    ++started;
                    submit();
                }
            }
            weir_events_release(events, sizeof(weir_event), static_cast<std::size_t>(count));
        }
    }

private:
    static void set(weir_config* config, const char* key, const std::string& value) {
        must(weir_config_set(config, key, WEIR_NUL, value.data(), value.size(), nullptr) == WEIR_OK,
             key);
    }
    void submit() {
        std::uint64_t ticket = 0;
        weir_error* error = nullptr;
        if (weir_submit(engine_, request_, &ticket, &error) != WEIR_OK) {
            must(false, weir_error_message(error));
        }
    }

    weir_engine* engine_ = nullptr;
    weir_request* request_ = nullptr;
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void http_cpu_ratio(benchmark::State& state) {
    const Server server;
    BareLoop bare(server.url());
    Weir weir(server.url());
    bare.run(1'000);
    weir.run(1'000);
    std::vector<double> bare_us, weir_us, ratios;
    for (auto _ : state) {
        for (int round = 0; round < kRounds; ++round) {
            double start = cpu_us();
            bare.run(kRequests);
            bare_us.push_back((cpu_us() - start) / kRequests);
            start = cpu_us();
            weir.run(kRequests);
            weir_us.push_back((cpu_us() - start) / kRequests);
            ratios.push_back(weir_us.back() / bare_us.back());
        }
    }
    state.counters["bare_us"] = median(bare_us);
    state.counters["weir_us"] = median(weir_us);
    state.counters["figure"] = median(ratios);
}
BENCHMARK(http_cpu_ratio)->Iterations(1)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
    weir::bench::add_mark("http_cpu_ratio", 1.10, "ratio", true);
    return weir::bench::run_with_marks(argc, argv);
}
