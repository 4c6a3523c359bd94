/* A streamed answer, printed as it comes.
 *
 *     ANTHROPIC_API_KEY=... streaming [BASE_URL]
 */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static const char body[] =
    "{\"model\": \"claude-haiku-4-5\", \"max_tokens\": 300, \"stream\": true, \"messages\": "
    "[{\"role\": \"user\", \"content\": \"Tell me about weirs.\"}]}";

/* The text of a content_block_delta, as JSON has it; other events have none. A program that does
 * more with events has a reader of JSON. */
static void print_text(const weir_event* event) {
    const char* text = strstr(event->data, "\"text_delta\"");
    if (text) text = strstr(text, "\"text\":\"");
    if (!text) return;
    for (text += strlen("\"text\":\""); *text && *text != '"'; text++) {
        if (*text == '\\' && *++text == 'n')
            putchar('\n');
        else
            putchar(*text);
    }
    fflush(stdout);
}

int main(int argc, char** argv) {
    weir_config* config;
    weir_engine* engine;
    weir_request* request;
    weir_error* error;
    weir_event event;
    int32_t status;

    if (weir_config_new(&config, NULL) != WEIR_OK) return 1;
    weir_config_set(config, "account.main.key_env", WEIR_NUL, "ANTHROPIC_API_KEY", WEIR_NUL, NULL);
    weir_config_set(config, "request.deadline_ms", WEIR_NUL, "60000", WEIR_NUL, NULL);
    if (argc > 1) weir_config_set(config, "transport.base_url", WEIR_NUL, argv[1], WEIR_NUL, NULL);
    status = weir_engine_open(config, &engine, &error);
    weir_config_release(config);
    if (status == WEIR_OK) status = weir_request_new(&request, &error);
    if (status == WEIR_OK) status = weir_request_set_body(request, body, WEIR_NUL, &error);
    if (status == WEIR_OK) status = weir_submit(engine, request, NULL, &error);
    if (status != WEIR_OK) {
        fprintf(stderr, "%s\n", weir_error_message(error));
        return 1;
    }
    event.type = 0;
    while (!WEIR_EVENT_IS_TERMINAL(event.type)) {
        int32_t count = weir_poll(engine, &event, sizeof event, 1, -1);
        if (count < 0) return 1;
        if (count == 0) continue;
        status = event.status;
        if (event.type == WEIR_EVENT_STREAM) print_text(&event);
        if (event.type == WEIR_EVENT_DONE)
            printf("\n(%ld output tokens)\n",
                   (long)weir_response_number(event.object, WEIR_NUMBER_OUTPUT_TOKENS));
        if (event.type == WEIR_EVENT_FAILED)
            fprintf(stderr, "\n%s\n", weir_error_message(event.object));
        if (!WEIR_EVENT_IS_TERMINAL(event.type)) weir_events_release(&event, sizeof event, 1);
    }
    weir_events_release(&event, sizeof event, 1);
    weir_request_release(request);
    weir_engine_release(engine);
    return status == WEIR_OK ? 0 : 1;
}
