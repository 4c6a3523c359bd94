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

struct output_file {
    int fd;
    unsigned long long kept;    /* resume: results that stay, and whose ids are marked */
    unsigned long long removed; /* resume: results that are taken out, to be asked for again */
    unsigned long long bad_line;
    int repaired; /* resume: a torn last line was cut off */
};

/* `path` "-" is standard output. With `resume` a file's succeeded results stay, and their ids are
 * marked ID_IN_OUTPUT. What errored, was canceled or expired is taken out, so that no custom_id is
 * ever in it twice, and a last line without a newline is cut off. */
enum output_status output_file_open(struct output_file* output, const char* path, int resume,
                                    struct id_set* ids);

/* Marks the ids of what succeeded, and changes nothing. A file that does not exist is empty. */
enum output_status output_file_read(struct output_file* output, const char* path,
                                    struct id_set* ids);

/* Says why the output was not opened; right after the call that failed. */
void output_file_explain(const struct output_file* output, enum output_status status,
                         const char* path, struct console* console);
