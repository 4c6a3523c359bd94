/* weir: sends a file of requests to the Claude API, within its limits, and writes the answers. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

#include "batch_command.h"
#include "engine_setup.h"
#include "interrupt.h"
#include "job.h"
#include "opening.h"
#include "options.h"
#include "plan.h"
#include "report.h"

static int exit_status(const struct job* job) {
    const struct tally* tally = &job->tally;
    if (job->stop == STOP_IO || job->stop == STOP_ENGINE || job->stop == STOP_UNREACHABLE)
        return EXIT_NO_INPUT_OUTPUT;
    if (job->stop == STOP_INTERRUPTED) return EXIT_INTERRUPTED;
    if (job->stop == STOP_HOPELESS) return EXIT_SOME_FAILED;
    if (tally->errored + tally->canceled + tally->expired + tally->bad_lines > 0)
        return EXIT_SOME_FAILED;
    return EXIT_ALL_SUCCEEDED;
}

/* The host and port of a URL, for messages. */
static void read_host(const weir_config* config, char* host, size_t size) {
    weir_text* url;
    *host = 0;
    if (weir_config_get(config, "transport.base_url", WEIR_NUL, &url, NULL) != WEIR_OK) return;
    const char* text = weir_text_data(url, NULL);
    const char* scheme = strstr(text, "://");
    if (scheme) text = scheme + strlen("://");
    snprintf(host, size, "%.*s", (int)strcspn(text, "/"), text);
    weir_text_release(url);
}

static int run(struct job* job, const weir_config* config) {
    static char host[256];
    int status = EXIT_NO_INPUT_OUTPUT;
    read_host(config, host, sizeof host);
    job->host = host;
    if (interrupt_watch() != 0) {
        console_say(&job->console, "cannot watch for signals: %s", strerror(errno));
    } else if (open_input(job) && open_engine(job, config) &&
               open_output(job, job->options->resume ? OUTPUT_RESUME : OUTPUT_NEW)) {
        job_run(job);
        if (writer_close(&job->output) != 0) {
            console_say(&job->console, "cannot write to %s: %s", job->options->output,
                        strerror(errno));
            job->stop = STOP_IO;
        }
        if (job->console.verbosity >= 0) report_print(job);
        status = exit_status(job);
    }
    close_all(job);
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
    else if (options.command != COMMAND_RUN)
        status = batch_command_run(&job, config);
    else
        status = run(&job, config);
    weir_config_release(config);
    return status;
}
