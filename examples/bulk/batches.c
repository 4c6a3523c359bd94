#include "batches.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "results.h"

#define CLOSE_MS 30000
#define RECOVER_MS 60000

void batches_begin(struct job* job) {
    char fallback_ms[24];
    weir_request_set(job->request, "lane", WEIR_NUL, job->options->lane, WEIR_NUL, NULL);
    if (job->options->fallback_ms == 0) return;
    snprintf(fallback_ms, sizeof fallback_ms, "%lld", (long long)job->options->fallback_ms);
    weir_request_set(job->request, "batch_fallback_ms", WEIR_NUL, fallback_ms, WEIR_NUL, NULL);
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
    id->flags |= ID_IN_JOURNAL | ID_DURABLE;
    job->recovered_count++;
    job->outstanding++;
    job->tally.accepted++;
}

int batches_recover(struct job* job) {
    weir_event event;
    while (job->recovering && !job->stop) {
        int32_t count = weir_poll(job->engine, &event, sizeof event, 1, RECOVER_MS);
        if (count <= 0) break;
        if (!batches_take_event(job, &event) && event.type == WEIR_EVENT_LOG)
            console_say(&job->console, "%s", (const char*)event.data);
        weir_events_release(&event, sizeof event, 1);
    }
    if (job->recovering && !job->stop)
        console_say(&job->console, "the engine does not say what the journal holds");
    return !job->recovering && !job->stop;
}

/* No more lines come: what goes round again has nothing to wait for once the rest has been read. */
static void send_what_goes_round(struct job* job) {
    if (!job->flushed || !batch_list_read(&job->batches, job->engine)) return;
    for (size_t i = 0; i < job->batches.count; i++)
        if (job->batches.rows[i].unanswered > 0) return;
    if (job->batches.collecting > 0) weir_batch_flush(job->engine);
}

/* The provider says nothing of a batch's progress before its end; so its states are what there is
 * to show. */
static void batch_changed(struct job* job, const weir_event* event) {
    enum command command = job->options->command;
    if (command == COMMAND_RUN) send_what_goes_round(job);
    if (job->console.verbosity < 0 || command == COMMAND_STATUS || command == COMMAND_CANCEL)
        return;
    struct json_value root = json_parse(event->data, event->data_length);
    struct json_value state = json_get(root, "state");
    long long requests = json_integer(json_get(root, "requests"));
    int reads = command == COMMAND_RUN || command == COMMAND_FETCH;
    char id[128];
    json_text(json_get(root, "id"), id, sizeof id);
    if (json_is(state, "acknowledged"))
        console_say(&job->console, "batch %s: created, %s", id,
                    text_of_count((double)requests, "request"));
    else if (json_is(state, "sent"))
        console_say(&job->console, "the creation of a batch of %s had no answer; looking for it",
                    text_of_count((double)requests, "request"));
    else if (json_is(state, "ended"))
        console_say(&job->console, "batch %s: ended%s", id, reads ? ", reading its results" : "");
}

static struct id* id_of(const struct job* job, const weir_event* event) {
    return event->user_data ? (struct id*)(uintptr_t)event->user_data
                            : ticket_map_find(&job->recovered, event->ticket);
}

static void durable(struct job* job, struct id* id) {
    if (!id || id->flags & ID_DURABLE) return;
    id->flags |= ID_DURABLE;
    job->not_durable--;
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
            durable(job, id_of(job, event));
            return 1;
        case WEIR_EVENT_ENGINE:
            if (event->index != WEIR_ENGINE_RECOVERED) return 0;
            job->recovering = 0;
            return 1;
        default:
            return 0;
    }
}

/* The API would not make the batch: that is no result, and its requests stay in the journal. */
static void not_created(struct job* job, const weir_error* error) {
    if (job->not_created++ == 0)
        console_say(&job->console, "the API made no batch: %s", weir_error_message(error));
}

/* What ends in a command that writes no results. The journal still has it, unless it was given up
 * or never came that far. */
static void ended_unwritten(struct job* job, const struct id* id, const weir_event* event) {
    if (event->status == WEIR_ERR_CANCELLED) {
        job->given_up++;
    } else if (weir_error_http_status(event->object) != 0) {
        not_created(job, event->object);
    } else if (event->status != WEIR_ERR_DEADLINE) {
        console_say(&job->console, "%s: %s", id->text, weir_error_message(event->object));
        tally_failure(&job->tally, weir_error_name(event->object),
                      weir_error_message(event->object));
    }
}

static void say_journal_is_full(struct job* job, const char* why) {
    console_say(&job->console, "stopping, for the journal takes no more requests: %s", why);
}

int batches_take_error(struct job* job) {
    if (!batch_list_read(&job->batches, job->engine) || !job->batches.journal_waits[0]) return 1;
    say_journal_is_full(job, job->batches.journal_waits);
    return 0;
}

int batches_take_result(struct job* job, const weir_event* event) {
    enum command command = job->options->command;
    weir_event named = *event;
    struct id* id = id_of(job, event);
    if (!id || event->status == WEIR_ERR_SHUTDOWN) return 1; /* it goes on in the next run */
    if (event->status == WEIR_ERR_IO) {
        say_journal_is_full(job, weir_error_message(event->object));
        return 0;
    }
    durable(job, id);
    if (command != COMMAND_RUN && command != COMMAND_FETCH) {
        ended_unwritten(job, id, event);
        return 1;
    }
    /* A result's own error has no HTTP status. */
    if (command == COMMAND_FETCH && event->type == WEIR_EVENT_FAILED &&
        weir_error_http_status(event->object) != 0) {
        not_created(job, event->object);
        return 1;
    }
    if (!(id->flags & ID_IN_OUTPUT)) {
        named.user_data = (uint64_t)(uintptr_t)id;
        if (!results_of_event(job, &named)) return 0;
        id->flags |= ID_IN_OUTPUT;
    }
    job->unacknowledged[job->unacknowledged_count++] = event->ticket;
    return job->unacknowledged_count < JOB_MAX_UNACKNOWLEDGED || batches_acknowledge(job);
}

int batches_acknowledge(struct job* job) {
    if (job->unacknowledged_count == 0) return 1;
    if (writer_sync(&job->output) != 0) {
        console_say(&job->console, "cannot write to %s: %s", job->options->output, strerror(errno));
        return 0;
    }
    for (unsigned i = 0; i < job->unacknowledged_count; i++)
        weir_batch_acknowledge(job->engine, job->unacknowledged[i]);
    job->unacknowledged_count = 0;
    return 1;
}

void batches_no_more(struct job* job) { weir_batch_flush(job->engine); }

void batches_end(struct job* job) {
    if (job->stop != STOP_IO) batches_acknowledge(job);
    if (job->options->command == COMMAND_RUN) batch_list_read(&job->batches, job->engine);
    if (weir_engine_close(job->engine) == WEIR_OK) weir_engine_wait(job->engine, CLOSE_MS);
    ticket_map_clear(&job->recovered);
}
