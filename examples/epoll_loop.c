/* weir inside an event loop, without a thread of its own: each line of standard input is the body
 * of a request, and answers are printed as they come.
 *
 *     echo '{"model": "claude-haiku-4-5", "max_tokens": 100,
 *            "messages": [{"role": "user", "content": "Hello"}]}' | tr -d '\n' |
 *         ANTHROPIC_API_KEY=... epoll_loop [BASE_URL]
 */
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <weir/weir.h>

static int set(weir_config* config, const char* key, const char* value) {
    weir_error* error;
    int32_t status = weir_config_set(config, key, WEIR_NUL, value, WEIR_NUL, &error);
    if (status != WEIR_OK) fprintf(stderr, "%s\n", weir_error_message(error));
    weir_error_release(error);
    return status == WEIR_OK;
}

static weir_engine* open_engine(const weir_config* config) {
    weir_engine* engine;
    weir_error* error;
    if (weir_engine_open(config, &engine, &error) != WEIR_OK)
        fprintf(stderr, "%s\n", weir_error_message(error));
    weir_error_release(error);
    return engine;
}

/* Submits what was typed; 1 if the engine took it. */
static int submit(weir_engine* engine, weir_request* request, const char* body, size_t length) {
    weir_error* error;
    int32_t status = weir_request_set_body(request, body, length, &error);
    if (status == WEIR_OK) status = weir_submit(engine, request, NULL, &error);
    if (status != WEIR_OK) fprintf(stderr, "%s\n", weir_error_message(error));
    weir_error_release(error);
    return status == WEIR_OK;
}

/* Takes every event there is, and returns how many requests ended; *failed counts the failures. */
static int take_events(weir_engine* engine, int* failed) {
    weir_event events[16];
    int32_t count, i;
    int ended = 0;
    while ((count = weir_poll(engine, events, sizeof events[0], 16, 0)) > 0) {
        for (i = 0; i < count; i++) {
            if (events[i].type == WEIR_EVENT_DONE) puts((const char*)events[i].data);
            if (events[i].type == WEIR_EVENT_FAILED) {
                fprintf(stderr, "%s\n", weir_error_message((const weir_error*)events[i].object));
                ++*failed;
            }
            ended += WEIR_EVENT_IS_TERMINAL(events[i].type);
        }
        weir_events_release(events, sizeof events[0], (size_t)count);
    }
    return ended;
}

/* Returns 1 if the descriptor can be watched. A file cannot: it is ready at all times. */
static int watch(int loop, int fd) {
    struct epoll_event interest;
    memset(&interest, 0, sizeof interest);
    interest.events = EPOLLIN;
    interest.data.fd = fd;
    return epoll_ctl(loop, EPOLL_CTL_ADD, fd, &interest) == 0;
}

int main(int argc, char** argv) {
    static char line[65536];
    weir_config* config;
    weir_engine* engine;
    weir_request* request;
    struct epoll_event ready;
    int loop = epoll_create1(EPOLL_CLOEXEC), outstanding = 0, failed = 0, reading = 1;
    int input_is_watched;

    if (weir_config_new(&config, NULL) != WEIR_OK || !set(config, "engine.drive", "caller") ||
        !set(config, "account.main.key_env", "ANTHROPIC_API_KEY") ||
        !set(config, "request.deadline_ms", "60000") ||
        (argc > 1 && !set(config, "transport.base_url", argv[1])) ||
        !(engine = open_engine(config)) || weir_request_new(&request, NULL) != WEIR_OK)
        return 1;
    setvbuf(stdin, NULL, _IONBF,
            0); /* else lines could wait in stdio, where epoll cannot see them */
    input_is_watched = watch(loop, STDIN_FILENO);
    if (!watch(loop, weir_fd(engine))) return 1;
    while (reading || outstanding > 0) {
        int count = epoll_wait(loop, &ready, 1, reading && !input_is_watched ? 0 : -1);
        if (count == 1 && ready.data.fd != STDIN_FILENO) {
            outstanding -= take_events(engine, &failed);
        } else if (reading && (count == 1 || !input_is_watched)) {
            if (fgets(line, sizeof line, stdin)) {
                if (submit(engine, request, line, strlen(line)))
                    outstanding++;
                else
                    failed++;
            } else {
                reading = 0;
                epoll_ctl(loop, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
            }
        }
    }
    weir_request_release(request);
    weir_engine_release(engine);
    weir_config_release(config);
    return failed ? 1 : 0;
}
