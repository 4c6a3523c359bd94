#include "engine/thread.h"

#include <fmt/format.h>
#include <signal.h>

#include <ctime>
#include <memory>

#include "engine/failure.h"
#include "weir/weir.h"

namespace weir {
namespace {

constexpr std::size_t kStackSize = 1 << 20;

struct Start {
    void (*run)(void*);
    void* argument;
};

extern "C" void* weir_thread_main(void* start) {
    const Start copy = *static_cast<Start*>(start);
    delete static_cast<Start*>(start);
    copy.run(copy.argument);
    return nullptr;
}

sigset_t blocked_in_threads() {
    sigset_t set;
    ::sigfillset(&set);
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF}) {
        ::sigdelset(&set, signal);
    }
    return set;
}

bool contains_sigpipe(const sigset_t& set) { return ::sigismember(&set, SIGPIPE) == 1; }

}  // namespace

Thread::~Thread() {
    if (thread_) ::pthread_detach(*thread_);
}

void Thread::join() noexcept {
    const std::lock_guard lock(mutex_);
    if (thread_) ::pthread_join(*thread_, nullptr);
    thread_.reset();
}

void Thread::start(void (*run)(void* argument), void* argument) {
    auto start = std::make_unique<Start>(Start{run, argument});
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, kStackSize);

    // The new thread inherits the mask, so that no signal can slip in before it has set its own.
    const sigset_t blocked = blocked_in_threads();
    sigset_t before;
    ::pthread_sigmask(SIG_SETMASK, &blocked, &before);
    pthread_t thread;
    const int error = ::pthread_create(&thread, &attributes, weir_thread_main, start.get());
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    ::pthread_attr_destroy(&attributes);
    if (error != 0) {
        throw Failure(WEIR_ERR_IO, ErrorSource::local,
                      fmt::format("no thread could be started: error {}", error));
    }
    (void)start.release();
    ::pthread_setname_np(thread, "weir");
    const std::lock_guard lock(mutex_);
    thread_ = thread;
}

SigpipeBlock::SigpipeBlock() noexcept {
    sigset_t sigpipe, before, pending;
    ::sigemptyset(&sigpipe);
    ::sigaddset(&sigpipe, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
    was_blocked_ = contains_sigpipe(before);
    if (was_blocked_) return;
    ::sigpending(&pending);
    was_pending_ = contains_sigpipe(pending);
}

SigpipeBlock::~SigpipeBlock() {
    if (was_blocked_) return;
    sigset_t sigpipe, pending;
    ::sigemptyset(&sigpipe);
    ::sigaddset(&sigpipe, SIGPIPE);
    ::sigpending(&pending);
    if (contains_sigpipe(pending) && !was_pending_) {
        const timespec no_time{};
        ::sigtimedwait(&sigpipe, nullptr, &no_time);
    }
    ::pthread_sigmask(SIG_UNBLOCK, &sigpipe, nullptr);
}

}  // namespace weir
