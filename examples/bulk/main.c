/* weir: sends a file of requests to the Claude API, within its limits, and writes the answers. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

#include "engine_setup.h"
#include "interrupt.h"
#include "job.h"
#include "options.h"
#include "output_file.h"
#include "plan.h"
#include "report.h"

#define CLOSE_TIMEOUT_MS 2000

static int open_input(struct job* job) {
    if (reader_open(&job->input, job->options->input) == 0) return 1;
    console_say(&job->console, "cannot read %s: %s", job->options->input, strerror(errno));
    return 0;
}

static int open_output(struct job* job) {
    const struct options* options = job->options;
    struct output_file output;
    enum output_status status =
        output_file_open(&output, options->output, options->resume, &job->ids);
    if (status != OUTPUT_OPEN) {
        output_file_explain(&output, status, options->output, &job->console);
        return 0;
    }
    if (job->console.verbosity >= 0 && output.repaired)
        console_say(&job->console, "cut off the torn last line of %s", options->output);
    if (job->console.verbosity >= 0 && output.removed > 0)
        console_say(&job->console, "took %llu results that had not succeeded out of %s",
                    output.removed, options->output);
    if (writer_open(&job->output, output.fd) == 0) return 1;
    console_say(&job->console, "cannot write to %s: %s", options->output, strerror(errno));
    return 0;
}

static int open_engine(struct job* job, const weir_config* config) {
    weir_error* error;
    int32_t status = weir_engine_open(config, &job->engine, &error);
    if (status != WEIR_OK) console_say(&job->console, "%s", weir_error_message(error));
    weir_error_release(error);
    if (status == WEIR_OK && weir_request_new(&job->request, NULL) == WEIR_OK) return 1;
    if (status == WEIR_OK) console_say(&job->console, "out of memory");
    return 0;
}

static int exit_status(const struct job* job) {
    const struct tally* tally = &job->tally;
    if (job->stop == STOP_IO || job->stop == STOP_ENGINE) return EXIT_NO_INPUT_OUTPUT;
    if (job->stop == STOP_INTERRUPTED) return EXIT_INTERRUPTED;
    if (tally->errored + tally->canceled + tally->expired + tally->bad_lines > 0)
        return EXIT_SOME_FAILED;
    return EXIT_ALL_SUCCEEDED;
}

static int run(struct job* job, const weir_config* config) {
    int status = EXIT_NO_INPUT_OUTPUT;
    if (interrupt_watch() != 0) {
        console_say(&job->console, "cannot watch for signals: %s", strerror(errno));
    } else if (open_input(job) && open_engine(job, config) && open_output(job)) {
        job_run(job);
        if (writer_close(&job->output) != 0) {
            console_say(&job->console, "cannot write to %s: %s", job->options->output,
                        strerror(errno));
            job->stop = STOP_IO;
        }
        if (job->console.verbosity >= 0) report_print(job);
        status = exit_status(job);
    }
    weir_request_release(job->request);
    if (job->engine && weir_engine_close(job->engine) == WEIR_OK)
        weir_engine_wait(job->engine, CLOSE_TIMEOUT_MS); /* connections are closed in good order */
    weir_engine_release(job->engine);
    reader_close(&job->input);
    id_set_clear(&job->ids);
    return status;
}

int main(int argc, char** argv) {
    static struct job job;
    struct options options;
    int status;
    if (!options_parse(&options, argc, argv, &status)) return status;
    job.options = &options;
    console_open(&job.console, options.verbosity);
    weir_config* config = engine_setup_config(&options, &job.console);
    if (!config) return EXIT_NO_INPUT_OUTPUT;
    if (options.plan)
        status = plan_print(&options, config, &job.console);
    else
        status = run(&job, config);
    weir_config_release(config);
    return status;
}
