// The server as a program: started, talked to over sockets, ended by a signal.

#include <curl/curl.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

extern char** environ;

namespace {

using Json = nlohmann::json;

constexpr const char* kBody =
    R"({"model":"claude-sonnet-4","max_tokens":40,"messages":[{"role":"user","content":"Why?"}]})";
constexpr const char* kStreamed =
    R"({"stream":true,"model":"claude-sonnet-4","max_tokens":40,"messages":[{"role":"user","content":"Why?"}]})";

// A program whose standard output is read line by line.
class Program {
public:
    explicit Program(std::vector<std::string> arguments) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0) return;
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        std::vector<char*> argv;
        for (std::string& one : arguments) argv.push_back(one.data());
        argv.push_back(nullptr);
        if (posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
        posix_spawn_file_actions_destroy(&actions);
        close(ends[1]);
        out_ = ends[0];
    }
    ~Program() {
        stop();
        close(out_);
    }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    std::string line() {
        std::string text;
        char byte = 0;
        pollfd wanted{out_, POLLIN, 0};
        while (poll(&wanted, 1, 20'000) == 1 && read(out_, &byte, 1) == 1 && byte != '\n') {
            text += byte;
        }
        return text;
    }

    // The exit status, or -1 if it did not exit by itself.
    int stop() {
        if (pid_ <= 0) return -1;
        kill(pid_, SIGTERM);
        int status = 0;
        waitpid(pid_, &status, 0);
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

private:
    pid_t pid_ = -1;
    int out_ = -1;
};

struct Answer {
    CURLcode code = CURLE_OK;
    long status = 0;
    long http_version = 0;
    long connects = 0;
    std::string body;
};

class Client {
public:
    explicit Client(std::string url) : url_(std::move(url)), curl_(curl_easy_init()) {
        for (const char* one : {"x-api-key: test-key", "anthropic-version: 2023-06-01",
                                "content-type: application/json", "Expect:"}) {
            headers_ = curl_slist_append(headers_, one);
        }
    }
    ~Client() {
        curl_slist_free_all(headers_);
        curl_easy_cleanup(curl_);
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    std::string certificate;
    long timeout_ms = 20'000;

    Answer post(const std::string& path, const std::string& body) {
        curl_easy_setopt(curl_, CURLOPT_POST, 1L);
        curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, body.c_str());
        curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
        curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers_);
        return perform(path);
    }
    Json report() {
        curl_easy_setopt(curl_, CURLOPT_HTTPGET, 1L);
        return Json::parse(perform("/model/report").body);
    }

private:
    Answer perform(const std::string& path) {
        Answer answer;
        const std::string url = url_ + path;
        curl_easy_setopt(curl_, CURLOPT_URL, url.c_str());
        curl_easy_setopt(curl_, CURLOPT_TIMEOUT_MS, timeout_ms);
        curl_easy_setopt(curl_, CURLOPT_NOPROXY, "*");
        if (!certificate.empty()) curl_easy_setopt(curl_, CURLOPT_CAINFO, certificate.c_str());
        curl_easy_setopt(curl_, CURLOPT_WRITEDATA, &answer.body);
        curl_easy_setopt(
            curl_, CURLOPT_WRITEFUNCTION,
            +[](char* data, std::size_t, std::size_t size, void* out) {
                static_cast<std::string*>(out)->append(data, size);
                return size;
            });
        answer.code = curl_easy_perform(curl_);
        curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &answer.status);
        curl_easy_getinfo(curl_, CURLINFO_HTTP_VERSION, &answer.http_version);
        curl_easy_getinfo(curl_, CURLINFO_NUM_CONNECTS, &answer.connects);
        return answer;
    }

    std::string url_;
    CURL* curl_;
    curl_slist* headers_ = nullptr;
};

std::string after(const std::string& line, const std::string& words) {
    EXPECT_EQ(line.substr(0, words.size()), words);
    return line.size() < words.size() ? "" : line.substr(words.size());
}

// A program of this build, by the variable in which meson names it.
std::string path_in(const char* variable) {
    const char* path = std::getenv(variable);
    return path == nullptr ? std::string("(not set)") : std::string(path);
}

std::vector<std::string> server_with(const std::vector<std::string>& arguments) {
    std::vector<std::string> all{path_in("WEIR_MODEL_SERVER")};
    for (const std::string& one : arguments) all.push_back(one);
    return all;
}

struct Served {
    explicit Served(const std::vector<std::string>& arguments)
        : program(server_with(arguments)), client(after(program.line(), "listening on ")) {}

    Program program;
    Client client;
};

TEST(ModelServer, AnswersOverAConnectionThatIsKept) {
    Served server({"--instant"});
    EXPECT_EQ(server.client.post("/v1/messages", kBody).connects, 1);
    const Answer whole = server.client.post("/v1/messages", kBody);
    EXPECT_EQ(whole.status, 200);
    EXPECT_EQ(whole.connects, 0);
    EXPECT_EQ(Json::parse(whole.body)["type"], "message");
    const Answer streamed = server.client.post("/v1/messages", kStreamed);
    EXPECT_EQ(streamed.code, CURLE_OK);
    EXPECT_EQ(streamed.connects, 0);
    EXPECT_NE(streamed.body.find("event: message_stop"), std::string::npos);
    EXPECT_EQ(server.client.report()["total"]["completed"], 3);
}

TEST(ModelServer, TakesItsTime) {
    Served server({"--first-token-s", "0.05", "--tokens-per-s", "400", "--output", "20"});
    timespec before{};
    timespec then{};
    clock_gettime(CLOCK_MONOTONIC, &before);
    EXPECT_EQ(server.client.post("/v1/messages", kBody).status, 200);
    clock_gettime(CLOCK_MONOTONIC, &then);
    const double took_s = static_cast<double>(then.tv_sec - before.tv_sec) +
                          static_cast<double>(then.tv_nsec - before.tv_nsec) * 1e-9;
    EXPECT_GE(took_s, 0.1);
}

TEST(ModelServer, BreaksConnections) {
    const std::pair<const char*, CURLcode> faults[] = {{"kind=reset_before_read", CURLE_RECV_ERROR},
                                                       {"kind=reset_after_read", CURLE_RECV_ERROR},
                                                       {"kind=reset_mid_body", CURLE_RECV_ERROR},
                                                       {"kind=truncated_body", CURLE_PARTIAL_FILE}};
    for (const auto& [fault, code] : faults) {
        Served server({"--instant", "--fault", fault});
        EXPECT_EQ(server.client.post("/v1/messages", kBody).code, code) << fault;
        EXPECT_EQ(server.client.post("/v1/messages", kStreamed).code, code) << fault;
    }
}

TEST(ModelServer, NoticesAClientThatGoesAway) {
    Served server({"--output", "40", "--tokens-per-s", "0.1"});
    server.client.timeout_ms = 100;
    EXPECT_EQ(server.client.post("/v1/messages", kBody).code, CURLE_OPERATION_TIMEDOUT);
    server.client.timeout_ms = 20'000;
    Json total = Json::object();
    for (int i = 0; i < 200 && total.value("abandoned", 0) == 0; ++i) {
        total = server.client.report()["total"];
    }
    EXPECT_EQ(total["abandoned"], 1);
    EXPECT_EQ(total["running"], 0);
}

TEST(ModelServer, RefusesABodyThatIsTooLarge) {
    Served server({"--instant"});
    const std::string large((33U << 20U), ' ');
    EXPECT_EQ(server.client.post("/v1/messages", large).status, 413);
    EXPECT_EQ(server.client.post("/v1/messages", kBody).status, 200);
}

TEST(ModelServer, WritesItsReportAtTheEnd) {
    const std::string file = testing::TempDir() + "weir-model-report.json";
    Served server({"--instant", "--report", file});
    EXPECT_EQ(server.client.post("/v1/messages", kBody).status, 200);
    EXPECT_EQ(server.program.stop(), 0);
    std::ifstream in(file);
    EXPECT_EQ(Json::parse(in)["total"]["accepted"], 1);
    unlink(file.c_str());
}

TEST(ModelServer, SpeaksHttp2BehindNghttpx) {
    if (std::system("command -v nghttpx >/dev/null") != 0) GTEST_SKIP() << "no nghttpx";
    Program front({path_in("WEIR_WITH_HTTP2"), path_in("WEIR_MODEL_SERVER"), "--instant"});
    Client client(after(front.line(), "listening on "));
    client.certificate = after(front.line(), "certificate ");
    const Answer answer = client.post("/v1/messages", kStreamed);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.http_version, CURL_HTTP_VERSION_2_0);
    EXPECT_NE(answer.body.find("event: message_stop"), std::string::npos);
}

}  // namespace
