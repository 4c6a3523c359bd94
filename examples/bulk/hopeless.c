#include "hopeless.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "results.h"

/* Whether the failure says nothing of the request itself. After the first of them the others may
 * fail without an attempt. */
static int is_about_all(const struct hopeless* hopeless, const weir_error* error) {
    switch (weir_error_code(error)) {
        case WEIR_ERR_AUTHENTICATION:
        case WEIR_ERR_PERMISSION:
        case WEIR_ERR_TLS:
        case WEIR_ERR_CONNECTION:
            return 1;
        case WEIR_ERR_SPEND_LIMIT: /* the provider's, and not a budget of the run's own */
            return hopeless->count > 0 || weir_error_http_status(error) != 0;
        case WEIR_ERR_REJECTED:
            return weir_error_http_status(error) == 404;
        default:
            return 0;
    }
}

static int is_alike(const struct hopeless* hopeless, const weir_error* error) {
    return hopeless->count == 0 || hopeless->status == weir_error_code(error);
}

static int keep(struct hopeless* hopeless, const struct id* id, const weir_error* error) {
    if (hopeless->count == hopeless->capacity) {
        size_t capacity = hopeless->capacity * 2 + HOPELESS_AT;
        struct held_failure* held = realloc(hopeless->held, capacity * sizeof *held);
        if (!held) return 0;
        hopeless->held = held;
        hopeless->capacity = capacity;
    }
    struct held_failure* failure = &hopeless->held[hopeless->count++];
    const char* type = weir_error_provider_type(error);
    *failure = (struct held_failure){.id = id};
    snprintf(failure->type, sizeof failure->type, "%s", *type ? type : weir_error_name(error));
    snprintf(failure->message, sizeof failure->message, "%s", weir_error_message(error));
    snprintf(failure->request_id, sizeof failure->request_id, "%s", weir_error_request_id(error));
    hopeless->status = weir_error_code(error);
    return 1;
}

int hopeless_take(struct job* job, const struct id* id, const weir_error* error) {
    struct hopeless* hopeless = &job->hopeless;
    if (hopeless->released) return 0;
    if (is_about_all(hopeless, error) && is_alike(hopeless, error) && keep(hopeless, id, error))
        return 1;
    return hopeless_release(job) ? 0 : -1;
}

int hopeless_release(struct job* job) {
    struct hopeless* hopeless = &job->hopeless;
    hopeless->released = 1;
    for (size_t i = 0; i < hopeless->count; i++) {
        const struct held_failure* failure = &hopeless->held[i];
        if (!results_failed(job, failure->id, failure->type, failure->message, failure->request_id))
            return 0;
    }
    hopeless->count = 0;
    return 1;
}

int hopeless_is_sure(const struct job* job, int all_ended) {
    const struct hopeless* hopeless = &job->hopeless;
    return hopeless->count >= HOPELESS_AT || (all_ended && hopeless->count > 0);
}

static const char* remedy(const struct hopeless* hopeless) {
    switch (hopeless->status) {
        case WEIR_ERR_AUTHENTICATION:
            return "check the key";
        case WEIR_ERR_PERMISSION:
            return "check what the key's workspace may do";
        case WEIR_ERR_TLS:
            return "check the address, and the certificates to trust";
        case WEIR_ERR_SPEND_LIMIT:
            return "raise the limit, or wait until it is renewed";
        case WEIR_ERR_REJECTED:
            return "check the model's name and the base URL";
        default:
            return "check the address, the network and the proxy";
    }
}

void hopeless_explain(struct job* job) {
    const struct hopeless* hopeless = &job->hopeless;
    console_say(&job->console, "stopped, since every request fails alike: %s",
                hopeless->held[0].message);
    console_say(&job->console, "%s, and start again with --resume; no result was written for %s",
                remedy(hopeless), text_of_count((double)hopeless->count, "request"));
}

void hopeless_clear(struct job* job) {
    free(job->hopeless.held);
    job->hopeless = (struct hopeless){0};
}
