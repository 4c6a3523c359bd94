#include "transport/socket_table.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <new>

namespace weir {

void SocketTable::attach_multi(CURLM* multi) {
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &SocketTable::on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this);
}

void SocketTable::attach_easy(CURL* easy) {
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &SocketTable::open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &SocketTable::close_socket);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, this);
}

SocketTable::Socket& SocketTable::at(curl_socket_t fd) {
    const auto index = static_cast<std::size_t>(fd);
    if (index >= sockets_.size()) sockets_.resize(index + 1);
    return sockets_[index];
}

void SocketTable::on_ready(int fd, std::uint32_t epoll_events) {
    Socket& socket = at(fd);
    if (!socket.wanted) return on_idle_ready(fd, epoll_events);
    int bits = 0;
    if ((epoll_events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP)) != 0) bits |= CURL_CSELECT_IN;
    if ((epoll_events & EPOLLOUT) != 0) bits |= CURL_CSELECT_OUT;
    if ((epoll_events & EPOLLERR) != 0) bits |= CURL_CSELECT_ERR;
    try {
        if (socket.ready == 0) ready_.push_back(fd);
    } catch (const std::bad_alloc&) {
        return;  // the poller says it again
    }
    socket.ready = static_cast<std::uint8_t>(socket.ready | bits);
}

// A connection in libcurl's cache. If its peer has closed it, nothing may be sent on it any more: a
// request would go nowhere, yet look as if it might have arrived, and not every libcurl looks
// before it sends. Anything else (a TLS session ticket) waits until libcurl reads.
void SocketTable::on_idle_ready(int fd, std::uint32_t epoll_events) {
    if ((epoll_events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        at(fd).watched = false;
        poller_->unwatch(fd);
        ::shutdown(fd, SHUT_RDWR);
    } else {
        poller_->watch(fd, EPOLLRDHUP, this);
    }
}

bool SocketTable::take_ready(curl_socket_t* fd, int* select_bits) {
    while (taken_ < ready_.size()) {
        *fd = ready_[taken_++];
        Socket& socket = at(*fd);
        *select_bits = socket.ready;
        socket.ready = 0;
        // What libcurl has let go of since is skipped.
        if (*select_bits != 0 && socket.wanted) return true;
    }
    ready_.clear();
    taken_ = 0;
    return false;
}

void SocketTable::close_descriptors_only() {
    for (std::size_t fd = 0; fd < sockets_.size(); ++fd) {
        if (sockets_[fd].connection || sockets_[fd].watched) close(static_cast<int>(fd));
        sockets_[fd] = Socket{};
    }
    ready_.clear();
    taken_ = 0;
}

void SocketTable::want(curl_socket_t fd, int what) {
    std::uint32_t events = 0;
    if ((what & CURL_POLL_IN) != 0) events |= EPOLLIN | EPOLLRDHUP;
    if ((what & CURL_POLL_OUT) != 0) events |= EPOLLOUT;
    Socket& socket = at(fd);
    poller_->watch(fd, events, this);
    socket.watched = true;
    socket.wanted = true;
    socket.connected = socket.connected || (what & CURL_POLL_IN) != 0;
}

void SocketTable::forget(curl_socket_t fd) {
    Socket& socket = at(fd);
    if (socket.watched) poller_->unwatch(fd);
    socket = Socket{};
}

int SocketTable::on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) noexcept {
    auto* table = static_cast<SocketTable*>(self);
    try {
        if (what != CURL_POLL_REMOVE) {
            table->want(fd, what);
        } else if (Socket& socket = table->at(fd); socket.connected && socket.connection) {
            // The connection goes back to the cache, and is soon wanted again or closed by its
            // peer: it stays with the poller, which also saves two system calls a request.
            socket.wanted = false;
        } else {
            table->forget(fd);
        }
        return 0;
    } catch (...) {
        return -1;  // libcurl then fails all transfers
    }
}

curl_socket_t SocketTable::open_socket(void* self, curlsocktype, curl_sockaddr* address) noexcept {
    const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0) return CURL_SOCKET_BAD;
    try {
        auto* table = static_cast<SocketTable*>(self);
        // libcurl 7.88 closes a socket that is not connected yet without close_socket: what is
        // known of the number is about that one.
        table->forget(fd);
        table->at(fd).connection = true;
        return fd;
    } catch (...) {
        close(fd);
        return CURL_SOCKET_BAD;
    }
}

int SocketTable::close_socket(void* self, curl_socket_t fd) noexcept {
    static_cast<SocketTable*>(self)->forget(fd);
    return close(fd);
}

}  // namespace weir
