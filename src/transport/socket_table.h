#pragma once

#include <curl/curl.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/transport.h"

namespace weir {

// The sockets of a multi handle, joined to the loop's poller. What is ready is only noted here;
// the transport hands it to libcurl when it moves.
class SocketTable final : public Poller::Watcher {
public:
    explicit SocketTable(Poller* poller) : poller_(poller) {}

    // Makes `multi` report its sockets here.
    void attach_multi(CURLM* multi);
    // Makes connections of `easy` come from here and end here.
    void attach_easy(CURL* easy);

    void on_ready(int fd, std::uint32_t epoll_events) override;

    bool any_ready() const { return !ready_.empty(); }
    // Takes the next ready socket with its CURL_CSELECT_ bits; false if none is left.
    bool take_ready(curl_socket_t* fd, int* select_bits);

    // For the child of a fork: closes every inherited socket without a word to its peer.
    void close_descriptors_only();

private:
    struct Socket {
        bool connection = false;  // opened by open_socket
        bool watched = false;     // by the poller
        bool wanted = false;      // by libcurl
        bool connected = false;   // libcurl has wanted to read
        std::uint8_t ready = 0;   // CURL_CSELECT_ bits not yet taken
    };

    static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* unused) noexcept;
    static curl_socket_t open_socket(void* self, curlsocktype purpose,
                                     curl_sockaddr* address) noexcept;
    static int close_socket(void* self, curl_socket_t fd) noexcept;

    Socket& at(curl_socket_t fd);
    void on_idle_ready(int fd, std::uint32_t epoll_events);
    void want(curl_socket_t fd, int what);
    void forget(curl_socket_t fd);

    Poller* poller_;
    std::vector<Socket> sockets_;  // by descriptor
    std::vector<curl_socket_t> ready_;
    std::size_t taken_ = 0;  // of ready_
};

}  // namespace weir
