#include "batches.h"

#include <jansson.h>
#include <string.h>

#include "results.h"

#define CLOSE_MS 30000

void batches_begin(struct job* job) {
    weir_request_set(job->request, "lane", WEIR_NUL, job->options->lane, WEIR_NUL, NULL);
}

void batches_name(struct job* job, const struct id* id) {
    weir_request_set(job->request, "custom_id", WEIR_NUL, id->text, WEIR_NUL, NULL);
}

int batches_has(const struct job* job, const struct id* id) {
    (void)job;
    return (id->flags & ID_IN_JOURNAL) != 0;
}

static void out_of_memory(struct job* job) {
    console_say(&job->console, "out of memory");
    job->stop = STOP_ENGINE;
}

static void recovered(struct job* job, const weir_event* event) {
    struct id* id = id_set_entry(&job->ids, event->data);
    if (!id || !ticket_map_add(&job->recovered, event->ticket, id)) {
        out_of_memory(job);
        return;
    }
    id->flags |= ID_IN_JOURNAL;
    job->outstanding++;
    job->tally.accepted++;
}

/* The provider says nothing of a batch's progress before its end; so its states are what there is
 * to show. */
static void batch_changed(struct job* job, const weir_event* event) {
    json_t* root = json_loadb(event->data, event->data_length, 0, NULL);
    const char* state = json_string_value(json_object_get(root, "state"));
    const char* id = json_string_value(json_object_get(root, "id"));
    long long requests = json_integer_value(json_object_get(root, "requests"));
    if (state && id && job->console.verbosity >= 0) {
        if (strcmp(state, "acknowledged") == 0)
            console_say(&job->console, "batch %s: created, %lld requests", id, requests);
        else if (strcmp(state, "sent") == 0)
            console_say(&job->console, "a batch of %lld requests had no answer; looking for it",
                        requests);
        else if (strcmp(state, "ended") == 0)
            console_say(&job->console, "batch %s: ended, reading its results", id);
    }
    json_decref(root);
}

int batches_take_event(struct job* job, const weir_event* event) {
    switch (event->type) {
        case WEIR_EVENT_RECOVERED:
            recovered(job, event);
            return 1;
        case WEIR_EVENT_BATCH:
            batch_changed(job, event);
            return 1;
        case WEIR_EVENT_DURABLE:
            return 1;
        case WEIR_EVENT_ENGINE:
            if (event->index != WEIR_ENGINE_RECOVERED) return 0;
            job->recovering = 0;
            return 1;
        default:
            return 0;
    }
}

int batches_take_result(struct job* job, const weir_event* event) {
    weir_event named = *event;
    struct id* id = event->user_data ? (struct id*)(uintptr_t)event->user_data
                                     : ticket_map_find(&job->recovered, event->ticket);
    if (!id || event->status == WEIR_ERR_SHUTDOWN) return 1; /* it goes on in the next run */
    if (!(id->flags & ID_IN_OUTPUT)) {
        named.user_data = (uint64_t)(uintptr_t)id;
        if (!results_of_event(job, &named)) return 0;
        id->flags |= ID_IN_OUTPUT;
    }
    weir_batch_acknowledge(job->engine, event->ticket);
    return 1;
}

void batches_no_more(struct job* job) { weir_batch_flush(job->engine); }

void batches_end(struct job* job) {
    if (weir_engine_close(job->engine) == WEIR_OK) weir_engine_wait(job->engine, CLOSE_MS);
    ticket_map_clear(&job->recovered);
}
