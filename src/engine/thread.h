#pragma once

#include <pthread.h>

#include <mutex>
#include <optional>

namespace weir {

// A thread of weir's own. Its stack is 1 MiB (musl's default is too small), and every signal is
// blocked in it that the host may have a use for: all but the synchronous ones and SIGPROF.
class Thread {
public:
    Thread() = default;
    // A thread that nobody has joined goes on by itself.
    ~Thread();
    Thread(const Thread&) = delete;
    Thread& operator=(const Thread&) = delete;

    // `run` must not return before this has. Throws Failure (WEIR_ERR_IO).
    void start(void (*run)(void* argument), void* argument);
    // Returns when nothing of the thread is left: what OpenSSL keeps for each thread is freed at
    // its very end, and must not be when the process itself is ending. Any thread, more than once.
    void join() noexcept;

private:
    std::mutex mutex_;  // guards the rest
    std::optional<pthread_t> thread_;
};

// Keeps SIGPIPE away from the host while its thread does our work. SIGPIPE goes to the thread that
// writes: it is blocked there, and taken off if it came, so that nobody else ever sees it.
class SigpipeBlock {
public:
    SigpipeBlock() noexcept;
    ~SigpipeBlock();
    SigpipeBlock(const SigpipeBlock&) = delete;
    SigpipeBlock& operator=(const SigpipeBlock&) = delete;

private:
    bool was_blocked_ = false;
    bool was_pending_ = false;
};

}  // namespace weir
