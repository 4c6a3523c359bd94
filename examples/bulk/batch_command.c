#include "batch_command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "batches.h"
#include "interrupt.h"
#include "opening.h"

/* A name that was mistyped makes no new journal. */
static int has_journal(struct job* job) {
    if (access(job->options->journal, F_OK) == 0) return 1;
    console_say(&job->console, "there is no journal %s: %s", job->options->journal,
                strerror(errno));
    return 0;
}

static int open_files(struct job* job, const weir_config* config) {
    switch (job->options->command) {
        case COMMAND_SUBMIT:
            return open_input(job) && open_engine(job, config);
        case COMMAND_FETCH:
            /* What the journal still has decides about the results that are there already. */
            return has_journal(job) && open_engine(job, config) && batches_recover(job) &&
                   open_output(job, OUTPUT_COLLECT);
        default:
            return has_journal(job) && open_engine(job, config);
    }
}

static size_t count_open(const struct batch_list* list) {
    size_t open = 0;
    for (size_t i = 0; i < list->count; i++) open += !batch_row_has_ended(&list->rows[i]);
    return open;
}

static void report_fetched(const struct job* job) {
    const struct tally* tally = &job->tally;
    const struct {
        const char* name;
        uint64_t count;
    } kinds[] = {{"succeeded", tally->succeeded},
                 {"errored", tally->errored},
                 {"canceled", tally->canceled},
                 {"expired", tally->expired}};
    const char* separator = ": ";
    size_t open = count_open(&job->batches);
    fprintf(stderr, "%s results", text_count((double)tally_finished(tally)));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (kinds[i].count == 0) continue;
        fprintf(stderr, "%s%s %s", separator, text_count((double)kinds[i].count), kinds[i].name);
        separator = ", ";
    }
    batch_cost_print(stderr, "; ", &job->batches.cost);
    fputc('\n', stderr);
    if (open > 0)
        fprintf(stderr, "%zu %s not ended: fetch again later\n", open,
                open == 1 ? "batch has" : "batches have");
}

static void report(const struct job* job) {
    const struct options* options = job->options;
    const struct tally* tally = &job->tally;
    uint64_t recovered = (uint64_t)job->recovered_count;
    switch (options->command) {
        case COMMAND_SUBMIT:
            /* What is not in the journal is not submitted, if it came to an early end. */
            fprintf(stderr, "%s submitted",
                    text_of_count((double)(job->submitted - job->not_durable), "request"));
            if (recovered > 0)
                fprintf(stderr, "; %s %s in the journal before", text_count((double)recovered),
                        recovered == 1 ? "was" : "were");
            fputc('\n', stderr);
            if (tally->bad_lines > 0)
                fprintf(stderr, "%s lines are bad (see above)\n",
                        text_count((double)tally->bad_lines));
            break;
        case COMMAND_FETCH:
            report_fetched(job);
            break;
        case COMMAND_CANCEL:
            if (job->given_up > 0)
                fprintf(stderr, "%s requests were in no batch; they are given up\n",
                        text_count((double)job->given_up));
            break;
        default:
            break;
    }
    if (job->not_created > 0)
        fprintf(stderr,
                "%s requests wait in the journal for a batch; the next command tries again\n",
                text_count((double)job->not_created));
    if (job->timed_out) fprintf(stderr, "the time was not enough; the same command goes on\n");
}

static int exit_status(const struct job* job) {
    const struct tally* tally = &job->tally;
    if (job->stop == STOP_IO || job->stop == STOP_ENGINE) return EXIT_NO_INPUT_OUTPUT;
    if (job->stop == STOP_INTERRUPTED) return EXIT_INTERRUPTED;
    if (tally->errored + tally->canceled + tally->expired + tally->bad_lines + job->not_created > 0)
        return EXIT_SOME_FAILED;
    return job->timed_out ? EXIT_SOME_FAILED : EXIT_ALL_SUCCEEDED;
}

int batch_command_run(struct job* job, const weir_config* config) {
    const struct options* options = job->options;
    int status = EXIT_NO_INPUT_OUTPUT;
    job->input.fd = -1;
    job->input_ended = options->input == NULL;
    if (interrupt_watch() != 0) {
        console_say(&job->console, "cannot watch for signals: %s", strerror(errno));
    } else if (open_files(job, config)) {
        job_run(job);
        if (options->output && writer_close(&job->output) != 0) {
            console_say(&job->console, "cannot write to %s: %s", options->output, strerror(errno));
            job->stop = STOP_IO;
        }
        int prints = options->command != COMMAND_FETCH || options->json;
        if (prints && job->stop != STOP_ENGINE && !batch_list_print(&job->batches, options->json))
            job->stop = STOP_IO;
        if (job->console.verbosity >= 0) report(job);
        status = exit_status(job);
    }
    close_all(job);
    return status;
}
