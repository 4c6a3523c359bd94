#pragma once

#include <weir/weir.h>

#include "batch_list.h"
#include "console.h"
#include "engine_stats.h"
#include "id_set.h"
#include "input_line.h"
#include "options.h"
#include "progress.h"
#include "reader.h"
#include "tally.h"
#include "ticket_map.h"
#include "writer.h"

/* One run: lines are taken in as the engine works them off, and results written as they arrive.
 * The commands of `weir batch` are runs that leave a part of that out. */

#define JOB_MAX_UNACKNOWLEDGED 1024u

enum stop_reason {
    STOP_NOT,
    STOP_INTERRUPTED, /* Ctrl-C */
    STOP_KEY_REFUSED, /* no request can succeed */
    STOP_HOPELESS,    /* every request fails alike */
    STOP_UNREACHABLE, /* no connection came about for --give-up */
    STOP_IO,          /* input or output cannot be used any longer */
    STOP_ENGINE       /* the engine cannot go on */
};

/* See hopeless.h. */
struct held_failure {
    const struct id* id;
    char type[64];
    char message[512];
    char request_id[128];
};

struct hopeless {
    struct held_failure* held;
    size_t count, capacity;
    int32_t status; /* of all of them */
    int released;   /* something has succeeded, or failed otherwise: no more is held back */
};

struct job {
    const struct options* options;
    struct console console;
    struct id_set ids;
    struct reader input;
    struct writer output;
    struct tally tally;
    struct hopeless hopeless;
    struct progress progress;

    weir_engine* engine;
    weir_request* request; /* filled from the line that is next */
    struct id* waiting;    /* that line's id, while the engine would not take it */

    struct engine_stats stats;
    double stats_at;             /* when they were read */
    struct ticket_map recovered; /* batch lane: what an earlier run has left */
    int recovering;              /* and whether more of it is to be told */
    int flushed;
    uint64_t not_durable; /* batch lane: accepted, and not yet in the journal */
    uint64_t not_created; /* likewise: what the API would make no batch of */
    uint64_t submitted;   /* likewise: by this run, and not by an earlier one */
    size_t recovered_count;
    uint64_t given_up; /* likewise: what was cancelled before it was in a batch */
    uint64_t unacknowledged[JOB_MAX_UNACKNOWLEDGED]; /* written, and perhaps not on the disk */
    unsigned unacknowledged_count;
    struct batch_list batches; /* batch lane: as they were seen last */
    int cancels_sent;
    int timed_out;
    double active_at;     /* when something happened last */
    unsigned taken_in;    /* since the events were looked at */
    uint64_t outstanding; /* accepted, and without a terminal event */
    int input_ended;
    int cancelled; /* everything outstanding was */
    int unreachable_said;
    double succeeded_at; /* when something did last; else the run's start */
    double terminate_at; /* after SIGTERM: when what is left is cancelled; else 0 */
    const char* host;    /* that the requests go to, for messages */
    enum stop_reason stop;
    double started_at, ended_at;
};

/* Monotonic seconds. */
double job_now(void);

/* Runs until nothing is left. The engine, the input, the output and the ids are open. */
void job_run(struct job* job);
