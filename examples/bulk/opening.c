#include "opening.h"

#include <errno.h>
#include <string.h>

#define CLOSE_TIMEOUT_MS 2000

int open_input(struct job* job) {
    if (reader_open(&job->input, job->options->input) == 0) return 1;
    console_say(&job->console, "cannot read %s: %s", job->options->input, strerror(errno));
    return 0;
}

int open_output(struct job* job, enum output_mode mode) {
    const struct options* options = job->options;
    struct output_file output;
    enum output_status status = output_file_open(&output, options->output, mode, &job->ids);
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

int open_engine(struct job* job, const weir_config* config) {
    weir_error* error;
    int32_t status = weir_engine_open(config, &job->engine, &error);
    if (status != WEIR_OK) console_say(&job->console, "%s", weir_error_message(error));
    weir_error_release(error);
    job->recovering = job->options->lane != NULL;
    if (status == WEIR_OK && weir_request_new(&job->request, NULL) == WEIR_OK) return 1;
    if (status == WEIR_OK) console_say(&job->console, "out of memory");
    return 0;
}

void close_all(struct job* job) {
    weir_request_release(job->request);
    if (job->engine && weir_engine_close(job->engine) == WEIR_OK)
        weir_engine_wait(job->engine, CLOSE_TIMEOUT_MS); /* connections are closed in good order */
    weir_engine_release(job->engine);
    reader_close(&job->input);
    id_set_clear(&job->ids);
    batch_list_clear(&job->batches);
}
