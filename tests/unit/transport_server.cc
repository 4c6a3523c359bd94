#include "transport_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace weir::testing {

namespace {

constexpr auto kPatience = std::chrono::seconds(10);

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return address;
}

const sockaddr* generic(const sockaddr_in& address) {
    return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

std::size_t content_length(const std::string& head) {
    std::string lower = head;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    const std::size_t at = lower.find("content-length:");
    if (at == std::string::npos) return 0;
    return std::strtoul(lower.c_str() + at + 15, nullptr, 10);
}

}  // namespace

void Gate::open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
}

bool Gate::wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [this] { return open_; });
}

bool Gate::is_open() {
    const std::lock_guard lock(mutex_);
    return open_;
}

Connection::Connection(int fd, SSL_CTX* tls) : fd_(fd) {
    if (tls == nullptr) return;
    ssl_ = SSL_new(tls);
    SSL_set_fd(ssl_, fd_);
    usable_ = SSL_accept(ssl_) == 1;
}

Connection::~Connection() {
    end();
    SSL_free(ssl_);
}

void Connection::end() {
    if (!usable_) return;
    if (ssl_ != nullptr) SSL_shutdown(ssl_);
    if (!hard_) shutdown(fd_, SHUT_RDWR);
    usable_ = false;
}

bool Connection::fill() {
    std::array<char, 16384> bytes;
    const auto size = ssl_ != nullptr ? SSL_read(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                                      : recv(fd_, bytes.data(), bytes.size(), 0);
    if (size <= 0) return false;
    buffered_.append(bytes.data(), static_cast<std::size_t>(size));
    return true;
}

std::string Connection::read_head() {
    std::size_t end = 0;
    while ((end = buffered_.find("\r\n\r\n")) == std::string::npos) {
        if (!fill()) return {};
    }
    std::string head = buffered_.substr(0, end + 4);
    buffered_.erase(0, end + 4);
    return head;
}

std::string Connection::read_request() {
    std::string head = read_head();
    const std::size_t length = content_length(head);
    while (buffered_.size() < length) {
        if (!fill()) return {};
    }
    head += buffered_.substr(0, length);
    buffered_.erase(0, length);
    return head;
}

std::size_t Connection::read_some(std::size_t at_most) {
    std::string bytes(at_most, '\0');
    const ssize_t size = recv(fd_, bytes.data(), bytes.size(), 0);
    return size > 0 ? static_cast<std::size_t>(size) : 0;
}

bool Connection::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto size = ssl_ != nullptr
                              ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                              : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (size <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
}

void Connection::wait_for_close() {
    while (fill()) buffered_.clear();
}

void Connection::reset() {
    const linger hard{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    hard_ = true;
}

void Connection::splice_to(int port) {
    const int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    if (connect(peer, generic(address), sizeof address) == 0) {
        std::array<pollfd, 2> ends{{{fd_, POLLIN, 0}, {peer, POLLIN, 0}}};
        std::array<char, 16384> bytes;
        bool open = true;
        while (open && poll(ends.data(), ends.size(), -1) > 0) {
            for (std::size_t i = 0; i < 2 && open; ++i) {
                if (ends[i].revents == 0) continue;
                const ssize_t size = recv(ends[i].fd, bytes.data(), bytes.size(), 0);
                open = size > 0 && ::send(ends[1 - i].fd, bytes.data(),
                                          static_cast<std::size_t>(size), MSG_NOSIGNAL) == size;
            }
        }
    }
    close(peer);
}

Server::Server(Script script, SSL_CTX* tls) : script_(std::move(script)), tls_(tls) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (listener_ < 0 || bind(listener_, generic(address), sizeof address) != 0 ||
        listen(listener_, 512) != 0 ||
        getsockname(listener_, static_cast<sockaddr*>(static_cast<void*>(&address)), &size) != 0) {
        std::abort();
    }
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
}

Server::~Server() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    close(listener_);
    std::vector<std::thread> scripts;
    {
        const std::lock_guard lock(mutex_);
        for (const int fd : open_) shutdown(fd, SHUT_RDWR);
        scripts.swap(scripts_);
    }
    for (std::thread& thread : scripts) thread.join();
}

std::string Server::url() const {
    return (tls_ != nullptr ? "https://localhost:" : "http://127.0.0.1:") + std::to_string(port_);
}

void Server::accept_all() {
    for (;;) {
        const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        const int number = connections_.fetch_add(1);
        const std::lock_guard lock(mutex_);
        open_.push_back(fd);
        scripts_.emplace_back([this, fd, number] {
            // A TLS library writes without MSG_NOSIGNAL.
            sigset_t pipe;
            sigemptyset(&pipe);
            sigaddset(&pipe, SIGPIPE);
            pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
            {
                Connection connection(fd, tls_);
                if (connection.usable()) script_(connection, number);
            }
            const std::lock_guard closing(mutex_);
            std::erase(open_, fd);
            close(fd);
        });
    }
}

std::string chunk(std::string_view text) {
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", text.size());
    return size + std::string(text) + "\r\n";
}

std::string ok_response(std::string_view body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\nContent-Type: application/json\r\n\r\n" + std::string(body);
}

}  // namespace weir::testing
