#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t count;
static volatile sig_atomic_t terminated;
static int pipe_ends[2] = {-1, -1};

static void on_signal(int number) {
    int problem = errno;
    count++;
    if (number == SIGTERM) terminated = 1;
    if (count >= 2) signal(number, SIG_DFL);
    if (write(pipe_ends[1], "", 1) < 0) count += 0; /* it is full: the reader will wake anyway */
    errno = problem;
}

int interrupt_watch(void) {
    struct sigaction action = {.sa_handler = on_signal};
    if (pipe(pipe_ends) != 0) return -1;
    for (int i = 0; i < 2; i++) {
        if (fcntl(pipe_ends[i], F_SETFD, FD_CLOEXEC) != 0) return -1;
        if (fcntl(pipe_ends[i], F_SETFL, O_NONBLOCK) != 0) return -1;
    }
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGINT, &action, NULL) != 0 || sigaction(SIGTERM, &action, NULL) != 0) return -1;
    signal(SIGPIPE, SIG_IGN); /* an output that is closed, or may grow no more, */
    signal(SIGXFSZ, SIG_IGN); /* is an error of write */
    return 0;
}

int interrupt_count(void) {
    char bytes[16];
    while (read(pipe_ends[0], bytes, sizeof bytes) > 0) continue;
    return count;
}

int interrupt_by_sigterm(void) { return terminated; }

int interrupt_fd(void) { return pipe_ends[0]; }
