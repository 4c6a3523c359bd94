// C13: none of the host's exceptions may enter the library. One thrown by a dispatch callback ends
// the process by std::terminate: it does not travel through the engine's frames.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <stdexcept>

extern "C" {
#include "api.h"
}

namespace {

void throw_up(const weir_event*, void*) { throw std::runtime_error("thrown by the host"); }

void dispatch_throwing(void* argument) {
    world* here = static_cast<world*>(argument);
    const rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    // To be seen in the parent: terminate was reached, and not the handler below.
    std::set_terminate([] { _exit(42); });
    try {
        for (;;) weir_dispatch(here->engine, throw_up, nullptr, 1, 1000);
    } catch (const std::runtime_error&) {
        _exit(43);
    }
}

// The engine must belong to the child, so everything is made there.
void child(void* drive) {
    world here;
    world_open(&here, static_cast<const char*>(drive));
    api_submit(here.engine, "hello");
    dispatch_throwing(&here);
}

void callback_throws(const char* drive) {
    const int status = check_in_child(child, const_cast<char*>(drive));
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 42);
}

}  // namespace

int main() {
    api_load();
    RUN_DRIVEN(callback_throws);
    return check_end();
}
