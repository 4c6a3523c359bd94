/* The shortest way: submit everything, then wait for one event after the other.
 *
 *     ANTHROPIC_API_KEY=... blocking_loop [BASE_URL]
 */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static const char* const languages[] = {"Finnish", "Greek", "Swahili", "Welsh"};
#define QUESTION_COUNT 4

/* Prints what went wrong, releases the error, and returns 1 if there was one. */
static int failed(int32_t status, weir_error** error) {
    if (status < 0) fprintf(stderr, "%s\n", weir_error_message(*error));
    weir_error_release(*error);
    return status < 0;
}

static weir_engine* open_engine(const char* base_url) {
    weir_config* config;
    weir_engine* engine = NULL;
    weir_error* error = NULL;
    if (failed(weir_config_new(&config, &error), &error)) return NULL;
    if (!failed(weir_config_set(config, "account.main.key_env", WEIR_NUL, "ANTHROPIC_API_KEY",
                                WEIR_NUL, &error),
                &error) &&
        !failed(weir_config_set(config, "request.deadline_ms", WEIR_NUL, "60000", WEIR_NUL, &error),
                &error) &&
        (!base_url || !failed(weir_config_set(config, "transport.base_url", WEIR_NUL, base_url,
                                              WEIR_NUL, &error),
                              &error)))
        failed(weir_engine_open(config, &engine, &error), &error);
    weir_config_release(config);
    return engine;
}

static int submit(weir_engine* engine, weir_request* request, uint64_t number) {
    char body[256];
    weir_error* error = NULL;
    sprintf(body,
            "{\"model\": \"claude-haiku-4-5\", \"max_tokens\": 100, \"messages\": "
            "[{\"role\": \"user\", \"content\": \"Say good morning in %s.\"}]}",
            languages[number]);
    weir_request_set_user_data(request, number); /* comes back with the answer */
    return !failed(weir_request_set_body(request, body, strlen(body), &error), &error) &&
           !failed(weir_submit(engine, request, NULL, &error), &error);
}

int main(int argc, char** argv) {
    weir_engine* engine = open_engine(argc > 1 ? argv[1] : NULL);
    weir_request* request;
    weir_event event;
    int32_t count;
    int outstanding = 0, succeeded = 0;
    uint64_t number;

    if (!engine || weir_request_new(&request, NULL) != WEIR_OK) return 1;
    for (number = 0; number < QUESTION_COUNT; number++)
        outstanding += submit(engine, request, number);
    weir_request_release(request);

    while (outstanding > 0 && (count = weir_poll(engine, &event, sizeof event, 1, -1)) >= 0) {
        if (count == 0) continue; /* a signal, for instance */
        if (event.type == WEIR_EVENT_DONE) {
            printf("%s: %s\n", languages[event.user_data], (const char*)event.data);
            succeeded++;
        } else if (event.type == WEIR_EVENT_FAILED) {
            fprintf(stderr, "%s: %s\n", languages[event.user_data],
                    weir_error_message((const weir_error*)event.object));
        }
        outstanding -= WEIR_EVENT_IS_TERMINAL(event.type);
        weir_events_release(&event, sizeof event, 1);
    }
    weir_engine_release(engine);
    return succeeded == QUESTION_COUNT ? 0 : 1;
}
