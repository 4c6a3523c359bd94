#include "job.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "batches.h"
#include "hopeless.h"
#include "interrupt.h"
#include "results.h"

#define TAG_ALL 1u         /* the tag of every request of lane online, for cancelling them all */
#define STATS_PERIOD_S 0.1 /* how often the engine is asked while there is input left */
#define READ_AHEAD 64u     /* requests that wait in the engine: more than start in one period */
#define EVENTS_AT_ONCE 64
#define TAKE_AT_ONCE 4096u    /* batch lane: lines between two looks at the events */
#define TERMINATE_AFTER_S 6   /* SIGTERM: so long requests may end by themselves */
#define BATCHES_PERIOD_MS 200 /* `weir batch`: between two looks at the batches */

double job_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void stop(struct job* job, enum stop_reason reason) {
    if (job->stop < reason) job->stop = reason;
}

static int64_t deadline_left_ms(const struct job* job) {
    double spent_ms = (job_now() - job->started_at) * 1000;
    return job->options->deadline_ms - (int64_t)spent_ms;
}

/* What the engine says when it will not take a request at all. */
static void refused(struct job* job, const struct id* id, int32_t status, const weir_error* error) {
    int written = 0;
    int fatal =
        status == WEIR_ERR_INTERNAL || status == WEIR_ERR_NOMEM || status == WEIR_ERR_CLOSED;
    if (!fatal && job->options->command == COMMAND_SUBMIT) {
        console_say(&job->console, "%s: %s", id->text, weir_error_message(error));
        tally_failure(&job->tally, weir_error_name(error), weir_error_message(error));
        return;
    }
    switch (status) {
        case WEIR_ERR_TOO_LATE:
            written = results_unanswered(job, id, "expired");
            break;
        case WEIR_ERR_INTERNAL:
        case WEIR_ERR_NOMEM:
        case WEIR_ERR_CLOSED:
            console_say(&job->console, "the engine cannot go on: %s", weir_error_message(error));
            stop(job, STOP_ENGINE);
            return;
        default:
            written = results_errored(job, id, error);
    }
    if (!written) stop(job, STOP_IO);
}

/* Submits what the builder holds. False: the engine is full. */
static int submit(struct job* job, struct id* id) {
    uint64_t ticket;
    weir_error* error;
    if (job->options->deadline_ms > 0) {
        int64_t left_ms = deadline_left_ms(job);
        if (left_ms <= 0 && job->options->command == COMMAND_SUBMIT) {
            left_ms = 1; /* it expires at once, and fetch says so */
        } else if (left_ms <= 0) {
            if (!results_unanswered(job, id, "expired")) stop(job, STOP_IO);
            return 1;
        }
        weir_request_set_deadline_ms(job->request, left_ms);
    }
    weir_request_set_user_data(job->request, (uint64_t)(uintptr_t)id);
    if (job->options->lane) batches_name(job, id);
    int32_t status = weir_submit(job->engine, job->request, &ticket, &error);
    /* A request that finds no place though nothing else is there never will. */
    int full = status == WEIR_ERR_QUEUE_FULL && job->outstanding > 0;
    job->waiting = full ? id : NULL;
    if (status == WEIR_OK) {
        job->outstanding++;
        if (job->options->lane) job->not_durable++;
        job->submitted++;
        job->taken_in++;
        job->tally.accepted++;
    } else if (!full) {
        refused(job, id, status, error);
    }
    weir_error_release(error);
    return !full;
}

static void bad_line(struct job* job, const char* problem, struct id* id) {
    job->tally.bad_lines++;
    console_say(&job->console, "line %llu: %s", (unsigned long long)job->input.line_number,
                problem);
    if (id && job->options->output && !results_invalid(job, id, problem)) stop(job, STOP_IO);
}

/* Fills the builder from a line. The line's id, or NULL if there is nothing to submit. */
static struct id* prepare(struct job* job, const char* text, size_t length) {
    struct input_line line;
    char problem[512];
    int good = input_line_parse(text, length, &line, problem, sizeof problem);
    struct id* id = NULL;
    if (line.custom_id[0]) {
        id = id_set_entry(&job->ids, line.custom_id);
        if (!id) {
            console_say(&job->console, "out of memory");
            stop(job, STOP_ENGINE);
            return NULL;
        }
        if (id->flags & ID_IN_INPUT) {
            snprintf(problem, sizeof problem, "custom_id '%s' was there before", line.custom_id);
            bad_line(job, problem, NULL);
            return NULL;
        }
        id->flags |= ID_IN_INPUT;
        if (id->flags & ID_IN_OUTPUT) {
            job->tally.skipped++;
            return NULL;
        }
        if (batches_has(job, id)) return NULL;
    }
    if (good && line.stream && (job->options->no_stream || job->options->lane)) {
        good = 0;
        snprintf(problem, sizeof problem, "params.stream must not be true %s",
                 job->options->lane ? "in a batch" : "with --no-stream");
    }
    if (good) {
        weir_error* error;
        good =
            weir_request_set_body(job->request, line.params, line.params_length, &error) == WEIR_OK;
        if (!good) snprintf(problem, sizeof problem, "%s", weir_error_message(error));
        weir_error_release(error);
    }
    if (good) return id;
    bad_line(job, problem, id);
    return NULL;
}

static void look_at_engine(struct job* job, double now) {
    if (now - job->stats_at < STATS_PERIOD_S) return;
    job->stats_at = now;
    engine_stats_read(job->engine, &job->stats);
}

static int wants_input(const struct job* job) {
    if (job->options->lane && (job->recovering || job->taken_in >= TAKE_AT_ONCE)) return 0;
    if (job->options->lane) return !job->stop && !job->input_ended && !job->waiting;
    return !job->stop && !job->input_ended && !job->waiting &&
           job->outstanding < job->stats.in_flight + READ_AHEAD;
}

/* A byte order mark says nothing of the input; one of UTF-16 says that no line can be read. */
static void check_encoding(struct job* job, const char** line, size_t* length) {
    if (*length >= 3 && memcmp(*line, "\xEF\xBB\xBF", 3) == 0) {
        *line += 3;
        *length -= 3;
    } else if (*length >= 2 &&
               (memcmp(*line, "\xFF\xFE", 2) == 0 || memcmp(*line, "\xFE\xFF", 2) == 0)) {
        console_say(&job->console, "%s is UTF-16; make it UTF-8: iconv -f UTF-16 -t UTF-8",
                    job->options->input);
        stop(job, STOP_IO);
        *length = 0;
    }
}

/* Takes lines in until the engine has enough. True: the input must be waited for. */
static int take_in(struct job* job) {
    const char* line;
    size_t length;
    if (job->waiting && !job->stop && !submit(job, job->waiting)) return 0;
    while (wants_input(job)) {
        struct id* id;
        switch (reader_next(&job->input, &line, &length)) {
            case READER_MORE:
                if (!job->input.regular) return 1;
                if (reader_fill(&job->input) != 0) {
                    console_say(&job->console, "cannot read %s: %s", job->options->input,
                                strerror(errno));
                    stop(job, STOP_IO);
                }
                break;
            case READER_END:
                job->input_ended = 1;
                break;
            case READER_TOO_LONG:
                bad_line(job, "it is longer than 64 MiB", NULL);
                break;
            case READER_LINE:
            case READER_TORN:
                if (job->input.line_number == 1) check_encoding(job, &line, &length);
                if (job->stop) break;
                id = reader_is_blank(line, length) ? NULL : prepare(job, line, length);
                if (id && !submit(job, id)) return 0;
        }
    }
    return 0;
}

/* Of lane online: failures that are about all requests are held back while nothing has succeeded.
 */
static int take_result(struct job* job, const weir_event* event) {
    const struct id* id = (const struct id*)(uintptr_t)event->user_data;
    int ended_by_us = event->status == WEIR_ERR_CANCELLED || event->status == WEIR_ERR_SHUTDOWN ||
                      event->status == WEIR_ERR_DEADLINE;
    if (event->type == WEIR_EVENT_DONE) job->succeeded_at = job_now();
    if (event->type == WEIR_EVENT_DONE && !job->hopeless.released && !hopeless_release(job))
        return 0;
    if (event->type == WEIR_EVENT_FAILED && !ended_by_us) {
        int held = hopeless_take(job, id, event->object);
        if (held != 0) return held > 0;
    }
    return results_of_event(job, event);
}

static void take_event(struct job* job, const weir_event* event) {
    if (job->options->lane && batches_take_event(job, event)) return;
    if (event->type == WEIR_EVENT_LOG) {
        if (job->options->lane && event->index == WEIR_LOG_ERROR && !batches_take_error(job))
            stop(job, STOP_IO);
        else if (job->console.verbosity > 0 || event->index <= WEIR_LOG_WARNING)
            console_say(&job->console, "%s", (const char*)event->data);
    } else if (event->type == WEIR_EVENT_ENGINE && event->index == WEIR_ENGINE_FAILED) {
        console_say(&job->console, "the engine has failed");
        stop(job, STOP_ENGINE);
    } else if (WEIR_EVENT_IS_TERMINAL(event->type)) {
        job->outstanding--;
        int taken = job->options->lane ? batches_take_result(job, event) : take_result(job, event);
        if (!taken) stop(job, STOP_IO);
        if (event->status == WEIR_ERR_AUTHENTICATION && job->tally.succeeded == 0 && !job->stop) {
            console_say(&job->console, "the API refuses the key: taking no more lines in");
            stop(job, STOP_KEY_REFUSED);
        }
    }
}

/* Takes the events that wait, and gives their number. */
static uint64_t take_events(struct job* job) {
    weir_event events[EVENTS_AT_ONCE];
    int32_t count;
    uint64_t taken = 0;
    do {
        count = weir_poll(job->engine, events, sizeof *events, EVENTS_AT_ONCE, 0);
        for (int32_t i = 0; i < count && job->stop != STOP_IO; i++) take_event(job, &events[i]);
        if (count > 0) job->active_at = job_now();
        if (count > 0) taken += (uint64_t)count;
        if (count > 0) weir_events_release(events, sizeof *events, (size_t)count);
    } while (count > 0 && job->stop != STOP_IO);
    if (job->stop != STOP_IO && !batches_acknowledge(job)) stop(job, STOP_IO);
    if (count < 0) {
        job->outstanding = 0; /* no more events will come */
        stop(job, STOP_ENGINE);
    }
    return taken;
}

static void cancel_all(struct job* job) {
    if (job->cancelled) return;
    job->cancelled = 1;
    weir_cancel_tag(job->engine, TAG_ALL);
}

/* What stands in the way of every request: the run ends, and leaves all for --resume. */
static void look_for_the_end(struct job* job, double now) {
    const struct engine_stats* stats = &job->stats;
    const char* outcome = stats->last_failure.outcome;
    int reaches_nobody =
        stats->heads == 0 && (strcmp(outcome, "connection") == 0 || strcmp(outcome, "tls") == 0 ||
                              strcmp(outcome, "timeout") == 0);
    int64_t give_up_ms = job->options->give_up_ms;
    if (job->options->lane || job->stop > STOP_INTERRUPTED) return;
    if (hopeless_is_sure(job, 0)) {
        stop(job, STOP_HOPELESS);
        cancel_all(job);
    }
    if (!reaches_nobody) return;
    if (!job->unreachable_said) {
        job->unreachable_said = 1;
        console_say(&job->console, "cannot reach %s: %s", job->host, stats->last_failure.message);
        if (give_up_ms > 0)
            console_say(&job->console, "trying again for %s (--give-up)",
                        text_duration((double)give_up_ms / 1000));
    }
    if (give_up_ms > 0 && (now - job->started_at) * 1000 >= (double)give_up_ms) {
        console_say(&job->console, "gave up on %s: %s", job->host, stats->last_failure.message);
        console_say(&job->console,
                    "check the address, the network and the proxy, and start again with --resume");
        stop(job, STOP_UNREACHABLE);
        cancel_all(job);
    }
}

static void take_interrupts(struct job* job) {
    int count = interrupt_count();
    if (count >= 1 && job->options->lane) {
        if (!job->stop && job->options->command != COMMAND_RUN)
            console_say(&job->console,
                        "interrupted: the journal keeps what is on its way, and the same command "
                        "goes on with it");
        else if (!job->stop)
            console_say(&job->console,
                        "interrupted: the batches run on; start again with --resume for %llu "
                        "results",
                        (unsigned long long)job->outstanding);
        stop(job, STOP_INTERRUPTED);
        return;
    }
    if (count >= 1 && !job->stop) {
        console_say(&job->console, "interrupted: finishing %llu requests; once more cancels them",
                    (unsigned long long)job->outstanding);
        stop(job, STOP_INTERRUPTED);
        if (interrupt_by_sigterm()) job->terminate_at = job_now() + TERMINATE_AFTER_S;
    }
    int out_of_time = job->terminate_at > 0 && job_now() >= job->terminate_at;
    if ((count >= 2 || out_of_time) && !job->cancelled) {
        console_say(&job->console, "cancelling %llu requests",
                    (unsigned long long)job->outstanding);
        cancel_all(job);
        stop(job, STOP_INTERRUPTED);
    }
}

/* How many lines are still to come: about, and not at all after a stop. */
static double lines_left(const struct job* job) {
    const struct reader* input = &job->input;
    if (job->input_ended || job->stop) return 0;
    if (input->size == 0 || input->consumed == 0) return -1;
    double lines_a_byte = (double)input->line_number / (double)input->consumed;
    return ((double)input->size - (double)input->consumed) * lines_a_byte;
}

static void show_progress(struct job* job, double now) {
    char batches[160];
    if (job->options->command != COMMAND_RUN) {
        batches_show(job);
        return;
    }
    if (progress_due_in(&job->progress, &job->console, now) > 0) return;
    struct progress_view view = {
        .now = now,
        .started_at = job->started_at,
        .succeeded_at = job->succeeded_at,
        .outstanding = job->outstanding,
        .lines_left = lines_left(job),
        .tally = &job->tally,
        .stats = &job->stats,
        .state = job->cancelled ? "cancelling"
                 : job->stop    ? "finishing"
                                : "",
    };
    if (job->options->lane && batch_list_read(&job->batches, job->engine)) {
        batch_list_words(&job->batches, batches, sizeof batches);
        view.batches = batches;
    }
    progress_show(&job->progress, &job->console, &view);
}

static int wait_ms(const struct job* job, double now) {
    if (job->taken_in >= TAKE_AT_ONCE) return 0;
    if (job->options->command != COMMAND_RUN) return BATCHES_PERIOD_MS;
    double due_in = progress_due_in(&job->progress, &job->console, now);
    int looks_often = (!job->stop && !job->input_ended) || job->stats.heads == 0;
    if (looks_often && due_in > STATS_PERIOD_S) due_in = STATS_PERIOD_S;
    if (job->terminate_at > now && due_in > job->terminate_at - now)
        due_in = job->terminate_at - now;
    return (int)(due_in * 1000) + 1;
}

/* Names that are too long are left to weir_submit, which knows no such route. */
static void set_route(struct job* job) {
    const struct options* options = job->options;
    if (options->route)
        weir_request_set(job->request, "route", WEIR_NUL, options->route, WEIR_NUL, NULL);
    if (options->complexity)
        weir_request_set(job->request, "complexity", WEIR_NUL, options->complexity, WEIR_NUL, NULL);
}

/* False: one is no header, which was said. */
static int set_headers(struct job* job) {
    for (int i = 0; i < job->options->header_count; i++) {
        const char* header = job->options->headers[i];
        size_t length = strcspn(header, ":");
        const char* value = header + length + 1;
        weir_error* error;
        char key[256];
        value += strspn(value, " ");
        snprintf(key, sizeof key, "header.%.*s", (int)length, header);
        int32_t status = weir_request_set(job->request, key, WEIR_NUL, value, WEIR_NUL, &error);
        if (status != WEIR_OK) console_say(&job->console, "--%s", weir_error_message(error));
        weir_error_release(error);
        if (status != WEIR_OK) return 0;
    }
    return 1;
}

void job_run(struct job* job) {
    job->started_at = job_now();
    progress_start(&job->progress, job->options->lane != NULL, job->started_at);
    /* In the batch lane it would be kept in the journal, for nothing. */
    if (!job->options->lane) weir_request_set_tag(job->request, TAG_ALL);
    weir_request_set_priority(job->request, job->options->priority);
    set_route(job);
    if (!set_headers(job)) {
        stop(job, STOP_IO);
        return;
    }
    if (!job->options->no_stream)
        weir_request_set(job->request, "answer", WEIR_NUL, "whole", WEIR_NUL, NULL);
    job->succeeded_at = job->started_at;
    if (job->options->lane) batches_begin(job);
    job->active_at = job->started_at;
    for (;;) {
        double now = job_now();
        look_at_engine(job, now);
        look_for_the_end(job, now);
        job->taken_in = 0;
        int input_needed = take_in(job);
        if (job->stop == STOP_IO) break;
        if (job->stop && job->options->lane) break; /* its requests go on in the next run */
        if (job->options->lane && job->input_ended && !job->waiting && !job->flushed) {
            batches_no_more(job);
            job->flushed = 1;
        }
        if (job->options->command != COMMAND_RUN) {
            /* What the engine has done may still be among the events. */
            if (batches_done(job) && (take_events(job) == 0 || job->timed_out)) break;
        } else if (job->outstanding == 0 && !job->recovering &&
                   (job->stop || (job->input_ended && !job->waiting))) {
            break;
        }
        show_progress(job, now);

        struct pollfd watched[] = {
            {.fd = weir_fd(job->engine), .events = POLLIN},
            {.fd = interrupt_fd(), .events = POLLIN},
            {.fd = input_needed ? job->input.fd : -1, .events = POLLIN},
        };
        if (poll(watched, 3, wait_ms(job, now)) < 0 && errno != EINTR) stop(job, STOP_ENGINE);
        take_interrupts(job);
        if (watched[0].revents) take_events(job);
        if (watched[2].revents && reader_fill(&job->input) != 0) {
            console_say(&job->console, "cannot read %s: %s", job->options->input, strerror(errno));
            stop(job, STOP_IO);
        }
    }
    if (job->options->lane) batches_end(job);
    int all_ended = job->input_ended && job->stop != STOP_INTERRUPTED;
    if (hopeless_is_sure(job, all_ended || job->stop == STOP_KEY_REFUSED)) {
        hopeless_explain(job);
        stop(job, STOP_HOPELESS);
    } else if (!hopeless_release(job)) {
        stop(job, STOP_IO);
    }
    hopeless_clear(job);
    engine_stats_read(job->engine, &job->stats);
    job->ended_at = job_now();
    console_clear(&job->console);
}
