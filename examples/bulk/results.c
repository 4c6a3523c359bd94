#include "results.h"

#include <errno.h>
#include <string.h>

static int check(struct job* job, int status) {
    if (status == 0) return 1;
    console_say(&job->console, "cannot write to %s: %s", job->options->output, strerror(errno));
    return 0;
}

int results_unanswered(struct job* job, const struct id* id, const char* type) {
    if (!check(job, writer_unanswered(&job->output, id, type))) return 0;
    if (strcmp(type, "canceled") == 0)
        job->tally.canceled++;
    else
        job->tally.expired++;
    return 1;
}

static int errored(struct job* job, const struct id* id, const char* type, const char* message,
                   const char* request_id, const char* answer, size_t length) {
    if (!check(job, writer_errored(&job->output, id, type, message, request_id, answer, length)))
        return 0;
    tally_failure(&job->tally, type, message);
    return 1;
}

static int failed(struct job* job, const struct id* id, const weir_error* error, const char* answer,
                  size_t length) {
    const char* type = weir_error_provider_type(error);
    const char* message = weir_error_message(error);
    if (!type[0]) type = weir_error_name(error);
    if (job->console.verbosity > 0) console_say(&job->console, "%s: %s", id->text, message);
    return errored(job, id, type, message, weir_error_request_id(error), answer, length);
}

int results_failed(struct job* job, const struct id* id, const char* type, const char* message,
                   const char* request_id) {
    return errored(job, id, type, message, request_id, NULL, 0);
}

int results_errored(struct job* job, const struct id* id, const weir_error* error) {
    return failed(job, id, error, NULL, 0);
}

int results_invalid(struct job* job, const struct id* id, const char* problem) {
    return errored(job, id, "invalid_request_error", problem, "", NULL, 0);
}

static double number(const weir_response* response, uint32_t which) {
    int64_t value = weir_response_number(response, which);
    return value > 0 ? (double)value : 0;
}

static int succeeded(struct job* job, const struct id* id, const weir_event* event) {
    const weir_response* response = event->object;
    struct tally* tally = &job->tally;
    if (!check(job, writer_succeeded(&job->output, id, event->data, event->data_length))) return 0;
    tally->succeeded++;
    tally_stop_reason(tally, weir_response_string(response, WEIR_STRING_STOP_REASON));
    tally->input_tokens += number(response, WEIR_NUMBER_INPUT_TOKENS);
    tally->output_tokens += number(response, WEIR_NUMBER_OUTPUT_TOKENS);
    tally->cache_read_tokens += number(response, WEIR_NUMBER_CACHE_READ_TOKENS);
    tally->cache_write_tokens += number(response, WEIR_NUMBER_CACHE_WRITE_TOKENS);
    return 1;
}

int results_of_event(struct job* job, const weir_event* event) {
    const struct id* id = (const struct id*)(uintptr_t)event->user_data;
    if (event->type == WEIR_EVENT_DONE) return succeeded(job, id, event);
    switch (event->status) {
        case WEIR_ERR_CANCELLED:
        case WEIR_ERR_SHUTDOWN:
            /* What the run gave up is left for --resume. */
            if (job->stop == STOP_HOPELESS || job->stop == STOP_UNREACHABLE) return 1;
            return results_unanswered(job, id, "canceled");
        case WEIR_ERR_DEADLINE:
            return results_unanswered(job, id, "expired");
        default:
            return failed(job, id, event->object, event->data, event->data_length);
    }
}
