#pragma once

#include <cstdint>
#include <utility>

namespace weir {

// An owned file descriptor, or none (-1).
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~Descriptor() { close(); }

    int get() const { return fd_; }
    void close() noexcept;

private:
    int fd_ = -1;
};

// A descriptor that is readable from signal() to clear(). Both are system calls without locks;
// signal() may be called in signal handlers, and leaves errno alone.
class EventDescriptor {
public:
    EventDescriptor();  // throws Failure (WEIR_ERR_IO)

    int fd() const { return descriptor_.get(); }
    void signal() const noexcept;
    bool clear() const noexcept;  // whether it was readable
    void close() noexcept { descriptor_.close(); }

private:
    Descriptor descriptor_;
};

}  // namespace weir
