#pragma once

#include <stdint.h>

#define EXIT_ALL_SUCCEEDED 0
#define EXIT_SOME_FAILED 1
#define EXIT_BAD_USAGE 2
#define EXIT_NO_INPUT_OUTPUT 3 /* a file or the configuration could not be used */
#define EXIT_INTERRUPTED 130   /* as a shell has it for Ctrl-C */

#define OPTIONS_MAX_SETTINGS 256
#define OPTIONS_MAX_HEADERS 32

struct setting {
    const char* key;
    const char* value;
};

enum command {
    COMMAND_RUN,
    COMMAND_SUBMIT, /* from here on: of `weir batch` */
    COMMAND_STATUS,
    COMMAND_WAIT,
    COMMAND_FETCH,
    COMMAND_CANCEL
};

struct options {
    enum command command;
    const char* input;   /* NULL: the command takes none */
    const char* output;  /* likewise, and with plan */
    const char* journal; /* NULL: beside the output */
    const char* config_path;
    const char* key_env; /* NULL: not given */
    struct setting settings[OPTIONS_MAX_SETTINGS];
    int setting_count;
    int32_t priority;       /* WEIR_PRIORITY_ */
    int64_t deadline_ms;    /* of the whole run; 0: none */
    const char* lane;       /* "batch" or "auto"; NULL: online */
    const char* route;      /* NULL: none */
    const char* complexity; /* likewise */
    char** batches;         /* to be cancelled: numbers or ids */
    int batch_count;
    int all;
    int json;
    int64_t fallback_ms; /* batch lane: before the deadline; 0: none */
    int64_t timeout_ms;  /* 0: not given */
    int help;
    int resume;
    int plan;
    int no_stream;
    const char* headers[OPTIONS_MAX_HEADERS]; /* "NAME:VALUE" */
    int header_count;
    int64_t give_up_ms; /* without any answer for so long the run ends; 0: never */
    int verbosity;      /* -1 quiet, 0, 1 verbose */
};

/* Reads the command line. True: go on. False: end with *exit_status; everything was said. */
int options_parse(struct options* options, int argc, char** argv, int* exit_status);
