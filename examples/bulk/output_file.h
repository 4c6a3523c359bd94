#pragma once

#include "console.h"
#include "id_set.h"

/* Opens the output of a run. */

enum output_status {
    OUTPUT_OPEN,
    OUTPUT_HAS_CONTENT, /* there are results in it already, and `resume` was not asked for */
    OUTPUT_IN_USE,      /* another run has it */
    OUTPUT_NOT_OURS,    /* resume: `bad_line` of it is not a result */
    OUTPUT_IO           /* see errno */
};

/* What becomes of results that are there already. A result that stays has its id marked
 * ID_IN_OUTPUT, no custom_id is ever there twice, and a last line without a newline is cut off. */
enum output_mode {
    OUTPUT_NEW,    /* there may be none */
    OUTPUT_RESUME, /* what succeeded stays; the rest is taken out, to be asked for again */
    OUTPUT_COLLECT /* all stay but what did not succeed and is ID_IN_JOURNAL: it comes again */
};

struct output_file {
    int fd;
    enum output_mode mode;
    unsigned long long kept;    /* results that stay */
    unsigned long long removed; /* results that are taken out */
    unsigned long long bad_line;
    int repaired; /* a torn last line was cut off */
};

/* `path` "-" is standard output. */
enum output_status output_file_open(struct output_file* output, const char* path,
                                    enum output_mode mode, struct id_set* ids);

/* Marks the ids of what succeeded, and changes nothing. A file that does not exist is empty. */
enum output_status output_file_read(struct output_file* output, const char* path,
                                    struct id_set* ids);

/* Says why the output was not opened; right after the call that failed. */
void output_file_explain(const struct output_file* output, enum output_status status,
                         const char* path, struct console* console);
