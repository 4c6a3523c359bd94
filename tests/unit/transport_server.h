#pragma once

#include <openssl/ssl.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace weir::testing {

// Lets one thread wait until another is so far. Waits give up after ten seconds, which fails a test
// instead of hanging it.
class Gate {
public:
    void open();
    bool wait();
    bool is_open();

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = false;
};

// The server's end of a connection, plain or TLS.
class Connection {
public:
    Connection(int fd, SSL_CTX* tls);  // the handshake is the first thing; see usable()
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    bool usable() const { return usable_; }
    // The next request with its body, or nothing at the end of the connection.
    std::string read_request();
    std::string read_head();                     // without the body
    std::size_t read_some(std::size_t at_most);  // 0 at the end
    bool send(std::string_view bytes);
    void wait_for_close();
    void end();    // as if the script had ended
    void reset();  // RST instead of FIN when it ends
    // Carries bytes between this connection and a port of this machine until one side ends.
    void splice_to(int port);

private:
    bool fill();

    int fd_;
    SSL* ssl_ = nullptr;
    bool usable_ = true;
    bool hard_ = false;
    std::string buffered_;
};

// Serves each connection with a script, in a thread of its own, on a loopback port.
class Server {
public:
    // The script gets the connection and its number, from 0.
    using Script = std::function<void(Connection&, int)>;
    explicit Server(Script script, SSL_CTX* tls = nullptr);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    int port() const { return port_; }
    std::string url() const;
    int connections() const { return connections_.load(); }

private:
    void accept_all();

    Script script_;
    SSL_CTX* tls_;
    int listener_ = -1;
    int port_ = 0;
    std::atomic<int> connections_{0};
    std::mutex mutex_;
    std::vector<std::thread> scripts_;
    std::vector<int> open_;  // descriptors to shut down at the end
    std::thread acceptor_;
};

std::string ok_response(std::string_view body);
std::string chunk(std::string_view text);  // of a body in chunks

}  // namespace weir::testing
