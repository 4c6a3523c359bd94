/* Callbacks: each request carries a job of its own, and weir_dispatch hands every event to a
 * function on this thread. More work may be submitted from inside it.
 *
 *     ANTHROPIC_API_KEY=... dispatch_callbacks [BASE_URL]
 */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

struct service {
    weir_engine* engine;
    weir_request* request;
    int outstanding;
    int failed;
};

struct job {
    const char* question;
    const char* then; /* to be asked when the first was answered */
};

static struct job jobs[] = {
    {"Name a river in Norway.", "Name a river in Peru."},
    {"Name a weir in England.", NULL},
    {"Name a lock in Scotland.", NULL},
};

static void ask(struct service* service, struct job* job) {
    char body[512];
    weir_error* error;
    int32_t status;
    snprintf(body, sizeof body,
             "{\"model\": \"claude-haiku-4-5\", \"max_tokens\": 50, \"messages\": "
             "[{\"role\": \"user\", \"content\": \"%s\"}]}",
             job->question);
    weir_request_set_user_data(service->request, (uint64_t)(uintptr_t)job);
    status = weir_request_set_body(service->request, body, WEIR_NUL, &error);
    if (status == WEIR_OK) status = weir_submit(service->engine, service->request, NULL, &error);
    if (status == WEIR_OK) {
        service->outstanding++;
    } else {
        fprintf(stderr, "%s\n", weir_error_message(error));
        service->failed++;
    }
    weir_error_release(error);
}

static void on_event(const weir_event* event, void* user) {
    struct service* service = user;
    struct job* job = (struct job*)(uintptr_t)event->user_data;
    if (!WEIR_EVENT_IS_TERMINAL(event->type)) return;
    service->outstanding--;
    if (event->type == WEIR_EVENT_FAILED) {
        const weir_error* error = event->object;
        fprintf(stderr, "%s %s%s\n", job->question, weir_error_message(error),
                weir_error_is(error, WEIR_ERROR_RETRYABLE) ? " (try again later)" : "");
        service->failed++;
        return;
    }
    printf("%s (%ld output tokens)\n", job->question,
           (long)weir_response_number(event->object, WEIR_NUMBER_OUTPUT_TOKENS));
    if (job->then) {
        job->question = job->then;
        job->then = NULL;
        ask(service, job);
    }
}

int main(int argc, char** argv) {
    struct service service = {NULL, NULL, 0, 0};
    weir_config* config;
    weir_error* error;
    size_t i;
    if (weir_config_new(&config, NULL) != WEIR_OK) return 1;
    weir_config_set(config, "account.main.key_env", WEIR_NUL, "ANTHROPIC_API_KEY", WEIR_NUL, NULL);
    weir_config_set(config, "request.deadline_ms", WEIR_NUL, "60000", WEIR_NUL, NULL);
    if (argc > 1) weir_config_set(config, "transport.base_url", WEIR_NUL, argv[1], WEIR_NUL, NULL);
    if (weir_engine_open(config, &service.engine, &error) != WEIR_OK) {
        fprintf(stderr, "%s\n", weir_error_message(error));
        return 1;
    }
    weir_config_release(config);
    if (weir_request_new(&service.request, NULL) != WEIR_OK) return 1;
    for (i = 0; i < sizeof jobs / sizeof jobs[0]; i++) ask(&service, &jobs[i]);
    while (service.outstanding > 0 &&
           weir_dispatch(service.engine, on_event, &service, 16, -1) >= 0)
        continue;
    weir_request_release(service.request);
    weir_engine_release(service.engine);
    return service.failed ? 1 : 0;
}
