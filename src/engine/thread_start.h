#pragma once

namespace weir {

// Starts a detached thread whose stack is 1 MiB (musl's default is too small) and in which every
// signal is blocked that the host may have a use for: all but the synchronous ones and SIGPROF.
// `run` must not return before this has. Throws Failure (WEIR_ERR_IO).
void start_thread(void (*run)(void* argument), void* argument);

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
