#include "batch_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string_view>
#include <thread>

namespace weir::bench {
namespace {

constexpr std::string_view kCustomId = "\"custom_id\":\"";

struct Shared {
    std::size_t requests = 0;
    std::size_t result_bytes = 0;
    std::mutex mutex;
    std::string prefix;  // of the batch's custom_ids: mark and submission
    bool created = false;
};

bool write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

bool write_json(int fd, const std::string& json) {
    return write_all(fd, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: " +
                             std::to_string(json.size()) + "\r\n\r\n" + json);
}

std::string batch_json(const Shared& shared, bool ended) {
    const std::string n = std::to_string(shared.requests);
    return std::string(R"({"id":"msgbatch_1","type":"message_batch","processing_status":")") +
           (ended ? "ended" : "in_progress") + R"(","request_counts":{"processing":)" +
           (ended ? "0" : n) + R"(,"succeeded":)" + (ended ? n : "0") +
           R"(,"errored":0,"canceled":0,"expired":0},"created_at":"2026-08-01T00:00:00Z",)" +
           R"("expires_at":"2099-08-02T00:00:00Z","archived_at":null,"results_url":null})";
}

// A whole request's head, and what of its body came with it. False at the connection's end.
bool read_head(int fd, std::string* head, std::string* rest) {
    std::string text = std::move(*rest);
    char buffer[65536];
    for (;;) {
        const std::size_t end = text.find("\r\n\r\n");
        if (end != std::string::npos) {
            *head = text.substr(0, end + 2);
            *rest = text.substr(end + 4);
            return true;
        }
        const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
        if (n <= 0) return false;
        text.append(buffer, static_cast<std::size_t>(n));
    }
}

std::size_t content_length(const std::string& head) {
    for (const char* name : {"\r\nContent-Length: ", "\r\ncontent-length: "}) {
        const std::size_t at = head.find(name);
        if (at != std::string::npos) {
            return std::strtoull(head.c_str() + at + std::strlen(name), nullptr, 10);
        }
    }
    return 0;
}

// Takes the body, and gives its beginning.
bool skip_body(int fd, std::size_t length, std::string* rest, std::string* begin) {
    *begin = rest->substr(0, 4096);
    if (rest->size() >= length) {
        rest->erase(0, length);
        return true;
    }
    length -= rest->size();
    rest->clear();
    static thread_local char buffer[1 << 18];
    while (length > 0) {
        const ssize_t n = ::recv(fd, buffer, std::min(length, sizeof buffer), 0);
        if (n <= 0) return false;
        if (begin->size() < 4096) begin->append(buffer, static_cast<std::size_t>(n));
        length -= static_cast<std::size_t>(n);
    }
    return true;
}

bool create(int fd, Shared* shared, const std::string& begin) {
    const std::size_t at = begin.find(kCustomId);
    if (at == std::string::npos) return false;
    const std::size_t from = at + kCustomId.size();
    const std::string id = begin.substr(from, begin.find('"', from) - from);
    const std::lock_guard lock(shared->mutex);
    shared->prefix = id.substr(0, id.rfind('-') + 1);
    shared->created = true;
    return write_json(fd, batch_json(*shared, false));
}

bool send_results(int fd, Shared* shared) {
    const std::string front = R"(","result":{"type":"succeeded","message":{"id":"msg_1","type":)"
                              R"("message","role":"assistant","model":"claude-sonnet-4-5",)"
                              R"("content":[{"type":"text","text":")";
    const std::string back = R"("}],"stop_reason":"end_turn","stop_sequence":null,"usage":)"
                             R"({"input_tokens":20,"output_tokens":2000}}}})";
    const std::string text(shared->result_bytes, 'x');
    if (!write_all(fd,
                   "HTTP/1.1 200 OK\r\ncontent-type: application/x-jsonl\r\n"
                   "connection: close\r\n\r\n")) {
        return false;
    }
    std::string lines;
    for (std::size_t i = 0; i < shared->requests; ++i) {
        lines += "{" + std::string(kCustomId) + shared->prefix + std::to_string(i) + front + text +
                 back + "\n";
        if (lines.size() < 256 * 1024 && i + 1 < shared->requests) continue;
        if (!write_all(fd, lines)) return false;
        lines.clear();
    }
    return false;  // and the connection ends
}

bool answer(int fd, Shared* shared, const std::string& head, const std::string& begin) {
    if (head.starts_with("POST /v1/messages/batches ")) return create(fd, shared, begin);
    const bool of_batch = head.find("/batches/msgbatch_1") != std::string::npos;
    if (of_batch && head.find("/results") != std::string::npos) return send_results(fd, shared);
    const std::lock_guard lock(shared->mutex);
    if (of_batch) return write_json(fd, batch_json(*shared, true));
    const std::string data = shared->created ? batch_json(*shared, true) : "";
    return write_json(fd, "{\"data\":[" + data + "],\"has_more\":false}");
}

void serve(int fd, Shared* shared) {
    std::string head;
    std::string rest;
    std::string begin;
    while (read_head(fd, &head, &rest) && skip_body(fd, content_length(head), &rest, &begin) &&
           answer(fd, shared, head, begin)) {
    }
    ::close(fd);
}

}  // namespace

BatchPeer::BatchPeer(std::size_t requests, std::size_t result_bytes) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    if (listener < 0 || ::bind(listener, plain, size) != 0 || ::listen(listener, 16) != 0 ||
        ::getsockname(listener, plain, &size) != 0) {
        std::perror("bench_batch: no peer");
        std::exit(1);
    }
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    child_ = ::fork();
    if (child_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // however we end
        static Shared shared;
        shared.requests = requests;
        shared.result_bytes = result_bytes;
        for (;;) {
            const int fd = ::accept(listener, nullptr, nullptr);
            if (fd >= 0) std::thread(serve, fd, &shared).detach();
        }
    }
    ::close(listener);
}

BatchPeer::~BatchPeer() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
}

}  // namespace weir::bench
