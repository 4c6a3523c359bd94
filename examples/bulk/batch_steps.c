#include <stdio.h>
#include <string.h>

#include "batches.h"

/* When each command of `weir batch` has come to its end. */

#define DEFAULT_TIMEOUT_S 60 /* without anything new */

static int is_late(const struct job* job) {
    const struct options* options = job->options;
    double now = job_now();
    if (options->timeout_ms > 0)
        return (now - job->started_at) * 1000 >= (double)options->timeout_ms;
    if (options->command == COMMAND_SUBMIT || options->command == COMMAND_WAIT) return 0;
    return now - job->active_at >= DEFAULT_TIMEOUT_S;
}

typedef int (*row_test)(const struct batch_row* row);

static int any(const struct batch_list* list, row_test test) {
    for (size_t i = 0; i < list->count; i++)
        if (list->rows[i].account[0] && test(&list->rows[i])) return 1;
    return 0;
}

static int is_not_created(const struct batch_row* row) { return !batch_row_is_created(row); }

static int has_not_ended(const struct batch_row* row) { return !batch_row_has_ended(row); }

static int is_to_be_read(const struct batch_row* row) {
    return batch_row_has_ended(row) && row->unanswered + row->unacknowledged + row->late > 0;
}

static int submit_done(const struct job* job) {
    return job->flushed && !job->waiting && job->not_durable == 0 && job->batches.collecting == 0 &&
           !any(&job->batches, is_not_created);
}

static int fetch_done(const struct job* job) {
    if (any(&job->batches, batch_row_is_unasked) || any(&job->batches, is_to_be_read)) return 0;
    if (job->batches.collecting > 0) weir_batch_flush(job->engine); /* what goes round again */
    return job->batches.collecting == 0 && !any(&job->batches, is_not_created);
}

static int is_to_be_cancelled(const struct batch_row* row) {
    return !batch_row_has_ended(row) && !row->cancel_sent;
}

static void send_cancels(struct job* job) {
    const struct options* options = job->options;
    job->cancels_sent = 1;
    for (int i = 0; i < options->batch_count; i++) {
        const struct batch_row* row = batch_list_find(&job->batches, options->batches[i]);
        if (!row) {
            console_say(&job->console, "the journal has no batch %s", options->batches[i]);
            tally_failure(&job->tally, "no such batch", "");
        } else if (batch_row_has_ended(row)) {
            console_say(&job->console, "batch %s has ended already", options->batches[i]);
        } else {
            weir_batch_cancel(job->engine, row->number);
        }
    }
    for (size_t i = 0; options->all && i < job->batches.count; i++)
        if (!batch_row_has_ended(&job->batches.rows[i]))
            weir_batch_cancel(job->engine, job->batches.rows[i].number);
    if (options->all) weir_batch_cancel(job->engine, 0);
}

static int cancel_done(struct job* job) {
    const struct options* options = job->options;
    if (!job->cancels_sent) {
        send_cancels(job);
        return 0;
    }
    if (options->all)
        return job->batches.collecting == 0 && !any(&job->batches, is_to_be_cancelled);
    for (int i = 0; i < options->batch_count; i++) {
        const struct batch_row* row = batch_list_find(&job->batches, options->batches[i]);
        if (row && is_to_be_cancelled(row)) return 0;
    }
    return 1;
}

int batches_done(struct job* job) {
    if (!batch_list_read(&job->batches, job->engine)) {
        console_say(&job->console, "out of memory");
        job->stop = STOP_ENGINE;
        return 1;
    }
    job->timed_out = is_late(job);
    if (job->timed_out) return 1;
    if (job->recovering) return 0;
    switch (job->options->command) {
        case COMMAND_RUN:
            break;
        case COMMAND_SUBMIT:
            return submit_done(job);
        case COMMAND_STATUS:
            return !any(&job->batches, batch_row_is_unasked);
        case COMMAND_WAIT:
            return job->batches.collecting == 0 && !any(&job->batches, has_not_ended);
        case COMMAND_FETCH:
            return fetch_done(job);
        case COMMAND_CANCEL:
            return cancel_done(job);
    }
    return 1;
}

void batches_show(struct job* job) {
    char words[160], line[200];
    double now = job_now();
    if (!job->console.live || progress_due_in(&job->progress, &job->console, now) > 0) return;
    job->progress.shown_at = now;
    batch_list_words(&job->batches, words, sizeof words);
    snprintf(line, sizeof line, "%s results; %s", text_count((double)tally_finished(&job->tally)),
             words);
    if (console_width() < sizeof line) line[console_width() - 1] = 0;
    console_status(&job->console, line);
}
